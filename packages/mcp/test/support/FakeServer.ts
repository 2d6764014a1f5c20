/** MCP servers over HTTP, written by hand: each test says how its server misbehaves. */
import { Effect, type Scope } from "effect"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

/** A request that arrived. `message` is the parsed body. */
export interface Arrived {
  readonly method: string
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  readonly message: Message
}

export interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: { readonly [key: string]: any }
}

export type Handler = (request: Arrived, response: Http.ServerResponse) => void

export interface Fake {
  readonly url: string
  readonly arrived: Array<Arrived>
  /** The messages of a method. */
  readonly of: (method: string) => ReadonlyArray<Arrived>
  /** Connections that are open now. */
  readonly open: () => number
}

/** Listens until the scope ends; sockets that are open then are destroyed. */
export const listen = (handle: Handler): Effect.Effect<Fake, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly server: Http.Server; readonly fake: Fake }>((resume) => {
        const arrived: Array<Arrived> = []
        let open = 0
        const server = Http.createServer((request, response) => {
          let body = ""
          request.on("data", (chunk) => body += chunk)
          request.on("end", () => {
            const one: Arrived = {
              method: request.method!,
              path: request.url!,
              headers: request.headers,
              message: body === "" ? {} : JSON.parse(body)
            }
            arrived.push(one)
            handle(one, response)
          })
        })
        server.on("connection", (socket) => {
          open++
          socket.on("close", () => open--)
        })
        server.listen(0, "127.0.0.1", () =>
          resume(Effect.succeed({
            server,
            fake: {
              url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
              arrived,
              of: (method) => arrived.filter(({ message }) => message.method === method),
              open: () => open
            }
          })))
      }),
      ({ server }) =>
        Effect.callback<void>((resume) => {
          server.closeAllConnections()
          server.close(() => resume(Effect.void))
        })
    ),
    ({ fake }) => fake
  )

/** What a server answers to one method. */
export type Answers = { readonly [method: string]: Handler }

export interface Tool {
  readonly name: string
  readonly [key: string]: unknown
}

/** A server that answers as it should, but for the methods that `answers` has; `GET` and `DELETE` are among them. */
export const behaving = (
  tools: ReadonlyArray<Tool>,
  answers: Answers = {},
  { listChanged = false, session, version = "2025-11-25" }: {
    readonly listChanged?: boolean
    readonly session?: () => string
    readonly version?: string
  } = {}
): Handler =>
(request, response) => {
  const { message, method } = request
  const name = method === "POST" ? message.method ?? "answer" : method
  const own = answers[name]
  if (own !== undefined) return own(request, response)
  switch (name) {
    case "initialize":
      return result(request, response, {
        protocolVersion: version,
        capabilities: { tools: { listChanged } },
        serverInfo: { name: "fake", version: "1" }
      }, session && { "mcp-session-id": session() })
    case "tools/list":
      return result(request, response, {
        tools: tools.map((tool) => ({ inputSchema: { type: "object" }, ...tool }))
      })
    case "tools/call":
      return result(request, response, { content: [{ type: "text", text: `called ${message.params!.name}` }] })
    case "GET":
    case "DELETE":
      return void response.writeHead(405).end()
    default:
      return void response.writeHead(202).end()
  }
}

export const result = (
  { message }: Arrived,
  response: Http.ServerResponse,
  result: unknown,
  headers: Http.OutgoingHttpHeaders = {}
): void => json(response, 200, { jsonrpc: "2.0", id: message.id, result }, headers)

export const error = ({ message }: Arrived, response: Http.ServerResponse, error: unknown, status = 200): void =>
  json(response, status, { jsonrpc: "2.0", id: message.id, error })

export const json = (
  response: Http.ServerResponse,
  status: number,
  value: unknown,
  headers: Http.OutgoingHttpHeaders = {}
): void =>
  void response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value))

/** Begins a stream of events. */
export const events = (response: Http.ServerResponse): Http.ServerResponse =>
  response.writeHead(200, { "content-type": "text/event-stream" })

/** An event with a message. */
export const event = (message: unknown, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`

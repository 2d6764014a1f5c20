/**
 * Servers that misbehave to order: HTTP/1.1, HTTP/2 without TLS, TLS and bare TCP on 127.0.0.1, with what they saw.
 */
import { SelfSigned } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Https from "node:https"
import * as Net from "node:net"
import type { Writable } from "node:stream"
import * as Tls from "node:tls"
import { crc32 } from "node:zlib"

/** A request as it came in. */
export interface Received {
  readonly path: string
  readonly httpVersion: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

/**
 * The way to answer it; `cut` resets its connection, `goaway` and `reset` (of the stream) are for HTTP/2, as is `windows`:
 * bytes that may be sent before the client has taken some.
 */
export interface Answer {
  readonly head: (status: number, headers?: Record<string, string>) => void
  readonly write: (bytes: Uint8Array | string) => void
  readonly end: (bytes?: Uint8Array | string) => void
  readonly onClose: (listener: () => void) => void
  readonly goaway: () => void
  readonly reset: (code?: number) => void
  readonly cut: () => void
  readonly windows: () => { readonly stream: number; readonly connection: number }
}

/**
 * - `connections`: opened since the start; `open`: open now.
 * - `running`: responses that are neither ended nor closed by the client.
 * - `handshakes`: of TLS, whole ones and those that resumed an earlier one.
 */
export interface WireServer {
  readonly url: string
  readonly received: ReadonlyArray<Received>
  readonly connections: () => number
  readonly open: () => number
  readonly running: () => number
  readonly handshakes: { readonly full: number; readonly resumed: number }
}

export type Handler = (request: Received, answer: Answer) => void

/** HTTP/1.1. */
export const http1 = (handler: Handler) => serve("http", handler, (listener) => Http.createServer(patient, listener))

/** HTTP/1.1 over TLS, with a certificate made for this run. */
export const https = (handler: Handler) =>
  serve("https", handler, (listener) => Https.createServer({ ...patient, ...tls }, listener))

/** HTTP/2 without TLS. */
export const http2 = (handler: Handler) => serve("http", handler, (listener) => Http2.createServer(listener))

/** HTTP/2 over TLS. */
export const https2 = (handler: Handler) =>
  serve("https", handler, (listener) => Http2.createSecureServer(tls, listener))

/** Over TLS: HTTP/2 for those who offer it, HTTP/1.1 for others; `options` such as `ALPNCallback`. */
export const httpsBoth = (handler: Handler, options: Http2.SecureServerOptions = {}) =>
  serve(
    "https",
    handler,
    (listener) => Http2.createSecureServer({ ...patient, ...tls, allowHTTP1: true, ...options }, listener)
  )

const selfSigned = Effect.runSync(SelfSigned.make(["127.0.0.1"]))

/** What to trust for {@link https}. */
export const certificate = selfSigned.authority

/** Never closes a connection for being free: a busy machine may let it be so for long. */
const patient: Http.ServerOptions = { keepAliveTimeout: 0 }

const tls = { cert: selfSigned.certificate, key: Redacted.value(selfSigned.key) }

/** Any bytes: `onSocket` gets each connection. */
export const tcp = (onSocket: (socket: Net.Socket) => void): Effect.Effect<WireServer, never, Scope.Scope> =>
  Effect.suspend(() => start("http", Net.createServer(onSocket), new Set(), [], () => 0))

/** {@link tcp} over TLS. */
export const tlsTcp = (onSocket: (socket: Net.Socket) => void): Effect.Effect<WireServer, never, Scope.Scope> =>
  Effect.suspend(() => start("https", Tls.createServer(tls, onSocket), new Set(), [], () => 0))

/** A port nobody listens on. */
export const closedPort: Effect.Effect<string> = Effect.scoped(
  Effect.map(tcp(() => {}), ({ url }) => url)
)

/** An answer to Converse. */
export const converseBody = JSON.stringify({
  output: { message: { role: "assistant", content: [{ text: "Hello" }] } },
  stopReason: "end_turn",
  usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 },
  metrics: { latencyMs: 1 }
})

/** Answers every Converse. */
export const answering: Handler = (_, answer) => {
  answer.head(200, { "content-type": "application/json", "x-amzn-requestid": "request-1" })
  answer.end(converseBody)
}

/** Answers with an exception. */
export const failing =
  (status: number, type: string | undefined, message: string, headers: Record<string, string> = {}): Handler =>
  (_, answer) => {
    answer.head(status, {
      "content-type": "application/json",
      "x-amzn-requestid": "request-2",
      ...(type === undefined ? {} : { "x-amzn-errortype": type }),
      ...headers
    })
    answer.end(JSON.stringify({ message }))
  }

/** Begins an event stream. */
export const streamHead = (answer: Answer): void =>
  answer.head(200, { "content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "request-3" })

/** Streams these frames and ends. */
export const streaming = (frames: ReadonlyArray<Uint8Array>): Handler => (_, answer) => {
  streamHead(answer)
  for (const frame of frames) answer.write(frame)
  answer.end()
}

/** A text delta. */
export const delta = (text: string): Uint8Array =>
  event("contentBlockDelta", { contentBlockIndex: 0, delta: { text }, p: "abc" })

/** The frame of an event. */
export const event = (type: string, payload: unknown): Uint8Array =>
  frame({ ":message-type": "event", ":event-type": type, ":content-type": "application/json" }, payload)

/** The frame of an exception. */
export const exception = (type: string, payload: unknown): Uint8Array =>
  frame({ ":message-type": "exception", ":exception-type": type, ":content-type": "application/json" }, payload)

/** The frame of an error. */
export const errorFrame = (code: string, message: string): Uint8Array =>
  frame({ ":message-type": "error", ":error-code": code, ":error-message": message }, undefined)

/** A frame of `application/vnd.amazon.eventstream`. */
export const frame = (headers: Record<string, string>, payload: unknown): Uint8Array =>
  rawFrame(headers, payload === undefined ? "" : JSON.stringify(payload))

/** The frame of a payload that is text or bytes. */
export const rawFrame = (headers: Record<string, string>, payload: string | Uint8Array): Uint8Array => {
  const encodedHeaders = Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => {
      const size = Buffer.alloc(3)
      size.writeUInt8(7)
      size.writeUInt16BE(Buffer.byteLength(value), 1)
      return [Buffer.from([Buffer.byteLength(name)]), Buffer.from(name), size, Buffer.from(value)]
    })
  )
  const body = Buffer.from(payload)
  const message = Buffer.alloc(16 + encodedHeaders.length + body.length)
  message.writeUInt32BE(message.length, 0)
  message.writeUInt32BE(encodedHeaders.length, 4)
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8)
  encodedHeaders.copy(message, 12)
  body.copy(message, 12 + encodedHeaders.length)
  message.writeUInt32BE(crc32(message.subarray(0, -4)), message.length - 4)
  return message
}

/** Waits until `condition` holds; dies after half a minute. */
export const eventually = (condition: () => boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const start = performance.now()
    const look = () => {
      if (condition()) resume(Effect.void)
      else if (performance.now() - start > 30_000) resume(Effect.die(new Error(`never: ${condition}`)))
      else setTimeout(look, 1)
    }
    look()
  })

/**
 * Does something once this process has read what was written to its sockets before: some turns of its event loop from now. A
 * number of milliseconds may be over before a busy machine has let it read at all.
 */
export const soon = (act: () => void, turns = 20): void =>
  void setTimeout(() => turns === 0 ? act() : soon(act, turns - 1), 1)

type Listener = (
  request: Http.IncomingMessage | Http2.Http2ServerRequest,
  response: Http.ServerResponse | Http2.Http2ServerResponse
) => void

const serve = (
  scheme: "http" | "https",
  handler: Handler,
  open: (listener: Listener) => Net.Server
): Effect.Effect<WireServer, never, Scope.Scope> =>
  Effect.suspend(() => {
    const received: Array<Received> = []
    const sockets = new Set<Net.Socket>()
    let running = 0
    const server = open((request, response) => {
      running++
      response.on("close", () => running--)
      response.on("error", () => {})
      const body: Writable = response
      const chunks: Array<Buffer> = []
      request.on("error", () => {})
      request.on("data", (chunk) => chunks.push(chunk))
      request.on("end", () => {
        const seen = {
          path: request.url ?? "",
          httpVersion: request.httpVersion,
          headers: request.headers,
          body: Buffer.concat(chunks).toString()
        }
        received.push(seen)
        handler(seen, {
          head: (status, headers = {}) => {
            if ("stream" in response) response.writeHead(status, headers)
            else response.writeHead(status, headers).flushHeaders()
          },
          write: (bytes) => void body.write(bytes),
          end: (bytes = "") => void body.end(bytes),
          onClose: (listener) => void response.on("close", listener),
          goaway: () => "stream" in response ? response.stream.session?.goaway() : undefined,
          reset: (code = Http2.constants.NGHTTP2_INTERNAL_ERROR) =>
            "stream" in response ? response.stream.close(code) : undefined,
          windows: () => {
            const session = "stream" in response ? response.stream.session : undefined
            return {
              stream: session?.remoteSettings.initialWindowSize ?? 0,
              connection: session?.state.remoteWindowSize ?? 0
            }
          },
          // over HTTP/2 the socket of a request is a stand-in that cannot be reset
          cut: () => [...sockets].find(({ remotePort }) => remotePort === request.socket.remotePort)?.resetAndDestroy()
        })
      })
    })
    return start(scheme, server, sockets, received, () => running)
  })

const start = (
  scheme: "http" | "https",
  server: Net.Server,
  sockets: Set<Net.Socket>,
  received: ReadonlyArray<Received>,
  running: () => number
): Effect.Effect<WireServer, never, Scope.Scope> =>
  Effect.gen(function*() {
    let connections = 0
    const handshakes = { full: 0, resumed: 0 }
    server.on("secureConnection", (socket: Tls.TLSSocket) => {
      handshakes[socket.isSessionReused() ? "resumed" : "full"]++
    })
    server.on("connection", (socket: Net.Socket) => {
      connections++
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => sockets.delete(socket))
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", 511, () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          sockets.forEach((socket) => socket.destroy())
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return {
      url: `${scheme}://127.0.0.1:${port}`,
      received,
      connections: () => connections,
      open: () => sockets.size,
      running,
      handshakes
    }
  })

/**
 * Connections to a server, direct or in a tunnel through a proxy, for HTTP/1.1 and HTTP/2.
 *
 * Node's own agents know proxies since 24.5 and 22.21, and its HTTP/2 sessions do not. Here one way serves every
 * supported Node.
 */
import type { NodeHttpHandler } from "@smithy/node-http-handler"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import type { Duplex } from "node:stream"
import * as Tls from "node:tls"
import type { Proxy, Route } from "./proxy.ts"
import type { Tickets } from "./tickets.ts"

/**
 * How to connect.
 *
 * - `timeout`: until there is a connection, TLS and the tunnel included.
 * - `trust`: the certificate authorities of servers and proxies, made at the first handshake and common to all.
 * - `tickets`: what later TLS handshakes with a server resume.
 */
export interface Settings {
  readonly route: Route
  readonly timeout: Duration.Duration
  readonly trust: () => Tls.SecureContext
  readonly tickets: Tickets
}

interface Answered {
  readonly status?: number | undefined
  readonly cause?: unknown
}

/** A server that cannot be used: no connection in time, or none for HTTP/2. `code` is of Node's kind. */
class Unusable extends Error {
  readonly code: string | undefined

  constructor(message: string, code?: string) {
    super(message)
    this.code = code
  }
}

/** A failure of a proxy, not of the server behind it. `status` is its answer, where it refused a tunnel. */
export class ProxyError extends Error {
  override readonly name = "ProxyError"
  readonly proxy: string
  readonly status: number | undefined

  constructor(proxy: Proxy, message: string, options: Answered = {}) {
    super(message, { cause: options.cause })
    this.proxy = proxy.label
    this.status = options.status
  }
}

/** The header by which a proxy knows its user. */
export const authorization = ({ authorization }: Proxy): { readonly "proxy-authorization"?: string } =>
  authorization === undefined ? {} : { "proxy-authorization": Redacted.value(authorization) }

interface Server {
  readonly host: string
  readonly port: number
}

/** Opens a tunnel through a proxy to a server. */
const tunnel = (proxy: Proxy, { host, port }: Server, trust: () => Tls.SecureContext) =>
  Effect.callback<Net.Socket, ProxyError>((resume) => {
    const authority = `${Net.isIPv6(host) ? `[${host}]` : host}:${port}`
    const connect = {
      host: proxy.host,
      port: proxy.port,
      method: "CONNECT",
      path: authority,
      agent: false,
      headers: { host: authority, ...authorization(proxy) }
    }
    const request = proxy.secure
      ? Https.request(Object.assign(connect, { secureContext: trust() }))
      : Http.request(connect)
    const fail = (message: string, options?: Answered) => {
      request.destroy()
      resume(Effect.fail(new ProxyError(proxy, message, options)))
    }
    request.on("connect", ({ statusCode = 0 }, socket, head) => {
      // Without a listener, an error before its next owner listens would end the process.
      socket.on("error", () => {})
      if (statusCode < 200 || statusCode >= 300 || !(socket instanceof Net.Socket)) {
        socket.destroy()
        return fail(`refused a tunnel to ${authority}`, { status: statusCode })
      }
      // As Node's agents do with a connection of theirs.
      socket.setNoDelay(true).setKeepAlive(true, 1000)
      if (head.length > 0) socket.unshift(head)
      resume(Effect.succeed(socket))
    })
    request.on("response", ({ statusCode }) => fail(`refused a tunnel to ${authority}`, { status: statusCode }))
    request.on("error", (cause) => fail("cannot be reached", { cause }))
    request.on("close", () => fail("closed the connection"))
    request.end()
    return Effect.sync(() => request.destroy())
  })

/** The proxy to a server, and how to open a tunnel through it; `undefined` for a direct connection. */
const route = (protocol: string, server: Server, settings: Settings) => {
  const proxy = settings.route({ protocol, hostname: server.host, port: server.port })
  if (proxy === undefined) return undefined
  const open = tunnel(proxy, server, settings.trust).pipe(
    Effect.timeoutOrElse({
      duration: settings.timeout,
      orElse: () => Effect.fail(new ProxyError(proxy, `gave no tunnel within ${Duration.format(settings.timeout)}`))
    })
  )
  return { proxy, open }
}

/** A server's name among tickets. */
export const nameOf = ({ host, port }: Server): string => `${host}:${port}`

/** A URL or a request. */
export interface Target {
  readonly hostname: string
  readonly port?: number | string | undefined
  readonly protocol: string
}

/** Who is connected to. */
export const serverOf = ({ hostname, port, protocol }: Target): Server => ({
  host: hostname.replace(/^\[(.*)\]$/, "$1"),
  port: port === undefined || port === "" ? protocol === "https:" ? 443 : 80 : Number(port)
})

/** Has a TLS connection resume the last one to the server, and keeps what it is given for the next. */
const resuming = <Socket extends Duplex | null | undefined>(
  server: Server,
  { tickets, trust }: Settings,
  open: (options: Tls.ConnectionOptions) => Socket
): Socket => {
  const name = nameOf(server)
  const session = tickets.get(name)
  const socket = open({ secureContext: trust(), ...(session === undefined ? {} : { session }) })
  let under = true
  const end = (succeeded: boolean) => {
    if (under) tickets.end(name, succeeded)
    under = false
  }
  tickets.begin(name)
  socket?.on("session", (ticket: Buffer) => tickets.put(name, ticket))
  socket?.once("secureConnect", () => end(true))
  socket?.once("close", (failed: boolean) => {
    if (failed && under) tickets.drop(name, session)
    end(false)
  })
  return socket
}

/**
 * A connection for an HTTP/2 session: for `https:` one whose TLS handshake agreed on HTTP/2, which `protocols` has. For
 * a server that did not, the error is {@link isWithoutHttp2}.
 */
export const forHttp2 = (
  url: URL,
  protocols: ReadonlyArray<string>,
  settings: Settings
): Effect.Effect<Net.Socket, unknown> => {
  const server = serverOf(url)
  const open: (socket?: Net.Socket) => Effect.Effect<Net.Socket, unknown> = url.protocol === "https:"
    ? (socket) =>
      ready("secureConnect", () =>
        resuming(server, settings, (options) =>
          Tls.connect({
            ...server,
            // An address is not sent as the name of a server.
            ...(Net.isIP(server.host) === 0 ? { servername: server.host } : {}),
            ...(socket === undefined ? {} : { socket }),
            ...options,
            ALPNProtocols: [...protocols]
          })))
    : (socket) => socket === undefined ? ready("connect", () => Net.connect(server)) : Effect.succeed(socket)
  return Effect.flatMap(route(url.protocol, server, settings)?.open ?? Effect.undefined, open).pipe(
    Effect.timeoutOrElse({
      duration: settings.timeout,
      orElse: () => {
        const millis = Duration.toMillis(settings.timeout)
        return Effect.fail(new Unusable(`The server did not establish a connection within the timeout of ${millis} ms`))
      }
    })
  )
}

/**
 * Whether a server, or what stands before it, ended the TLS handshake of {@link forHttp2} or chose HTTP/1.1: a connection
 * for HTTP/1.1 may be accepted. Not so for a certificate, nor for a server that cannot be reached.
 */
export const isWithoutHttp2 = (error: unknown): boolean =>
  Predicate.hasProperty(error, "code") && /^(ERR_HTTP2_ERROR|ERR_SSL_.*|EPROTO|ECONNRESET)$/.test(String(error.code))

const ready = <Socket extends Net.Socket>(event: "connect" | "secureConnect", connect: () => Socket) =>
  Effect.callback<Socket, unknown>((resume) => {
    const socket = connect()
    socket.on("error", (error) => resume(Effect.fail(error)))
    socket.setKeepAlive(true, 1000)
    socket.once(event, () => {
      if (!(socket instanceof Tls.TLSSocket) || socket.alpnProtocol === "h2") return resume(Effect.succeed(socket))
      socket.destroy()
      resume(Effect.fail(new Unusable("The server did not agree to HTTP/2", "ERR_HTTP2_ERROR")))
    })
    return Effect.sync(() => socket.destroy())
  })

/**
 * Has an agent of Node open its connections through the proxy of each: in a tunnel, but for requests in clear text to a
 * proxy in clear text, which are addressed to the proxy itself. TLS resumes where it can. `close` gives up the tunnels
 * being opened.
 */
export const throughProxies = <Agent extends Http.Agent>(
  agent: Agent,
  protocol: "http:" | "https:",
  settings: Settings
): { readonly agent: Agent; readonly close: () => void } => {
  const original = agent.createConnection.bind(agent)
  const connect: typeof original = protocol === "http:"
    ? original
    : (options, callback) =>
      resuming(
        { host: options.host ?? "localhost", port: Number(options.port) },
        settings,
        (tls) => original(Object.assign(options, tls), callback)
      )
  const opening = new Set<() => void>()
  agent.createConnection = (options, callback) => {
    const server = { host: options.host ?? "localhost", port: Number(options.port) }
    const found = route(protocol, server, settings)
    if (found === undefined || protocol === "http:" && !found.proxy.secure) return connect(options, callback)
    const cancel = Effect.runCallback(found.open, {
      onExit: (exit) => {
        opening.delete(cancel)
        if (Exit.isSuccess(exit)) {
          // What the agent of `node:https` is given goes to `tls.connect`, which knows `socket`.
          const secured = protocol === "https:" ? connect(Object.assign(options, { socket: exit.value })) : undefined
          return callback?.(null, secured ?? exit.value)
        }
        const error = Option.getOrElse(Exit.findErrorOption(exit), () => new Error("The agent was destroyed"))
        // Node's type demands a socket, of which there is none.
        callback?.(error, undefined as never)
      }
    })
    opening.add(cancel)
    return undefined
  }
  return { agent, close: () => opening.forEach((cancel) => cancel()) }
}

/**
 * Sends requests in clear text to a proxy in clear text, addressed to their server, as such proxies expect; any other is
 * left to the agent. A failure to reach the proxy says so.
 */
export const addressed =
  (handler: Pick<NodeHttpHandler, "handle">, route: Route): NodeHttpHandler["handle"] => (request, options) => {
    const proxy = request.protocol === "http:" ? route(request) : undefined
    if (proxy === undefined || proxy.secure) return handler.handle(request, options)
    const { hostname, path, port } = request
    const host = port === undefined ? hostname : `${hostname}:${port}`
    const forwarded = Object.assign(Object.create(Object.getPrototypeOf(request)), request, {
      hostname: proxy.host,
      port: proxy.port,
      path: `http://${host}${path}`,
      headers: { host, ...request.headers, ...authorization(proxy) }
    })
    return handler.handle(forwarded, options).catch((error: unknown) =>
      Promise.reject(
        isUnreachable(error) ? new ProxyError(proxy, "cannot be reached", { cause: error }) : error
      )
    )
  }

const isUnreachable = (error: unknown): boolean =>
  Predicate.hasProperty(error, "syscall") && (error.syscall === "connect" || error.syscall === "getaddrinfo")

/**
 * One TCP port for HTTP/1.1 and HTTP/2, in clear text and over TLS, with one fiber per request.
 *
 * The protocol is detected from the first bytes: 0x16 begins a TLS handshake, in which ALPN chooses the protocol; `PRI`
 * opens an HTTP/2 connection in clear text, and anything else is HTTP/1.1. The fiber of a request is interrupted when
 * its client disconnects, a client that sends too slowly is timed out, and closing the scope leaves no socket, session
 * or listener behind. Requests are not interpreted here.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import type * as Stream from "node:stream"
import type * as Tls from "node:tls"
import * as Exchange from "./Exchange.ts"

/** The port could not be opened; `cause` is Node's error. */
export class ListenError
  extends Data.TaggedError("ListenError")<{ readonly message: string; readonly cause: unknown }>
{}

/** Byte counters of a connection, updated while it is open. */
export interface Traffic {
  readonly bytesRead: number
  readonly bytesWritten: number
}

/**
 * What to do with a new connection: serve it, close it at once, or leave it unserved. `closed` is called when it
 * closes.
 */
export interface Reception {
  readonly decision: "serve" | "refuse" | "stall"
  readonly closed: () => void
}

/**
 * - `port`: 0 lets the system choose.
 * - `tls`: a server for TLS handshakes, used by this listener only; without one TLS connections are closed.
 * - `maxBodyBytes`: longer bodies fail with {@link Exchange.BodyTooLargeError}.
 * - `requestTimeout`: the maximum time for a client to send a request, from its first byte, or from the opening of the
 *   connection, to its last. Then it gets 408, if its request has begun, and its connection closes; over HTTP/2, the
 *   stream. A head longer than Node's `Http.maxHeaderSize` (16 KB; `--max-http-header-size`) gets 431, and bytes that
 *   are not HTTP get 400.
 * - `handle`: responds to one request; interrupted when the client disconnects.
 * - `onConnection`: called when a connection opens.
 */
export interface Options {
  readonly host: string
  readonly port: number
  readonly tls?: Tls.Server | undefined
  readonly maxBodyBytes: number
  readonly requestTimeout: Duration.Duration
  readonly handle: (exchange: Exchange.Exchange) => Effect.Effect<void>
  readonly onConnection: (traffic: Traffic) => Reception
}

/** Opens the port and serves until the scope closes. Returns the port it listens on. */
export const listen: (options: Options) => Effect.Effect<number, ListenError, Scope.Scope> = Effect.fnUntraced(
  function*(options: Options) {
    const connections = new Set<Exchange.Connection>()
    // sessions and TLS sockets do not expose the TCP connection
    const connectionOf = new WeakMap<Http2.Http2Session | Stream.Duplex, Exchange.Connection>()
    const patience = timerMillis(options.requestTimeout)
    const http1 = Http.createServer({
      keepAliveTimeout: keepAlive,
      requestTimeout: patience,
      headersTimeout: patience,
      connectionsCheckingInterval: patience === 0 ? 60_000 : Math.min(1000, Math.ceil(patience / 4))
    })
    const http2 = Http2.createServer(http2Limits)

    const listener = yield* Effect.acquireRelease(
      open(options.host, options.port),
      (listener) =>
        Effect.callback<void>((resume) => {
          http1.close()
          for (const { socket } of connections) socket.destroy()
          listener.close(() => resume(Effect.void))
        })
    )
    const fork = yield* Effect.flatMap(FiberSet.make<void, never>(), (fibers) => FiberSet.runtime(fibers)())

    const serve = (connection: Exchange.Connection | undefined, exchange: Exchange.Exchange, sink: Exchange.Sink) => {
      const fiber = fork(options.handle(exchange))
      connection?.running.set(sink, fiber)
      clearTimeout(connection?.timer)
      sink.on("error", Exchange.ignore)
      sink.once("close", () => {
        if (!Exchange.isComplete(sink)) fiber.interruptUnsafe()
      })
      fiber.addObserver(() => {
        connection?.running.delete(sink)
        if (connection !== undefined) closeIdle(connection)
        // a client must not wait for a response that will never be written
        if (!sink.writableEnded && !Exchange.silent.has(sink)) sink.destroy()
      })
    }

    http1.on("request", (request, response) => {
      const connection = connectionOf.get(request.socket)
      serve(connection, Exchange.overHttp1(request, response, connection, options.maxBodyBytes), response)
    })
    // Node would close the connection without an answer
    http1.on("connect", (_request, socket) => refuse(socket, 405))
    http1.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      const running = connectionOf.get(socket)?.running.keys() ?? []
      // an answer inside another one would be read as a part of it
      if (!socket.writable || [...running].some(({ headersSent }) => headersSent)) return void socket.destroy()
      refuse(socket, statusOf(error))
    })
    // a server checks request timeouts only once it listens; this one is handed its connections
    http1.emit("listening")

    let opening: Exchange.Connection | undefined
    http2.on("session", (session) => {
      const connection = opening
      session.on("error", Exchange.ignore)
      if (connection === undefined) return
      connectionOf.set(session, connection)
      connection.session = session
      closeIdle(connection)
    })
    http2.on("sessionError", Exchange.ignore)
    http2.on("stream", (stream, headers) => {
      const connection = stream.session === undefined ? undefined : connectionOf.get(stream.session)
      if (headBytes(headers) > Http.maxHeaderSize) {
        stream.on("error", Exchange.ignore)
        stream.resume()
        return stream.respond({ ":status": 431 }, { endStream: true })
      }
      if (patience > 0) expire(stream, patience)
      serve(connection, Exchange.overHttp2(stream, headers, connection, options.maxBodyBytes), stream)
    })

    const begin = (protocol: Exchange.Exchange["protocol"], stream: Net.Socket, connection: Exchange.Connection) => {
      clearTimeout(connection.timer)
      connectionOf.set(stream, connection)
      opening = connection
      const server = protocol === "2" ? http2 : http1
      server.emit("connection", stream)
      opening = undefined
    }
    options.tls?.on("secureConnection", (secured) => {
      secured.on("error", Exchange.ignore)
      const connection = [...connections].find(({ socket }) => isSame(socket, secured))
      if (connection === undefined) return void secured.destroy()
      begin(secured.alpnProtocol === "h2" ? "2" : "1.1", secured, connection)
    })

    listener.on("connection", (socket) => {
      const { closed, decision } = options.onConnection(socket)
      const connection: Exchange.Connection = {
        socket,
        session: undefined,
        running: new Map(),
        isBroken: false,
        timer: undefined
      }
      connections.add(connection)
      socket.setNoDelay(true)
      socket.on("error", Exchange.ignore)
      socket.once("close", () => {
        clearTimeout(connection.timer)
        connections.delete(connection)
        closed()
      })
      if (decision === "refuse") return void socket.resetAndDestroy()
      if (decision === "stall") return
      if (patience > 0) {
        connection.timer = setTimeout(() => isUndecided() ? refuse(socket, 408) : socket.destroy(), patience)
      }
      const isUndecided = whenKnown(socket, (protocol) => {
        if (protocol !== "tls") return begin(protocol, socket, connection)
        if (options.tls === undefined) return void socket.destroy()
        options.tls.emit("connection", socket)
      })
    })

    const address = listener.address()
    return address === null || typeof address === "string" ? options.port : address.port
  }
)

const refused = new WeakSet<Stream.Duplex>()

/**
 * Answers bytes that are no complete request, and closes the connection: when the client does, or after a second. To
 * close it at once would reset it, and the client might not read the answer.
 */
const refuse = (socket: Stream.Duplex, status: keyof typeof refusals): void => {
  if (refused.has(socket)) return
  refused.add(socket)
  const body = JSON.stringify({ message: refusals[status] })
  const head = [
    `HTTP/1.1 ${status} ${Http.STATUS_CODES[status]}`,
    "connection: close",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`
  ]
  socket.on("error", Exchange.ignore)
  socket.resume()
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`)
  const timer = setTimeout(() => socket.destroy(), linger)
  socket.once("close", () => clearTimeout(timer))
}

const refusals = {
  400: "The request is not HTTP.",
  405: "This is not a proxy: CONNECT is not supported.",
  408: "The request took too long to arrive.",
  413: "The extensions of a chunk are too long.",
  431: `The head of the request is longer than ${Http.maxHeaderSize} bytes.`
}

const statusOf = ({ code }: NodeJS.ErrnoException): keyof typeof refusals => {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return 408
    case "HPE_HEADER_OVERFLOW":
      return 431
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return 413
    default:
      return 400
  }
}

/** How long a client has to read a refusal, in milliseconds. */
const linger = 1_000

/** Above those of a head that gets 431: Node resets streams beyond them, which clients take for transient. */
const http2Limits: Http2.ServerOptions = {
  maxHeaderListPairs: 2_000,
  settings: { maxHeaderListSize: 16 * Http.maxHeaderSize }
}

/** The size of the head of an HTTP/2 request, without compression. */
const headBytes = (headers: Http2.IncomingHttpHeaders): number =>
  Object.entries(headers).reduce((sum, [name, value = ""]) => sum + name.length + String(value).length + 4, 0)

/** 0, which disables it, for a duration beyond the range of Node's timers. */
const timerMillis = (duration: Duration.Duration): number => {
  const millis = Math.ceil(Duration.toMillis(duration))
  return millis > 0 && millis < 2 ** 31 ? millis : 0
}

/**
 * Closes an idle session, as HTTP/1.1 does by itself. The session's own timeout would keep it in memory until then,
 * even when it is closed before.
 */
const closeIdle = (connection: Exchange.Connection) => {
  const { isBroken, running, session, socket } = connection
  if (session === undefined || running.size > 0 || isBroken || socket.destroyed) return
  clearTimeout(connection.timer)
  connection.timer = setTimeout(() => session.close(), keepAlive)
}

/** Ends a stream whose request takes longer than a number of milliseconds. */
const expire = (stream: Http2.ServerHttp2Stream, millis: number) => {
  const timer = setTimeout(() => {
    if (!stream.closed && !stream.headersSent) stream.respond({ ":status": 408 }, { endStream: true })
    stream.close(Exchange.codes.NO_ERROR)
  }, millis)
  const clear = () => clearTimeout(timer)
  stream.once("end", clear)
  stream.once("close", clear)
}

/**
 * AWS load balancers keep an idle connection this long (milliseconds); Node's default of 5 s would race with connection
 * pools.
 */
const keepAlive = 60_000

const preface = "PRI"

/** The content type of a TLS handshake (RFC 8446, section 5.1). */
const handshake = 0x16

const open = (host: string, port: number): Effect.Effect<Net.Server, ListenError> =>
  Effect.callback((resume) => {
    const listener = Net.createServer()
    const failed = (cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause)
      resume(Effect.fail(new ListenError({ message: `Cannot listen on ${host}:${port}: ${why}`, cause })))
    }
    listener.once("error", failed)
    // It throws for a port that cannot be one.
    const listening = Result.try(() =>
      listener.listen({ host, port }, () => {
        listener.off("error", failed)
        listener.on("error", Exchange.ignore)
        resume(Effect.succeed(listener))
      })
    )
    if (Result.isFailure(listening)) failed(listening.failure)
  })

/**
 * Reads enough bytes to detect the protocol and puts them back for the server that takes over. Returns whether bytes
 * came that are not enough yet.
 */
const whenKnown = (
  socket: Net.Socket,
  callback: (protocol: Exchange.Exchange["protocol"] | "tls") => void
): () => boolean => {
  let seen: Buffer = Buffer.alloc(0)
  let isKnown = false
  const onReadable = () => {
    const bytes: Buffer | null = socket.read()
    if (bytes === null) return
    seen = Buffer.concat([seen, bytes])
    const start = seen.subarray(0, preface.length).toString("latin1")
    if (start.length < preface.length && preface.startsWith(start)) return
    socket.off("readable", onReadable)
    // only now: unshifted bytes are readable again at once
    socket.unshift(seen)
    isKnown = true
    callback(seen[0] === handshake ? "tls" : start === preface ? "2" : "1.1")
  }
  socket.on("readable", onReadable)
  return () => !isKnown && seen.length > 0
}

/** Whether two sockets belong to one connection; Node does not expose the socket under TLS. */
const isSame = (one: Net.Socket, other: Net.Socket): boolean =>
  one.remotePort === other.remotePort && one.remoteAddress === other.remoteAddress &&
  one.localAddress === other.localAddress

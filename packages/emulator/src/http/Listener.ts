/**
 * One TCP port that speaks HTTP/1.1 and HTTP/2, in clear text and over TLS, and runs one fiber for each request.
 *
 * The first bytes decide: 0x16 begins a TLS handshake, in which ALPN chooses the protocol; `PRI` opens an HTTP/2
 * connection in clear text, and anything else is HTTP/1.1. The fiber of a request is interrupted when its client goes
 * away, a client that takes too long to send a request is timed out, and closing the scope leaves no socket, session or
 * listener behind. What a request means is not known here.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import type * as Tls from "node:tls"
import type { Http2Code } from "../Fault.ts"

/** The port could not be opened; `cause` is Node's error. */
export class ListenError
  extends Data.TaggedError("ListenError")<{ readonly message: string; readonly cause: unknown }>
{}

/** The body of a request is longer than the listener takes. */
export class BodyTooLargeError extends Data.TaggedError("BodyTooLargeError")<{ readonly limit: number }> {}

/** Names in lower case; `content-length` decides between a body of known length and a stream. */
export type Headers = Readonly<Record<string, string>>

/**
 * How a response breaks off:
 * - `connection`: the connection drops; by a reset where nothing else is to be sent.
 * - `stream`: the HTTP/2 stream alone ends, by RST_STREAM; over HTTP/1.1 the connection.
 * - `goaway`: the HTTP/2 connection ends, by GOAWAY; over HTTP/1.1 it drops.
 * - `silence`: the connection stays open, but nothing is read from it and nothing written until the listener closes.
 *
 * What ends the connection, or silences it, ends the other requests over it too.
 */
export type Cut =
  | { readonly type: "connection" | "silence" }
  | { readonly type: "stream" | "goaway"; readonly code: Http2Code }

/** What became of a connection so far; the counters go on. */
export interface Traffic {
  readonly bytesRead: number
  readonly bytesWritten: number
}

/**
 * What to do with a new connection: serve it, close it at once, or never touch it. `closed` is called when it closes.
 */
export interface Reception {
  readonly fate: "serve" | "refuse" | "stall"
  readonly closed: () => void
}

/**
 * One request and the way to respond to it: `respond`, any number of `write`, then `end`; or `cut`.
 *
 * - `local`: the client is on this machine.
 * - `target`: path and query as the client wrote them, still percent-encoded.
 * - `headers`: names in lower case; over HTTP/2 the pseudo-headers are among them.
 * - `write`: completes when the client has room for more.
 * - `end`: completes when everything was handed to the network.
 * - `retire`: tells the client, before `respond`, to send its next request over another connection.
 * - `cut`: sends these last bytes, and breaks off.
 * - `isBroken`: whether a `cut`, of this request or another one, broke its connection.
 */
export interface Exchange {
  readonly protocol: "1.1" | "2"
  readonly local: boolean
  readonly method: string
  readonly target: string
  readonly headers: Headers
  readonly body: Effect.Effect<Uint8Array, BodyTooLargeError>
  readonly respond: (status: number, headers: Headers) => Effect.Effect<void>
  readonly write: (bytes: Uint8Array) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
  readonly retire: Effect.Effect<void>
  readonly cut: (bytes: Uint8Array, how: Cut) => Effect.Effect<void>
  readonly isBroken: () => boolean
}

/**
 * - `port`: 0 lets the system choose.
 * - `tls`: a server, of this listener alone, for the handshakes of TLS; without one such connections are closed.
 * - `maxBodyBytes`: longer bodies fail with {@link BodyTooLargeError}.
 * - `requestTimeout`: how long a client may take to send a request, from its first byte, or from the beginning of the
 *   connection, to its last. Then it gets 408, if its request has begun, and its connection closes; over HTTP/2, the stream.
 * - `handle`: responds to one request; interrupted when the client goes away.
 * - `onConnection`: called when a connection opens.
 */
export interface Options {
  readonly host: string
  readonly port: number
  readonly tls?: Tls.Server | undefined
  readonly maxBodyBytes: number
  readonly requestTimeout: Duration.Duration
  readonly handle: (exchange: Exchange) => Effect.Effect<void>
  readonly onConnection: (traffic: Traffic) => Reception
}

/** Opens the port and serves until the scope closes. Returns the port it listens on. */
export const listen: (options: Options) => Effect.Effect<number, ListenError, Scope.Scope> = Effect.fnUntraced(
  function*(options: Options) {
    const connections = new Set<Connection>()
    // sessions and TLS hide the TCP connection
    const connectionOf = new WeakMap<Http2.Http2Session | Net.Socket, Connection>()
    const patience = timerMillis(options.requestTimeout)
    const http1 = Http.createServer({
      keepAliveTimeout: keepAlive,
      requestTimeout: patience,
      headersTimeout: patience,
      connectionsCheckingInterval: patience === 0 ? 60_000 : Math.min(1000, Math.ceil(patience / 4))
    })
    const http2 = Http2.createServer()

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

    const serve = (connection: Connection | undefined, exchange: Exchange, sink: Sink) => {
      const fiber = fork(options.handle(exchange))
      connection?.running.set(sink, fiber)
      sink.on("error", ignore)
      sink.once("close", () => {
        if (!isComplete(sink)) fiber.interruptUnsafe()
      })
      fiber.addObserver(() => {
        connection?.running.delete(sink)
        // a client must not wait for a response nobody writes any more
        if (!sink.writableEnded && !silent.has(sink)) sink.destroy()
      })
    }

    http1.on("request", (request, response) => {
      const connection = connectionOf.get(request.socket)
      serve(connection, overHttp1(request, response, connection, options.maxBodyBytes), response)
    })
    http1.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      if (error.code !== "ERR_HTTP_REQUEST_TIMEOUT" || !socket.writable) return void socket.destroy()
      socket.end(
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        () => socket.destroy()
      )
    })
    // a server looks for requests that take too long from when it listens; this one is handed its connections
    http1.emit("listening")

    let opening: Connection | undefined
    http2.on("session", (session) => {
      const connection = opening
      session.on("error", ignore)
      if (connection === undefined) return
      connectionOf.set(session, connection)
      session.setTimeout(keepAlive, () => {
        if (connection.running.size === 0 && !connection.isBroken) session.close()
      })
    })
    http2.on("sessionError", ignore)
    http2.on("stream", (stream, headers) => {
      const connection = stream.session === undefined ? undefined : connectionOf.get(stream.session)
      if (patience > 0) expire(stream, patience)
      serve(connection, overHttp2(stream, headers, connection, options.maxBodyBytes), stream)
    })

    const begin = (protocol: Exchange["protocol"], stream: Net.Socket, connection: Connection) => {
      clearTimeout(connection.handshake)
      connectionOf.set(stream, connection)
      opening = connection
      const server = protocol === "2" ? http2 : http1
      server.emit("connection", stream)
      opening = undefined
    }
    options.tls?.on("secureConnection", (secured) => {
      secured.on("error", ignore)
      const connection = [...connections].find(({ socket }) => isSame(socket, secured))
      if (connection === undefined) return void secured.destroy()
      begin(secured.alpnProtocol === "h2" ? "2" : "1.1", secured, connection)
    })

    listener.on("connection", (socket) => {
      const { closed, fate } = options.onConnection(socket)
      const connection: Connection = { socket, running: new Map(), isBroken: false, handshake: undefined }
      connections.add(connection)
      socket.setNoDelay(true)
      socket.on("error", ignore)
      socket.once("close", () => {
        clearTimeout(connection.handshake)
        connections.delete(connection)
        closed()
      })
      if (fate === "refuse") return void socket.resetAndDestroy()
      if (fate === "stall") return
      if (patience > 0) connection.handshake = setTimeout(() => socket.destroy(), patience)
      whenKnown(socket, (protocol) => {
        if (protocol !== "tls") return begin(protocol, socket, connection)
        if (options.tls === undefined) return void socket.destroy()
        options.tls.emit("connection", socket)
      })
    })

    const address = listener.address()
    return address === null || typeof address === "string" ? options.port : address.port
  }
)

/** Where a response is written to. */
type Sink = Http.ServerResponse | Http2.ServerHttp2Stream

/**
 * One TCP connection.
 *
 * - `running`: what responds to the requests over it.
 * - `isBroken`: a `cut` ended it, or silenced it.
 * - `handshake`: closes it, unless its protocol is known before.
 */
interface Connection {
  readonly socket: Net.Socket
  readonly running: Map<Sink, Fiber.Fiber<void>>
  isBroken: boolean
  handshake: NodeJS.Timeout | undefined
}

/** 0, which is none, for a time that no timer of Node can wait. */
const timerMillis = (duration: Duration.Duration): number => {
  const millis = Math.ceil(Duration.toMillis(duration))
  return millis > 0 && millis < 2 ** 31 ? millis : 0
}

/** Ends a stream whose request takes longer than so many milliseconds. */
const expire = (stream: Http2.ServerHttp2Stream, millis: number) => {
  const timer = setTimeout(() => {
    if (!stream.closed && !stream.headersSent) stream.respond({ ":status": 408 }, { endStream: true })
    stream.close(codes.NO_ERROR)
  }, millis)
  const clear = () => clearTimeout(timer)
  stream.once("end", clear)
  stream.once("close", clear)
}

/** Responses that were written to their end. Node ends those that clients give up, so it cannot tell them apart. */
const ended = new WeakSet<Sink>()

/** An HTTP/2 client that has all it wants may close before Node has noticed that everything was sent. */
const isComplete = (sink: Sink): boolean =>
  ended.has(sink) && ("session" in sink ? sink.rstCode === codes.NO_ERROR : sink.writableFinished)

/** Load balancers of AWS keep an idle connection this long (milliseconds); Node's own 5 s would race with pools. */
const keepAlive = 60_000

const preface = "PRI"

/** The content type of a handshake, with which TLS begins (RFC 8446, section 5.1). */
const handshake = 0x16

/** A broken connection also ends in `close`, which is where it is handled; without a listener `error` would throw. */
const ignore = () => {}

const open = (host: string, port: number): Effect.Effect<Net.Server, ListenError> =>
  Effect.callback((resume) => {
    const listener = Net.createServer()
    const failed = (cause: Error) =>
      resume(Effect.fail(new ListenError({ message: `Cannot listen on ${host}:${port}: ${cause.message}`, cause })))
    listener.once("error", failed)
    listener.listen({ host, port }, () => {
      listener.off("error", failed)
      listener.on("error", ignore)
      resume(Effect.succeed(listener))
    })
  })

/** Waits for enough bytes to tell the protocols apart and puts them back for the server that takes over. */
const whenKnown = (socket: Net.Socket, callback: (protocol: Exchange["protocol"] | "tls") => void) => {
  let seen: Buffer = Buffer.alloc(0)
  const onReadable = () => {
    const bytes: Buffer | null = socket.read()
    if (bytes === null) return
    seen = Buffer.concat([seen, bytes])
    const start = seen.subarray(0, preface.length).toString("latin1")
    if (start.length < preface.length && preface.startsWith(start)) return
    socket.off("readable", onReadable)
    // only now: bytes put back are readable again at once
    socket.unshift(seen)
    callback(seen[0] === handshake ? "tls" : start === preface ? "2" : "1.1")
  }
  socket.on("readable", onReadable)
}

/** Whether two sockets of the port are one connection; Node does not tell which of them TLS was put over. */
const isSame = (one: Net.Socket, other: Net.Socket): boolean =>
  one.remotePort === other.remotePort && one.remoteAddress === other.remoteAddress &&
  one.localAddress === other.localAddress

const readBody = (
  stream: Http.IncomingMessage | Http2.ServerHttp2Stream,
  limit: number
): Effect.Effect<Uint8Array, BodyTooLargeError> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    let size = 0
    stream.on("error", ignore)
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) chunks.push(chunk)
    })
    stream.once(
      "end",
      () => resume(size > limit ? Effect.fail(new BodyTooLargeError({ limit })) : Effect.succeed(Buffer.concat(chunks)))
    )
  })

const writeTo = (sink: Sink) => (bytes: Uint8Array): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (sink.destroyed || sink.write(bytes)) return resume(Effect.void)
    const onDrain = () => resume(Effect.void)
    sink.once("drain", onDrain)
    return Effect.sync(() => sink.off("drain", onDrain))
  })

const endOf = (sink: Sink): Effect.Effect<void> =>
  Effect.callback((resume) => {
    ended.add(sink)
    sink.once("close", () => resume(Effect.void))
    sink.end(() => resume(Effect.void))
  })

/** Responses that nobody will end: their connections were silenced. */
const silent = new WeakSet<Sink>()

const cutOff = (sink: Sink, connection: Connection | undefined) => (bytes: Uint8Array, how: Cut) =>
  Effect.callback<void>((resume) => {
    const breakOff = () => {
      if (how.type === "silence") {
        silence(sink, connection)
      } else if (how.type === "stream" && "session" in sink) {
        sink.close(codes[how.code])
      } else {
        if (connection !== undefined) connection.isBroken = true
        if (how.type === "goaway" && "session" in sink) {
          // without an error Node sends NO_ERROR, whatever the code
          sink.session?.destroy(new Error(how.code), codes[how.code])
        } else if (bytes.length === 0) {
          if (connection !== undefined) drop(connection.socket)
        } else {
          connection?.socket.destroy()
        }
      }
      resume(Effect.void)
    }
    if (bytes.length === 0 || sink.destroyed) breakOff()
    else sink.write(bytes, breakOff)
  })

/**
 * Closes a socket by a reset where that can be done: after `end` Node may neither reset it nor close it, and never tells
 * that it is gone.
 */
export const drop = (socket: Net.Socket) => {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** Nothing is written any more to the other requests of the connection either. */
const silence = (sink: Sink, connection: Connection | undefined) => {
  silent.add(sink)
  if (connection === undefined) return
  connection.isBroken = true
  stopReading(connection.socket)
  for (const [other, fiber] of connection.running) {
    if (other === sink) continue
    silent.add(other)
    fiber.interruptUnsafe()
  }
}

const codes = {
  NO_ERROR: Http2.constants.NGHTTP2_NO_ERROR,
  PROTOCOL_ERROR: Http2.constants.NGHTTP2_PROTOCOL_ERROR,
  INTERNAL_ERROR: Http2.constants.NGHTTP2_INTERNAL_ERROR,
  FLOW_CONTROL_ERROR: Http2.constants.NGHTTP2_FLOW_CONTROL_ERROR,
  REFUSED_STREAM: Http2.constants.NGHTTP2_REFUSED_STREAM,
  CANCEL: Http2.constants.NGHTTP2_CANCEL,
  ENHANCE_YOUR_CALM: Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM
} as const satisfies Record<Http2Code, number>

/**
 * Leaves in the kernel whatever comes, the client's goodbye too. An HTTP/2 session reads past the socket, from its
 * handle, and Node has no public way to stop that.
 */
const stopReading = (socket: Net.Socket) => {
  const handle: unknown = Reflect.get(socket, "_handle")
  if (typeof handle !== "object" || handle === null) return
  const readStop: unknown = Reflect.get(handle, "readStop")
  if (typeof readStop === "function") Reflect.apply(readStop, handle, [])
}

const isLocal = (connection: Connection | undefined) =>
  /^(?:::1$|(?:::ffff:)?127\.)/.test(connection?.socket.remoteAddress ?? "")

const overHttp1 = (
  request: Http.IncomingMessage,
  response: Http.ServerResponse,
  connection: Connection | undefined,
  limit: number
): Exchange => ({
  protocol: "1.1",
  local: isLocal(connection),
  method: request.method ?? "",
  target: request.url ?? "",
  headers: flatten(request.headers),
  body: readBody(request, limit),
  respond: (status, headers) => Effect.sync(() => void response.writeHead(status, headers)),
  write: writeTo(response),
  end: endOf(response),
  retire: Effect.sync(() => void response.setHeader("connection", "close")),
  cut: cutOff(response, connection),
  isBroken: () => connection?.isBroken === true
})

const overHttp2 = (
  stream: Http2.ServerHttp2Stream,
  headers: Http2.IncomingHttpHeaders,
  connection: Connection | undefined,
  limit: number
): Exchange => ({
  protocol: "2",
  local: isLocal(connection),
  method: headers[":method"] ?? "",
  target: headers[":path"] ?? "",
  headers: flatten(headers),
  body: readBody(stream, limit),
  respond: (status, headers) =>
    Effect.sync(() => {
      if (!stream.closed && !stream.headersSent) stream.respond({ ":status": status, ...headers })
    }),
  write: writeTo(stream),
  end: endOf(stream),
  retire: Effect.sync(() => stream.session?.close()),
  cut: cutOff(stream, connection),
  isBroken: () => connection?.isBroken === true
})

const flatten = (headers: Http.IncomingHttpHeaders | Http2.IncomingHttpHeaders): Headers => {
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(",") : value
  }
  return flat
}

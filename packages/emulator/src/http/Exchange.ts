/**
 * One request and its response, the same over HTTP/1.1 and HTTP/2: read, write, end, or cut.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Http from "node:http"
import * as Http2 from "node:http2"
import type * as Net from "node:net"
import type { Http2Code } from "../fault/Fault.ts"

/** The body of a request exceeds the listener's limit. */
export class BodyTooLargeError extends Data.TaggedError("BodyTooLargeError")<{ readonly limit: number }> {}

/** Names in lower case; `content-length` decides between a body of known length and a stream. */
export type Headers = Readonly<Record<string, string>>

/**
 * How a response is cut:
 * - `connection`: the connection drops, by a reset when nothing else is to be sent.
 * - `stream`: the HTTP/2 stream alone ends, by RST_STREAM; over HTTP/1.1 the connection.
 * - `goaway`: the HTTP/2 connection ends, by GOAWAY; over HTTP/1.1 it drops.
 * - `silence`: the connection stays open, but nothing is read from or written to it until the listener closes.
 *
 * Whatever ends or silences the connection also ends its other requests.
 */
export type Cut =
  | { readonly type: "connection" | "silence" }
  | { readonly type: "stream" | "goaway"; readonly code: Http2Code }

/**
 * One request and how to respond: `respond`, any number of `write`, then `end`; or `cut`.
 *
 * - `local`: the client is on this machine.
 * - `target`: path and query as received, still percent-encoded.
 * - `headers`: names in lower case; over HTTP/2 including pseudo-headers.
 * - `body`: within the listener's limit; `bodyWithin`: within another one, in bytes. It can be read once.
 * - `write`: completes when the client can receive more.
 * - `end`: completes when everything was handed to the network.
 * - `retire`: tells the client, before `respond`, to use another connection for its next request.
 * - `cut`: sends these last bytes, and cuts the response.
 * - `isBroken`: whether a `cut`, of this request or another one, broke its connection.
 */
export interface Exchange {
  readonly protocol: "1.1" | "2"
  readonly local: boolean
  readonly method: string
  readonly target: string
  readonly headers: Headers
  readonly body: Effect.Effect<Uint8Array, BodyTooLargeError>
  readonly bodyWithin: (limit: number) => Effect.Effect<Uint8Array, BodyTooLargeError>
  readonly respond: (status: number, headers: Headers) => Effect.Effect<void>
  readonly write: (bytes: Uint8Array) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
  readonly retire: Effect.Effect<void>
  readonly cut: (bytes: Uint8Array, how: Cut) => Effect.Effect<void>
  readonly isBroken: () => boolean
}

/** The destination of a response. */
export type Sink = Http.ServerResponse | Http2.ServerHttp2Stream

/**
 * One TCP connection.
 *
 * - `session`: of HTTP/2, once it has begun.
 * - `running`: the fibers of its requests.
 * - `isBroken`: a `cut` ended or silenced it.
 * - `timer`: closes it when it is idle.
 */
export interface Connection {
  readonly socket: Net.Socket
  session: Http2.Http2Session | undefined
  readonly running: Map<Sink, Fiber.Fiber<void>>
  isBroken: boolean
  timer: NodeJS.Timeout | undefined
}

/** Over HTTP/1.1. */
export const overHttp1 = (
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
  bodyWithin: (limit) => readBody(request, limit),
  respond: (status, headers) => Effect.sync(() => void response.writeHead(status, headers)),
  write: writeTo(response),
  end: endOf(response),
  retire: Effect.sync(() => void response.setHeader("connection", "close")),
  cut: cutOff(response, connection),
  isBroken: () => connection?.isBroken === true
})

/** Over HTTP/2, where each stream is a request. */
export const overHttp2 = (
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
  bodyWithin: (limit) => readBody(stream, limit),
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

/** A broken connection also emits `close`, which is handled; without a listener `error` would throw. */
export const ignore = () => {}

/**
 * Responses that were written completely. Node also ends those aborted by clients, so its state cannot tell them apart.
 */
const ended = new WeakSet<Sink>()

/** An HTTP/2 client that received everything may close before Node has noticed that everything was sent. */
export const isComplete = (sink: Sink): boolean =>
  ended.has(sink) && ("session" in sink ? sink.rstCode === codes.NO_ERROR : sink.writableFinished)

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

/** Responses that will not end: their connections were silenced. */
export const silent = new WeakSet<Sink>()

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
 * Resets a socket where possible: after `end` Node may neither reset nor close it, and never reports that it is gone.
 */
export const drop = (socket: Net.Socket) => {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** Stops writing to all requests of the connection. */
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

export const codes = {
  NO_ERROR: Http2.constants.NGHTTP2_NO_ERROR,
  PROTOCOL_ERROR: Http2.constants.NGHTTP2_PROTOCOL_ERROR,
  INTERNAL_ERROR: Http2.constants.NGHTTP2_INTERNAL_ERROR,
  FLOW_CONTROL_ERROR: Http2.constants.NGHTTP2_FLOW_CONTROL_ERROR,
  REFUSED_STREAM: Http2.constants.NGHTTP2_REFUSED_STREAM,
  CANCEL: Http2.constants.NGHTTP2_CANCEL,
  ENHANCE_YOUR_CALM: Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM
} as const satisfies Record<Http2Code, number>

/**
 * Leaves incoming data in the kernel, including the client's FIN. An HTTP/2 session reads from the socket's handle, and
 * Node has no public way to stop that.
 */
const stopReading = (socket: Net.Socket) => {
  const handle: unknown = Reflect.get(socket, "_handle")
  if (typeof handle !== "object" || handle === null) return
  const readStop: unknown = Reflect.get(handle, "readStop")
  if (typeof readStop === "function") Reflect.apply(readStop, handle, [])
}

const isLocal = (connection: Connection | undefined) =>
  /^(?:::1$|(?:::ffff:)?127\.)/.test(connection?.socket.remoteAddress ?? "")

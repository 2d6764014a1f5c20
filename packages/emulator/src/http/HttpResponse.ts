/**
 * A response: whole or streamed, complete or cut.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import type * as Exchange from "./Exchange.ts"
import * as Frame from "./Frame.ts"

/** The frames of an event stream. */
export type Frames = Stream.Stream<Uint8Array, AwsError.AwsError>

/** Cuts the response after a number of bytes of the body; with 0 not even the head is sent. */
export interface Cut {
  readonly after: number
  readonly how: Exchange.Cut
}

/** `lastOfConnection`: the connection accepts no further request. */
interface Delivery {
  readonly headers: Exchange.Headers
  readonly cut?: Cut | undefined
  readonly lastOfConnection?: boolean | undefined
}

/** A response of known length. */
export interface Whole extends Delivery {
  readonly type: "whole"
  readonly status: number
  readonly body: Uint8Array
}

/**
 * A response of event-stream frames, or of the bytes of an object, with a `status` (200). A failure before the first frame becomes an error response with its status; later
 * it becomes the last frame, which `errors` writes where it depends on the frames before.
 */
export interface Streamed extends Delivery {
  readonly type: "stream"
  readonly status?: number | undefined
  readonly frames: Frames
  readonly errors?: Pick<ErrorFormat, "frame"> | undefined
}

/** How errors are written: as a response, and as the last frame of a stream. */
export interface ErrorFormat {
  readonly whole: (error: AwsError.AwsError) => Whole
  readonly frame: (error: AwsError.AwsError) => Uint8Array
}

/** Either kind. */
export type HttpResponse = Whole | Streamed

/** 200 with a JSON body. */
export const json = (value: unknown, headers?: Exchange.Headers): Whole => ({
  type: "whole",
  status: 200,
  headers: { "content-type": "application/json", ...headers },
  body: encoder.encode(JSON.stringify(value))
})

/** 200 with event-stream frames. */
export const stream = (frames: Frames): Streamed => ({
  type: "stream",
  headers: { "content-type": "application/vnd.amazon.eventstream" },
  frames
})

/** An error with its status. */
export const error = (error: AwsError.AwsError): Whole => ({
  type: "whole",
  status: error.status,
  headers: AwsError.headers(error),
  body: encoder.encode(AwsError.body(error))
})

/** Sends a response, with `headers` besides its own; `errors`: how the failure of a stream is written. */
export const send = (
  exchange: Exchange.Exchange,
  response: HttpResponse,
  headers: Exchange.Headers,
  errors: ErrorFormat = ofBedrock
): Effect.Effect<void> => {
  const { cut } = response
  if (cut?.after === 0) return exchange.cut(empty, cut.how)
  const sending = response.type === "whole"
    ? sendWhole(exchange, response, headers)
    : sendStream(exchange, response, headers, { ...errors, ...response.errors })
  return response.lastOfConnection === true ? Effect.andThen(exchange.retire, sending) : sending
}

const sendWhole = Effect.fnUntraced(
  function*(exchange: Exchange.Exchange, response: Whole, headers: Exchange.Headers) {
    const { body, cut, status } = response
    yield* exchange.respond(status, {
      ...headers,
      ...(status === 204 || status === 304 ? undefined : { "content-length": String(body.length) }),
      // the one of a HEAD is that of the body it does not get
      ...response.headers
    })
    if (cut !== undefined && cut.after < body.length) {
      return yield* exchange.cut(body.subarray(0, cut.after), cut.how)
    }
    if (exchange.method !== "HEAD") yield* exchange.write(body)
    yield* exchange.end
  }
)

const sendStream = Effect.fnUntraced(
  function*(exchange: Exchange.Exchange, response: Streamed, headers: Exchange.Headers, errors: ErrorFormat) {
    const { after, how }: Cut = response.cut ?? { after: Infinity, how: { type: "connection" } }
    let started = false
    let room = after
    const start = Effect.suspend(() => {
      if (started) return Effect.void
      started = true
      return exchange.respond(response.status ?? 200, { ...headers, ...response.headers })
    })
    const write = Effect.fnUntraced(function*(bytes: Uint8Array) {
      yield* start
      if (bytes.length < room) {
        room -= bytes.length
        return yield* exchange.write(bytes)
      }
      yield* exchange.cut(bytes.subarray(0, room), how)
      return yield* Effect.fail(dropped)
    })
    const ending = yield* Stream.runForEachArray(response.frames, (frames) => write(Buffer.concat(frames))).pipe(
      Effect.catchDefect(failedInside),
      Effect.catch((failure): Effect.Effect<void, AwsError.AwsError | typeof dropped> =>
        started && failure._tag === "AwsError" ? write(errors.frame(failure)) : Effect.fail(failure)
      ),
      Effect.result
    )
    if (Result.isSuccess(ending)) {
      yield* start
      yield* exchange.end
    } else if (ending.failure._tag === "AwsError") {
      yield* sendWhole(exchange, errors.whole(ending.failure), headers)
    }
  }
)

/** The connection was cut on purpose, so the rest of the stream is dropped. */
const dropped = { _tag: "Dropped" } as const

/** The client's view of a defect; the log has the details. */
export const failedInside = (defect: unknown): Effect.Effect<never, AwsError.AwsError> =>
  Effect.andThen(Effect.logError("A request failed with a defect", defect), Effect.fail(internal))

const internal = AwsError.make("InternalServerException", AwsError.texts.InternalServerException)

const exceptionFrame = (error: AwsError.AwsError): Uint8Array =>
  Frame.exception(AwsError.streamName(error.exception), {
    message: error.message,
    ...(error.originalStatusCode === undefined ? undefined : { originalStatusCode: error.originalStatusCode })
  })

/** Bedrock's own format. */
const ofBedrock: ErrorFormat = { whole: error, frame: exceptionFrame }

const encoder = new TextEncoder()

const empty = new Uint8Array(0)

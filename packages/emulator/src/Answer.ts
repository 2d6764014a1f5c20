/**
 * An answer on its way to the client: whole or streamed, sound or spoiled by a fault.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as AwsError from "./AwsError.ts"
import type { Fault } from "./Fault.ts"
import * as Frame from "./Frame.ts"
import type * as Listener from "./Listener.ts"

type Frames = Stream.Stream<Uint8Array, AwsError.AwsError>

/** `cutAfter`: the connection drops after so many bytes of the body; with 0 not even the head is sent. */
interface Delivery {
  readonly headers: Listener.Headers
  readonly cutAfter?: number | undefined
}

/** An answer whose length is known. */
export interface Whole extends Delivery {
  readonly type: "whole"
  readonly status: number
  readonly body: Uint8Array
}

/**
 * An answer made of event-stream frames. While no frame was sent, a failure is answered as an error with its status;
 * later it becomes the last frame.
 */
export interface Streamed extends Delivery {
  readonly type: "stream"
  readonly frames: Frames
}

/** Either kind. */
export type Answer = Whole | Streamed

/** 200 with a JSON body. */
export const json = (value: unknown, headers?: Listener.Headers): Whole => ({
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

/**
 * Does to an answer what a fault says. A fault that needs no answer does not ask for it; one that does not apply to this
 * kind of answer leaves it alone.
 */
export const spoil = <R>(
  answer: Effect.Effect<Answer, AwsError.AwsError, R>,
  fault: Fault
): Effect.Effect<Answer, AwsError.AwsError, R> => {
  switch (fault.type) {
    case "throttle":
      return Effect.fail(throttled(fault.unit ?? "requests", fault.retryAfter))
    case "exception":
      return Effect.fail(AwsError.make(fault.exception, fault.message ?? textOf(fault.exception)))
    case "latency":
      return Effect.delay(answer, fault.duration)
    case "garbage":
      return Effect.succeed(whole("text/html", encoder.encode(fault.body ?? "<html>Service Unavailable</html>")))
    case "emptyBody":
      return Effect.succeed(whole("application/json", empty))
    case "reset":
      return fault.afterBytes === undefined
        ? Effect.succeed({ ...whole("application/json", empty), cutAfter: 0 })
        : Effect.map(answer, (answer) => ({ ...answer, cutAfter: fault.afterBytes }))
    case "half":
      return Effect.map(Effect.flatMap(answer, collected), (whole) => {
        const size = Math.floor(whole.body.length * (fault.fraction ?? 0.5))
        return fault.framed === true
          ? { ...whole, body: whole.body.subarray(0, size) }
          : { ...whole, cutAfter: Math.max(1, size) }
      })
    case "stall":
      return fault.afterEvents === undefined ? Effect.never : cutShort(answer, fault.afterEvents, Stream.never)
    case "truncateStream":
      return cutShort(answer, fault.afterEvents, Stream.empty)
    case "streamException": {
      const frame = exceptionFrame(AwsError.make(fault.exception, fault.message ?? textOf(fault.exception)))
      return cutShort(answer, fault.afterEvents, Stream.succeed(frame))
    }
    case "errorFrame": {
      const frame = Frame.error(fault.code ?? "InternalFailure", fault.message ?? "An internal error occurred.")
      return cutShort(answer, fault.afterEvents, Stream.succeed(frame))
    }
    case "corruptFrame":
      return onFrames(answer, (frames) =>
        Stream.map(
          Stream.zipWithIndex(frames),
          ([frame, index]) => index === (fault.afterEvents ?? 1) ? Frame.corrupted(frame) : frame
        ))
  }
}

/** Sends an answer, with `headers` besides its own. */
export const send = (
  exchange: Listener.Exchange,
  answer: Answer,
  headers: Listener.Headers
): Effect.Effect<void> => {
  switch (answer.type) {
    case "whole":
      return sendWhole(exchange, answer, headers)
    case "stream":
      return sendStream(exchange, answer, headers)
  }
}

const sendWhole = Effect.fnUntraced(
  function*(exchange: Listener.Exchange, answer: Whole, headers: Listener.Headers) {
    const { body, cutAfter, status } = answer
    if (cutAfter === 0) return yield* exchange.cut(empty)
    yield* exchange.respond(status, { ...headers, ...answer.headers, "content-length": String(body.length) })
    if (cutAfter !== undefined && cutAfter < body.length) return yield* exchange.cut(body.subarray(0, cutAfter))
    yield* exchange.write(body)
    yield* exchange.end
  }
)

const sendStream = Effect.fnUntraced(
  function*(exchange: Listener.Exchange, answer: Streamed, headers: Listener.Headers) {
    if (answer.cutAfter === 0) return yield* exchange.cut(empty)
    let started = false
    let room = answer.cutAfter ?? Infinity
    const start = Effect.suspend(() => {
      if (started) return Effect.void
      started = true
      return exchange.respond(200, { ...headers, ...answer.headers })
    })
    const write = Effect.fnUntraced(function*(bytes: Uint8Array) {
      yield* start
      if (bytes.length < room) {
        room -= bytes.length
        return yield* exchange.write(bytes)
      }
      yield* exchange.cut(bytes.subarray(0, room))
      return yield* Effect.fail(dropped)
    })
    const ending = yield* Stream.runForEachArray(answer.frames, (frames) => write(Buffer.concat(frames))).pipe(
      Effect.catchDefect(failedInside),
      Effect.catch((failure): Effect.Effect<void, AwsError.AwsError | typeof dropped> =>
        started && failure._tag === "AwsError" ? write(exceptionFrame(failure)) : Effect.fail(failure)
      ),
      Effect.result
    )
    if (Result.isSuccess(ending)) {
      yield* start
      yield* exchange.end
    } else if (ending.failure._tag === "AwsError") {
      yield* sendWhole(exchange, error(ending.failure), headers)
    }
  }
)

/** The connection was cut on purpose: what is left of the stream has nobody to go to. */
const dropped = { _tag: "Dropped" } as const

/** What a client gets to see of a defect; the log gets the rest. */
export const failedInside = (defect: unknown): Effect.Effect<never, AwsError.AwsError> =>
  Effect.andThen(Effect.logError("A request made the emulator fail", defect), Effect.fail(internal))

const internal = AwsError.make(
  "InternalServerException",
  "The system encountered an unexpected error during processing. Try your request again."
)

const exceptionFrame = (error: AwsError.AwsError): Uint8Array =>
  Frame.exception(AwsError.streamName(error.exception), {
    message: error.message,
    ...(error.originalStatusCode === undefined ? undefined : { originalStatusCode: error.originalStatusCode })
  })

const whole = (contentType: string, body: Uint8Array): Whole => ({
  type: "whole",
  status: 200,
  headers: { "content-type": contentType },
  body
})

const collected = (answer: Answer): Effect.Effect<Whole, AwsError.AwsError> =>
  answer.type === "whole"
    ? Effect.succeed(answer)
    : Effect.map(Stream.runCollect(answer.frames), (frames) => ({
      type: "whole",
      status: 200,
      headers: answer.headers,
      body: Buffer.concat(frames)
    }))

const onFrames = <R>(answer: Effect.Effect<Answer, AwsError.AwsError, R>, f: (frames: Frames) => Frames) =>
  Effect.map(answer, (answer): Answer => answer.type === "whole" ? answer : { ...answer, frames: f(answer.frames) })

/** The first events of a stream, one unless told otherwise, and then something else. */
const cutShort = <R>(
  answer: Effect.Effect<Answer, AwsError.AwsError, R>,
  afterEvents: number | undefined,
  end: Frames
) => onFrames(answer, (frames) => Stream.concat(Stream.take(frames, afterEvents ?? 1), end))

const throttled = (unit: "requests" | "tokens", retryAfter: Duration.Input | undefined) => {
  const { exception, message, status } = AwsError.throttled(unit)
  return new AwsError.AwsError({
    exception,
    message,
    status,
    retryAfter: retryAfter === undefined ? undefined : Duration.toSeconds(Duration.fromInputUnsafe(retryAfter))
  })
}

const textOf = (exception: AwsError.Exception) => `An error of the kind ${exception}.`

const encoder = new TextEncoder()

const empty = new Uint8Array(0)

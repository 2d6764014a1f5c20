/**
 * Does to an answer what a fault says. A fault that needs no answer does not ask for it; one that does not apply to this
 * kind of answer leaves it alone.
 */
import * as ChatService from "@strata/core/ChatService"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Answer from "../Answer.ts"
import * as AwsError from "../AwsError.ts"
import type { RequestFault } from "../Fault.ts"
import * as Frame from "../Frame.ts"
import type { Strike } from "./Faults.ts"
import * as Huge from "./Huge.ts"

type Sound<R> = Effect.Effect<Answer.Answer, AwsError.AwsError, R | ChatService.ChatService>

/** What becomes of an answer that was struck; its latency is not waited for here. */
export const spoil = <R>(answer: Sound<R>, { fault, pause }: Strike): Sound<R> => {
  const spoiled = fault === undefined ? answer : struck(answer, fault)
  return pause === undefined ? spoiled : onFrames(spoiled, (frames) =>
    Stream.mapEffect(
      Stream.zipWithIndex(frames),
      ([frame, index]) => index === 0 ? Effect.succeed(frame) : Effect.delay(Effect.succeed(frame), pause())
    ))
}

const struck = <R>(answer: Sound<R>, fault: RequestFault): Sound<R> => {
  switch (fault.type) {
    case "latency":
    case "slow":
      return answer
    case "throttle":
      return Effect.fail(throttled(fault.unit ?? "requests", fault.retryAfter))
    case "exception": {
      const { exception, message = AwsError.texts[exception], originalStatusCode } = fault
      return Effect.fail(
        new AwsError.AwsError({ exception, status: AwsError.statuses[exception], message, originalStatusCode })
      )
    }
    case "garbage":
      return Effect.succeed({
        ...whole(fault.contentType ?? "text/html", encoder.encode(fault.body ?? "<html>Service Unavailable</html>")),
        status: fault.status ?? 200
      })
    case "emptyBody":
      return Effect.succeed(whole("application/json", empty))
    case "contentType":
      return Effect.map(answer, (answer) => ({
        ...answer,
        headers: { ...answer.headers, "content-type": fault.contentType }
      }))
    case "huge":
      return Effect.updateService(
        answer,
        ChatService.ChatService,
        (service) => Huge.huge(service, (fault.megabytes ?? 10) * 1_000_000)
      )
    case "reset":
      return broken(answer, fault.afterBytes, { type: "connection" })
    case "resetStream":
      return broken(answer, fault.afterBytes, { type: "stream", code: fault.code ?? "INTERNAL_ERROR" })
    case "halfOpen":
      return broken(answer, fault.afterBytes, { type: "silence" })
    case "goaway":
      return fault.code === undefined
        ? Effect.map(answer, (answer) => ({ ...answer, lastOfConnection: true }))
        : broken(answer, undefined, { type: "goaway", code: fault.code })
    case "half":
      return Effect.map(Effect.flatMap(answer, collected), (whole) => {
        const size = Math.floor(whole.body.length * (fault.fraction ?? 0.5))
        return fault.framed === true
          ? { ...whole, body: whole.body.subarray(0, size) }
          : { ...whole, cut: { after: Math.max(1, size), how: { type: "connection" } } }
      })
    case "stall":
      return fault.afterEvents === undefined ? Effect.never : cutShort(answer, fault.afterEvents, Stream.never)
    case "truncateStream": {
      const { afterBytes } = fault
      return afterBytes === undefined
        ? cutShort(answer, fault.afterEvents, Stream.empty)
        : onFrames(answer, (frames) => firstBytes(frames, afterBytes))
    }
    case "streamException": {
      const { exception, message = AwsError.texts[exception], name, originalMessage, originalStatusCode } = fault
      const frame = Frame.exception(name ?? AwsError.streamName(exception), {
        message,
        ...(originalStatusCode === undefined ? undefined : { originalStatusCode }),
        ...(originalMessage === undefined ? undefined : { originalMessage })
      })
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
          ([frame, index]) =>
            index === (fault.afterEvents ?? 1) ? Frame.corrupted(frame, fault.checksum ?? "message") : frame
        ))
  }
}

/** Broken off before the head, which needs no answer, or after so many bytes of the body. */
const broken = <R>(answer: Sound<R>, afterBytes: number | undefined, how: Answer.Cut["how"]): Sound<R> =>
  afterBytes === undefined
    ? Effect.succeed({ ...whole("application/json", empty), cut: { after: 0, how } })
    : Effect.map(answer, (answer) => ({ ...answer, cut: { after: afterBytes, how } }))

const whole = (contentType: string, body: Uint8Array): Answer.Whole => ({
  type: "whole",
  status: 200,
  headers: { "content-type": contentType },
  body
})

const collected = (answer: Answer.Answer): Effect.Effect<Answer.Whole, AwsError.AwsError> =>
  answer.type === "whole"
    ? Effect.succeed(answer)
    : Effect.map(Stream.runCollect(answer.frames), (frames) => ({
      type: "whole",
      status: 200,
      headers: answer.headers,
      body: Buffer.concat(frames)
    }))

const onFrames = <R>(answer: Sound<R>, f: (frames: Answer.Frames) => Answer.Frames): Sound<R> =>
  Effect.map(answer, (answer) => answer.type === "whole" ? answer : { ...answer, frames: f(answer.frames) })

/** The first events of a stream, one unless told otherwise, and then something else. */
const cutShort = <R>(answer: Sound<R>, afterEvents: number | undefined, end: Answer.Frames) =>
  onFrames(answer, (frames) => Stream.concat(Stream.take(frames, afterEvents ?? 1), end))

const firstBytes = (frames: Answer.Frames, count: number): Answer.Frames =>
  frames.pipe(
    Stream.mapAccum(() => count, (room, frame) => [Math.max(0, room - frame.length), [frame.subarray(0, room)]]),
    Stream.takeWhile((bytes) => bytes.length > 0)
  )

const throttled = (unit: "requests" | "tokens", retryAfter: Duration.Input | undefined) => {
  const { exception, message, status } = AwsError.throttled(unit)
  return new AwsError.AwsError({
    exception,
    message,
    status,
    retryAfter: retryAfter === undefined ? undefined : Duration.toSeconds(Duration.fromInputUnsafe(retryAfter))
  })
}

const encoder = new TextEncoder()

const empty = new Uint8Array(0)

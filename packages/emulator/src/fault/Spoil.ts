/**
 * Applies a fault to a response. A fault that needs no response does not request one; one without effect on this
 * response leaves it unchanged, and is spared for another one.
 */
import * as ChatService from "@strata/core/chat/ChatService"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import * as Frame from "../http/Frame.ts"
import type * as HttpResponse from "../http/HttpResponse.ts"
import * as Sse from "../openai/Sse.ts"
import type { RequestFault, SlowFault } from "./Fault.ts"
import * as Faults from "./Faults.ts"
import * as Huge from "./Huge.ts"

type Sound<R> = Effect.Effect<HttpResponse.HttpResponse, AwsError.AwsError, R | ChatService.ChatService>

/**
 * - `nameOf`: the name of an exception in the stream of the operation.
 * - `spare`: called with a fault that had no effect.
 */
export interface Options {
  readonly nameOf: (exception: AwsError.Exception) => string
  readonly spare: (blow: Faults.Blow | Faults.Blow<SlowFault>) => void
}

/** The response with the faults of a strike; its latency is not waited for here. */
export const spoil = <R>(
  sound: Sound<R>,
  { other, slow }: Pick<Faults.Strike, "other" | "slow">,
  { nameOf, spare }: Options
): Sound<R> => {
  const struck = other === undefined ? sound : strike(target(sound, () => spare(other)), other.fault, nameOf)
  return slow === undefined ? struck : slowDown(target(struck, () => spare(slow)), slow)
}

/**
 * What a fault can be applied to.
 *
 * - `sound`: the unmodified response. `any`: the same, if it is successful: a refusal spares the fault.
 * - `frames`: with its frames replaced, if it has any; a stream that fails before the first is a refusal too. `errors`
 *   writes those of a stream that is not one of AWS's.
 */
interface Target<R> {
  readonly sound: Sound<R>
  readonly any: Sound<R>
  readonly frames: (
    f: (frames: HttpResponse.Frames, errors: HttpResponse.Streamed["errors"]) => HttpResponse.Frames
  ) => Sound<R>
}

const target = <R>(sound: Sound<R>, spare: () => void): Target<R> => {
  const watched = (frames: HttpResponse.Frames): HttpResponse.Frames => {
    let begun = false
    return frames.pipe(
      Stream.tap(() => Effect.sync(() => begun = true)),
      Stream.tapError(() => Effect.sync(() => begun || spare()))
    )
  }
  const any = sound.pipe(
    Effect.tapError(() => Effect.sync(spare)),
    Effect.map((response) => response.type === "whole" ? response : { ...response, frames: watched(response.frames) })
  )
  return {
    sound,
    any,
    frames: (f) =>
      Effect.map(any, (response) => {
        if (response.type === "stream") return { ...response, frames: f(response.frames, response.errors) }
        spare()
        return response
      })
  }
}

const strike = <R>({ any, frames, sound }: Target<R>, fault: RequestFault, nameOf: Options["nameOf"]): Sound<R> => {
  switch (fault.type) {
    case "latency":
    case "slow":
      return sound
    case "throttle":
      return Effect.fail(throttled(fault.unit ?? "requests", fault.retryAfter))
    case "exception": {
      const { code, exception, message = AwsError.texts[exception], originalStatusCode } = fault
      const openai = code === undefined ? undefined : { code }
      return Effect.fail(
        new AwsError.AwsError({ exception, status: AwsError.statuses[exception], message, originalStatusCode, openai })
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
      return Effect.map(any, (response) => ({
        ...response,
        headers: { ...response.headers, "content-type": fault.contentType }
      }))
    case "huge":
      return Effect.updateService(
        any,
        ChatService.ChatService,
        (service) => Huge.huge(service, (fault.megabytes ?? 10) * 1_000_000)
      )
    case "reset":
      return broken(any, fault.afterBytes, { type: "connection" })
    case "resetStream":
      return broken(any, fault.afterBytes, { type: "stream", code: fault.code ?? "INTERNAL_ERROR" })
    case "halfOpen":
      return broken(any, fault.afterBytes, { type: "silence" })
    case "goaway":
      return fault.code === undefined
        ? Effect.map(any, (response) => ({ ...response, lastOfConnection: true }))
        : broken(any, undefined, { type: "goaway", code: fault.code })
    case "half":
      return Effect.map(Effect.flatMap(any, collected), (whole) => {
        const size = Math.floor(whole.body.length * (fault.fraction ?? 0.5))
        return fault.framed === true
          ? { ...whole, body: whole.body.subarray(0, size) }
          : { ...whole, cut: { after: Math.max(1, size), how: { type: "connection" } } }
      })
    case "stall":
      return fault.afterEvents === undefined ? Effect.never : frames(cutShort(fault.afterEvents, Stream.never))
    case "truncateStream": {
      const { afterBytes } = fault
      return frames(
        afterBytes === undefined
          ? cutShort(fault.afterEvents, Stream.empty)
          : (frames) => firstBytes(frames, afterBytes)
      )
    }
    case "streamException": {
      const { exception, message = AwsError.texts[exception], name, originalMessage, originalStatusCode } = fault
      const frame = () =>
        Frame.exception(name ?? nameOf(exception), {
          message,
          ...(originalStatusCode === undefined ? undefined : { originalStatusCode }),
          ...(originalMessage === undefined ? undefined : { originalMessage })
        })
      const error = new AwsError.AwsError({
        exception,
        status: AwsError.statuses[exception],
        message,
        openai: name === undefined ? undefined : { code: name }
      })
      return frames(failing(fault.afterEvents, frame, error))
    }
    case "errorFrame": {
      const { afterEvents, code, message = "An internal error occurred." } = fault
      const error = new AwsError.AwsError({
        exception: "InternalServerException",
        status: AwsError.statuses.InternalServerException,
        message,
        openai: code === undefined ? undefined : { code }
      })
      return frames(failing(afterEvents, () => Frame.error(code ?? "InternalFailure", message), error))
    }
    case "corruptFrame":
      return frames((frames, errors) =>
        Stream.map(Stream.zipWithIndex(frames), ([frame, index]) => {
          if (index !== (fault.afterEvents ?? 1)) return frame
          return errors === undefined ? Frame.corrupted(frame, fault.checksum ?? "message") : Sse.corrupted(frame)
        })
      )
    case "missingEnd":
      return frames((frames) =>
        Stream.flattenIterable(Stream.map(frames, (frame) => {
          const left = Sse.withoutEnd(frame, fault.end ?? "both")
          return left === undefined ? [] : [left]
        }))
      )
  }
}

const slowDown = <R>({ frames }: Target<R>, { fault, random }: Faults.Blow<SlowFault>): Sound<R> =>
  frames((frames) =>
    Stream.mapEffect(
      Stream.zipWithIndex(frames),
      ([frame, index]) =>
        index === 0
          ? Effect.succeed(frame)
          : Effect.delay(Effect.succeed(frame), Faults.timeBetween(fault.pause, fault.upTo, random))
    )
  )

/** Cut before the head, which needs no response, or after a number of bytes of the body. */
const broken = <R>(any: Sound<R>, afterBytes: number | undefined, how: HttpResponse.Cut["how"]): Sound<R> =>
  afterBytes === undefined
    ? Effect.succeed({ ...whole("application/json", empty), cut: { after: 0, how } })
    : Effect.map(any, (response) => ({ ...response, cut: { after: afterBytes, how } }))

const whole = (contentType: string, body: Uint8Array): HttpResponse.Whole => ({
  type: "whole",
  status: 200,
  headers: { "content-type": contentType },
  body
})

const collected = (response: HttpResponse.HttpResponse): Effect.Effect<HttpResponse.Whole, AwsError.AwsError> =>
  response.type === "whole"
    ? Effect.succeed(response)
    : Effect.map(Stream.runCollect(response.frames), (frames) => {
      const body = Buffer.concat(frames)
      const { "content-length": _, ...headers } = response.headers
      return { type: "whole", status: response.status ?? 200, headers, body }
    })

/** The first events of a stream, one by default, and then another end. */
const cutShort = (afterEvents: number | undefined, end: HttpResponse.Frames) => (frames: HttpResponse.Frames) =>
  Stream.concat(Stream.take(frames, afterEvents ?? 1), end)

/** The first events of a stream, and then its failure. */
const failing = (afterEvents: number | undefined, frame: () => Uint8Array, error: AwsError.AwsError) =>
(
  frames: HttpResponse.Frames,
  errors: HttpResponse.Streamed["errors"]
) => cutShort(afterEvents, Stream.sync(() => errors === undefined ? frame() : errors.frame(error)))(frames)

const firstBytes = (frames: HttpResponse.Frames, count: number): HttpResponse.Frames =>
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

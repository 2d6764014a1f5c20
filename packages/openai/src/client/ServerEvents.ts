/**
 * The events of a stream, from the bytes of its body: JSON, the end, signs of life. An event that tells a failure fails the
 * stream, after what came before it was delivered.
 */
import * as ExactJson from "@strata/core/ExactJson"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { Asked } from "../error/Facts.ts"
import * as Network from "../error/Network.ts"
import * as OpenAiError from "../OpenAiError.ts"
import type { Head, ServerEvent } from "./Answer.ts"
import * as Sse from "./Sse.ts"

/** Fails for a body without any event: the answer was lost on the way. */
export const decode = <E>(
  bytes: Stream.Stream<Uint8Array, E>,
  asked: Asked,
  head: Head
): Stream.Stream<ServerEvent, ProviderError.CallError> =>
  Stream.transformPull(bytes, (pull) =>
    Effect.sync(() => {
      const parser = Sse.make()
      let hasData = false
      let failure: Effect.Effect<never, ProviderError.CallError> | undefined

      const fail = (body: unknown): void => {
        failure = Effect.flatMap(
          Clock.currentTimeMillis,
          (now) => Effect.fail(OpenAiError.fromAnswer(asked, head, body, now))
        )
      }

      const spoil = (problem: string): void => {
        failure = Effect.failSync(() => OpenAiError.malformed(asked, head.requestId, problem))
      }

      const readEvent = (item: Sse.Item, events: Array<ServerEvent>): void => {
        if (item.type === "comment") {
          events.push(item)
          return
        }
        const { data, event } = item
        if (data.trim() === "[DONE]") {
          if (hasData) events.push({ type: "done" })
          return
        }
        const json = ExactJson.parse(data)
        if (Result.isFailure(json)) {
          if (event === "error") fail(data)
          else if (event === "message") spoil("the stream holds an event that is not JSON")
          else events.push(comment)
          return
        }
        hasData = true
        if (tellsFailure(event, json.success)) fail(json.success)
        else events.push({ type: "data", event, data: json.success })
      }

      const read = (chunks: ReadonlyArray<Uint8Array>): ReadonlyArray<ServerEvent> => {
        const events: Array<ServerEvent> = []
        for (const chunk of chunks) {
          const items = parser.feed(chunk)
          if (items === undefined) {
            spoil(`the stream holds an event of more than ${Sse.longest} characters`)
            return events
          }
          for (const item of items) {
            readEvent(item, events)
            if (failure !== undefined) return events
          }
        }
        return events
      }

      const next: Pull.Pull<Arr.NonEmptyReadonlyArray<ServerEvent>, ProviderError.CallError> = Effect.suspend(() =>
        failure ?? Effect.flatMap(pulled, (chunks) => {
          const events = read(chunks)
          return Arr.isReadonlyArrayNonEmpty(events) ? Effect.succeed(events) : next
        })
      )

      const pulled = pull.pipe(
        Effect.mapError((error) => Cause.isDone(error) ? error : Network.classify(asked, error)),
        Pull.catchDone((): Pull.Pull<never, ProviderError.CallError> =>
          hasData
            ? Cause.done()
            : Effect.failSync(() => Network.classify(asked, undefined, "the stream ended without any event"))
        )
      )

      return next
    }))

const comment: ServerEvent = { type: "comment" }

/** OpenAI's `{"error": …}` in an event of any name; vLLM's `{"object": "error"}`; an event `error`, whatever it holds. */
const tellsFailure = (event: string, data: unknown): boolean =>
  event === "error" ||
  Predicate.isObject(data) && !Array.isArray(data) &&
    (isFailure(data["error"]) && !Array.isArray(data["choices"]) || data["object"] === "error" ||
      data["type"] === "error")

const isFailure = (error: unknown): boolean => typeof error === "string" ? error !== "" : Predicate.isObject(error)

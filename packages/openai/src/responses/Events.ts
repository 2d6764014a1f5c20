/**
 * Decodes the events of a stream of the Responses API. It is complete after `response.completed` or `response.incomplete`, or
 * after `[DONE]` alone; one that ends before fails, and a call that is still open then is never handed out.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { ServerEvent } from "../client/Answer.ts"
import * as Network from "../error/Network.ts"
import type { Asked } from "./Asked.ts"
import * as Decoder from "./Decoder.ts"

/** The events of ours, with one `finish` at the end. Fails with `ConnectionError` where the server's end before the answer does. */
export const decode = <E, R>(
  events: Stream.Stream<ServerEvent, E, R>,
  asked: Asked
): Stream.Stream<ChatEvent.ChatEvent, E | ProviderError.CallError, R> =>
  // One step for each pull: a combinator for each of its cases would cost more than decoding.
  Stream.transformPull(events, (pull) =>
    Effect.sync(() => {
      const decoder = Decoder.make(asked)
      let problem: ProviderError.CallError | undefined
      const read = (batch: ReadonlyArray<ServerEvent>): Array<ChatEvent.ChatEvent> => {
        const decoded: Array<ChatEvent.ChatEvent> = []
        for (const event of batch) {
          if (event.type === "data") problem = decoder.add(event.data, event.event, decoded)
          else if (event.type === "done") problem = decoder.done(decoded)
          if (problem !== undefined) break
        }
        return decoded
      }
      const next: Pulled<E, R> = Effect.suspend(() =>
        problem === undefined
          ? Effect.matchEffect(pull, {
            onSuccess: (batch): Pulled<E, R> => {
              const decoded = read(batch)
              // What came before a failure is not lost.
              return Arr.isArrayNonEmpty(decoded) ? Effect.succeed(decoded) : next
            },
            // A failure after the end of the answer does not invalidate it.
            onFailure: (error): Pulled<E, R> =>
              decoder.isComplete()
                ? Cause.done()
                : Effect.fail(Cause.isDone(error) ? truncated(asked) : error)
          })
          : Effect.fail(problem)
      )
      return next
    }))

type Pulled<E, R> = Pull.Pull<
  Arr.NonEmptyReadonlyArray<ChatEvent.ChatEvent>,
  E | ProviderError.CallError,
  void,
  R
>

const truncated = (asked: Asked): ProviderError.CallError =>
  Network.classify(asked, undefined, "the stream ended before the answer was complete")

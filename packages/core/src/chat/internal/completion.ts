/**
 * Holds a provider to its word: nothing comes after `finish`, and no stream ends without it.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as ProviderError from "../../ProviderError.ts"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatRequest from "../ChatRequest.ts"

/** Who streams, and under which name. */
interface Provider {
  readonly provider: string
  readonly stream: (
    request: ChatRequest.Resolved
  ) => Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError>
}

/**
 * The stream of a provider, up to its `finish`.
 *
 * What the provider still has to say after that is read and dropped, for a moment at most: a connection whose answer was
 * not read to its end cannot be used again.
 */
export const complete = (
  provider: Provider,
  request: ChatRequest.Resolved
): Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError> =>
  Stream.transformPull(
    Stream.suspend(() => provider.stream(request)),
    (pull) =>
      Effect.sync(() => {
        let finished = false
        const rest = Effect.ignoreCause(Effect.timeoutOption(Effect.forever(pull), "1 second"))
        const next: Pull.Pull<Arr.NonEmptyReadonlyArray<ChatEvent.ChatEvent>, ProviderError.ChatStreamError> = Effect
          .map(
            pull,
            (events) => {
              const end = events.findIndex((event) => event.type === "finish")
              finished = end >= 0
              const kept = events.slice(0, end + 1)
              return Arr.isReadonlyArrayNonEmpty(kept) ? kept : events
            }
          ).pipe(
            Pull.catchDone(() =>
              Effect.fail(
                new ProviderError.ConnectionError({
                  provider: provider.provider,
                  model: request.model,
                  message:
                    `The stream of ${request.model} of ${provider.provider} ended before the answer was complete. Ask again.`
                })
              )
            )
          )
        return Effect.suspend(() => finished ? Effect.andThen(rest, Cause.done()) : next)
      })
  )

/**
 * Completes the answers of a provider: adds its name and the cost, and lets every stream end with exactly one `finish`.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as Costing from "../../policy/internal/budget/costing.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatResponse from "../ChatResponse.ts"

type Events = Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError>

/** For the answers of one service, by the prices in force. */
export const make = Effect.map(Costing.make, (costing) => {
  const response = <O extends ChatResponse.Outcome>(target: Telemetry.Target, outcome: O): Effect.Effect<O> =>
    Effect.flatMap(costing.record(target, outcome.usage, outcome.model), (cost) =>
      Effect.as(
        cost === undefined ? Effect.void : Telemetry.annotate({ "strata.cost.usd": cost.total }),
        { ...outcome, provider: target.provider, ...(cost !== undefined && { cost }) }
      ))

  const stream = (target: Telemetry.Target, events: Events): Events =>
    Stream.transformPull(events, (pull) =>
      Effect.sync(() => {
        let finished = false
        // What follows `finish` is read and dropped: a connection that was not read to its end cannot be used again.
        const rest = Effect.ignoreCause(Effect.timeoutOption(Effect.forever(pull), "1 second"))
        const next: Pull.Pull<Arr.NonEmptyReadonlyArray<ChatEvent.ChatEvent>, ProviderError.ChatStreamError> = pull
          .pipe(
            Effect.flatMap((events) => {
              const end = events.findIndex(({ type }) => type === "finish")
              const last = events[end]
              if (last?.type !== "finish") return Effect.succeed(events)
              finished = true
              return Effect.map(response(target, last), (finish) => Arr.append(events.slice(0, end), finish))
            }),
            Pull.catchDone(() => Effect.fail(incomplete(target)))
          )
        return Effect.suspend(() => finished ? Effect.andThen(rest, Cause.done()) : next)
      }))

  return { response, stream }
})

const incomplete = ({ model, provider }: Telemetry.Target) =>
  new ProviderError.ConnectionError({
    provider,
    model,
    message: `The stream of ${model} of ${provider} ended before the answer was complete. Ask again.`
  })

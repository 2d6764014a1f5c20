/** The span and the metrics around one embedding call. Texts are never recorded. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as Call from "./call.ts"

export const operation = <A, E extends ProviderError.EmbeddingError, R>(
  call: Call.Call,
  self: Effect.Effect<A, E, R>,
  outcome: (value: A) => Outcome
): Effect.Effect<A, E, R> =>
  !call.isRecorded ? self : Effect.flatMap(Clock.currentTimeMillis, (start) =>
    self.pipe(
      Effect.tap((value) => recordOutcome(call, outcome(value))),
      Effect.onExit((exit) => Telemetry.recordEnd(call.target, start, exit))
    )).pipe(Effect.withSpan(...spanOf(call)))

/** The span of a stream lasts until it ends. */
export const stream = <A, E, R>(
  call: Call.Call,
  self: Stream.Stream<A, E, R>,
  outcome: () => Outcome
): Stream.Stream<A, E, R> =>
  !call.isRecorded ? self : Stream.unwrap(
    Effect.map(Clock.currentTimeMillis, (start) =>
      Stream.onExit(self, (exit) =>
        Effect.andThen(recordOutcome(call, outcome()), Telemetry.recordEnd(call.target, start, ending(exit)))))
  ).pipe(Stream.withSpan(...spanOf(call)))

/** What a call embedded and what it took, where known. */
export interface Outcome {
  readonly inputs: number
  readonly requests?: number | undefined
  readonly inputTokens: number | undefined
}

const spanOf = ({ options: { dimensions }, target }: Call.Call) => {
  const { name, options } = Telemetry.span(target, { "gen_ai.embeddings.dimension.count": dimensions })
  return [name, options] as const
}

const recordOutcome = (call: Call.Call, { inputTokens, inputs, requests }: Outcome): Effect.Effect<void> =>
  Telemetry.annotate({
    "gen_ai.usage.input_tokens": inputTokens,
    "strata.embeddings.inputs": inputs,
    "strata.embeddings.requests": requests,
    "strata.cost.usd": call.costOf(inputTokens)?.total
  })

/** A failure of the stream of values is not the provider's: it is recorded as a defect. */
const ending = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, ProviderError.ProviderError> => {
  if (Exit.isSuccess(exit)) return Exit.void
  return Option.match(Cause.findErrorOption(exit.cause), {
    onNone: () => Cause.hasInterruptsOnly(exit.cause) ? Exit.interrupt() : Exit.die(exit.cause),
    onSome: (error) => ProviderError.isProviderError(error) ? Exit.fail(error) : Exit.die(error)
  })
}

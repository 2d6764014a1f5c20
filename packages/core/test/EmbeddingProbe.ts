/**
 * A provider of texts for tests: what was sent, how much concurrently, and what was interrupted.
 */
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import * as Policy from "../src/policy/Policy.ts"
import type * as ProviderError from "../src/ProviderError.ts"

export type Answer = (
  batch: Embedding.BatchOf<"text", string>
) => Effect.Effect<Embedding.ProviderBatchResult, ProviderError.CallError>

/** The service of a scripted provider, with its counters. */
export const make = Effect.fnUntraced(function*(options: {
  readonly answer?: Answer
  readonly limits?: Partial<Embedding.Limits>
  readonly policy?: Policy.Policy
  readonly coalesce?: EmbeddingService.Provider["coalesce"]
}) {
  const probe = {
    sent: [] as Array<ReadonlyArray<string>>,
    inFlight: 0,
    mostInFlight: 0,
    interrupted: 0
  }
  const answer = options.answer ?? numbered
  const service = yield* EmbeddingService.make({
    provider: "probe",
    defaultModel: "probe-1",
    limits: () => Effect.succeed({ maxItems: 4, maxLength: 100, ...options.limits }),
    policy: options.policy ?? Policy.none,
    coalesce: options.coalesce,
    embedBatch: (batch) =>
      Effect.suspend(() => {
        if (batch.kind !== "text") return Effect.die(`a request of kind ${batch.kind}`)
        probe.sent.push(batch.inputs)
        probe.inFlight++
        probe.mostInFlight = Math.max(probe.mostInFlight, probe.inFlight)
        return answer(batch)
      }).pipe(
        Effect.onInterrupt(() => Effect.sync(() => probe.interrupted++)),
        Effect.ensuring(Effect.sync(() => probe.inFlight--))
      )
  })
  return { service, probe }
})

/** The vector of a text that ends in a number is that number, and a text is as many tokens. */
export const numbered: Answer = ({ inputs }) =>
  Effect.succeed({
    vectors: inputs.map((input) => Float32Array.of(numberOf(input))),
    inputTokens: inputs.reduce((sum, input) => sum + numberOf(input), 0)
  })

export const numberOf = (input: string): number => Number(input.match(/\d+$/u)?.[0] ?? 0)

/** `count` texts that end in the numbers from 1. */
export const texts = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `text ${index + 1}`)

/** Lets every fiber run as far as it can without time passing: some steps of a stream yield more than once. */
export const settled: Effect.Effect<void> = Effect.forEach([1, 2, 3], () => TestClock.adjust("0 millis"), {
  discard: true
})

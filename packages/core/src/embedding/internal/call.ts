/** One embedding call: its options, validated, and how it sends requests. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Cost from "../../Cost.ts"
import * as TextTokens from "../../internal/textTokens.ts"
import type * as Costing from "../../policy/internal/budget/costing.ts"
import type * as Enforcement from "../../policy/internal/enforcement.ts"
import type * as Gates from "../../policy/internal/gates.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as RequestMetadata from "../../RequestMetadata.ts"
import * as Telemetry from "../../Telemetry.ts"
import * as Usage from "../../Usage.ts"
import * as Embedding from "../Embedding.ts"
import * as Validation from "./validation.ts"

/**
 * `options` are those of the provider, `truncate` that of the caller. Only calls of the same `gates` and `metadata` share
 * requests. `isRecorded`: whether it has a span and metrics; what passes requests on to other services has none.
 */
export interface Call {
  readonly target: Telemetry.Target
  readonly options: Embedding.ResolvedOptions
  readonly truncate: NonNullable<Embedding.EmbeddingOptions["truncate"]>
  readonly limits: Embedding.Limits
  readonly send: Embedding.Provider["embedBatch"]
  readonly concurrency: number
  readonly isRecorded: boolean
  readonly gates: ReadonlyArray<object>
  readonly metadata: RequestMetadata.Pairs
  readonly costOf: (inputTokens: number | undefined, model?: string) => Cost.Cost | undefined
}

/** Validates the options of a call, which may be any value. */
export const make = Effect.fnUntraced(function*(
  provider: Embedding.Provider,
  { budgets, enforcement }: Gates.Gates,
  costing: Costing.Costing,
  given: unknown
): Effect.fn.Return<Call, ProviderError.EmbeddingError> {
  const prepared = yield* prepare(provider, costing, given)
  const { metadata, target } = prepared
  return {
    ...prepared,
    isRecorded: true,
    gates: [enforcement, ...budgets],
    concurrency: enforcement.window,
    send: (batch) => {
      const answered = Effect.flatMap(
        Effect.suspend(() => provider.embedBatch(batch)),
        (answer) => checked(target, batch, answer)
      )
      const cost: Enforcement.Metering<never>["cost"] = (clock, usage, model) =>
        costing.cost(clock, target, usage, model)
      return enforcement.call(answered, target, { ...metering(batch, metadata), cost }, budgets).pipe(
        Effect.tap(({ inputTokens, model }) =>
          inputTokens === undefined ? Effect.void : Effect.andThen(
            Telemetry.recordTokens(target, "input", inputTokens),
            costing.record(target, Usage.make({ inputTokens }), model)
          )
        )
      )
    }
  }
})

/** A call that others than this provider send, `window` requests at once: they record it, and it is theirs to limit. */
export const passedOn = Effect.fnUntraced(function*(
  provider: Embedding.Provider,
  costing: Costing.Costing,
  window: number,
  given: unknown
): Effect.fn.Return<Call, ProviderError.EmbeddingError> {
  const prepared = yield* prepare(provider, costing, given)
  const send: Call["send"] = (batch) =>
    Effect.flatMap(provider.embedBatch(batch), (answer) => checked(prepared.target, batch, answer))
  return { ...prepared, isRecorded: false, gates: [], concurrency: window, send }
})

const prepare = Effect.fnUntraced(function*(provider: Embedding.Provider, costing: Costing.Costing, given: unknown) {
  const { options, truncate } = yield* Validation.resolve(provider, given)
  const target = targetOf(provider, options.model)
  const metadata = yield* provider.metering?.metadata?.(options) ?? RequestMetadata.RequestMetadata
  const clock = yield* Clock.Clock
  const costOf: Call["costOf"] = (inputTokens, model) =>
    inputTokens === undefined ? undefined : costing.cost(clock, target, Usage.make({ inputTokens }), model)
  return { target, metadata, options, truncate, costOf, limits: yield* provider.limits(options) }
})

export const targetOf = ({ metering, provider }: Embedding.Provider, model: string): Telemetry.Target => ({
  operation: "embeddings",
  provider,
  model,
  scope: metering?.scope?.(model)
})

const metering = (
  { inputs }: Embedding.ProviderBatch,
  metadata: RequestMetadata.Pairs
): Enforcement.Metering<Embedding.ProviderBatchResult> => ({
  metadata: Effect.succeed(metadata),
  outputBurndown: 1,
  bill: ({ inputTokens, model }) =>
    inputTokens === undefined ? undefined : { usage: Usage.make({ inputTokens }), model },
  load: () => Effect.sync(() => ({ inputTokens: tokensOf(inputs), outputTokens: 0 })),
  consumed: ({ inputTokens }) => inputTokens === undefined ? undefined : { inputTokens, outputTokens: 0 }
})

export const tokensOf = (inputs: ReadonlyArray<Embedding.Input>): number => {
  let tokens = 0
  for (const input of inputs) {
    tokens += perInput + TextTokens.count(Embedding.textOf(input) ?? "")
    if (typeof input !== "string" && input.image !== undefined) tokens += perImage
  }
  return Math.ceil(tokens)
}

/** Models add a few special tokens to an input. */
const perInput = 3
const perImage = 1600

/** Refuses an answer without one vector of the right type and dimensions for each input. */
const checked = (
  target: Telemetry.Target,
  { inputs, options }: Embedding.ProviderBatch,
  answer: Embedding.ProviderBatchResult
): Effect.Effect<Embedding.ProviderBatchResult, ProviderError.MalformedResponseError> => {
  const problem = answer.vectors.length === inputs.length
    ? vectorProblem(answer.vectors, options)
    : `${answer.vectors.length} vectors for ${inputs.length} inputs`
  return problem === undefined
    ? Effect.succeed(answer)
    : Effect.fail(malformed(target, `answered with ${problem}. Ask again, or use another model.`))
}

/** A provider that does other than it should; `problem` says what. */
export const malformed = (target: Telemetry.Target, problem: string): ProviderError.MalformedResponseError =>
  new ProviderError.MalformedResponseError({
    provider: target.provider,
    model: target.model,
    message: `${Telemetry.nameOf(target)} ${problem}`
  })

const vectorProblem = (
  vectors: ReadonlyArray<Embedding.Vector>,
  { dimensions, vectorType }: Embedding.ResolvedOptions
): string | undefined => {
  const length = vectors[0]?.length
  const array = arrays[vectorType]
  const asked = dimensions !== undefined && vectorType === "binary" ? Math.ceil(dimensions / 8) : dimensions
  for (const vector of vectors) {
    if (!(vector instanceof array)) return `vectors of another type than the ${vectorType} asked for`
    if (vector.length === 0) return "an empty vector"
    if (vector.length !== length) return `vectors of different lengths: ${length} and ${vector.length}`
    if (asked !== undefined && length !== asked) {
      return `vectors of length ${length} instead of ${asked} for ${dimensions} dimensions`
    }
  }
}

const arrays = { float: Float32Array, int8: Int8Array, uint8: Uint8Array, binary: Uint8Array } as const

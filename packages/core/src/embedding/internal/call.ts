/**
 * Embeds several inputs: validates them, plans and executes the requests, and assigns the vectors.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Cost from "../../Cost.ts"
import * as TextTokens from "../../internal/textTokens.ts"
import type * as Costing from "../../policy/internal/budget/costing.ts"
import type * as Enforcement from "../../policy/internal/enforcement.ts"
import type * as Gates from "../../policy/internal/gates.ts"
import type * as Quota from "../../policy/Quota.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import * as Usage from "../../Usage.ts"
import * as Embedding from "../Embedding.ts"
import type * as Capacity from "./capacity.ts"
import * as Execution from "./execution.ts"
import * as Inputs from "./inputs.ts"
import * as Plan from "./plan.ts"
import * as Validation from "./validation.ts"

/**
 * One call with its options validated.
 *
 * - `send`: one request under the policy; its answer is valid.
 * - `concurrency`: requests this call may have in flight.
 * - `gates`: policy and budgets, by reference: only calls with the same ones share requests.
 * - `costOf`: the cost of tokens, when they are counted and priced.
 */
export interface Call extends Validation.Resolved {
  readonly target: Telemetry.Target
  readonly send: Execution.Send
  readonly concurrency: number
  readonly gates: ReadonlyArray<object>
  readonly costOf: (inputTokens: number | undefined) => Cost.Cost | undefined
}

export interface InForce extends Gates.Gates {
  readonly costing: Costing.Costing
}

/** Validates the options of a call, which may be any value. */
export const make = (
  provider: Validation.Provider & {
    readonly embedBatch: Execution.Send
    readonly metering?: Quota.Metering | undefined
  },
  { budgets, costing, enforcement }: InForce,
  options: unknown
): Effect.Effect<Call, ProviderError.EmbeddingError> =>
  Effect.map(Validation.resolve(provider, options), (resolved) => {
    const { model } = resolved.options
    const target: Telemetry.Target = {
      operation: "embeddings",
      provider: provider.provider,
      model,
      scope: provider.metering?.scope?.(model)
    }
    return {
      ...resolved,
      target,
      gates: [enforcement, ...budgets],
      concurrency: enforcement.window,
      costOf: (inputTokens) =>
        inputTokens === undefined ? undefined : costing.cost(target, Usage.make({ inputTokens })),
      send: (batch) => {
        const meter = metering(batch)
        const answered = Effect.flatMap(provider.embedBatch(batch), (answer) => checked(target, batch, answer))
        return enforcement.call(answered, target, meter, budgets).pipe(
          Effect.tap(({ inputTokens }) => Telemetry.recordTokens(target, "input", inputTokens)),
          Effect.tap((answer) => {
            const billed = bill(answer)
            return billed === undefined ? Effect.void : costing.record(target, billed.usage)
          })
        )
      }
    }
  })

/** All or nothing. Inputs may be any values; `offset` is the index of the first one in errors. */
export const embedMany = (
  call: Call,
  inputs: ReadonlyArray<unknown>,
  offset = 0
): Effect.Effect<Embedding.EmbeddingBatch, ProviderError.EmbeddingError> =>
  Effect.suspend(() => {
    const contents: Array<Capacity.Content> = []
    for (const [position, input] of inputs.entries()) {
      const checked = Inputs.check(call.target.provider, call, input)
      if (Result.isFailure(checked)) return Effect.fail(checked.failure(`inputs[${offset + position}]`))
      contents.push(checked.success)
    }
    const plan = Plan.make(contents, call.limits)
    const settled: Array<Embedding.Embedding> = []
    return Effect.map(
      Execution.execute(plan, {
        ...call,
        onEmbedding: (slot, embedding) => settled[slot] = priced(call, embedding),
        onFailure: ([slot], failure) => Effect.fail(failure(`inputs[${offset + plan.slots.indexOf(slot!)}]`))
      }),
      ({ inputTokens, requests }): Embedding.EmbeddingBatch => ({
        embeddings: Array.from(plan.slots, (slot) => settled[slot]!),
        usage: { inputTokens },
        model: call.options.model,
        requests,
        ...costed(call, inputTokens)
      })
    )
  })

/** One result for each input, which may be any value, and their cost. */
export const embedEach = (
  call: Call,
  inputs: ReadonlyArray<unknown>
): Effect.Effect<
  Execution.Cost & { readonly results: ReadonlyArray<Result.Result<Embedding.Embedding, ProviderError.EmbeddingError>> }
> =>
  Effect.suspend(() => {
    const checked = inputs.map((input) => Inputs.check(call.target.provider, call, input))
    const plan = Plan.make(checked.filter(Result.isSuccess).map(({ success }) => success), call.limits)
    const settled: Array<Result.Result<Embedding.Embedding, Validation.Failure>> = []
    return Effect.map(
      Execution.execute(plan, {
        ...call,
        onEmbedding: (slot, embedding) => settled[slot] = Result.succeed(priced(call, embedding)),
        onFailure: (slots, failure) => Effect.sync(() => slots.forEach((slot) => settled[slot] = Result.fail(failure)))
      }),
      (cost) => {
        let next = 0
        const results = checked.map((content, position) =>
          Result.mapError(
            Result.flatMap(content, () => settled[plan.slots[next++]!]!),
            (failure) => failure(`inputs[${position}]`)
          )
        )
        return { ...cost, results }
      }
    )
  })

/** An embedding with its cost, when its tokens are counted and priced. */
export const priced = (call: Call, embedding: Embedding.Embedding): Embedding.Embedding => ({
  ...embedding,
  ...costed(call, embedding.inputTokens)
})

const costed = (call: Call, inputTokens: number | undefined): Pick<Embedding.Embedding, "cost"> => {
  const cost = call.costOf(inputTokens)
  return cost === undefined ? {} : { cost }
}

const bill = ({ inputTokens }: Embedding.ProviderBatchResult): { readonly usage: Usage.Usage } | undefined =>
  inputTokens === undefined ? undefined : { usage: Usage.make({ inputTokens }) }

/** An embedding has input tokens only. */
const metering = ({ inputs }: Embedding.ProviderBatch): Enforcement.Metering<Embedding.ProviderBatchResult> => ({
  outputBurndown: 1,
  bill,
  load: () => Effect.sync(() => ({ inputTokens: tokensOf(inputs), outputTokens: 0 })),
  consumed: ({ inputTokens }) => inputTokens === undefined ? undefined : { inputTokens, outputTokens: 0 }
})

/** An estimate of the tokens of one request. */
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
    : Effect.fail(
      new ProviderError.MalformedResponseError({
        provider: target.provider,
        model: target.model,
        message: `${Telemetry.nameOf(target)} answered with ${problem}. Ask again, or use another model.`
      })
    )
}

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

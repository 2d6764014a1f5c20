/** Embeds inputs: validates them, plans and sends the requests, and gives each input its vector. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as ProviderError from "../../ProviderError.ts"
import type * as Embedding from "../Embedding.ts"
import * as Bisection from "./bisection.ts"
import * as Call from "./call.ts"
import * as Chunks from "./chunks.ts"
import * as Fitting from "./fitting.ts"
import * as Inputs from "./inputs.ts"
import * as Plan from "./plan.ts"
import * as Validation from "./validation.ts"

/** The vector of an input, or why it has none. */
export type Outcome = Result.Result<Embedding.Embedding, ProviderError.EmbeddingError>

/** Answered requests, and their tokens when all of them were counted. */
export interface Cost {
  readonly requests: number
  readonly inputTokens: number | undefined
}

/** All or nothing. Inputs may be any values; `offset` is the index of the first one in errors. */
export const embedMany = (
  call: Call.Call,
  inputs: ReadonlyArray<unknown>,
  offset = 0
): Effect.Effect<Embedding.EmbeddingBatch, ProviderError.EmbeddingError> =>
  Effect.suspend(() => {
    const embeddings: Array<Embedding.Embedding> = []
    const settle = (position: number, outcome: Outcome) => {
      if (Result.isFailure(outcome)) return outcome.failure
      embeddings[position] = outcome.success
    }
    return Effect.map(
      embed(call, inputs, (position) => `inputs[${offset + position}]`, settle),
      ({ inputTokens, requests }): Embedding.EmbeddingBatch => ({
        embeddings,
        usage: { inputTokens },
        model: embeddings[0]?.model ?? call.options.model,
        requests,
        ...priced(call, { model: call.options.model, inputTokens })
      })
    )
  })

/** One outcome for each input, which may be any value. */
export const embedEach = (
  call: Call.Call,
  inputs: ReadonlyArray<unknown>
): Effect.Effect<Embedding.EmbeddingResults> =>
  Effect.suspend(() => {
    const results: Array<Outcome> = []
    const settle = (position: number, outcome: Outcome) => {
      results[position] = outcome
      return undefined
    }
    return Effect.map(
      embed<never>(call, inputs, (position) => `inputs[${position}]`, settle),
      ({ inputTokens, requests }) => ({
        results,
        usage: { inputTokens },
        model: results.find(Result.isSuccess)?.success.model ?? call.options.model,
        requests,
        ...priced(call, { model: call.options.model, inputTokens })
      })
    )
  })

/**
 * Embeds inputs, which may be any values.
 *
 * - `fieldOf`: the name of an input in errors.
 * - `settle`: called with the outcome of each input as soon as it is known; an error it returns stops the others.
 */
export const embed = Effect.fnUntraced(function*<E>(
  call: Call.Call,
  inputs: ReadonlyArray<unknown>,
  fieldOf: (position: number) => string,
  settle: (position: number, outcome: Outcome) => E | undefined
): Effect.fn.Return<Cost, E> {
  const valid: Array<Plan.Content | undefined> = []
  for (const [position, input] of inputs.entries()) {
    const content = Inputs.check(call, input)
    valid.push(Result.getOrUndefined(content))
    if (Result.isSuccess(content)) continue
    const stop = settle(position, Result.fail(content.failure(fieldOf(position))))
    if (stop !== undefined) return yield* Effect.fail(stop)
  }
  const { batches, contents, items, owners } = Plan.make(valid, call.limits)
  let requests = 0
  let inputTokens: number | undefined = 0

  const arrived: Array<ReadonlyArray<Chunks.Piece>> = []
  // Pieces each item waits for; none once it is settled.
  const missing = Int32Array.from(items, ({ pieces }) => pieces.length === 1 ? 1 : new Set(pieces).size)

  const arrive = (place: number, outcome: Result.Result<ReadonlyArray<Chunks.Piece>, Validation.Failure>) => {
    if (Result.isSuccess(outcome)) arrived[place] = outcome.success
    for (const number of owners?.[place] ?? [place]) {
      const before = missing[number]!
      const after = Result.isFailure(outcome) ? 0 : before - 1
      missing[number] = after
      if (before <= 0 || after > 0) continue
      const { pieces, positions } = items[number]!
      const whole = Result.flatMap(outcome, () => wholeOf(call, pieces.flatMap((place) => arrived[place]!)))
      for (const position of positions) {
        const stop = settle(position, Result.mapError(whole, (failure) => failure(fieldOf(position))))
        if (stop !== undefined) return stop
      }
    }
  }

  const deliver = (
    batch: Plan.Batch,
    outcomeOf: (index: number) => Result.Result<ReadonlyArray<Chunks.Piece>, Validation.Failure>
  ): Effect.Effect<undefined, E> =>
    Effect.suspend(() => {
      for (const [index, place] of batch.entries()) {
        const stop = arrive(place, outcomeOf(index))
        if (stop !== undefined) return Effect.fail(stop)
      }
      return Effect.undefined
    })

  const sendAll = (contents: ReadonlyArray<Plan.Content>) =>
    Effect.map(call.send(Plan.request(contents, call.options)), (answer): ReadonlyArray<Chunks.Piece> => {
      const own = contents.length === 1 && answer.inputTokens !== undefined ? { inputTokens: answer.inputTokens } : {}
      requests++
      inputTokens = Chunks.sum([inputTokens, answer.inputTokens])
      const { lane, model = call.options.model } = answer
      const common = { model, ...own, ...(lane !== undefined && { lane }) }
      return contents.map((content, index) => ({
        embedding: { vector: answer.vectors[index]!, ...common },
        length: typeof content === "string" ? content.length : 0
      }))
    })

  const sendOne = (content: Plan.Content) => Effect.map(sendAll([content]), ([piece]) => piece!)

  const attempt = (batch: Plan.Batch) =>
    Effect.matchEffect(sendAll(batch.map((place) => contents[place]!)), {
      onFailure: Effect.succeed,
      onSuccess: (pieces) => deliver(batch, (index) => Result.succeed([pieces[index]!]))
    })

  const refuse = Effect.fnUntraced(function*(batch: Plan.Batch, error: ProviderError.EmbeddingError) {
    if (batch.length > 1) return yield* deliver(batch, () => Result.fail(() => error))
    const pieces = yield* Effect.result(Fitting.send(call, contents[batch[0]!]!, error, sendOne))
    yield* deliver(batch, () => Result.mapError(pieces, (error) => (field) => Validation.at(error, field)))
  })

  yield* Effect.forEach(batches, Bisection.make({ attempt, refuse }), { concurrency: call.concurrency, discard: true })
  return { requests, inputTokens }
})

/** The embedding of an input, from those of its pieces. */
const wholeOf = (
  call: Call.Call,
  pieces: ReadonlyArray<Chunks.Piece>
): Result.Result<Embedding.Embedding, Validation.Failure> => {
  const [{ embedding }, ...others] = pieces as [Chunks.Piece, ...ReadonlyArray<Chunks.Piece>]
  if (others.some((other) => other.embedding.vector.length !== embedding.vector.length)) {
    const error = Call.malformed(call.target, "answered with vectors of different lengths. Ask for `dimensions`.")
    return Result.fail(() => error)
  }
  const whole = others.length === 0 ? embedding : Chunks.average(pieces, call.options)
  return Result.succeed({ ...whole, ...priced(call, whole) })
}

const priced = (
  call: Call.Call,
  { inputTokens, model }: Pick<Embedding.Embedding, "model" | "inputTokens">
): Pick<Embedding.Embedding, "cost"> => {
  const cost = call.costOf(inputTokens, model)
  return cost === undefined ? {} : { cost }
}

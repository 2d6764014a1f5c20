/**
 * Embeds inputs: validates them, plans and sends the requests, and gives each input its vector.
 */
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
    return Effect.map(
      embed(call, inputs, (position) =>
        `inputs[${offset + position}]`, (position, outcome) =>
        Effect.map(Effect.fromResult(outcome), (embedding) => {
          embeddings[position] = embedding
        })),
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
): Effect.Effect<Cost & { readonly results: ReadonlyArray<Outcome> }> =>
  Effect.suspend(() => {
    const results: Array<Outcome> = []
    return Effect.map(
      embed(call, inputs, (position) => `inputs[${position}]`, (position, outcome) =>
        Effect.sync(() => {
          results[position] = outcome
        })),
      (cost) => ({ ...cost, results })
    )
  })

/**
 * Embeds inputs, which may be any values. `settle` gets the outcome of each as soon as it is known, and stops the others
 * when it fails; `fieldOf` names an input in errors.
 */
export const embed = Effect.fnUntraced(function*<E>(
  call: Call.Call,
  inputs: ReadonlyArray<unknown>,
  fieldOf: (position: number) => string,
  settle: (position: number, outcome: Outcome) => Effect.Effect<void, E>
): Effect.fn.Return<Cost, E> {
  const valid: Array<Plan.Content | undefined> = []
  for (const [position, input] of inputs.entries()) {
    const content = Inputs.check(call, input)
    valid.push(Result.getOrUndefined(content))
    if (Result.isFailure(content)) yield* settle(position, Result.fail(content.failure(fieldOf(position))))
  }
  const { batches, contents, items } = Plan.make(valid, call.limits)
  let requests = 0
  let inputTokens: number | undefined = 0

  // Those with `missing` pieces are not settled yet.
  const waiting = items.map((item) => ({ ...item, missing: new Set(item.pieces).size }))
  const owners = contents.map((): Array<typeof waiting[number]> => [])
  for (const item of waiting) new Set(item.pieces).forEach((place) => owners[place]!.push(item))
  const arrived: Array<ReadonlyArray<Chunks.Piece>> = []

  const deliver = (place: number, outcome: Result.Result<ReadonlyArray<Chunks.Piece>, Validation.Failure>) => {
    if (Result.isSuccess(outcome)) arrived[place] = outcome.success
    return Effect.forEach(owners[place]!, (item) => {
      const { missing, pieces, positions } = item
      item.missing = Result.isFailure(outcome) ? 0 : missing - 1
      if (missing <= 0 || item.missing > 0) return Effect.void
      const whole = Result.flatMap(outcome, () => wholeOf(call, pieces.flatMap((place) => arrived[place]!)))
      return Effect.forEach(
        positions,
        (position) => settle(position, Result.mapError(whole, (failure) => failure(fieldOf(position)))),
        { discard: true }
      )
    }, { discard: true })
  }

  const sendAll = (contents: ReadonlyArray<Plan.Content>) =>
    Effect.map(call.send(Plan.request(contents, call.options)), (answer): ReadonlyArray<Chunks.Piece> => {
      const own = contents.length === 1 && answer.inputTokens !== undefined ? { inputTokens: answer.inputTokens } : {}
      requests++
      inputTokens = Chunks.sum([inputTokens, answer.inputTokens])
      return contents.map((content, index) => ({
        embedding: { vector: answer.vectors[index]!, model: answer.model ?? call.options.model, ...own },
        length: typeof content === "string" ? content.length : 0
      }))
    })

  const sendOne = (content: Plan.Content) => Effect.map(sendAll([content]), ([piece]) => piece!)

  const attempt = (batch: Plan.Batch) =>
    Effect.matchEffect(sendAll(batch.map((place) => contents[place]!)), {
      onFailure: Effect.succeed,
      onSuccess: (pieces) =>
        Effect.as(
          Effect.forEach(batch, (place, index) => deliver(place, Result.succeed([pieces[index]!])), { discard: true }),
          undefined
        )
    })

  const refuse = Effect.fnUntraced(function*(batch: Plan.Batch, error: ProviderError.EmbeddingError) {
    const [place, ...others] = batch
    if (place === undefined || others.length > 0) {
      return yield* Effect.forEach(batch, (place) => deliver(place, Result.fail(() => error)), { discard: true })
    }
    const pieces = yield* Effect.result(Fitting.send(call, contents[place]!, error, sendOne))
    yield* deliver(place, Result.mapError(pieces, (error) => (field) => Validation.at(error, field)))
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

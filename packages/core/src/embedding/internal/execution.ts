/**
 * Sends the batches of a plan, several concurrently, and bisects a refused one until only the bad inputs fail.
 */
import * as Effect from "effect/Effect"
import * as ProviderError from "../../ProviderError.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as Embedding from "../Embedding.ts"
import type * as Capacity from "./capacity.ts"
import * as Chunks from "./chunks.ts"
import * as Plan from "./plan.ts"
import * as Validation from "./validation.ts"

/** One request to a provider. */
export type Send = (
  batch: Embedding.ProviderBatch
) => Effect.Effect<Embedding.ProviderBatchResult, ProviderError.EmbeddingError>

/**
 * Callbacks with the slots of a plan.
 *
 * - `onEmbedding`: called for each input as soon as it has its vector.
 * - `onFailure`: called for inputs that failed; its own failure stops the execution.
 */
export interface Callbacks<E> {
  readonly onEmbedding: (slot: number, embedding: Embedding.Embedding) => void
  readonly onFailure: (slots: ReadonlyArray<number>, failure: Validation.Failure) => Effect.Effect<void, E>
}

/**
 * - `send`: one request under the policy; its answer has exactly one vector for each input.
 * - `concurrency`: requests in flight.
 * - `chunk`: whether a text the provider refuses as too long is embedded in pieces.
 */
export interface Options<E> extends Callbacks<E> {
  readonly target: Telemetry.Target
  readonly options: Embedding.ResolvedOptions
  readonly send: Send
  readonly concurrency: number
  readonly chunk: boolean
}

/** Answered requests, and their tokens when all of them were counted. */
export interface Cost {
  readonly requests: number
  readonly inputTokens: number | undefined
}

/** Inputs sent alone to tell invalid inputs from invalid options. */
const probes = 8

/**
 * Executes a plan.
 *
 * A batch refused with `InvalidRequestError` or `ContextLengthExceededError` is bisected: one bad input among `n` costs at
 * most `2 × ceil(log2(n))` more requests. Invalid options would cost `2n`. So when both halves are refused as invalid and
 * no request has been answered yet, up to {@link probes} inputs spread over the batch are sent alone. One answer proves the
 * options valid and the bisection goes on; if all fail with the same message, the rest of the batch, and every later batch
 * refused with that message, fails without bisection. This blames a good input only when all probes were bad. An error
 * about a field other than an input is never bisected.
 *
 * With `chunk`, a single text the provider refuses as too long is halved until its pieces are accepted.
 */
export const execute = <E>(plan: Plan.Plan, options: Options<E>): Effect.Effect<Cost, E> =>
  Effect.suspend(() => {
    let requests = 0
    let inputTokens: number | undefined = 0
    let dimensions: number | undefined
    let condemned: ProviderError.EmbeddingError | undefined

    const assembly = assemble(plan, options.options, options)

    const request = (contents: ReadonlyArray<Capacity.Content>) =>
      Effect.tap(options.send(Plan.request(contents, options.options)), (answer) =>
        Effect.suspend(() => {
          requests++
          inputTokens = inputTokens === undefined || answer.inputTokens === undefined
            ? undefined
            : inputTokens + answer.inputTokens
          dimensions ??= answer.vectors[0]?.length
          // Vectors of different requests may be averaged.
          return options.chunk && answer.vectors[0]?.length !== dimensions
            ? Effect.fail(uneven(options.target))
            : Effect.void
        }))

    const embedding = (
      { inputTokens, vectors }: Embedding.ProviderBatchResult,
      index: number
    ): Embedding.Embedding => ({
      vector: vectors[index]!,
      model: options.options.model,
      ...(vectors.length === 1 && inputTokens !== undefined ? { inputTokens } : undefined)
    })

    const attempt = (batch: Plan.Batch): Effect.Effect<ProviderError.EmbeddingError | undefined> =>
      Effect.match(request(batch.map((place) => plan.contents[place]!)), {
        onFailure: (error) => error,
        onSuccess: (answer) => {
          batch.forEach((place, index) => assembly.onEmbedding(place, embedding(answer, index), false))
          return undefined
        }
      })

    const halved = (text: string): Effect.Effect<Embedding.Embedding, ProviderError.EmbeddingError> =>
      Effect.map(
        Effect.forEach(Chunks.cut(text, Math.ceil(text.length / 2)), (piece) =>
          request([piece]).pipe(
            Effect.map((answer) => embedding(answer, 0)),
            Effect.catchTag("ContextLengthExceededError", (error) =>
              canHalve(piece) ? halved(piece) : Effect.fail(error)),
            Effect.map((embedding): Chunks.Piece => ({ embedding, length: piece.length }))
          )),
        Chunks.average
      )

    const settle = (batch: Plan.Batch): Effect.Effect<void, E> =>
      Effect.flatMap(attempt(batch), (error) =>
        error === undefined ? Effect.void : refused(batch, error))

    const refused = (batch: Plan.Batch, error: ProviderError.EmbeddingError): Effect.Effect<void, E> => {
      if (batch.length === 1) return alone(batch[0]!, error)
      const certain = !Validation.isAboutInputs(error) ||
        (requests === 0 && condemned !== undefined && isSame(condemned, error))
      return certain ? assembly.onFailure(batch, () => error) : search(batch, error)
    }

    const alone = (place: number, error: ProviderError.EmbeddingError): Effect.Effect<void, E> => {
      const text = plan.contents[place]
      const fail = (error: ProviderError.EmbeddingError) =>
        assembly.onFailure([place], (field) => Validation.at(error, field))
      return options.chunk && error._tag === "ContextLengthExceededError" && typeof text === "string" && canHalve(text)
        ? Effect.matchEffect(halved(text), {
          onFailure: fail,
          onSuccess: (embedding) => Effect.sync(() => assembly.onEmbedding(place, embedding, true))
        })
        : fail(error)
    }

    const search = Effect.fnUntraced(function*(batch: Plan.Batch, error: ProviderError.EmbeddingError) {
      const middle = Math.ceil(batch.length / 2)
      const left = batch.slice(0, middle)
      const right = batch.slice(middle)
      const leftError = yield* attempt(left)
      const rightError = yield* attempt(right)
      const invalid = [error, leftError, rightError].every((each) => each?._tag === "InvalidRequestError")
      if (requests === 0 && invalid && batch.length > 2) return yield* probe(batch, error)
      if (leftError !== undefined) yield* refused(left, leftError)
      if (rightError !== undefined) yield* refused(right, rightError)
    })

    const probe = Effect.fnUntraced(function*(batch: Plan.Batch, error: ProviderError.EmbeddingError) {
      const sample = spread(batch)
      const errors: Array<ProviderError.EmbeddingError> = []
      for (const slot of sample) {
        const own = yield* attempt([slot])
        if (own === undefined) continue
        errors.push(own)
        yield* refused([slot], own)
      }
      const rest = batch.filter((slot) => !sample.has(slot))
      if (rest.length === 0) return
      const isOptions = requests === 0 && errors.every((own) => isSame(own, error))
      if (!isOptions) return yield* settle(rest)
      condemned = error
      yield* assembly.onFailure(rest, () => error)
    })

    return Effect.map(
      Effect.forEach(plan.batches, settle, { concurrency: options.concurrency, discard: true }),
      (): Cost => ({ requests, inputTokens })
    )
  })

/** A piece of one code unit may be half a surrogate pair. */
const canHalve = (text: string): boolean => text.trim().length > 2

const uneven = (target: Telemetry.Target): ProviderError.MalformedResponseError =>
  new ProviderError.MalformedResponseError({
    provider: target.provider,
    model: target.model,
    message: `${Telemetry.nameOf(target)} answered the requests of one call with vectors of different lengths. ` +
      "Ask for `dimensions`."
  })

const isSame = (self: ProviderError.EmbeddingError, that: ProviderError.EmbeddingError): boolean =>
  self._tag === that._tag && wordsOf(self) === wordsOf(that)

/** Without the id of the request, which a message may hold. */
const wordsOf = ({ exception, message, providerMessage = message }: ProviderError.EmbeddingError): string =>
  `${exception}: ${providerMessage}`

const spread = (batch: Plan.Batch): ReadonlySet<number> => {
  const count = Math.min(probes, batch.length)
  return new Set(Array.from({ length: count }, (_, index) => batch[Math.floor(index * batch.length / count)]!))
}

/** {@link Callbacks} with places; `isAverage` when the embedding is an average that is not yet normalized. */
interface Assembly<E> {
  readonly onEmbedding: (place: number, embedding: Embedding.Embedding, isAverage: boolean) => void
  readonly onFailure: (places: Plan.Batch, failure: Validation.Failure) => Effect.Effect<void, E>
}

/** Collects the vectors of pieces; an input fails with its first failing piece. */
const assemble = <E>(
  { contents, pieces }: Plan.Plan,
  options: Embedding.ResolvedOptions,
  callbacks: Callbacks<E>
): Assembly<E> => {
  if (pieces === undefined) {
    return {
      ...callbacks,
      onEmbedding: (slot, embedding, isAverage) =>
        callbacks.onEmbedding(slot, isAverage ? Chunks.finish(embedding, options) : embedding)
    }
  }
  const owners = contents.map((): Array<number> => [])
  const missing = pieces.map((places, slot) => {
    const different = new Set(places)
    different.forEach((place) => owners[place]!.push(slot))
    return different.size
  })
  const arrived: Array<Chunks.Piece> = []
  const failed = new Set<number>()
  return {
    onEmbedding: (place, embedding, isAverage) => {
      arrived[place] = { embedding, length: lengthOf(contents[place]) }
      for (const slot of owners[place]!) {
        missing[slot] = missing[slot]! - 1
        if (missing[slot] > 0) continue
        const own = pieces[slot]!.map((place) => arrived[place]!)
        const whole = own.length > 1 ? Chunks.average(own) : embedding
        callbacks.onEmbedding(slot, own.length > 1 || isAverage ? Chunks.finish(whole, options) : whole)
      }
    },
    onFailure: (places, failure) => {
      const slots = new Set(places.flatMap((place) => owners[place]!).filter((slot) => !failed.has(slot)))
      slots.forEach((slot) => failed.add(slot))
      return callbacks.onFailure([...slots], failure)
    }
  }
}

const lengthOf = (content: Plan.Plan["contents"][number] | undefined): number =>
  typeof content === "string" ? content.length : 0

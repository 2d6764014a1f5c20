/**
 * Sends the batches of a plan: a sliding window of them at a time, and a refused one in pieces until only the bad texts
 * are left out.
 *
 * Knows nothing of retries and permits: `send` is one request under the policy.
 */
import * as Effect from "effect/Effect"
import type * as Embedding from "../Embedding.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Plan from "./embeddingPlan.ts"
import * as Validation from "./embeddingValidation.ts"

/** One request to a provider. */
export type Send = (
  batch: Embedding.ProviderBatch
) => Effect.Effect<Embedding.ProviderBatchResult, ProviderError.ProviderError>

/**
 * - `send`: one request; an answer has exactly one vector for each input.
 * - `concurrency`: requests in flight at the same time.
 * - `onEmbedding`: called for every text that has its vector, as soon as it has.
 * - `onFailure`: called for the texts that will have none; failing here stops everything.
 */
export interface Options<E> {
  readonly options: Embedding.ResolvedOptions
  readonly send: Send
  readonly concurrency: number
  readonly onEmbedding: (slot: number, embedding: Embedding.Embedding) => void
  readonly onFailure: (slots: Plan.Batch, failure: Validation.Failure) => Effect.Effect<void, E>
}

/** What a plan cost: the requests that were answered, and their tokens where every answer counted them. */
export interface Cost {
  readonly requests: number
  readonly inputTokens: number | undefined
}

/** Inputs sent alone to find out whether a request is refused for its inputs or for its options. */
const probes = 8

/**
 * Executes a plan.
 *
 * A batch refused with `InvalidRequestError` or `ContextLengthExceededError` is halved until the bad texts stand alone:
 * one bad text among `n` costs at most `2 × ceil(log2(n))` more requests. Wrong options have every piece refused, which
 * would cost `2n`. So when both halves of a batch are refused as invalid and nothing has been answered yet, up to
 * {@link probes} texts spread over the batch are sent alone. One answer proves the options good and the search goes on;
 * if all are refused in the same words, the rest of the batch, and every later batch refused in these words, gets this
 * error without a search. That blames a good text only where nothing was answered and all {@link probes} probes were
 * bad themselves. An error that names a field other than an input is believed at once.
 */
export const execute = <E>(plan: Plan.Plan, options: Options<E>): Effect.Effect<Cost, E> =>
  Effect.suspend(() => {
    let requests = 0
    let inputTokens: number | undefined = 0
    let condemned: ProviderError.ProviderError | undefined

    const attempt = (batch: Plan.Batch): Effect.Effect<ProviderError.ProviderError | undefined> =>
      Effect.match(
        options.send({ inputs: batch.map((slot) => plan.texts[slot]!), options: options.options }),
        {
          onFailure: (error) => error,
          onSuccess: (answer) => {
            requests++
            inputTokens = inputTokens === undefined || answer.inputTokens === undefined
              ? undefined
              : inputTokens + answer.inputTokens
            const model = options.options.model
            const own = batch.length === 1 && answer.inputTokens !== undefined
              ? { inputTokens: answer.inputTokens }
              : undefined
            batch.forEach((slot, index) => options.onEmbedding(slot, { vector: answer.vectors[index]!, model, ...own }))
            return undefined
          }
        }
      )

    const settle = (batch: Plan.Batch): Effect.Effect<void, E> =>
      Effect.flatMap(attempt(batch), (error) => error === undefined ? Effect.void : refused(batch, error))

    const refused = (batch: Plan.Batch, error: ProviderError.ProviderError): Effect.Effect<void, E> => {
      if (batch.length === 1) return options.onFailure(batch, (field) => Validation.at(error, field))
      const hopeless = !Validation.isAboutInputs(error) ||
        (requests === 0 && condemned !== undefined && isSame(condemned, error))
      return hopeless ? options.onFailure(batch, () => error) : search(batch, error)
    }

    const search = Effect.fnUntraced(function*(batch: Plan.Batch, error: ProviderError.ProviderError) {
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

    const probe = Effect.fnUntraced(function*(batch: Plan.Batch, error: ProviderError.ProviderError) {
      const sample = spread(batch)
      const errors: Array<ProviderError.ProviderError> = []
      for (const slot of sample) {
        const own = yield* attempt([slot])
        if (own === undefined) continue
        errors.push(own)
        yield* refused([slot], own)
      }
      const rest = batch.filter((slot) => !sample.has(slot))
      if (rest.length === 0) return
      const wrong = requests === 0 && errors.every((own) => isSame(own, error))
      if (!wrong) return yield* settle(rest)
      condemned = error
      yield* options.onFailure(rest, () => error)
    })

    return Effect.map(
      Effect.forEach(plan.batches, settle, { concurrency: options.concurrency, discard: true }),
      (): Cost => ({ requests, inputTokens })
    )
  })

const isSame = (self: ProviderError.ProviderError, that: ProviderError.ProviderError): boolean =>
  self._tag === that._tag && self.message === that.message

const spread = (batch: Plan.Batch): ReadonlySet<number> => {
  const count = Math.min(probes, batch.length)
  return new Set(Array.from({ length: count }, (_, index) => batch[Math.floor(index * batch.length / count)]!))
}

/** Finds the bad inputs of a refused batch. */
import * as Effect from "effect/Effect"
import type * as ProviderError from "../../ProviderError.ts"
import type * as Plan from "./plan.ts"
import * as Validation from "./validation.ts"

/** Inputs sent alone to tell invalid inputs from invalid options. */
const probes = 8

/**
 * Sends batches.
 *
 * A batch refused with `InvalidRequestError` or `ContextLengthExceededError` is bisected: one bad input among `n` costs at
 * most `2 × ceil(log2(n))` more requests. Invalid options would cost `2n`. So when both halves are refused as invalid and
 * no request has been answered yet, up to {@link probes} inputs spread over the batch are sent alone. One answer proves the
 * options valid and the bisection goes on; if all fail with the same message, the rest of the batch, and every later batch
 * refused with that message, fails without bisection. This blames a good input only when all probes were bad. An error
 * about a field other than an input is never bisected.
 *
 * - `attempt`: one request; its error, if it is refused.
 * - `refuse`: called with what failed for good: one input, or several because of what they have in common.
 */
export const make = <E>({ attempt, refuse }: {
  readonly attempt: (batch: Plan.Batch) => Effect.Effect<ProviderError.EmbeddingError | undefined, E>
  readonly refuse: (batch: Plan.Batch, error: ProviderError.EmbeddingError) => Effect.Effect<void, E>
}): (batch: Plan.Batch) => Effect.Effect<void, E> => {
  let isAnswered = false
  let condemned: ProviderError.EmbeddingError | undefined

  const send = (batch: Plan.Batch) =>
    Effect.tap(attempt(batch), (error) => Effect.sync(() => isAnswered ||= error === undefined))

  const settle = (batch: Plan.Batch): Effect.Effect<void, E> =>
    Effect.flatMap(send(batch), (error) => error === undefined ? Effect.void : refused(batch, error))

  const refused = (batch: Plan.Batch, error: ProviderError.EmbeddingError): Effect.Effect<void, E> => {
    const isCondemned = !isAnswered && condemned !== undefined && isSame(condemned, error)
    return batch.length === 1 || isCondemned || !Validation.isAboutInputs(error)
      ? refuse(batch, error)
      : search(batch, error)
  }

  const search = Effect.fnUntraced(function*(batch: Plan.Batch, error: ProviderError.EmbeddingError) {
    const middle = Math.ceil(batch.length / 2)
    const left = batch.slice(0, middle)
    const right = batch.slice(middle)
    const leftError = yield* send(left)
    const rightError = yield* send(right)
    const isInvalid = [error, leftError, rightError].every((each) => each?._tag === "InvalidRequestError")
    if (!isAnswered && isInvalid && batch.length > 2) return yield* probe(batch, error)
    if (leftError !== undefined) yield* refused(left, leftError)
    if (rightError !== undefined) yield* refused(right, rightError)
  })

  const probe = Effect.fnUntraced(function*(batch: Plan.Batch, error: ProviderError.EmbeddingError) {
    const sample = spread(batch)
    const errors: Array<ProviderError.EmbeddingError> = []
    for (const place of sample) {
      const own = yield* send([place])
      if (own === undefined) continue
      errors.push(own)
      yield* refuse([place], own)
    }
    const rest = batch.filter((place) => !sample.has(place))
    if (rest.length === 0) return
    if (isAnswered || !errors.every((own) => isSame(own, error))) return yield* settle(rest)
    condemned = error
    yield* refuse(rest, error)
  })

  return settle
}

const isSame = (self: ProviderError.EmbeddingError, that: ProviderError.EmbeddingError): boolean =>
  self._tag === that._tag && wordsOf(self) === wordsOf(that)

/** Without the id of the request, which a message may hold. */
const wordsOf = ({ exception, message, providerMessage = message }: ProviderError.EmbeddingError): string =>
  `${exception}: ${providerMessage}`

const spread = (batch: Plan.Batch): ReadonlySet<number> => {
  const count = Math.min(probes, batch.length)
  return new Set(Array.from({ length: count }, (_, index) => batch[Math.floor(index * batch.length / count)]!))
}

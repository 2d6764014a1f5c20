/**
 * A stream of values of which some are cached: only the others go to the service, and the order is restored behind it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Check from "../../../Check.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import type * as Embedder from "../../Embedder.ts"
import type * as Embedding from "../../Embedding.ts"
import * as Call from "../call.ts"
import * as Inputs from "../inputs.ts"
import * as Validation from "../validation.ts"
import * as CacheStore from "./store.ts"

/**
 * Reads at most {@link pending} values ahead: memory stays flat however long the stream is.
 *
 * `onCached` is run for each group of values of which some are cached. Each value takes a place in the output queue as it is read; that of a missing one is filled by the next answer.
 */
export const make = <A, E, R>(
  service: Embedder.Embedder,
  store: CacheStore.Store,
  call: CacheStore.Call,
  values: Stream.Stream<A, E, R>,
  input: (value: A) => Embedding.Input,
  options: Embedding.StreamOptions,
  onCached: Effect.Effect<void>
): Stream.Stream<Embedding.Embedded<A>, E | ProviderError.EmbeddingError, R> =>
  Stream.unwrap(Effect.gen(function*() {
    const places = yield* Queue.bounded<
      Embedding.Embedded<A> | undefined,
      E | ProviderError.EmbeddingError | Cause.Done
    >(pending)
    const missing = yield* Queue.bounded<Missing<A>, Cause.Done>(readAhead)
    const unordered = options.unordered === true
    // Positions of unanswered values in the stream, by their positions in what the service is asked for.
    const positions = new Map<number, number>()
    let position = 0
    let asked = 0

    const enter = Effect.fnUntraced(function*(look: CacheStore.Look, value: A, input: Embedding.Input) {
      const embedding = CacheStore.embedding(call, look, input)
      const isCached = embedding !== undefined
      if (isCached || !unordered) yield* Queue.offer(places, isCached ? { value, embedding } : undefined)
      if (!isCached) {
        positions.set(asked, position)
        yield* Queue.offer(missing, { value, input, look, asked: asked++ })
      }
      position++
    })

    yield* values.pipe(
      Stream.buffer({ capacity: readAhead }),
      Stream.runForEachArray(Effect.fnUntraced(function*(group) {
        const inputs = yield* Effect.forEach(group, (value, index) =>
          Effect.try({
            try: () => input(value),
            catch: (cause) => Check.threw(call.target, `inputs[${position + index}]`, cause)
          }))
        const look = yield* store.look(call, inputs.filter(Inputs.isInput))
        if (look.vectors.size > 0) yield* onCached
        yield* Effect.forEach(group, (value, index) => enter(look, value, inputs[index]!), { discard: true })
      })),
      Effect.ensuring(Queue.end(missing)),
      Queue.into(places),
      Effect.forkScoped
    )

    const answered = service.embedStream(Stream.fromQueue(missing), ({ input }) => input, options).pipe(
      Stream.mapArrayEffect((group) =>
        Effect.as(store.keep(call, group.map(({ embedding, value }) => ({ ...value, embedding }))), group)
      ),
      Stream.map(({ embedding, value: { asked, value } }): Embedding.Embedded<A> => {
        positions.delete(asked)
        return { value, embedding }
      }),
      Stream.mapError((error) => Validation.moved(error, (place) => positions.get(place)))
    )
    if (unordered) return Stream.merge(Stream.filter(Stream.fromQueue(places), Predicate.isNotUndefined), answered)
    const answers = yield* Stream.toQueue(answered, { capacity: readAhead })
    const tooFew = "ended the stream before it had answered every value. Ask for the rest again."
    const next = Effect.catchIf(
      Queue.take(answers),
      Cause.isDone,
      () => Effect.fail(Call.malformed(call.target, tooFew))
    )
    return Stream.mapEffect(Stream.fromQueue(places), (cached) => cached === undefined ? next : Effect.succeed(cached))
  }))

/** A value that is not cached; `asked` is its position in what the service is asked for. */
interface Missing<A> {
  readonly value: A
  readonly input: Embedding.Input
  readonly look: CacheStore.Look
  readonly asked: number
}

/** Values in one lookup, values queued for the service, and answers queued for the reader, at most. */
const readAhead = 256

/** Values queued for the reader: where most are cached, enough to fill requests with the others. */
const pending = 4096

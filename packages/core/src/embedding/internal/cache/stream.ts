/**
 * A stream of values of which some are known: those go past the service, and in order they wait for the others.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Check from "../../../Check.ts"
import * as ProviderError from "../../../ProviderError.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Embedder from "../../Embedder.ts"
import type * as Embedding from "../../Embedding.ts"
import * as Inputs from "../inputs.ts"
import * as CachePlace from "./place.ts"
import * as CacheStore from "./store.ts"

/** What is embedded, and how. */
export interface Values<A, E, R> {
  readonly values: Stream.Stream<A, E, R>
  readonly input: (value: A) => Embedding.Input
  readonly options: Embedding.StreamOptions | undefined
}

/**
 * Reads ahead by no more than {@link waiting} values: memory stays flat however long the stream is.
 *
 * A value gets its place in the output before the service is asked for it, and an unknown one is an empty place: whoever
 * has come to an empty place waits for an answer that is on its way.
 */
export const make = <A, E, R>(
  service: Embedder.Embedder,
  store: CacheStore.Store,
  call: CacheStore.Call,
  { input, options, values }: Values<A, E, R>
): Stream.Stream<Embedding.Embedded<A>, E | ProviderError.EmbeddingError, R> =>
  Stream.unwrap(Effect.gen(function*() {
    const places = yield* Queue.bounded<
      Embedding.Embedded<A> | undefined,
      E | ProviderError.EmbeddingError | Cause.Done
    >(waiting)
    const unknown = yield* Queue.bounded<Unknown<A>, Cause.Done>(readAhead)
    const unordered = options?.unordered === true
    // The positions of values the service was asked for and has not answered, by its own count.
    const positions = new Map<number, number>()
    let position = 0
    let asked = 0

    const enter = Effect.fnUntraced(function*(look: CacheStore.Look, value: A, input: Embedding.Input) {
      const embedding = CacheStore.embedding(call, look, input)
      const isKnown = embedding !== undefined
      if (isKnown || !unordered) yield* Queue.offer(places, isKnown ? { value, embedding } : undefined)
      if (!isKnown) {
        positions.set(asked, position)
        yield* Queue.offer(unknown, { value, input, look, asked: asked++ })
      }
      position++
    })

    yield* values.pipe(
      Stream.buffer({ capacity: readAhead }),
      Stream.runForEachArray(Effect.fnUntraced(function*(group) {
        const inputs: Array<Embedding.Input> = []
        for (const value of group) {
          const given = Result.try(() => input(value))
          if (Result.isFailure(given)) {
            return yield* Check.threw(call.target, `inputs[${position + inputs.length}]`, given.failure)
          }
          inputs.push(given.success)
        }
        const look = yield* store.look(call, inputs.filter(Inputs.isInput))
        yield* Effect.forEach(group, (value, index) => enter(look, value, inputs[index]!), { discard: true })
      })),
      Effect.ensuring(Queue.end(unknown)),
      Queue.into(places),
      Effect.forkScoped
    )

    const answered = service.embedStream(Stream.fromQueue(unknown), ({ input }) => input, options).pipe(
      Stream.mapArrayEffect((group) =>
        Effect.as(store.keep(call, group.map(({ embedding, value }) => ({ ...value, embedding }))), group)
      ),
      Stream.map(({ embedding, value: { asked, value } }): Embedding.Embedded<A> => {
        positions.delete(asked)
        return { value, embedding }
      }),
      Stream.mapError((error) => CachePlace.moved(error, (place) => positions.get(place)))
    )
    if (unordered) return Stream.merge(Stream.filter(Stream.fromQueue(places), Predicate.isNotUndefined), answered)
    const answers = yield* Stream.toQueue(answered, { capacity: readAhead })
    const next = Effect.catchIf(Queue.take(answers), Cause.isDone, () => Effect.fail(tooFew(call)))
    return Stream.mapEffect(Stream.fromQueue(places), (known) => known === undefined ? next : Effect.succeed(known))
  }))

/** A value the service is asked for; `asked` is its position in what it is asked for. */
interface Unknown<A> {
  readonly value: A
  readonly input: Embedding.Input
  readonly look: CacheStore.Look
  readonly asked: number
}

/** Values that are looked for together at most, and that wait for the service or for the reader of its answers. */
const readAhead = 256

/** Values whose turn has not come: where most are known, enough of them to fill requests with the others. */
const waiting = 4096

const tooFew = ({ target }: CacheStore.Call) =>
  new ProviderError.MalformedResponseError({
    provider: target.provider,
    model: target.model,
    message: `${Telemetry.nameOf(target)} ended the stream before it had answered every value. Ask for the rest again.`
  })

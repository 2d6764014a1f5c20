/**
 * Embeds a stream of any length: in groups of the size of one request, several concurrently.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import type * as ProviderError from "../../ProviderError.ts"
import * as Embedding from "../Embedding.ts"
import * as Call from "./call.ts"
import * as Capacity from "./capacity.ts"
import * as Inputs from "./inputs.ts"
import * as EmbeddingTelemetry from "./telemetry.ts"
import type * as Validation from "./validation.ts"

/**
 * Reads at most as many groups ahead as the call may have requests in flight. A value waits at most `flushAfter` for its
 * group to fill.
 */
export const make = <A, E, R>(
  call: Call.Call,
  values: Stream.Stream<A, E, R>,
  input: (value: A) => unknown,
  { flushAfter, unordered = false }: Validation.Pace
): Stream.Stream<Embedding.Embedded<A>, E | ProviderError.EmbeddingError, R> =>
  Stream.suspend(() => {
    let inputs = 0
    let requests = 0
    let inputTokens: number | undefined = 0
    // The requests of a group of several kinds are sequential, so that the window bounds them too.
    const sequential = { ...call, concurrency: 1 }
    let position = 0
    const piecesOf = (
      chunk: ReadonlyArray<A>
    ): Effect.Effect<Arr.NonEmptyReadonlyArray<Entries<A>>, ProviderError.EmbeddingError> => {
      const entries: Array<Entry<A>> = []
      for (const value of chunk) {
        const given = Result.try(() => input(value))
        if (Result.isFailure(given)) return Effect.fail(Check.threw(call.target, `inputs[${position}]`, given.failure))
        entries.push(entry(value, given.success))
        position++
      }
      // One for each value, of which there is at least one.
      return Effect.succeed(Arr.chunksOf(entries as unknown as Entries<A>, mostAtOnce))
    }
    const embedded = values.pipe(
      Stream.mapArrayEffect(piecesOf),
      Stream.flattenArray,
      Stream.aggregateWithin(group<A>(call.limits), Schedule.spaced(flushAfter ?? "50 millis")),
      Stream.mapAccum(() => 0, (offset, entries) => [offset + entries.length, [{ entries, offset }]]),
      Stream.mapEffect(({ entries, offset }) =>
        Effect.map(Call.embedMany(sequential, entries.map((entry) => entry.given), offset), (batch) => {
          inputs += entries.length
          requests += batch.requests
          inputTokens = inputTokens === undefined || batch.usage.inputTokens === undefined
            ? undefined
            : inputTokens + batch.usage.inputTokens
          return entries.map(({ value }, index): Embedding.Embedded<A> => ({
            value,
            embedding: batch.embeddings[index]!
          }))
        }), { concurrency: call.concurrency, unordered }),
      Stream.flattenIterable
    )
    return EmbeddingTelemetry.stream(call, embedded, () => ({
      inputs,
      requests,
      inputTokens,
      cost: call.costOf(inputTokens)
    }))
  })

/** `given` is what is embedded or refused; `input` is what it counts as in its group. */
interface Entry<A> {
  readonly value: A
  readonly given: unknown
  readonly input: Embedding.Input
}

/** The rest of a chunk is copied after each group, which must not be quadratic in the size of the chunk. */
const mostAtOnce = 512

type Entries<A> = Arr.NonEmptyReadonlyArray<Entry<A>>

const entry = <A>(value: A, given: unknown): Entry<A> =>
  Result.match(Inputs.settle(given), {
    onFailure: () => ({ value, given, input: "" }),
    onSuccess: (input) => ({ value, given: input, input })
  })

/** A group is what fits into one request of each kind. */
const group = <A>(limits: Embedding.Limits): Sink.Sink<ReadonlyArray<Entry<A>>, Entry<A>, Entry<A>> =>
  Sink.fromTransform((upstream: Pull.Pull<Entries<A>>) => {
    const entries: Array<Entry<A>> = []
    const fillings = {
      text: open(limits, "text"),
      image: open(limits, "image"),
      combined: open(limits, "combined")
    }
    return Effect.gen(function*() {
      while (true) {
        const pulled = yield* upstream
        for (const [index, entry] of pulled.entries()) {
          const filling = fillings[Embedding.kindOf(entry.input)]
          if (!filling.add(entry.input)) return end(entries, pulled.slice(index))
          entries.push(entry)
          if (filling.isFull()) return end(entries, pulled.slice(index + 1))
        }
      }
    }).pipe(Pull.catchDone(() => Effect.succeed(end(entries, []))))
  })

const end = <A>(
  entries: ReadonlyArray<Entry<A>>,
  rest: ReadonlyArray<Entry<A>>
): Sink.End<ReadonlyArray<Entry<A>>, Entry<A>> => Arr.isReadonlyArrayNonEmpty(rest) ? [entries, rest] : [entries]

/** Bounded even where a request is not, so that memory stays flat. */
const open = (limits: Embedding.Limits, kind: Embedding.Kind): Capacity.Filling => {
  const capacity = Capacity.make(limits, kind)
  return Capacity.fill({
    items: Math.min(capacity.items, 2048),
    length: Math.min(capacity.length, 2 ** 26),
    bytes: Math.min(capacity.bytes, 2 ** 26)
  })
}

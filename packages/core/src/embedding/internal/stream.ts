/** Embeds a stream of any length: in groups of the size of one request, several concurrently. */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import type * as ProviderError from "../../ProviderError.ts"
import * as Embedding from "../Embedding.ts"
import type * as Call from "./call.ts"
import * as Chunks from "./chunks.ts"
import * as Execution from "./execution.ts"
import * as Inputs from "./inputs.ts"
import * as Plan from "./plan.ts"
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
  { flushAfter = Duration.millis(50), unordered = false }: Validation.Pace
): Stream.Stream<Embedding.Embedded<A>, E | ProviderError.EmbeddingError, R> =>
  Stream.suspend(() => {
    let position = 0
    let inputs = 0
    let requests = 0
    let inputTokens: number | undefined = 0
    // The requests of a group of several kinds are sequential, so that the window bounds them too.
    const sequential = { ...call, concurrency: 1 }
    const entryOf = (value: A) =>
      Result.match(Result.try(() => input(value)), {
        onFailure: (cause) => Effect.fail(Check.threw(call.target, `inputs[${position}]`, cause)),
        // What is no input is refused later, by its place.
        onSuccess: (given): Effect.Effect<Entry<A>> =>
          Effect.succeed({
            value,
            given,
            counted: Result.getOrElse(Inputs.settle(given), () => ""),
            position: position++
          })
      })
    const embedded = values.pipe(
      Stream.mapArrayEffect((chunk) => Effect.map(Effect.forEach(chunk, entryOf), Arr.chunksOf(mostAtOnce))),
      Stream.flattenArray,
      Stream.aggregateWithin(group<A>(call.limits), Schedule.spaced(flushAfter)),
      Stream.mapEffect((entries) =>
        Effect.map(
          Execution.embedMany(sequential, entries.map(({ given }) => given), entries[0]?.position),
          (batch) => {
            inputs += entries.length
            requests += batch.requests
            inputTokens = Chunks.sum([inputTokens, batch.usage.inputTokens])
            return Arr.zipWith(entries, batch.embeddings, ({ value }, embedding) => ({ value, embedding }))
          }
        ), { concurrency: call.concurrency, unordered }),
      Stream.flattenIterable
    )
    return EmbeddingTelemetry.stream(call, embedded, () => ({ inputs, requests, inputTokens }))
  })

/** `given` is what is embedded or refused; `counted` is what it counts as in its group. */
interface Entry<A> {
  readonly value: A
  readonly given: unknown
  readonly counted: Embedding.Input
  readonly position: number
}

/** The rest of a chunk is copied after each group, which must not be quadratic in the size of the chunk. */
const mostAtOnce = 512

type Entries<A> = Arr.NonEmptyReadonlyArray<Entry<A>>

/** A group is what fits into one request of each kind; bounded even where a request is not, so that memory stays flat. */
const group = <A>(limits: Embedding.Limits): Sink.Sink<ReadonlyArray<Entry<A>>, Entry<A>, Entry<A>> =>
  Sink.fromTransform((upstream: Pull.Pull<Entries<A>>) => {
    const entries: Array<Entry<A>> = []
    const empty = (kind: Embedding.Kind) => Plan.fill(kind, limits, { items: 2048, size: 2 ** 26 })
    const fillings = { text: empty("text"), image: empty("image"), combined: empty("combined") }
    return Effect.gen(function*() {
      while (true) {
        const pulled = yield* upstream
        for (const [index, entry] of pulled.entries()) {
          const filling = fillings[Embedding.kindOf(entry.counted)]
          if (!filling.add(entry.counted)) return end(entries, pulled.slice(index))
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

/**
 * Embeds a stream of values of any length: in groups of what one request holds, several at a time, in order.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Embedding from "../Embedding.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Call from "./embeddingCall.ts"
import * as Plan from "./embeddingPlan.ts"
import * as EmbeddingTelemetry from "./embeddingTelemetry.ts"

/**
 * Reads ahead of its consumer by no more groups than the call may have requests in flight. A value waits at most
 * {@link flushAfter} for its group to fill.
 */
export const make = <A, E, R>(
  call: Call.Call,
  values: Stream.Stream<A, E, R>,
  text: (value: A) => Embedding.Input
): Stream.Stream<Embedding.Embedded<A>, E | ProviderError.ProviderError, R> =>
  Stream.suspend(() => {
    let inputs = 0
    let requests = 0
    let inputTokens: number | undefined = 0
    // A group that its total length splits sends its requests in turn, so that the window bounds them too.
    const inTurn = { ...call, concurrency: 1 }
    const embedded = values.pipe(
      Stream.groupedWithin(Math.min(Plan.mostItems(call.limits), largestGroup), flushAfter),
      Stream.mapAccum(() => 0, (offset, group) => [offset + group.length, [{ group, offset }]]),
      Stream.mapEffect(({ group, offset }) =>
        Effect.map(Call.embedMany(inTurn, group.map((value) => text(value)), offset), (batch) => {
          inputs += group.length
          requests += batch.requests
          inputTokens = inputTokens === undefined || batch.usage.inputTokens === undefined
            ? undefined
            : inputTokens + batch.usage.inputTokens
          return group.map((value, index): Embedding.Embedded<A> => ({ value, embedding: batch.embeddings[index]! }))
        }), { concurrency: call.concurrency }),
      Stream.flattenIterable
    )
    return EmbeddingTelemetry.stream(call.target, call.options, embedded, () => ({ inputs, requests, inputTokens }))
  })

/** How long a value waits for company. */
const flushAfter = "50 millis"

/** Values of a group where a request has no bound of its own: memory must stay flat. */
const largestGroup = 2048

/** Batches concurrent calls of `embed` with equal options into shared requests. */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import * as Result from "effect/Result"
import * as CanonicalText from "../../cache/internal/canonicalText.ts"
import type * as ProviderError from "../../ProviderError.ts"
import type * as Embedding from "../Embedding.ts"
import type * as Call from "./call.ts"
import * as Execution from "./execution.ts"

/**
 * Embeds one input, which may be any value, in a batch with others.
 *
 * Each caller gets its result as soon as its request completes. Requests are interrupted when the last caller is.
 */
export const make = (
  delay: Duration.Input | undefined
): (call: Call.Call, input: unknown) => Effect.Effect<Embedding.Embedding, ProviderError.EmbeddingError> => {
  const grouped = RequestResolver.makeGrouped<EmbedRequest, unknown>({
    key: ({ request }) => callKey(request.call),
    resolver: (entries) => Effect.raceFirst(resolve(entries), allInterrupted(entries))
  })
  const resolver = delay === undefined ? grouped : RequestResolver.setDelay(grouped, delay)
  return (call, input) =>
    Effect.suspend(() => {
      const left = Deferred.makeUnsafe<void>()
      return Effect.ensuring(
        Effect.request(EmbedRequest({ call, input, left }), resolver),
        Deferred.succeed(left, undefined)
      )
    })
}

interface EmbedRequest extends Request.Request<Embedding.Embedding, ProviderError.EmbeddingError> {
  readonly call: Call.Call
  readonly input: unknown
  readonly left: Deferred.Deferred<void>
}
const EmbedRequest = Request.of<EmbedRequest>()

type Entries = ReadonlyArray<Request.Entry<EmbedRequest>>

const resolve = (entries: Entries) =>
  Execution.embed<never>(
    entries[0]!.request.call,
    entries.map(({ request }) => request.input),
    () => "input",
    (position, outcome) => {
      entries[position]!.completeUnsafe(
        Result.isSuccess(outcome) ? Exit.succeed(outcome.success) : Exit.fail(outcome.failure)
      )
    }
  )

const allInterrupted = (entries: Entries): Effect.Effect<void> =>
  Effect.forEach(entries, ({ request }) => Deferred.await(request.left), { discard: true })

/** Options without a canonical form are equal to no others. */
const callKey = ({ gates, metadata, options, truncate }: Call.Call) => [
  ...gates.map(Equal.byReferenceUnsafe),
  CanonicalText.make([options, truncate, metadata]) ?? Symbol("unknown")
]

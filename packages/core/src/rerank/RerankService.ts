/**
 * Orders documents by their relevance to a query: the service and its decorators, which work in any order.
 *
 * `Reranker` is what the tag holds, and how a provider builds one.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Check from "../Check.ts"
import * as Middleware from "../internal/middleware.ts"
import * as Clocks from "../policy/internal/clocks.ts"
import * as Gates from "../policy/internal/gates.ts"
import type * as Policy from "../policy/Policy.ts"
import type * as Rerank from "./Rerank.ts"
import * as Reranker from "./Reranker.ts"

export { make } from "./Reranker.ts"
export type { Provider, RerankError } from "./Reranker.ts"

/** The tag of the rerank service; what it holds is a {@link Reranker.Reranker}. */
export class RerankService
  extends Context.Service<RerankService, Reranker.Reranker>()("@strata/core/rerank/RerankService")
{}

/**
 * The documents in the order of their relevance to the query.
 *
 * @example
 * const { results } = yield* RerankService.rerank("Where is the station?", documents, { topN: 3 })
 */
export const rerank = (
  query: string,
  documents: ReadonlyArray<string>,
  options?: Rerank.RerankOptions
): Effect.Effect<Rerank.RerankResponse, Reranker.RerankError, RerankService> =>
  RerankService.use((service) => service.rerank(query, documents, options))

/**
 * Any values, in the order of the relevance of their texts to the query, best first.
 *
 * @example
 * const [best] = yield* RerankService.rerankBy(question, passages, (passage) => passage.text, { topN: 5 })
 */
export const rerankBy = <A>(
  query: string,
  values: ReadonlyArray<A>,
  text: (value: A) => string,
  options?: Rerank.RerankOptions
): Effect.Effect<ReadonlyArray<Rerank.Ranked<A>>, Reranker.RerankError, RerankService> =>
  Effect.gen(function*() {
    const given = yield* Check.run(ranking<A>(), { values, text }, { provider: "strata" })
    const documents = yield* Effect.forEach(given.values, (value, index) =>
      Effect.try({
        try: () => given.text(value),
        catch: (cause) => Check.threw({ provider: "strata" }, `documents[${index}]`, cause)
      }))
    const { results } = yield* rerank(query, documents, options)
    return results.map((result) => ({ ...result, value: given.values[result.index]! }))
  })

const ranking = <A>() =>
  Check.struct<{ readonly values: ReadonlyArray<A>; readonly text: (value: A) => string }>({
    values: Check.list((given) => given as A),
    text: Check.callback("Give a function from a value to its text")
  })

/** Decorates a service with a middleware: a function from a service to a service. See `ChatService.transform`. */
export const transform: Middleware.Transform<RerankService, Reranker.Reranker> = Middleware.make(
  RerankService,
  ["rerank"],
  Reranker.cored
)

const decorator = Middleware.decorator(transform)

/** Applies a policy to the service below. The outermost policy replaces inner ones and the option of the layer. */
export const withPolicy: Middleware.Decorator<RerankService, [policy: Policy.Policy]> = decorator(
  (reranker, policy: Policy.Policy) =>
    Effect.map(Gates.policy(reranker, policy), ({ effect }) => ({
      ...reranker,
      rerank: (...call) => effect(reranker.rerank(...call))
    }))
)

/** Limits the time of everything below. Fails with `TimeoutError` of phase `deadline`. */
export const withDeadline: Middleware.Decorator<RerankService, [deadline: Duration.Input]> = decorator(
  (reranker, deadline: Duration.Input) =>
    Effect.map(Clocks.deadline(deadline), (duration) => {
      const { defaultModel = "unknown", provider = "strata" } = reranker
      return {
        rerank: (query, documents, options) =>
          Clocks.within("deadline", duration, { provider, model: options?.model ?? defaultModel })(
            reranker.rerank(query, documents, options)
          )
      }
    })
)

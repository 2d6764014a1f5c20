/** The test doubles of `@strata/core/testing`. */
import * as Reranker from "@strata/core/rerank/Reranker"
import * as RerankService from "@strata/core/rerank/RerankService"
import { type ChatContract, type EmbeddingContract, type RerankContract, TestRerank } from "@strata/core/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** The tests script `TestChat` itself. */
export const chat: ChatContract.Subject = { name: "TestChat", layer: (model) => model }

/** The tests ask `TestEmbedding` itself. */
export const embedding: EmbeddingContract.Subject = {
  name: "TestEmbedding",
  dimensions: 64,
  fewer: 32,
  layer: (model) => model
}

/** One that never answers is no `TestRerank`. */
export const rerank: RerankContract.Subject = {
  name: "TestRerank",
  layer: ({ errors = [], hang }) =>
    hang === undefined
      ? Layer.effect(
        RerankService.RerankService,
        Effect.gen(function*() {
          const double = yield* Layer.build(TestRerank.layer())
          yield* Context.get(double, TestRerank.TestRerank).failNext(...errors)
          return Context.get(double, RerankService.RerankService)
        })
      )
      : Layer.effect(
        RerankService.RerankService,
        Reranker.make({
          provider: "test",
          defaultModel: "test-rerank",
          rerank: () => Effect.onInterrupt(Effect.andThen(hang.asked, Effect.never), () => hang.left)
        })
      )
}

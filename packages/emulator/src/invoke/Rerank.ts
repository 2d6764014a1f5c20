/**
 * The bodies of Cohere Rerank and Amazon Rerank: a query and documents in, a score from 0 to 1 for each out, best
 * first.
 *
 * A real reranker reads both texts together; here the cosine of their vectors replaces it.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Vector from "@strata/core/embedding/Vector"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import type * as Model from "../model/Model.ts"
import * as Body from "./Body.ts"

const atLeast = (minimum: number) =>
  Schema.makeFilter<number>((value) => value >= minimum || `${value} is not greater or equal to ${minimum}`)

const shared = {
  query: Schema.String.check(Body.textBetween(1, Infinity)),
  documents: Schema.Array(Schema.String.check(Body.textBetween(1, Infinity))).check(Body.itemsBetween(1, 1000)),
  top_n: Schema.optionalKey(Schema.Int.check(atLeast(1)))
}

/** The same for both, but only Cohere's has an `api_version`, which is required. */
const readers = {
  cohere: Body.reader(Schema.Struct({
    ...shared,
    api_version: Schema.Int.check(atLeast(2)),
    max_tokens_per_doc: Schema.optionalKey(Schema.Int)
  })),
  amazon: Body.reader(Schema.Struct(shared))
} satisfies Record<Model.RerankFamily, unknown>

/**
 * A request to rank; `answering`: the model name passed to the embedding service; `elapsed`: milliseconds since it
 * arrived.
 */
export interface Call {
  readonly model: Model.RerankModel
  readonly body: unknown
  readonly answering: string | undefined
  readonly elapsed: () => number
}

/**
 * Every document, or the `top_n` best. Equal scores keep the order of the request. The documentation does not say
 * whether the service counts the tokens of a rerank model in a header: this one does not.
 */
export const invoke = Effect.fnUntraced(function*({ answering, body, elapsed, model }: Call) {
  const { documents, query, top_n } = yield* Effect.fromResult(readers[model.family](body))
  const [asked] = yield* embed([query], answering, "query")
  const vectors = yield* embed(documents, answering, "document")
  const results = vectors
    .map(({ vector }, index) => ({ index, relevance_score: asked === undefined ? 0 : scoreOf(asked.vector, vector) }))
    .toSorted((self, that) => that.relevance_score - self.relevance_score)
  return HttpResponse.json(
    { results: results.slice(0, top_n) },
    { "x-amzn-bedrock-invocation-latency": String(elapsed()) }
  )
})

/** A service that refuses the options is called again without the purpose. */
const embed = Effect.fnUntraced(function*(
  inputs: ReadonlyArray<string>,
  model: string | undefined,
  purpose: Embedding.Purpose
) {
  const service = yield* EmbeddingService.EmbeddingService
  const { embeddings } = yield* service.embedMany(inputs, { model, purpose, truncate: "end" }).pipe(
    Effect.catchTag(
      ["InvalidRequestError", "UnsupportedFeatureError"],
      () => service.embedMany(inputs, { model, truncate: "end" })
    ),
    Effect.mapError(AwsError.fromProviderError)
  )
  return embeddings
})

/** From 0 to 1; 0.5 for a zero vector. */
const scoreOf = (self: Embedding.Vector, that: Embedding.Vector): number =>
  (1 + Math.min(1, Math.max(-1, Vector.cosine(self, that)))) / 2

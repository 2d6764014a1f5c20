/**
 * The bodies of Cohere Rerank and Amazon Rerank: a query and documents in, a score from 0 to 1 for each out, best first.
 *
 * A real reranker reads both texts together; here the cosine of their vectors stands in for it.
 */
import type * as Embedding from "@strata/core/Embedding"
import * as EmbeddingService from "@strata/core/EmbeddingService"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Answer from "../Answer.ts"
import * as AwsError from "../AwsError.ts"
import * as Embed from "./Embed.ts"

const atLeast = (minimum: number) =>
  Schema.makeFilter<number>((value) => value >= minimum || `${value} is not greater or equal to ${minimum}`)

const shared = {
  query: Schema.String.check(Embed.textBetween(1, Infinity)),
  documents: Schema.Array(Schema.String.check(Embed.textBetween(1, Infinity))).check(Embed.itemsBetween(1, 1000)),
  top_n: Schema.optionalKey(Schema.Int.check(atLeast(1)))
}

const readers = {
  cohere: Embed.reader(Schema.Struct({
    ...shared,
    api_version: Schema.Int.check(atLeast(2)),
    max_tokens_per_doc: Schema.optionalKey(Schema.Int)
  })),
  amazon: Embed.reader(Schema.Struct(shared))
}

/** How the body looks: the same, but only Cohere's has an `api_version`, and must have it. */
export type Family = keyof typeof readers

/** Every document, or the `top_n` best. Equal scores keep the order of the request. */
export const rerank = Effect.fnUntraced(function*(family: Family, body: unknown, model: string | undefined) {
  const { documents, query, top_n } = yield* Effect.fromResult(readers[family](body))
  const [asked] = yield* embed([query], model, "query")
  const vectors = yield* embed(documents, model, "document")
  const results = vectors
    .map(({ vector }, index) => ({ index, relevance_score: (1 + cosine(asked!.vector, vector)) / 2 }))
    .sort((self, that) => that.relevance_score - self.relevance_score)
  return { results: results.slice(0, top_n) }
})

/** The answer. Whether the service counts the tokens of a rerank model in a header is not documented: this one does not. */
export const toAnswer = (body: unknown, latencyMs: number): Answer.Answer =>
  Answer.json(body, { "x-amzn-bedrock-invocation-latency": String(latencyMs) })

/** A service that refuses the options is asked again without the purpose. */
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

/** From -1 to 1; 0 where a vector has no direction. */
const cosine = (self: Embedding.Vector, that: Embedding.Vector): number => {
  let product = 0
  for (const [index, value] of self.entries()) product += value * (that[index] ?? 0)
  const lengths = Math.sqrt(squares(self) * squares(that))
  return lengths === 0 ? 0 : Math.min(1, Math.max(-1, product / lengths))
}

const squares = (vector: Embedding.Vector): number => {
  let sum = 0
  for (const value of vector) sum += value * value
  return sum
}

/**
 * The bodies the models answer, and what the tests of the families share.
 */
import type * as Embedding from "@strata/core/Embedding"
import * as Schema from "effect/Schema"

type Numbers = ReadonlyArray<number>

export const titan = (embedding: Numbers, inputTextTokenCount?: number) => ({ embedding, inputTextTokenCount })

export const titanByType = (float: Numbers, inputTextTokenCount?: number) => ({
  embeddingsByType: { float, binary: float.map((number) => number > 0 ? 1 : 0) },
  inputTextTokenCount
})

export const cohere = (embeddings: ReadonlyArray<Numbers>) => ({
  id: "b5a3",
  embeddings,
  response_type: "embeddings_floats",
  texts: embeddings.map(() => "in lower case")
})

export const cohereByType = (float: ReadonlyArray<Numbers>) => ({
  id: "b5a3",
  embeddings: { float },
  response_type: "embeddings_by_type",
  texts: float.map(() => "in lower case")
})

export const bytes = (answer: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(answer))

/** `length` numbers, the first of them told. */
export const numbers = (length: number, first: number): Numbers =>
  Array.from({ length }, (_, index) => index === 0 ? first : 0)

/** Numbers a 32-bit float can hold. */
export const Float = Schema.Finite.check(Schema.isBetween({ minimum: -3e38, maximum: 3e38 }))

export const Options = Schema.Struct({
  model: Schema.String,
  purpose: Schema.Literals(["document", "query", "classification", "clustering"]),
  truncate: Schema.Literals(["none", "start", "end"]),
  normalize: Schema.optionalKey(Schema.Boolean)
})

export const resolved = (options?: Partial<Embedding.ResolvedOptions>): Embedding.ResolvedOptions => ({
  model: "m",
  purpose: "document",
  truncate: "none",
  ...options
})

/**
 * The expected results of embedding and rerank models.
 */
import type { Embedding, Rerank } from "@strata/core"
import * as Result from "effect/Result"
import { compare, type Difference } from "../Difference.ts"
import type { Recording } from "../Recording.ts"
import * as Json from "../wire/Json.ts"

/** Compares vectors with the answer they were decoded from. */
export const checkEmbeddings = (
  batch: Embedding.EmbeddingBatch,
  vectorType: Embedding.VectorType,
  recording: Recording
): ReadonlyArray<Difference> => {
  const json = Result.getOrUndefined(Json.parseBytes(recording.body))
  const vectors = vectorsOf(json, vectorType).map((vector) => typedOf(vector, vectorType))
  const counted = Json.number(json, "inputTextTokenCount") ?? headerNumber(recording, "input-token-count")
  return [
    ...compare(vectors.length, batch.embeddings.length, "at least", "embeddings.length"),
    ...vectors.flatMap((vector, index) => compareVector(vector, batch.embeddings[index]?.vector, index)),
    ...compare({ usage: { inputTokens: counted }, model: recording.model }, batch, "at least")
  ]
}

/** Compares scores with the answer they were decoded from. */
export const checkRanking = (
  response: Rerank.RerankResponse,
  recording: Recording
): ReadonlyArray<Difference> => {
  const json = Result.getOrUndefined(Json.parseBytes(recording.body))
  const results = Json.list(json, "results").map((result) => ({
    index: Json.number(result, "index"),
    score: Json.number(result, "relevance_score")
  }))
  return compare(
    {
      results: results.toSorted((one, other) => (other.score ?? 0) - (one.score ?? 0)),
      requestId: recording.headers["x-amzn-requestid"]
    },
    response,
    "at least"
  )
}

/** The number in one of Bedrock's count headers. */
export const headerNumber = ({ headers }: Pick<Recording, "headers">, name: string): number | undefined => {
  const text = headers[`x-amzn-bedrock-${name}`]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** The vectors of an answer, in any family's format. */
const vectorsOf = (
  json: Json.Json | undefined,
  type: Embedding.VectorType
): ReadonlyArray<ReadonlyArray<Json.Json>> => {
  const types = type === "binary" ? ["binary", "ubinary"] : [type]
  const single = [
    ...(type === "float" ? [Json.member(json, "embedding")] : []),
    ...types.map((name) => Json.member(json, "embeddingsByType", name))
  ].find(Json.isArray)
  if (single !== undefined) return [single]
  const many = types.map((name) => Json.member(json, "embeddings", name === "binary" ? "ubinary" : name))
    .find(Json.isArray) ?? Json.member(json, "embeddings") ?? Json.member(json, "data")
  const items = Json.isArray(many) ? many : many === undefined ? [] : [many]
  return items.flatMap((item) => {
    const vector = Json.isArray(item) ? item : Json.member(item, "embedding")
    return Json.isArray(vector) ? [vector] : []
  })
}

const typedOf = (vector: ReadonlyArray<Json.Json>, type: Embedding.VectorType): Embedding.Vector => {
  const numbers = vector.map(Number)
  switch (type) {
    case "float":
      return Float32Array.from(numbers)
    case "int8":
      return Int8Array.from(numbers)
    case "uint8":
      return Uint8Array.from(numbers)
    case "binary":
      return numbers.every((number) => number === 0 || number === 1) ? packed(numbers) : Uint8Array.from(numbers)
  }
}

const packed = (bits: ReadonlyArray<number>): Uint8Array => {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  bits.forEach((bit, index) => bytes[index >> 3] = (bytes[index >> 3] ?? 0) | bit << (7 - (index & 7)))
  return bytes
}

const compareVector = (
  expected: Embedding.Vector,
  actual: Embedding.Vector | undefined,
  index: number
): ReadonlyArray<Difference> => {
  const path = `embeddings[${index}].vector`
  if (actual === undefined) return [{ path, problem: "missing" }]
  const isSame = actual.constructor === expected.constructor && actual.length === expected.length &&
    actual.every((number, at) => Math.abs(number - (expected[at] ?? Number.NaN)) <= 1e-6)
  return isSame ? [] : [{
    path,
    problem: "different",
    expected: `${expected.constructor.name} of ${expected.length}`,
    actual: `${actual.constructor.name} of ${actual.length}`
  }]
}

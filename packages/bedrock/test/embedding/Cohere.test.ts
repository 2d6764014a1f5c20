import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Cohere from "../../src/embedding/Cohere.ts"
import * as Family from "../../src/embedding/Family.ts"
import * as Answers from "./answers.ts"

const Texts = Schema.NonEmptyArray(Schema.String)
const Vectors = Schema.Array(Schema.NonEmptyArray(Answers.Float))

const inputTypes = {
  document: "search_document",
  query: "search_query",
  classification: "classification",
  clustering: "clustering"
}
const truncate = { none: "NONE", start: "START", end: "END" }

describe("Cohere", () => {
  it.prop("v3 sends texts, type and truncation and nothing else", [Texts, Answers.Options], ([inputs, options]) => {
    const body = Family.encode(Cohere.v3, { inputs, options: { ...options, dimensions: 1024 } })
    assert.deepStrictEqual(JSON.parse(body), {
      texts: inputs,
      input_type: inputTypes[options.purpose],
      truncate: truncate[options.truncate]
    })
  })

  it.prop(
    "v4 sends the kind of vector too, and its length when it is asked for",
    [Texts, Answers.Options, Schema.UndefinedOr(Schema.Literals(Cohere.v4.dimensions.allowed))],
    ([inputs, options, dimensions]) => {
      const body = Family.encode(Cohere.v4, { inputs, options: { ...options, dimensions } })
      assert.deepStrictEqual(JSON.parse(body), {
        texts: inputs,
        input_type: inputTypes[options.purpose],
        truncate: truncate[options.truncate],
        embedding_types: ["float"],
        ...(dimensions !== undefined && { output_dimension: dimensions })
      })
    }
  )

  it.prop("reads a bare array and one by type", [Vectors], ([vectors]) => {
    const expected = Result.succeed({ vectors: vectors.map((vector) => Float32Array.from(vector)) })
    for (const answer of [Answers.cohere(vectors), Answers.cohereByType(vectors)]) {
      assert.deepStrictEqual(Cohere.v3.decode(answer), expected)
      assert.deepStrictEqual(Cohere.v4.decode(answer), expected)
    }
  })

  it.each([
    {},
    { embeddings: null },
    { embeddings: "none" },
    { embeddings: [0.1, 0.2] },
    { embeddings: [[0.1], null] },
    { embeddings: [[0.1], []] },
    { embeddings: [[0.1], ["0.2"]] },
    { embeddings: [[0.1], [NaN]] },
    { embeddings: [[0.1], [-1e39]] },
    { embeddings: { int8: [[1, 2]] } },
    { embeddings: { float: [0.1] } }
  ])("refuses %j", (answer) => {
    assert.deepStrictEqual(Cohere.v4.decode(answer), Result.fail("The answer has no `embeddings` of finite numbers"))
  })

  it("v4 never fills a body above 25 MB, even if every character is escaped", () => {
    const { maxBatchLength = Infinity, maxItems, maxLength } = Cohere.v4.limits
    const full = Math.floor(maxBatchLength / maxLength)
    const inputs = Array.from({ length: maxItems }, (_, index) => "\0".repeat(index < full ? maxLength : 0))
    const body = Family.encode(Cohere.v4, { inputs, options: Answers.resolved() })
    assert.isAtLeast(full, 1)
    assert.isAtMost(new TextEncoder().encode(body).length, 25_000_000)
  })
})

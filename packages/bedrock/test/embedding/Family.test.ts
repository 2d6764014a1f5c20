import { assert, describe, it } from "@effect/vitest"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Result from "effect/Result"
import * as Cohere from "../../src/embedding/Cohere.ts"
import * as Family from "../../src/embedding/Family.ts"
import * as TitanText from "../../src/embedding/TitanText.ts"
import * as Answers from "./answers.ts"

const batch = Answers.texts

/** Six digits of it: 32 bits hold no more. */
const length = (vector: Embedding.Vector): number => Number(Math.hypot(...vector).toPrecision(6))

describe("Family", () => {
  describe("encode", () => {
    it("adds fields, which win", () => {
      const body = Family.encode(Cohere.v4, batch(["a"]), { max_tokens: 512, truncate: "LEFT" })
      assert.deepStrictEqual(JSON.parse(body), {
        texts: ["a"],
        input_type: "search_document",
        truncate: "LEFT",
        embedding_types: ["float"],
        max_tokens: 512
      })
    })

    const family: Family.Family = {
      ...Cohere.v4,
      reserved: ["text.value", "type"],
      encode: () => ({ type: "text", text: { value: "a", mode: "NONE" }, image: undefined })
    }

    it.each([
      [{ text: { mode: "END" } }, { type: "text", text: { value: "a", mode: "END" } }],
      [{ text: { mode: undefined } }, { type: "text", text: { value: "a", mode: "NONE" } }],
      [{ image: { detail: "high" } }, { type: "text", text: { value: "a", mode: "NONE" } }],
      [{ audio: { detail: "high" } }, {
        type: "text",
        text: { value: "a", mode: "NONE" },
        audio: { detail: "high" }
      }],
      [{ text: ["b"] }, { type: "text", text: ["b"] }]
    ])("merges objects, but for parts the request does not have (%#)", (extra, body) => {
      assert.deepStrictEqual(JSON.parse(Family.encode(family, batch(["a"]), extra)), body)
    })

    it.each([
      [{ type: "image" }, "type"],
      [{ text: { value: "b" } }, "text.value"],
      [{ text: "b" }, "text.value"],
      [{ text: { mode: "END" } }, undefined],
      [{ type: undefined, value: "b" }, undefined]
    ])("knows the reserved field that would be set (%#)", (extra, name) => {
      assert.strictEqual(Family.findReserved(family, extra), name)
    })
  })

  describe("decode", () => {
    it("requires JSON", () => {
      const decoded = Family.decode(Cohere.v3, batch(["a"]), new TextEncoder().encode("<html>"))
      assert.deepStrictEqual(decoded, Result.fail("The answer is not JSON"))
    })

    it.each([[null], [3], ["text"], [[1, 2]]])("requires an object, not %j", (answer) => {
      const decoded = Family.decode(Cohere.v3, batch(["a"]), Answers.bytes(answer))
      assert.deepStrictEqual(decoded, Result.fail("The answer is not a JSON object"))
    })

    it("requires a vector for each input", () => {
      const body = Answers.bytes(Answers.cohere([Answers.numbers(1024, 1)]))
      assert.deepStrictEqual(
        Family.decode(Cohere.v3, batch(["a", "b"]), body),
        Result.fail("The answer has 1 vectors for 2 inputs")
      )
    })

    it("requires vectors of the requested length", () => {
      const body = Answers.bytes(Answers.cohere([Answers.numbers(1536, 1), Answers.numbers(768, 1)]))
      assert.deepStrictEqual(
        Family.decode(Cohere.v4, batch(["a", "b"], { dimensions: 1536 }), body),
        Result.fail("The answer has a vector of 768 numbers instead of 1536")
      )
    })

    it("requires vectors of the default length when none was requested", () => {
      const body = Answers.bytes(Answers.titan(Answers.numbers(512, 1)))
      assert.deepStrictEqual(
        Family.decode(TitanText.v2, batch(["a"]), body),
        Result.fail("The answer has a vector of 512 numbers instead of 1024")
      )
    })

    it("requires binary vectors of one byte per eight dimensions", () => {
      const body = Answers.bytes(Answers.cohereByType([Answers.numbers(64, 255)], "ubinary"))
      const decoded = [512, 1024].map((dimensions) =>
        Family.decode(Cohere.v4, batch(["a"], { dimensions, vectorType: "binary" }), body)
      )
      assert.deepStrictEqual(decoded, [
        Result.succeed({ vectors: [Uint8Array.from(Answers.numbers(64, 255))] }),
        Result.fail("The answer has a vector of 64 numbers instead of 128")
      ])
    })

    it("normalizes vectors for a model that cannot, only on request", () => {
      const body = Answers.bytes(Answers.cohere([[3, 4, ...Answers.numbers(1022, 0)]]))
      const lengths = [true, false, undefined].map((normalize) =>
        Result.map(
          Family.decode(Cohere.v3, batch(["a"], { normalize }), body),
          ({ vectors }) => vectors.map(length)
        )
      )
      assert.deepStrictEqual(lengths, [[1], [5], [5]].map((lengths) => Result.succeed(lengths)))
    })

    it("leaves the vectors of a model that can to the model", () => {
      const body = Answers.bytes(Answers.titan(Answers.numbers(1024, 2)))
      const decoded = Family.decode(TitanText.v2, batch(["a"], { normalize: true }), body)
      assert.deepStrictEqual(Result.map(decoded, ({ vectors }) => vectors.map(length)), Result.succeed([2]))
    })

    it("keeps a zero vector", () => {
      const body = Answers.bytes(Answers.titan(Answers.numbers(1536, 0)))
      const decoded = Family.decode(TitanText.v1, batch(["a"], { normalize: true }), body)
      assert.deepStrictEqual(
        Result.map(decoded, ({ vectors }) => vectors),
        Result.succeed([new Float32Array(1536)])
      )
    })
  })
})

import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fixture from "./Fixture.ts"
import * as OpenAi from "./OpenAiFixture.ts"

const asked: Array<Fixture.EmbeddingCall> = []

const embeddings = Layer.merge(Fixture.chat(), Fixture.embedding({ asked }))

const model = "text-embedding-3-small"

const embed = (body: object) => OpenAi.post("embeddings", { model, input: "Hi", ...body })

/** The numbers of a base64 text: 32 bits each, little-endian. */
const numbers = (base64: string) => [...new Float32Array(new Uint8Array(Buffer.from(base64, "base64")).buffer)]

layer(Fixture.emulator({}, embeddings))("Embeddings", (it) => {
  it.effect("case 20: are numbers, or base64 of the same numbers", () =>
    Effect.gen(function*() {
      const floats = yield* embed({ input: ["Hi", "Hello"], dimensions: 3 })
      assert.deepInclude(floats.json, {
        object: "list",
        model,
        data: [
          { object: "embedding", index: 0, embedding: [2, 1, -2] },
          { object: "embedding", index: 1, embedding: [5, 1, -2] }
        ],
        usage: { prompt_tokens: 7, total_tokens: 7 }
      })
      const packed = yield* embed({ dimensions: 3, encoding_format: "base64" })
      assert.deepStrictEqual(numbers(packed.json.data[0].embedding), [2, 1, -2])
    }))

  it.effect("case 22: have the model's own number of dimensions, or fewer where it can", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* embed({})).json.data[0].embedding.length, 1536)
      assert.strictEqual((yield* embed({ model: "text-embedding-3-large" })).json.data[0].embedding.length, 3072)
      const many = yield* embed({ dimensions: 1537 })
      assert.deepInclude(many.json.error, { param: "dimensions", type: "invalid_request_error" })
      const old = yield* embed({ model: "text-embedding-ada-002", dimensions: 3 })
      assert.include(old.json.error.message, "does not support specifying dimensions")
    }))

  it.effect("take tokens instead of texts", () =>
    Effect.gen(function*() {
      for (const [input, length] of [[[1, 2, 3], 1], [[[1], [2, 3]], 2]] as const) {
        assert.strictEqual((yield* embed({ input })).json.data.length, length)
      }
      assert.deepStrictEqual(asked.at(-1)?.inputs, ["1", "2 3"])
    }))

  it.effect("case 21: refuse what is beyond the caps of inputs and tokens", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* embed({ input: Array.from({ length: 2048 }, () => "a"), dimensions: 1 })).status, 200)
      const many = yield* embed({ input: Array.from({ length: 2049 }, () => "a") })
      assert.deepInclude(many.json.error, { param: "input", code: "array_above_max_length" })
      const long = yield* embed({ input: ["a", "word ".repeat(7000)] })
      assert.deepInclude(long.json.error, { code: "context_length_exceeded" })
      const all = yield* embed({ input: Array.from({ length: 60 }, () => "word ".repeat(6000)) })
      assert.deepInclude(all.json.error, { code: "max_tokens_per_request" })
    }))

  it.effect("case 75: refuse other input, models of chats, and unknown members", () =>
    Effect.gen(function*() {
      const refusals: ReadonlyArray<readonly [body: object, param: string | null, code: string | null]> = [
        [{ input: "" }, "input", "empty_string"],
        [{ input: ["a", ""] }, "input[1]", "empty_string"],
        [{ input: [] }, "input", "empty_array"],
        [{ input: ["a", 1] }, "input[0]", "invalid_type"],
        [{ input: { text: "a" } }, "input", "invalid_type"],
        [{ input: undefined }, "input", "missing_required_parameter"],
        [{ encoding_format: "int8" }, "encoding_format", "invalid_value"],
        [{ dimensions: 0 }, "dimensions", "integer_below_min_value"],
        [{ purpose: "query" }, null, null],
        [{ model: "gpt-4o" }, "model", "unsupported_model"]
      ]
      for (const [body, param, code] of refusals) {
        const { json, status } = yield* embed(body)
        assert.strictEqual(status, 400, JSON.stringify(body))
        assert.deepInclude(json.error, { param, code })
      }
    }))
})

layer(Fixture.emulator({ openai: { models: "any", quirks: ["float-vectors"] } }, embeddings))(
  "Of a local server",
  (it) => {
    it.effect("case 20: are numbers, whatever was asked for", () =>
      Effect.gen(function*() {
        const { json } = yield* embed({ model: "nomic-embed-text", encoding_format: "base64", dimensions: 2 })
        assert.deepStrictEqual(json.data[0].embedding.length, 2)
        assert.isArray(json.data[0].embedding)
      }))
  }
)

import { assert, describe, it } from "@effect/vitest"
import { EmbeddingService, Policy } from "@strata/core"
import { OpenAiClient, OpenAiEmbedding, type OpenAiProfile } from "@strata/openai"
import { Effect, Layer } from "effect"
import * as Base64 from "effect/encoding/Base64"
import * as FakeServer from "./support/FakeServer.ts"

const sequential = { ...Policy.none, concurrency: 1 }

const layer = (server: FakeServer.FakeServer, profile?: OpenAiProfile.Input, options?: OpenAiEmbedding.Options) =>
  OpenAiEmbedding.layer({ model: "e", policy: Policy.none, ...options }).pipe(
    Layer.provide(OpenAiClient.layer({ baseUrl: `${server.url}/v1`, profile }))
  )

const answer = (vectors: ReadonlyArray<unknown>, order = vectors.map((_, index) => index)) =>
  FakeServer.json({
    object: "list",
    data: order.map((index) => ({ object: "embedding", index, embedding: vectors[index] })),
    usage: { prompt_tokens: vectors.length, total_tokens: vectors.length }
  })

const base64 = (...numbers: ReadonlyArray<number>) => Base64.encode(new Uint8Array(Float32Array.from(numbers).buffer))

const many = (
  inputs: ReadonlyArray<string>,
  reply: FakeServer.Reply,
  dimensions?: number,
  profile?: OpenAiProfile.Input
) =>
  Effect.gen(function*() {
    const server = yield* FakeServer.make
    server.reply(reply)
    return yield* EmbeddingService.embedMany(inputs, dimensions === undefined ? {} : { dimensions }).pipe(
      Effect.provide(layer(server, profile))
    )
  }).pipe(Effect.scoped)

const refused = (inputs: ReadonlyArray<string>, reply: FakeServer.Reply, dimensions?: number) =>
  Effect.map(Effect.flip(many(inputs, reply, dimensions)), ({ _tag, message }) => {
    assert.strictEqual(_tag, "MalformedResponseError")
    return message
  })

describe("OpenAiEmbedding", () => {
  it.live("case 20: numbers are asked for as numbers, and read by the shape that arrives", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      server.reply(answer([[0.5, -1], base64(0.25, 2)]))
      const { embeddings, usage } = yield* EmbeddingService.embedMany(["a", "b"]).pipe(Effect.provide(layer(server)))
      assert.deepStrictEqual(server.requests[0]?.body, { model: "e", input: ["a", "b"], encoding_format: "float" })
      assert.deepStrictEqual(embeddings.map(({ vector }) => vector), [
        Float32Array.of(0.5, -1),
        Float32Array.of(0.25, 2)
      ])
      assert.strictEqual(usage.inputTokens, 2)
    }))

  it.live("case 20: vectors of zeros, of different lengths, or of what is no number are errors", () =>
    Effect.gen(function*() {
      assert.include(yield* refused(["a", "b"], answer([[1, 2], [0, 0]])), "only zeros")
      assert.include(yield* refused(["a"], answer([base64(0, 0)])), "only zeros")
      assert.include(yield* refused(["a", "b"], answer([[1, 2], [1]])), "vector 1 has 1 numbers")
      for (const odd of [[1, "2"], [1, null], [1e39], "!", base64(1).slice(0, 4), [], null, {}, base64(Number.NaN)]) {
        assert.include(yield* refused(["a"], answer([odd])), "data[0].embedding")
      }
    }))

  it.live("an answer that does not fit the inputs is an error", () =>
    Effect.gen(function*() {
      assert.include(yield* refused(["a", "b"], answer([[1, 2]])), "1 vectors for 2 inputs")
      assert.include(yield* refused(["a", "b"], answer([[1, 2], [3, 4]], [0, 0])), "index")
      for (const body of [{}, [], "x", { data: {} }]) yield* refused(["a"], FakeServer.json(body))
    }))

  it.live("case 21: lists are split by the caps of the profile, put in order by index, and their usage summed", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      server.reply(answer([[1, 1], [2, 2]], [1, 0]), answer([[3, 3]]))
      const { embeddings, requests, usage } = yield* EmbeddingService.embedMany(["a", "b", "c"]).pipe(
        Effect.provide(layer(server, { embedding: { maxInputs: 2 } }, { policy: sequential }))
      )
      assert.deepStrictEqual(server.requests.map(({ body }) => body.input), [["a", "b"], ["c"]])
      assert.deepStrictEqual(embeddings.map(({ vector }) => vector[0]), [1, 2, 3])
      assert.deepStrictEqual([requests, usage.inputTokens], [2, 3])
      server.reply(answer([[1, 1]]))
      yield* EmbeddingService.embedMany(["aaaa", "bbbb"]).pipe(
        Effect.provide(layer(server, { embedding: { maxTokens: 5 } }, { policy: sequential }))
      )
      assert.deepStrictEqual(server.requests.slice(2).map(({ body }) => body.input), [["aaaa"], ["bbbb"]])
    }))

  it.live("case 21: an error says which input failed", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      const tooLong = FakeServer.json({
        error: {
          message:
            "This model's maximum context length is 8192 tokens, however you requested 9001 tokens (9001 in your prompt).",
          type: "invalid_request_error",
          param: null,
          code: null
        }
      }, 400)
      server.reply(tooLong, answer([[1, 1]]), tooLong)
      const error = yield* EmbeddingService.embedMany(["a", "b"]).pipe(
        Effect.provide(layer(server, undefined, { policy: sequential })),
        Effect.flip
      )
      assert.isTrue(error._tag === "ContextLengthExceededError" && error.field === "inputs[1]")
      if (error._tag === "ContextLengthExceededError") {
        assert.deepStrictEqual({ ...error.measured }, { unit: "tokens", actual: 9001, limit: 8192 })
      }
    }))

  it.live("case 22: `dimensions` is sent only when asked for, and the answer is held to it", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      server.reply(answer([[1, 2]]))
      yield* EmbeddingService.embed("a").pipe(Effect.provide(layer(server)))
      yield* EmbeddingService.embed("a", { dimensions: 2 }).pipe(Effect.provide(layer(server)))
      yield* EmbeddingService.embed("a").pipe(Effect.provide(layer(server, undefined, { dimensions: 2 })))
      assert.deepStrictEqual(server.requests.map(({ body }) => body.dimensions), [undefined, 2, 2])
      assert.include(yield* refused(["a"], answer([[1, 2, 3]]), 2), "2 were asked for")
    }))

  it.live("case 22: what the server does not have fails before anything is sent", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      const provided = Effect.provide(layer(server, { embedding: { dimensions: false } }))
      for (const options of [{ dimensions: 2 }, { vectorType: "int8" as const }]) {
        const error = yield* EmbeddingService.embed("a", options).pipe(provided, Effect.flip)
        assert.strictEqual(error._tag, "UnsupportedFeatureError")
      }
      const image = yield* EmbeddingService.embed({ image: { bytes: Uint8Array.of(1), mediaType: "image/png" } }).pipe(
        provided,
        Effect.flip
      )
      assert.strictEqual(image._tag, "UnsupportedFeatureError")
      assert.deepStrictEqual(server.requests, [])
    }))

  it.live("normalized vectors have unit length", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      server.reply(answer([[3, 4]]))
      const { vector } = yield* EmbeddingService.embed("a", { normalize: true }).pipe(Effect.provide(layer(server)))
      assert.deepStrictEqual(vector, Float32Array.of(0.6, 0.8))
    }))
})

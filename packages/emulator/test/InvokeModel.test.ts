import { InvokeModelCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fixture from "./Fixture.ts"

const invoke = (model: string, body: unknown) =>
  Fixture.post(`/model/${encodeURIComponent(model)}/invoke`, JSON.stringify(body))

const embedding = (options: Parameters<typeof Fixture.embedding>[0]) =>
  Fixture.emulator({}, Layer.merge(Fixture.chat(), Fixture.embedding(options)))

const json = Effect.fnUntraced(function*(model: string, body: unknown) {
  const { headers, status, text } = yield* invoke(model, body)
  assert.strictEqual(status, 200, text)
  return { body: JSON.parse(text), headers }
})

const length = (vector: ReadonlyArray<number>) => Math.hypot(...vector)

describe("InvokeModel", () => {
  it.effect("requires the content type JSON", () =>
    Effect.gen(function*() {
      const client = yield* Fixture.connect("1.1")
      // the SDK's message for a body without a type
      const { message, name } = yield* Effect.flip(
        Fixture.attempt(() => client.send(new InvokeModelCommand({ modelId: titan, body: `{"inputText":"a"}` })))
      )
      assert.deepStrictEqual(
        [name, message],
        ["ValidationException", "The provided Content Type is invalid or not supported for this model"]
      )
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("answers Titan text v1", () =>
    Effect.gen(function*() {
      const { body, headers } = yield* json("amazon.titan-embed-text-v1", { inputText: "four" })
      assert.hasAllKeys(body, ["embedding", "inputTextTokenCount"])
      assert.lengthOf(body.embedding, 1536)
      assert.deepStrictEqual(body.embedding.slice(0, 4), [4, 1, -2, 0])
      assert.strictEqual(body.inputTextTokenCount, 4)
      assert.strictEqual(headers["x-amzn-bedrock-input-token-count"], "4")
      assert.match(headers["x-amzn-bedrock-invocation-latency"] ?? "", /^\d+$/)
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("answers Titan version 2, always by type, normalized by default", () =>
    Effect.gen(function*() {
      const plain = yield* json("amazon.titan-embed-text-v2:0", { inputText: "four" })
      assert.hasAllKeys(plain.body, ["embedding", "embeddingsByType", "inputTextTokenCount"])
      assert.lengthOf(plain.body.embedding, 1024)
      assert.approximately(length(plain.body.embedding), 1, 1e-6)
      assert.deepStrictEqual(plain.body.embeddingsByType, { float: plain.body.embedding })
      const raw = yield* json("amazon.titan-embed-text-v2:0", {
        inputText: "four",
        dimensions: 256,
        normalize: false,
        embeddingTypes: ["float", "binary"]
      })
      assert.lengthOf(raw.body.embedding, 256)
      assert.deepStrictEqual(raw.body.embedding.slice(0, 3), [4, 1, -2])
      assert.deepStrictEqual(raw.body.embeddingsByType.binary.slice(0, 3), [1, 1, 0])
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("answers Cohere version 3 with a bare list, unless types are requested", () =>
    Effect.gen(function*() {
      const request = { texts: ["One", "two"], input_type: "search_document" }
      const { body, headers } = yield* json("cohere.embed-english-v3", request)
      assert.hasAllKeys(body, ["id", "embeddings", "response_type", "texts"])
      assert.deepStrictEqual([body.response_type, body.texts], ["embeddings_floats", ["one", "two"]])
      assert.deepStrictEqual(body.embeddings.map((vector: Array<number>) => vector.length), [1024, 1024])
      assert.strictEqual(headers["x-amzn-bedrock-input-token-count"], "6")
      const typed = yield* json("cohere.embed-multilingual-v3", {
        ...request,
        embedding_types: ["float", "int8", "uint8", "binary", "ubinary"]
      })
      assert.strictEqual(typed.body.response_type, "embeddings_by_type")
      assert.lengthOf(typed.body.embeddings.int8[1], 1024)
      assert.lengthOf(typed.body.embeddings.ubinary[0], 128)
      assert.deepStrictEqual([typed.body.embeddings.ubinary[0][0], typed.body.embeddings.binary[0][0]], [192, 64])
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("answers Cohere version 4 always by type", () =>
    Effect.gen(function*() {
      const { body } = yield* json("us.cohere.embed-v4:0", { texts: ["One"], input_type: "search_query" })
      assert.strictEqual(body.response_type, "embeddings_by_type")
      assert.lengthOf(body.embeddings.float[0], 1536)
      const mixed = yield* json("cohere.embed-v4:0", {
        inputs: [{ content: [{ type: "text", text: "One" }, { type: "text", text: "more" }] }],
        input_type: "search_query",
        output_dimension: 512
      })
      assert.lengthOf(mixed.body.embeddings.float[0], 512)
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("passes the client's options to the embedding service", () => {
    const asked: Array<Fixture.EmbeddingCall> = []
    return Effect.gen(function*() {
      yield* json("cohere.embed-v4:0", {
        texts: ["a", "b"],
        input_type: "search_query",
        output_dimension: 256,
        truncate: "RIGHT"
      })
      assert.deepStrictEqual(asked, [{
        inputs: ["a", "b"],
        options: { model: undefined, purpose: "query", truncate: "end", dimensions: 256 }
      }])
    }).pipe(Effect.provide(embedding({ asked })))
  })

  it.effect("embeds each text of a batch once, however long one of them is", () => {
    const embedded: Array<string> = []
    const short = Layer.effect(
      EmbeddingService.EmbeddingService,
      EmbeddingService.make({
        provider: "double",
        defaultModel: "reads 100 characters",
        policy: Policy.none,
        limits: () => Effect.succeed({ maxItems: 2, maxLength: 10_000 }),
        embedBatch: ({ inputs, options }) => {
          const texts = inputs.flatMap((input) => typeof input === "string" ? [input] : [])
          embedded.push(...texts)
          return options.truncate === "none" && texts.some(({ length }) => length > 100)
            ? Effect.fail(new ProviderError.ContextLengthExceededError({ provider: "double", message: "too long" }))
            : Effect.succeed({ vectors: texts.map(() => Float32Array.of(1, 0)), inputTokens: texts.length })
        }
      })
    )
    const texts = ["a", "b", "c", "x".repeat(2000), "d", "e", "f"]
    return Effect.gen(function*() {
      for (const truncate of ["NONE", "END"]) {
        embedded.length = 0
        const { body, headers } = yield* json("cohere.embed-english-v3", {
          texts,
          input_type: "search_document",
          truncate
        })
        assert.lengthOf(body.embeddings, texts.length)
        assert.deepStrictEqual(embedded.toSorted(), texts.toSorted(), truncate)
        assert.strictEqual(headers["x-amzn-bedrock-input-token-count"], String(texts.length))
      }
    }).pipe(Effect.provide(Fixture.emulator({}, Layer.merge(Fixture.chat(), short))))
  })

  it.effect("retries without options that the embedding service refuses", () => {
    const asked: Array<unknown> = []
    const strict = Layer.effect(
      EmbeddingService.EmbeddingService,
      Effect.map(EmbeddingService.EmbeddingService, (service) => ({
        ...service,
        embedMany: (inputs, options) => {
          asked.push(options)
          return options?.dimensions === undefined
            ? service.embedMany(inputs, options)
            : Effect.fail(new ProviderError.InvalidRequestError({ provider: "double", message: "512 only" }))
        }
      }))
    ).pipe(Layer.provide(Fixture.embedding()))
    return Effect.gen(function*() {
      const { body } = yield* json("amazon.titan-embed-text-v2:0", { inputText: "a", dimensions: 256 })
      assert.lengthOf(body.embedding, 256)
      assert.lengthOf(asked, 2)
    }).pipe(Effect.provide(Fixture.emulator({}, Layer.merge(Fixture.chat(), strict))))
  })

  it.effect("truncates longer vectors and keeps their norm", () =>
    Effect.gen(function*() {
      const { body } = yield* json("amazon.titan-embed-text-v1", { inputText: "a" })
      assert.lengthOf(body.embedding, 1536)
      assert.approximately(length(body.embedding), Math.sqrt(2000), 1e-3)
    }).pipe(Effect.provide(embedding({ vectorOf: () => new Float32Array(2000).fill(1) }))))

  const titan = "amazon.titan-embed-text-v2:0"
  const cohere = "cohere.embed-english-v3"
  const malformed = (finding: string) =>
    `Malformed input request: ${finding}, please reformat your input and try again.`

  it.effect.each<readonly [string, string, unknown, string]>([
    ["no input_type", cohere, { texts: ["a"] }, malformed("#: required key [input_type] not found")],
    ["no texts", cohere, { input_type: "search_query" }, malformed("#: required key [texts] not found")],
    [
      "97 texts",
      cohere,
      { texts: Array.from({ length: 97 }, () => "a"), input_type: "search_query" },
      malformed("#/texts: expected maximum item count: 96, found: 97")
    ],
    [
      "a text of 2,049 characters",
      cohere,
      { texts: ["a", "x".repeat(2049)], input_type: "search_query" },
      malformed("#/texts/1: expected maxLength: 2048, actual: 2049")
    ],
    [
      "an unknown input_type",
      cohere,
      { texts: ["a"], input_type: "poem" },
      malformed("#/input_type: poem is not a valid enum value")
    ],
    [
      "the body of another family",
      cohere,
      { inputText: "a" },
      malformed("#: extraneous key [inputText] is not permitted#: required key [input_type] not found")
    ],
    ["no text", titan, {}, malformed("#: required key [inputText] not found")],
    ["an empty text", titan, { inputText: "" }, malformed("#/inputText: expected minLength: 1, actual: 0")],
    ["a number for a text", titan, { inputText: 1 }, malformed("#/inputText: expected type: String, found: Integer")],
    [
      "other dimensions",
      titan,
      { inputText: "a", dimensions: 300 },
      malformed("#/dimensions: 300 is not a valid enum value")
    ],
    [
      "50,001 characters",
      titan,
      { inputText: "x".repeat(50_001) },
      malformed("#/inputText: expected maxLength: 50000, actual: 50001")
    ],
    [
      "more than 8,192 tokens",
      titan,
      { inputText: "x".repeat(40_000) },
      "400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token count: 10000 "
    ]
  ])("refuses %s", ([, model, body, message]) =>
    Effect.gen(function*() {
      const { status, text } = yield* invoke(model, body)
      assert.deepStrictEqual([status, JSON.parse(text)], [400, { message }])
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("maps a failure of the embedding service to an exception", () =>
    Effect.gen(function*() {
      const client = yield* Fixture.connect("1.1")
      const { name, status } = yield* Effect.flip(
        Fixture.attempt(() =>
          client.send(
            new InvokeModelCommand({ modelId: titan, contentType: "application/json", body: `{"inputText":"a"}` })
          )
        )
      )
      assert.deepStrictEqual([name, status], ["ModelNotReadyException", 429])
    }).pipe(Effect.provide(Fixture.emulator(
      {},
      Layer.merge(
        Fixture.chat(),
        Layer.effect(
          EmbeddingService.EmbeddingService,
          Effect.map(EmbeddingService.EmbeddingService, (service) => ({
            ...service,
            embedMany: () =>
              Effect.fail(
                new ProviderError.ModelUnavailableError({
                  provider: "double",
                  message: "Loading",
                  exception: "ModelNotReadyException"
                })
              )
          }))
        ).pipe(Layer.provide(Fixture.embedding()))
      )
    ))))
})

import { assert, describe, it } from "@effect/vitest"
import * as Batch from "@strata/core/batch/Batch"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import * as Decoding from "../../src/batch/Decoding.ts"
import * as Families from "../../src/embedding/Families.ts"

const bytes = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value))

const chat = Decoding.chat("us.amazon.nova-lite-v1:0", { region: "us-east-1" })

const embedding = (model: string, options: Partial<Embedding.ResolvedOptions> = {}) =>
  Decoding.embedding(
    Families.find(model)!,
    { model, purpose: "document", vectorType: "float", truncate: "none", ...options },
    { region: "us-east-1" }
  )

const converse = {
  output: { message: { role: "assistant", content: [{ text: "Hi" }] } },
  stopReason: "end_turn",
  usage: { inputTokens: 3, outputTokens: 1, totalTokens: 4, cacheReadInputTokens: 2 },
  metrics: { latencyMs: 5 }
}

const failureOf = (line: unknown) => Result.getOrThrow(Result.flip(chat(bytes(line)).result))

describe("A line of the output", () => {
  it("is the answer of Converse, with its usage", () => {
    const { kind, recordId, result } = chat(
      bytes({ recordId: "A1", modelInput: { messages: [] }, modelOutput: converse })
    )
    assert.deepInclude({ kind, recordId }, { kind: "chat", recordId: "A1" })
    const response = Result.getOrThrow(result)
    assert.deepInclude(response, { text: "Hi", finishReason: "stop", model: "us.amazon.nova-lite-v1:0" })
    assert.deepInclude(response, {
      usage: { inputTokens: 3, outputTokens: 1, totalTokens: 4, cacheReadTokens: 2, cacheWriteTokens: 0 }
    } as object)
  })

  it("is a vector, with the tokens that the body counts", () => {
    const model = "amazon.titan-embed-text-v2:0"
    const vector = Array.from({ length: 256 }, (_, index) => index / 256)
    const line = { recordId: "A1", modelOutput: { embedding: vector, inputTextTokenCount: 7 } }
    const { result } = embedding(model, { dimensions: 256 })(bytes(line))
    assert.deepStrictEqual(Result.getOrThrow(result), { vector: Float32Array.from(vector), model, inputTokens: 7 })
  })

  it("has the vector that the options of the records ask for: its type, its length, unit length", () => {
    const model = "cohere.embed-v4:0"
    const floats = { recordId: "A1", modelOutput: { embeddings: { float: [Array.from({ length: 256 }, () => 2)] } } }
    const normal = embedding(model, { dimensions: 256, normalize: true })(bytes(floats))
    assert.deepStrictEqual(Result.getOrThrow(normal.result).vector, new Float32Array(256).fill(1 / 16))
    const ints = { recordId: "A1", modelOutput: { embeddings: { int8: [Array.from({ length: 256 }, () => -3)] } } }
    const int8 = embedding(model, { dimensions: 256, vectorType: "int8" })(bytes(ints))
    assert.deepStrictEqual(Result.getOrThrow(int8.result).vector, new Int8Array(256).fill(-3))
    // Options that are not those of the records show.
    for (const options of [{ dimensions: 256 }, { dimensions: 512, vectorType: "int8" as const }, {}]) {
      const error = Result.getOrThrow(Result.flip(embedding(model, options)(bytes(ints)).result))
      assert.strictEqual(error._tag, "MalformedResponseError")
    }
  })

  it.each([
    [400, "Malformed input request: extraneous key", "InvalidRequestError", false],
    [400, "Input is too long for requested model.", "ContextLengthExceededError", false],
    [403, "You are not authorized to perform: bedrock:InvokeModel", "PermissionDeniedError", false],
    [404, "Could not resolve the foundation model", "ModelNotFoundError", false],
    [408, "The model took too long", "TimeoutError", true],
    [424, "The model failed", "ModelFailedError", false],
    [429, "Too many requests", "RateLimitError", true],
    [500, "An internal error", "ProviderInternalError", true],
    [503, "The service is unavailable", "ModelUnavailableError", true],
    ["429", "Too many requests", "RateLimitError", true],
    ["ThrottlingException", "Too many requests", "RateLimitError", true]
  ])("has the typed error of a single call: %s %s (jobs 30)", (errorCode, errorMessage, tag, isTransient) => {
    const error = failureOf({ recordId: "A1", modelInput: {}, error: { errorCode, errorMessage } })
    assert.strictEqual(error._tag, tag)
    assert.strictEqual(ProviderError.isTransient(error), isTransient)
    assert.include(error.message, errorMessage)
    assert.strictEqual(error.model, "us.amazon.nova-lite-v1:0")
  })

  it("has the id that the provider wrote", () => {
    const error = { errorCode: 500, errorMessage: "?" }
    assert.strictEqual(chat(bytes({ recordId: "A1", error })).recordId, "A1")
    assert.isUndefined(chat(bytes({ recordId: 7, error })).recordId)
    assert.isUndefined(chat(bytes({ error })).recordId)
  })

  it("is malformed, and no defect, when it is anything else (jobs 32)", () => {
    const lines = [
      "",
      "{",
      "{\"recordId\":\"A1\",\"modelOutput\":{\"outp",
      "null",
      "[]",
      "7",
      {},
      { recordId: "A1" },
      { recordId: "A1", modelOutput: null },
      { recordId: "A1", modelOutput: "text" },
      { recordId: "A1", modelOutput: [] },
      { recordId: "A1", modelOutput: { output: { message: { content: [{ text: 7 }] } } } },
      { recordId: "A1", modelOutput: { embedding: ["one"] } },
      { recordId: "A1", error: 500 },
      Uint8Array.of(0xff, 0xfe),
      "[".repeat(10_000)
    ]
    for (const line of lines) {
      const given = line instanceof Uint8Array ? line : bytes(line)
      for (const decode of [chat, embedding("amazon.titan-embed-text-v2:0")]) {
        assert.strictEqual(Batch.failureOf(decode(given))?._tag, "MalformedResponseError", JSON.stringify(line))
      }
    }
    assert.strictEqual(Result.getOrThrow(Result.flip(chat(undefined).result))._tag, "MalformedResponseError")
  })
})

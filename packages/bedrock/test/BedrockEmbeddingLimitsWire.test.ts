import { assert, describe, it } from "@effect/vitest"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Policy from "@strata/core/policy/Policy"
import { TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as BedrockEmbedding from "../src/BedrockEmbedding.ts"
import * as BedrockRerank from "../src/BedrockRerank.ts"
import { connect } from "./support/Client.ts"
import * as Emulated from "./support/Emulated.ts"
import * as WireServer from "./support/WireServer.ts"

const bedrock = Emulated.embedding(1024)

const english = "The quick brown fox jumps over the lazy dog. ".repeat(1400)

/** What reached the model behind the emulator. */
const arrived = Effect.flatMap(
  TestEmbedding.TestEmbedding,
  ({ batches }) => Effect.map(batches, (all) => all.flatMap(({ inputs }): ReadonlyArray<Embedding.Input> => inputs))
)

const statuses = Effect.flatMap(
  Emulator.Emulator,
  ({ requests }) => Effect.map(requests, (all) => all.map(({ status }) => status))
)

const isPart = (sent: string, text: string, truncate: "start" | "end") =>
  truncate === "end" ? text.startsWith(sent) : text.endsWith(sent)

describe("Texts of too many tokens, over HTTP", () => {
  const titans = ["amazon.titan-embed-text-v1", "amazon.titan-embed-text-v2:0"]

  it.live.each(titans.flatMap((model) => (["start", "end"] as const).map((truncate) => ({ model, truncate }))))(
    "are cut by the figures of $model: $truncate",
    ({ model, truncate }) =>
      Effect.gen(function*() {
        const service = yield* BedrockEmbedding.make({ model, policy: Policy.none })
        yield* service.embed(english, { truncate })
        assert.deepStrictEqual(yield* statuses, [400, 200])
        const [sent] = yield* arrived
        assert(typeof sent === "string" && isPart(sent, english, truncate))
        // The emulator counts a token for four characters.
        assert.isAtMost(sent.length, 4 * 8192)
        assert.isAtLeast(sent.length, 0.95 * 4 * 8192)
      }).pipe(Effect.provide(bedrock))
  )

  it.live("are embedded in even pieces", () =>
    Effect.gen(function*() {
      const service = yield* BedrockEmbedding.make({ model: titans[1], policy: Policy.none })
      yield* service.embed(english.slice(0, 49_999), { truncate: "chunk" })
      assert.deepStrictEqual(yield* statuses, [400, 200, 200])
      const lengths = (yield* arrived).map((input) => String(input).length)
      assert.strictEqual(lengths.reduce((sum, length) => sum + length), 49_999)
      for (const length of lengths) assert.closeTo(length, 25_000, 50)
    }).pipe(Effect.provide(bedrock)))

  it.live("are refused with the advice that helps, and otherwise cost the other texts nothing", () =>
    Effect.gen(function*() {
      const service = yield* BedrockEmbedding.make({ model: titans[1], policy: Policy.none })
      const texts = ["one text", english, "another text"]
      const error = yield* Effect.flip(service.embedMany(texts))
      assert.strictEqual(error._tag, "ContextLengthExceededError")
      assert.include(error.message, "inputs[1]: the text has 63000 characters and the model takes 50000.")
      assert.include(error.message, "set `truncate` to \"start\" or \"end\" to have it cut")
      const { embeddings } = yield* service.embedMany(texts, { truncate: "end" })
      assert.strictEqual(embeddings.length, 3)
    }).pipe(Effect.provide(bedrock)))
})

/** A tokenizer that makes two tokens of an ideograph. */
const tokensOf = (text: string) => [...text].reduce((sum, sign) => sum + (sign > "\u2e80" ? 2 : 0.25), 0)

interface Body {
  readonly inputText?: string
  readonly texts?: ReadonlyArray<string>
  readonly text?: { readonly inputText: string }
  readonly singleEmbeddingParams?: { readonly text: { readonly value: string } }
}

const textsOf = ({ inputText, singleEmbeddingParams, text, texts }: Body): ReadonlyArray<string> =>
  texts ?? [inputText ?? text?.inputText ?? singleEmbeddingParams?.text.value ?? ""]

const vector = (length: number) => Array.from({ length }, () => 0.5)

/** Every family, the sentence that refuses a text, and the answer to some texts. */
const families: ReadonlyArray<{
  readonly model: string
  readonly limit: number
  readonly refusal: (tokens: number, limit: number) => string
  readonly answer: (count: number) => unknown
}> = [
  ...["amazon.titan-embed-text-v1", "amazon.titan-embed-text-v2:0", "amazon.titan-embed-image-v1"].map((model) => ({
    model,
    limit: model === "amazon.titan-embed-image-v1" ? 256 : 8192,
    refusal: (tokens: number, limit: number) =>
      `400 Bad Request: Too many input tokens. Max input tokens: ${limit}, request input token count: ${tokens} `,
    answer: () => ({ embedding: vector(model === "amazon.titan-embed-text-v1" ? 1536 : 1024), inputTextTokenCount: 7 })
  })),
  {
    model: "amazon.nova-2-multimodal-embeddings-v1:0",
    limit: 8192,
    refusal: () => "Input is too long for requested model.",
    answer: () => ({ embeddings: [{ embeddingType: "TEXT", embedding: vector(3072) }] })
  },
  {
    model: "cohere.embed-multilingual-v3",
    limit: 512,
    refusal: (tokens, limit) =>
      `Malformed input request: expected maxLength: ${limit}, actual: ${tokens}, please reformat`,
    answer: (count) => ({ embeddings: Array.from({ length: count }, () => vector(1024)) })
  },
  {
    model: "cohere.embed-v4:0",
    limit: 128_000,
    refusal: () => "Input is too long for requested model.",
    answer: (count) => ({ embeddings: { float: Array.from({ length: count }, () => vector(1536)) } })
  },
  {
    model: "twelvelabs.marengo-embed-2-7-v1:0",
    limit: 77,
    refusal: () => "Input is too long for requested model.",
    answer: () => ({ data: [{ embedding: vector(1024) }] })
  },
  {
    model: "twelvelabs.marengo-embed-3-0-v1:0",
    limit: 500,
    refusal: () => "Input is too long for requested model.",
    answer: () => ({ data: [{ embedding: vector(512) }] })
  }
]

describe("A service that counts tokens of its own", () => {
  const chinese = "敏捷的棕色狐狸跳過懶狗。👩‍👩‍👧 "

  it.live.each(families.flatMap((family) => (["start", "end"] as const).map((truncate) => ({ ...family, truncate }))))(
    "is sent less of a long text by $model: $truncate",
    ({ answer, limit, model, refusal, truncate }) =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(({ body }, reply) => {
          const texts = textsOf(JSON.parse(body))
          const longest = Math.max(...texts.map(tokensOf))
          if (longest > limit) {
            return WireServer.failing(400, "ValidationException", refusal(longest, limit))({
              path: "",
              httpVersion: "1.1",
              headers: {},
              body
            }, reply)
          }
          reply.head(200, { "content-type": "application/json" })
          reply.end(JSON.stringify(answer(texts.length)))
        })
        const client = yield* connect(server)
        const service = yield* BedrockEmbedding.make({ model, policy: Policy.none }).pipe(
          Effect.provideService(BedrockClient.BedrockClient, client)
        )
        const long = chinese.repeat(Math.ceil(2 * limit / chinese.length))
        const { embeddings } = yield* service.embedMany(["a fox", long, "a dog"], { truncate })
        assert.strictEqual(embeddings.length, 3)
        const sent = server.received.flatMap(({ body }) => textsOf(JSON.parse(body)))
        const whole = sent.filter((text) => tokensOf(text) <= limit && text.length > 5)
        assert.isAtLeast(whole.length, 1)
        for (const text of whole) {
          assert.isTrue(isPart(text, long, truncate))
          assert.isAtLeast(tokensOf(text), limit / 4)
        }
        assert.isAtMost(server.received.length, 10)
      }).pipe(Effect.scoped)
  )
})

describe("Values that are no texts, over HTTP", () => {
  const texts = Array.from({ length: 96 }, (_, index) => `text ${index}`)

  it.live.each<readonly [name: string, value: unknown, field: string]>([
    ["half a surrogate pair", "bad \udc00", "inputs[40]"],
    ["half a surrogate pair in an object", { text: "bad \ud83d" }, "inputs[40].text"],
    ["null", null, "inputs[40]"],
    ["undefined", undefined, "inputs[40]"],
    ["a number", 7, "inputs[40]"],
    ["a list", ["a"], "inputs[40]"],
    ["an empty object", {}, "inputs[40]"]
  ])("spoil nothing else: %s", ([, value, field]) =>
    Effect.gen(function*() {
      // Rows of a database hold such values, whatever the type says.
      const inputs = texts.with(40, value as string) as ReadonlyArray<Embedding.Input>
      const service = yield* BedrockEmbedding.make({ model: "cohere.embed-english-v3", policy: Policy.none })
      const fieldOf = (error: { readonly _tag: string; readonly field?: string | undefined }) =>
        error._tag === "InvalidRequestError" ? error.field : error._tag
      assert.strictEqual(fieldOf(yield* Effect.flip(service.embedMany(inputs))), field)
      assert.strictEqual(
        fieldOf(
          yield* Effect.flip(Stream.runDrain(service.embedStream(Stream.fromIterable(inputs), (input) => input)))
        ),
        field
      )
      assert.deepStrictEqual(yield* statuses, [])
      const { results } = yield* service.embedEach(inputs)
      assert.deepStrictEqual(
        results.flatMap((result) => Result.isFailure(result) ? [fieldOf(result.failure)] : []),
        [field]
      )
      assert.deepStrictEqual(yield* statuses, [200])
      assert.deepStrictEqual(yield* arrived, texts.toSpliced(40, 1))
    }).pipe(Effect.provide(bedrock)))

  it.live.each<readonly [value: unknown]>([["bad \udc00"], [null], [7], [["a"]]])(
    "are refused among documents by their place: %j",
    ([value]) =>
      Effect.gen(function*() {
        const service = yield* BedrockRerank.make({ model: "cohere.rerank-v3-5:0", policy: Policy.none })
        const error = yield* Effect.flip(service.rerank("text", texts.with(17, value as string)))
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "documents[17]")
        assert.deepStrictEqual(yield* statuses, [])
      }).pipe(Effect.provide(bedrock))
  )
})

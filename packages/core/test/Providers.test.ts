import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as ModelReference from "@strata/core/providers/ModelReference"
import * as Providers from "@strata/core/providers/Providers"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

/** Answers with its name and the model that it was asked for. */
const named = (name: string) => TestChat.layer(({ model }) => `${name}: ${model}`, { model: `${name}-model` })

const env = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

const ask = (model?: string) => ChatService.text({ messages: "Hi", ...(model !== undefined && { model }) })

describe("ModelReference", () => {
  const providers = ["bedrock", "openai", "ollama", "local"]
  const models = [
    "us.amazon.nova-lite-v1:0",
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0",
    "llama3.2:3b-instruct-q4_K_M",
    "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M",
    "openai/gpt-oss-120b",
    "gpt-5.1",
    "ft:gpt-4o-mini:org::id",
    "bedrock:nested",
    ":"
  ]

  it("case 73: reads what it prints, for every model of every provider", () => {
    for (const provider of providers) {
      for (const model of models) {
        const reference = { provider, model }
        assert.deepStrictEqual(ModelReference.parse(ModelReference.print(reference), providers), reference)
      }
    }
  })

  it("case 73: does not split an id after what is no provider", () => {
    for (const model of models.filter((model) => !model.startsWith("bedrock:"))) {
      assert.isUndefined(ModelReference.parse(model, providers), model)
    }
    for (const text of ["", "bedrock", "bedrock:", ":x", "Bedrock:x"]) {
      assert.isUndefined(ModelReference.parse(text, providers), text)
    }
  })
})

describe("Providers.choose", () => {
  const layers = { bedrock: named("bedrock"), openai: named("openai"), local: named("local") }

  it.effect("answers by the provider that the environment names", () =>
    Effect.gen(function*() {
      for (const name of ["bedrock", "openai", "local"]) {
        const text = yield* ask().pipe(
          Effect.provide(Layer.provide(Providers.choose(layers), env({ STRATA_PROVIDER: name })))
        )
        assert.strictEqual(text, `${name}: ${name}-model`)
      }
    }))

  it.effect("uses the default, and another variable", () =>
    Effect.gen(function*() {
      const options = { default: "local", variable: "WHO" } as const
      const text = yield* ask().pipe(
        Effect.provide(Layer.provide(Providers.choose(layers, options), env({ STRATA_PROVIDER: "bedrock" })))
      )
      assert.strictEqual(text, "local: local-model")
    }))

  it.effect("fails for another name with all names", () =>
    Effect.gen(function*() {
      for (const given of [{ STRATA_PROVIDER: "bedrok" }, {}]) {
        const error = yield* ask().pipe(
          Effect.provide(Layer.provide(Providers.choose(layers), env(given))),
          Effect.flip
        )
        assert.strictEqual(error._tag, "ConfigError")
        assert.include(String(error), "STRATA_PROVIDER")
      }
    }))

  it.effect("builds only what was chosen", () =>
    Effect.gen(function*() {
      const built: Array<string> = []
      const noting = (name: string) =>
        Layer.merge(named(name), Layer.effectDiscard(Effect.sync(() => void built.push(name))))
      yield* ask().pipe(
        Effect.provide(Layer.provide(Providers.choose({ a: noting("a"), b: noting("b") }, { default: "b" }), env({})))
      )
      assert.deepStrictEqual(built, ["b"])
    }))

  it.effect("has the services that all layers have", () =>
    Effect.gen(function*() {
      const both = Layer.merge(named("both"), TestEmbedding.layer())
      const layer = Providers.choose({ both, other: Layer.merge(named("other"), TestEmbedding.layer()) }, {
        default: "both"
      })
      const { vector } = yield* Effect.provide(EmbeddingService.embed("Hi"), layer)
      assert.strictEqual(vector.length, 64)
    }).pipe(Effect.provide(env({}))))
})

describe("Providers.chat", () => {
  const layers = { bedrock: named("bedrock"), ollama: named("ollama") }

  it.effect("sends a call to the provider of its model", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask("ollama:llama3.2:3b"), "ollama: llama3.2:3b")
      assert.strictEqual(yield* ask("bedrock:us.amazon.nova-lite-v1:0"), "bedrock: us.amazon.nova-lite-v1:0")
      const words = yield* Stream.mkString(ChatService.textStream({ messages: "Hi", model: "ollama:llama3.2:3b" }))
      assert.strictEqual(words, "ollama: llama3.2:3b")
    }).pipe(Effect.provide(Providers.chat(layers))))

  it.effect("sends other models to the default, as they are", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask(), "ollama: ollama-model")
      assert.strictEqual(yield* ask("qwen3:8b"), "ollama: qwen3:8b")
    }).pipe(Effect.provide(Providers.chat(layers, { default: "ollama" }))))

  it.effect("names the model of its default, and all providers in its identity", () =>
    Effect.gen(function*() {
      const chat = yield* ChatService.ChatService
      assert.strictEqual(chat.defaultModel, "bedrock-model")
      assert.include(JSON.stringify(chat.identity), "ollama-model")
    }).pipe(Effect.provide(Providers.chat(layers))))

  it.effect("takes the policy around it for every provider", () =>
    Effect.gen(function*() {
      const busy = new ProviderError.RateLimitError({ provider: "test", message: "slow down" })
      const failing = (name: string) => TestChat.layer([busy, name], { policy: Policy.none })
      const retries = Policy.make({ retry: Schedule.recurs(1) })
      const router = Providers.chat({ a: failing("a"), b: failing("b") }).pipe(ChatService.withPolicy(retries))
      const texts = yield* Effect.provide(Effect.all([ask("a:m"), ask("b:m")]), router)
      assert.deepStrictEqual(texts, ["a", "b"])
    }))

  it.effect("builds a client that layers share once", () =>
    Effect.gen(function*() {
      class Client extends Context.Service<Client, number>()("test/Client") {}
      let clients = 0
      const client = Layer.effect(Client, Effect.sync(() => ++clients))
      const over = (name: string) => named(name).pipe(Layer.provide(client))
      yield* Effect.provide(ask("b:m"), Providers.chat({ a: over("a"), b: over("b"), c: over("c") }))
      assert.strictEqual(clients, 1)
    }))

  it.effect("refuses what are no layers, and a default that is none of them", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [unknown, unknown?]> = [
        [undefined],
        [{}],
        [{ "a:b": named("a") }],
        [{ a: "layer" }],
        [{ a: Layer.empty }],
        [layers, { default: "openai" }],
        [layers, { default: 1 }]
      ]
      for (const [given, options] of wrong) {
        const layer = Providers.chat(given as never, options as never)
        const error = yield* Effect.flip(Effect.provide(ask(), layer as Layer.Layer<ChatService.ChatService, unknown>))
        assert.instanceOf(error, ProviderError.InvalidRequestError)
        assert.isNotEmpty(error.remedy)
      }
    }))
})

describe("Providers.embedding", () => {
  const layers = {
    small: TestEmbedding.layer({ dimensions: 8 }),
    large: TestEmbedding.layer({ dimensions: 16, model: "large-model" })
  }

  it.effect("embeds by the provider of the model, by every function", () =>
    Effect.gen(function*() {
      const one = yield* EmbeddingService.embed("a", { model: "large:x" })
      const many = yield* EmbeddingService.embedMany(["a"], { model: "large:x" })
      const each = yield* EmbeddingService.embedEach(["a"], { model: "large:x" })
      const [streamed] = yield* Stream.runCollect(EmbeddingService.embedStream(Stream.make("a"), { model: "large:x" }))
      assert.strictEqual(one.vector.length, 16)
      assert.strictEqual(one.model, "x")
      assert.strictEqual(many.embeddings[0]?.vector.length, 16)
      assert.strictEqual(each.model, "x")
      assert.strictEqual(streamed?.embedding.vector.length, 16)
      assert.strictEqual((yield* EmbeddingService.embed("a")).vector.length, 8)
    }).pipe(Effect.provide(Providers.embedding(layers))))
})

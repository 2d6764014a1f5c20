import { assert, describe, it } from "@effect/vitest"
import {
  Budget,
  ChatCache,
  ChatEvent,
  ChatResponse,
  ChatService,
  EmbeddingService,
  Ledger,
  Pricing,
  ProviderError,
  RerankService
} from "@strata/core"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import { TestChat, TestEmbedding, TestRerank } from "@strata/core/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { ended, usage } from "./ChatFixture.ts"

const down = new ProviderError.ProviderInternalError({ provider: "test", message: "down" })

/** That many attempts. */
const policy = (attempts: number) =>
  Policy.make({ retry: Retry.exponential({ times: attempts - 1 }), retryBudget: "unlimited" })

type Chats = Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError>

/** Chat services that fail, and how often each was asked. */
const failing = () => {
  const attempts: Record<string, number> = {}
  const functions = (name: string) => {
    const fail = Effect.suspend(() => {
      attempts[name] = (attempts[name] ?? 0) + 1
      return Effect.fail(down)
    })
    return { generate: () => fail, stream: () => Stream.fromEffect(fail) }
  }
  return {
    attempts,
    made: (name: string, attempts = 2): Chats =>
      Layer.effect(
        ChatService.ChatService,
        ChatService.make({ provider: name, defaultModel: name, policy: policy(attempts), ...functions(name) })
      ),
    handMade: (name: string): Chats => Layer.succeed(ChatService.ChatService, functions(name))
  }
}

const passing = ChatService.transform((chat) =>
  Effect.succeed({ generate: (request) => chat.generate(request), stream: (request) => chat.stream(request) })
)

const asked = (layer: Chats) => errorOf(Effect.provide(ChatService.generate("Hi"), layer))

const streamed = (layer: Chats) => errorOf(Effect.provide(Stream.runDrain(ChatService.stream("Hi")), layer))

const errorOf = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.flip(Effect.flatten(ended(self)))

describe("The attempts of a stack", () => {
  const stacks: ReadonlyArray<
    readonly [name: string, stack: (services: ReturnType<typeof failing>) => Chats, attempts: Record<string, number>]
  > = [
    ["the option of the layer, and a policy around", ({ made }) => ChatService.withPolicy(made("a"), policy(3)), {
      a: 3
    }],
    [
      "two policies with a middleware between them",
      ({ made }) => made("a").pipe(ChatService.withPolicy(policy(3)), passing, ChatService.withPolicy(policy(5))),
      { a: 5 }
    ],
    [
      "two policies with a cache between them",
      ({ made }) =>
        made("a").pipe(ChatService.withPolicy(policy(3)), ChatService.withCache(), ChatService.withPolicy(policy(5))),
      { a: 5 }
    ],
    [
      "a fallback of two with policies of their own",
      ({ made }) =>
        made("a").pipe(
          ChatService.withPolicy(policy(3)),
          ChatService.withFallback(ChatService.withPolicy(made("b"), policy(2)))
        ),
      { a: 3, b: 2 }
    ],
    [
      "the same with a policy around",
      ({ made }) =>
        made("a").pipe(
          ChatService.withPolicy(policy(3)),
          ChatService.withFallback(ChatService.withPolicy(made("b"), policy(2))),
          ChatService.withPolicy(policy(5))
        ),
      { a: 5, b: 5 }
    ],
    [
      "one layer under two policies, one the fallback of the other",
      ({ made }) => {
        const layer = made("a")
        return ChatService.withFallback(
          ChatService.withPolicy(layer, policy(3)),
          ChatService.withPolicy(layer, policy(4))
        )
      },
      { a: 7 }
    ],
    [
      "a service made by hand under two policies",
      ({ handMade }) =>
        handMade("a").pipe(ChatService.withPolicy(policy(3)), passing, ChatService.withPolicy(policy(5))),
      { a: 5 }
    ],
    [
      "services made by hand in a fallback, with a policy around",
      ({ handMade }) => handMade("a").pipe(ChatService.withFallback(handMade("b")), ChatService.withPolicy(policy(3))),
      { a: 3, b: 3 }
    ],
    ["a service made by hand and no policy", ({ handMade }) => passing(handMade("a")), { a: 1 }]
  ]
  for (const [name, stack, attempts] of stacks) {
    it.effect(`are those of the outermost policy: ${name}`, () =>
      Effect.gen(function*() {
        for (const ask of [asked, streamed]) {
          const services = failing()
          assert.strictEqual((yield* ask(stack(services)))._tag, "ProviderInternalError")
          assert.deepStrictEqual(services.attempts, attempts)
        }
      }))
  }

  it.effect("are those of the outermost policy for embeddings and reranking too", () =>
    Effect.gen(function*() {
      const counts = { embed: 0, rerank: 0 }
      const fail = (call: keyof typeof counts) =>
        Effect.suspend(() => {
          counts[call]++
          return Effect.fail(down)
        })
      const embedding = Layer.succeed(EmbeddingService.EmbeddingService, {
        embed: () => fail("embed"),
        embedMany: () => fail("embed"),
        embedEach: () => Effect.die("not asked for here"),
        embedStream: () => Stream.die("not asked for here")
      })
      const embed = Effect.provide(
        EmbeddingService.embedMany(["a"]),
        embedding.pipe(
          EmbeddingService.withPolicy(policy(3)),
          EmbeddingService.withCache(),
          EmbeddingService.withPolicy(policy(5))
        )
      )
      assert.strictEqual((yield* errorOf(embed))._tag, "ProviderInternalError")
      const reranking = Layer.succeed(RerankService.RerankService, { rerank: () => fail("rerank") })
      const rerank = Effect.provide(
        RerankService.rerank("q", ["a"]),
        reranking.pipe(
          RerankService.withPolicy(policy(3)),
          RerankService.transform((reranker) => Effect.succeed({ rerank: reranker.rerank })),
          RerankService.withPolicy(policy(5))
        )
      )
      assert.strictEqual((yield* errorOf(rerank))._tag, "ProviderInternalError")
      assert.deepStrictEqual(counts, { embed: 5, rerank: 5 })
    }))
})

describe("A middleware", () => {
  it.effect("runs once, in the scope of the layer, and keeps the data it does not mention", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const layer = TestChat.layer(() => "So.", { model: "m" }).pipe(
        ChatService.transform((chat) =>
          Effect.as(
            Effect.acquireRelease(Effect.sync(() => log.push("built")), () => Effect.sync(() => log.push("released"))),
            {
              generate: (request: ChatRequest.ChatRequest) =>
                Effect.tap(chat.generate(request), ({ text }) => Effect.sync(() => log.push(text))),
              stream: chat.stream,
              identity: "audited"
            }
          )
        )
      )
      yield* Effect.gen(function*() {
        const { defaultModel, identity, provider } = yield* ChatService.ChatService
        assert.deepStrictEqual({ defaultModel, identity, provider }, {
          defaultModel: "m",
          identity: "audited",
          provider: "test"
        })
        yield* ChatService.text("Why?")
        yield* ChatService.text("Why?")
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(log, ["built", "So.", "So.", "released"])
    }))

  it.effect("calls the service in the fiber of the caller: a worker of its own is not under a policy further out", () =>
    Effect.gen(function*() {
      const { attempts, made } = failing()
      const background = ChatService.transform((chat) =>
        Effect.as(Effect.forkScoped(Effect.exit(chat.generate({ messages: "Hi" }))), chat)
      )
      const layer = made("a", 1).pipe(background, ChatService.withPolicy(policy(3)))
      yield* Effect.scoped(Effect.andThen(Layer.build(layer), TestClock.adjust("1 minute")))
      assert.deepStrictEqual(attempts, { a: 1 })
    }))

  it.effect("may be a class with methods that use `this`", () =>
    Effect.gen(function*() {
      class Polite {
        readonly reply = ChatResponse.make([{ type: "text", text: "Please." }], {
          finishReason: "stop",
          usage,
          model: "m",
          providerMetadata: {}
        })
        generate() {
          return Effect.succeed(this.reply)
        }
        stream() {
          return Stream.fromIterable(ChatEvent.fromResponse(this.reply))
        }
      }
      const layer = passing(Layer.succeed(ChatService.ChatService, new Polite()))
      assert.strictEqual(yield* Effect.provide(ChatService.text("Hi"), layer), "Please.")
    }))
})

describe("withDefaults", () => {
  it.effect("are for requests that do not say otherwise; the outermost hold", () =>
    Effect.gen(function*() {
      const double = TestChat.layer(() => "So.")
      const layer = double.pipe(
        ChatService.withDefaults({ maxTokens: 10, temperature: 0, system: "Be brief.", model: "inner" }),
        ChatService.withDefaults({ maxTokens: 20 })
      )
      const seen = yield* Effect.gen(function*() {
        yield* ChatService.generate("Hi")
        yield* ChatService.generate({
          model: "mine",
          messages: [{ role: "system", content: "Be long." }, { role: "user", content: "Hi" }],
          temperature: 1,
          maxTokens: undefined
        })
        yield* Stream.runDrain(ChatService.stream("Hi"))
        return yield* Effect.flatMap(TestChat.TestChat, ({ requests }) => requests)
      }).pipe(Effect.provide(Layer.merge(double, layer)))
      const system = { role: "system", content: "Be brief." } as const
      const user = { role: "user", content: "Hi" } as const
      const usual = { model: "inner", maxTokens: 20, temperature: 0, messages: [system, user] }
      assert.deepStrictEqual<ReadonlyArray<unknown>>(
        seen.map(({ maxTokens, messages, model, temperature }) => ({
          model,
          maxTokens,
          temperature,
          messages
        })),
        [
          usual,
          { model: "mine", maxTokens: 20, temperature: 1, messages: [{ ...system, content: "Be long." }, user] },
          usual
        ]
      )
    }))

  it.effect("joins options under the key of a provider, and request metadata pair by pair", () =>
    Effect.gen(function*() {
      const double = TestChat.layer(() => "So.")
      const options = (value: object) => value as ChatRequest.ProviderOptions
      const requestMetadata = { app: "a", step: "1" }
      const layer = ChatService.withDefaults(double, {
        providerOptions: options({ test: { a: 1, b: 1, requestMetadata }, other: {} })
      })
      const [seen] = yield* ChatService.generate({
        messages: "Hi",
        providerOptions: options({ test: { b: 2, requestMetadata: { step: "2" } } })
      }).pipe(
        Effect.andThen(Effect.flatMap(TestChat.TestChat, ({ requests }) => requests)),
        Effect.provide(Layer.merge(double, layer))
      )
      const test = { a: 1, b: 2, requestMetadata: { app: "a", step: "2" } }
      assert.deepStrictEqual(seen?.providerOptions, options({ test, other: {} }))
    }))

  it.effect("refuses what no request may have", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [unknown, string]> = [
        [null, "defaults"],
        [{ maxTokens: "10" }, "maxTokens"],
        [{ messages: "Hi" }, "defaults.messages"],
        [{ system: 5 }, "defaults.system"],
        [{ temprature: 1 }, "temprature"]
      ]
      for (const [defaults, field] of wrong) {
        const layer = ChatService.withDefaults(TestChat.layer(), defaults as ChatRequest.Defaults)
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
        assert.strictEqual(error.field, field)
      }
    }))

  it.effect("are for embeddings too", () =>
    Effect.gen(function*() {
      const layer = EmbeddingService.withDefaults(TestEmbedding.layer(), { dimensions: 4, purpose: "query" })
      const { vector } = yield* Effect.provide(EmbeddingService.embed("a"), layer)
      assert.lengthOf(vector, 4)
      const given = yield* Effect.provide(EmbeddingService.embed("a", { dimensions: 2, purpose: undefined }), layer)
      assert.lengthOf(given.vector, 2)
    }))
})

describe("The data of a service", () => {
  it.effect("is that of its provider, and of a fallback that of the first and the identities of all", () =>
    Effect.gen(function*() {
      const of = (layer: Chats) => Effect.map(Layer.build(layer), Context.get(ChatService.ChatService))
      const first = TestChat.layer([], { model: "a" })
      const chat = yield* of(ChatService.withFallback(first, TestChat.layer([], { model: "b" })))
      assert.deepStrictEqual([chat.provider, chat.defaultModel], ["test", "a"])
      assert.deepStrictEqual(chat.identity, [["test", "a", null], ["test", "b", null]])
      const reranker = yield* Effect.map(Layer.build(TestRerank.layer()), Context.get(RerankService.RerankService))
      assert.strictEqual(reranker.provider, "test")
    }))
})

describe("A cache in a stack", () => {
  it.effect("asks nothing of a service made by hand to know who it is, and nothing of one that never answers", () =>
    Effect.gen(function*() {
      let asked = 0
      const silent = Effect.suspend(() => {
        asked++
        return Effect.never
      })
      const chats = Layer.succeed(ChatService.ChatService, {
        generate: () => silent,
        stream: () => Stream.fromEffect(silent)
      })
      const embeddings = Layer.succeed(EmbeddingService.EmbeddingService, {
        embed: () => silent,
        embedMany: () => silent,
        embedEach: () => silent,
        embedStream: () => Stream.fromEffect(silent)
      })
      yield* Effect.scoped(
        Layer.build(Layer.merge(ChatService.withCache(chats), EmbeddingService.withCache(embeddings)))
      )
      assert.strictEqual(asked, 0)
    }))

  it.effect("is free also inside a budget, for requests that name no model", () =>
    Effect.gen(function*() {
      const budget = Budget.make({ perRun: 1 })
      const layer = TestChat.layer(() => "So.", { model: "priced" }).pipe(
        ChatService.withCache(),
        ChatService.withBudget(budget),
        Layer.provide(Pricing.layer([{ model: "priced", price: { input: 1, output: 1 } }]))
      )
      const spent = yield* Effect.gen(function*() {
        yield* ChatService.generate({ messages: "Why?", maxTokens: 10 })
        const once = yield* Budget.spent(budget)
        assert.isTrue((yield* ChatService.generate({ messages: "Why?", maxTokens: 10 })).cached)
        assert.deepStrictEqual(yield* Budget.spent(budget), once)
        return once.run?.spent ?? 0
      }).pipe(Effect.provide(layer))
      assert.isAbove(spent, 0)
    }).pipe(Effect.provide([ChatCache.layerMemory(), Ledger.layerMemory])))
})

describe("A budget of embeddings", () => {
  it.effect("counts every attempt that was sent", () =>
    Effect.gen(function*() {
      const budget = Budget.make({ perRun: 1000 })
      let attempts = 0
      const service = EmbeddingService.make({
        provider: "test",
        defaultModel: "priced",
        limits: () => Effect.succeed({ maxItems: 10, maxLength: 100 }),
        policy: policy(3),
        embedBatch: () =>
          Effect.suspend(() =>
            ++attempts < 3 ? Effect.fail(down) : Effect.succeed({ vectors: [Float32Array.of(1)], inputTokens: 100 })
          )
      })
      const layer = Layer.effect(EmbeddingService.EmbeddingService, service).pipe(
        EmbeddingService.withBudget(budget),
        Layer.provide(Pricing.layer([{ model: "priced", price: { input: 1e6, output: 0 } }]))
      )
      yield* ended(Effect.provide(EmbeddingService.embedMany(["a text"]), layer))
      const { run } = yield* Budget.spent(budget)
      assert.strictEqual(attempts, 3)
      assert.isAbove(run?.spent ?? 0, 100)
      assert.strictEqual(run?.reserved, 0)
    }).pipe(Effect.provide(Ledger.layerMemory)))
})

import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Budget from "@strata/core/policy/Budget"
import * as Policy from "@strata/core/policy/Policy"
import * as Pricing from "@strata/core/policy/Pricing"
import * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as EmbeddingCall from "../src/embedding/internal/call.ts"
import * as Fixture from "./BudgetFixture.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const { isolated, rounded, runOf } = Fixture

const dollar = Pricing.layer([{ model: "probe-*", price: { input: 1e6 } }, { model: "custom", price: { input: 1e6 } }])

/** A text of a number of tokens, at a dollar each, when it is embedded; the estimate is higher. */
const make = Effect.fnUntraced(function*(
  budget: Budget.Budget,
  answer: EmbeddingProbe.Answer = EmbeddingProbe.numbered,
  decorate: (
    layer: Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError>
  ) => Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError> = (layer) =>
    EmbeddingService.withBudget(layer, budget)
) {
  const probe = EmbeddingProbe.make({ limits: { maxItems: 1 }, answer })
  let sent: ReadonlyArray<ReadonlyArray<string>> = []
  const provider = Layer.effect(
    EmbeddingService.EmbeddingService,
    Effect.map(probe, ({ probe, service }) => {
      sent = probe.sent
      return service
    })
  )
  const context = yield* Layer.build(decorate(provider).pipe(Layer.provide(dollar)))
  return { service: Context.get(context, EmbeddingService.EmbeddingService), sent: () => sent.flat() }
})

const estimate = (text: string) => EmbeddingCall.tokensOf([text])

describe("a budget of embeddings", () => {
  it.effect("accounts for each request by itself, at what it was counted to cost", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 1000 })
      const { service } = yield* make(budget)
      yield* service.embedMany(["text 1", "text 2", "text 3"])
      assert.deepStrictEqual(yield* runOf(budget), { spent: 6, reserved: 0 })
      yield* service.embed("text 4")
      assert.deepStrictEqual(yield* runOf(budget), { spent: 10, reserved: 0 })
    })))

  it.effect("takes the estimate without a count, and nothing for what was refused", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 1000 })
      const { service } = yield* make(budget, ({ inputs: [text = ""] }) =>
        text === "refused"
          ? Effect.fail(new ProviderError.RateLimitError({ provider: "probe", message: "slow down" }))
          : Effect.succeed({ vectors: [Float32Array.of(1)] }))
      yield* service.embed("some text")
      assert.deepStrictEqual(yield* runOf(budget), { spent: estimate("some text"), reserved: 0 })
      yield* Effect.flip(service.embed("refused"))
      assert.deepStrictEqual(yield* runOf(budget), { spent: estimate("some text"), reserved: 0 })
    })))

  it.effect("fails what it has no room for, and only that", () =>
    isolated(Effect.gen(function*() {
      const long = "a long text, of many words, that would cost more than is left 1"
      const budget = Budget.make({ perRun: estimate(long) - 1 })
      const { sent, service } = yield* make(budget)
      const { results } = yield* service.embedEach(["text 1", long, "text 2"])
      assert.deepStrictEqual(
        results.map((result) => Result.isSuccess(result) ? "vector" : result.failure._tag),
        ["vector", "BudgetExceededError", "vector"]
      )
      assert.deepStrictEqual(sent(), ["text 1", "text 2"])
    })))

  it.effect("needs the price of the model", () =>
    isolated(Effect.gen(function*() {
      const { sent, service } = yield* make(Budget.make({ perRun: 1000 }))
      const error = yield* Effect.flip(service.embedMany(["text 1"], { model: "other" }))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.include(error.message, "no price is configured for \"other\"")
      assert.deepStrictEqual(sent(), [])
    })))

  it.effect("is one with that of chat", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ name: "both", perRun: 100, perDay: 100 })
      const chat = yield* Fixture.make(budget)
      const embedding = yield* make(budget)
      yield* chat.service.generate(Fixture.request({ inputTokens: 1000, outputTokens: 0 }))
      yield* embedding.service.embed("text 2")
      const { day, run } = yield* Budget.spent(budget)
      assert.deepStrictEqual([rounded(day?.spent ?? 0), rounded(run?.spent ?? 0)], [3, 3])
    })))

  it.effect("stays when the policy is replaced, and adds to another budget", () =>
    isolated(Effect.gen(function*() {
      const [first, second] = [Budget.make({ perRun: 100 }), Budget.make({ perRun: 100 })]
      const { service } = yield* make(first, EmbeddingProbe.numbered, (layer) =>
        layer.pipe(
          EmbeddingService.withBudget(first),
          EmbeddingService.withPolicy(Policy.make({ concurrency: 1 })),
          EmbeddingService.withBudget(second)
        ))
      yield* service.embed("text 3")
      assert.deepStrictEqual(yield* runOf(first), { spent: 3, reserved: 0 })
      assert.deepStrictEqual(yield* runOf(second), { spent: 3, reserved: 0 })
    })))

  it.effect("costs nothing for what a cache knows, when the cache comes after it", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 1000 })
      const { service } = yield* make(
        budget,
        EmbeddingProbe.numbered,
        (layer) => layer.pipe(EmbeddingService.withBudget(budget), EmbeddingService.withCache({ namespace: "budget" }))
      )
      yield* service.embed("text 5")
      yield* service.embed("text 5")
      assert.deepStrictEqual(yield* runOf(budget), { spent: 5, reserved: 0 })

      const chatBudget = Budget.make({ perRun: 10 })
      const chat = yield* Layer.build(
        Layer.effect(ChatService.ChatService, ChatService.make(Fixture.makeProvider())).pipe(
          ChatService.withBudget(chatBudget),
          ChatService.withCache({ namespace: "budget" }),
          Layer.provide(Fixture.prices)
        )
      )
      const asked = Fixture.request({ inputTokens: 100, outputTokens: 0 })
      yield* Context.get(chat, ChatService.ChatService).generate(asked)
      yield* Context.get(chat, ChatService.ChatService).generate(asked)
      assert.deepStrictEqual(yield* runOf(chatBudget), { spent: 0.1, reserved: 0 })
    })))
})

import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Cost from "@strata/core/Cost"
import * as Budget from "@strata/core/policy/Budget"
import * as Usage from "@strata/core/Usage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fixture from "./BudgetFixture.ts"

const { isolated, mostDollars, request, rounded, runOf } = Fixture

describe("what a call costs on a budget", () => {
  /** A service that no provider of Strata has built, on a budget; its answers cost what is given. */
  const elsewhere = Effect.fnUntraced(function*(budget: Budget.Budget, cost?: Cost.Cost) {
    const { generate, stream } = yield* ChatService.make(Fixture.makeProvider())
    const layer = Layer.succeed(ChatService.ChatService, {
      generate: (request) => Effect.map(generate(request), (answer) => ({ ...answer, cost })),
      stream
    })
    const context = yield* Layer.build(layer.pipe(ChatService.withBudget(budget), Layer.provide(Fixture.prices)))
    return Context.get(context, ChatService.ChatService)
  })

  it.effect("is known of a service from elsewhere by the model of the request", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 10 })
      const service = yield* elsewhere(budget)
      const asked = request({ inputTokens: 10, outputTokens: 10 })
      yield* service.generate({ ...asked, model: "test-model" })
      yield* ChatEvent.collect(service.stream({ ...asked, model: "test-model" }))
      assert.deepStrictEqual(yield* runOf(budget), { spent: 0.06, reserved: 0 })
      const unknown = yield* Effect.flip(service.generate(asked))
      assert.include(unknown.message, "put `withBudget` on the layer of the provider")
    })))

  it.effect("is nothing where a cache answers", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 10 })
      const cached = Layer.effect(ChatService.ChatService, ChatService.make(Fixture.makeProvider())).pipe(
        ChatService.withCache({ namespace: "inside" }),
        ChatService.withBudget(budget),
        Layer.provide(Fixture.prices)
      )
      const service = Context.get(yield* Layer.build(cached), ChatService.ChatService)
      const asked = { ...request({ inputTokens: 10, outputTokens: 0 }), model: "test-model" }
      yield* service.generate(asked)
      yield* service.generate(asked)
      assert.deepStrictEqual(yield* runOf(budget), { spent: 0.01, reserved: 0 })
    })))

  const costs: ReadonlyArray<readonly [string, Cost.Cost, number]> = [
    ["in the currency of the price", Cost.make({ input: 0.5 }), 0.5],
    ["nothing in any currency", Cost.make({ currency: "EUR" }), 0],
    ["but not in another currency", Cost.make({ input: 0.5, currency: "EUR" }), 0.1]
  ]
  it.effect.each(costs)(
    "is what a service says, %s",
    ([, cost, spent]) =>
      isolated(Effect.gen(function*() {
        const budget = Budget.make({ perRun: 10 })
        const service = yield* elsewhere(budget, cost)
        yield* service.generate({ ...Fixture.dime, model: "test-model" })
        assert.deepStrictEqual(yield* runOf(budget), { spent, reserved: 0 })
      }))
  )

  it.effect("is the most it could cost where what a provider counted is no number", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 10 })
      const provider = Fixture.makeProvider()
      const usage = { ...Usage.empty, inputTokens: Number.NaN, totalTokens: 100 }
      const { service } = yield* Fixture.make(budget, {
        generate: (request) => Effect.map(provider.generate(request), (answer) => ({ ...answer, usage }))
      })
      yield* service.generate(Fixture.dime)
      assert.deepStrictEqual(yield* runOf(budget), { spent: rounded(mostDollars(Fixture.dime)), reserved: 0 })
    })))
})

import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Budget from "@strata/core/policy/Budget"
import * as Key from "@strata/core/policy/Key"
import * as Policy from "@strata/core/policy/Policy"
import * as Pricing from "@strata/core/policy/Pricing"
import * as RequestMetadata from "@strata/core/RequestMetadata"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Fixture from "./BudgetFixture.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const { as, dime, isolated, request, rounded, spentOf, tenant } = Fixture

describe("a budget with keys", () => {
  it.effect("is one of its own for each key", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ name: "keyed", perDay: 0.25, perRun: 1, run: "1", key: tenant })
      const { service } = yield* Fixture.make(budget)
      yield* as("a")(service.generate(dime))
      yield* as("a")(service.generate(dime))
      const exceeded = yield* Effect.flip(as("a")(service.generate(dime)))
      assert.strictEqual(exceeded._tag, "BudgetExceededError")
      assert.include(
        exceeded.message,
        "the budget \"keyed\" of the key \"a\" allows $0.25 in 24 hours, of which $0.2 is"
      )
      yield* as("b")(service.generate(dime))
      assert.deepStrictEqual([yield* spentOf(budget, "a"), yield* spentOf(budget, "b")], [0.2, 0.1])
      assert.deepStrictEqual((yield* Budget.spent(budget, "c")).run, { limit: 1, spent: 0, reserved: 0 })
    })))

  it.effect("keeps names and keys apart, whatever is in them", () =>
    isolated(Effect.gen(function*() {
      const make = (name: string) => Budget.make({ name, perDay: 10, key: ({ metadata }) => metadata["tenant"] ?? "-" })
      const odd = ["x", "x\",\"y", "\"", "[\"x\"]", "_OTHER", "y"]
      for (const name of odd) {
        const { service } = yield* Fixture.make(make(name))
        for (const key of odd) yield* as(key)(service.generate(dime))
        const total = yield* Fixture.make(Budget.make({ name, perDay: 10 }))
        yield* total.service.generate(dime)
      }
      for (const name of odd) {
        for (const key of odd) assert.strictEqual(yield* spentOf(make(name), key), 0.1, `${name} ${key}`)
        assert.strictEqual(yield* spentOf(Budget.make({ name, perDay: 10 })), 0.1)
      }
    })))

  it.effect("counts once where it is applied twice, and together with a total, through a cache, fallback and retries", () =>
    isolated(Effect.gen(function*() {
      const keyed = () => Budget.make({ name: "keyed", perDay: 10, key: Key.metadata("tenant") })
      const first = keyed()
      const total = Budget.make({ name: "total", perDay: 0.35 })
      const script = [Fixture.refused, Fixture.broken, Fixture.refused]
      const failing = ChatService.make({
        ...Fixture.makeProvider(),
        policy: Policy.make({ retry: Schedule.recurs(1) }),
        generate: (request) =>
          Effect.suspend(() => {
            const error = script.shift()
            return error === undefined ? Fixture.makeProvider().generate(request) : Effect.fail(error)
          })
      })
      const layer = Layer.effect(ChatService.ChatService, failing).pipe(
        ChatService.withBudget(first),
        ChatService.withBudget(first),
        ChatService.withFallback(
          Layer.effect(ChatService.ChatService, ChatService.make(Fixture.makeProvider())).pipe(
            ChatService.withBudget(first)
          )
        ),
        ChatService.withBudget(keyed()),
        ChatService.withCache({ namespace: "keyed budgets" }),
        ChatService.withBudget(total),
        Layer.provide(Fixture.prices)
      )
      const service = Context.get(yield* Layer.build(layer), ChatService.ChatService)
      // One is answered by the fallback, after an attempt that lost its prompt, one after a retry, and one by the cache.
      for (let call = 0; call < 3; call++) yield* as("a")(service.generate(dime))
      const spent = rounded(0.2 + Fixture.promptDollars(dime))
      assert.strictEqual(yield* spentOf(first, "a"), spent)
      assert.strictEqual(yield* spentOf(total), spent)
      const other = request({ inputTokens: 101, outputTokens: 0 }, 150)
      const exceeded = yield* Effect.flip(as("b")(service.generate(other)))
      assert.include(exceeded.message, "the budget \"total\" allows $0.35")
      assert.strictEqual(yield* spentOf(first, "b"), 0)
    })))

  it.effect("counts by both keys where two of one name have different ones, and once where a call has the same by both", () =>
    isolated(Effect.gen(function*() {
      const byTenant = Budget.make({ name: "calls", perDay: 10, key: tenant })
      const byUser = Budget.make({ name: "calls", perDay: 10, key: Key.metadata("user") })
      const { service } = yield* Fixture.make([byTenant, byUser])
      for (const user of ["b", "a"]) {
        yield* Effect.provideService(service.generate(dime), RequestMetadata.RequestMetadata, { tenant: "a", user })
      }
      assert.deepStrictEqual([yield* spentOf(byTenant, "a"), yield* spentOf(byUser, "b")], [0.2, 0.1])
    })))

  it.effect("applies to embeddings, by their metadata", () =>
    isolated(Effect.gen(function*() {
      const budget = Budget.make({ perRun: 100, key: tenant })
      const layer = Layer.effect(
        EmbeddingService.EmbeddingService,
        Effect.map(EmbeddingProbe.make({ limits: { maxItems: 1 } }), ({ service }) => service)
      ).pipe(
        EmbeddingService.withBudget(budget),
        Layer.provide(Pricing.layer([{ model: "probe-*", price: { input: 1e6 } }]))
      )
      const service = Context.get(yield* Layer.build(layer), EmbeddingService.EmbeddingService)
      yield* Effect.all([as("a")(service.embed("text 3")), as("b")(service.embedMany(["text 4", "text 5"]))], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([yield* spentOf(budget, "a"), yield* spentOf(budget, "b")], [3, 9])
    })))

  it.effect("refuses a call whose key cannot be told, and reserves nothing", () =>
    isolated(Effect.gen(function*() {
      const keys: ReadonlyArray<unknown> = [
        () => JSON.parse("{"),
        () => undefined,
        () => 7,
        () => "",
        () => "k".repeat(257),
        tenant
      ]
      for (const key of keys) {
        const total = Budget.make({ perRun: 100 })
        const { sent, service } = yield* Fixture.make([total, Budget.make({ perRun: 5, key: key as Key.Key })])
        const error = yield* Effect.flip(service.generate(dime))
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "budget.key")
        assert.deepStrictEqual(sent, [])
        assert.deepStrictEqual((yield* Budget.spent(total)).run, { limit: 100, spent: 0, reserved: 0 })
      }
      const broken = yield* Effect.flip(Fixture.make(Budget.make({ perRun: 5, key: "tenant" as never })))
      assert.strictEqual(broken.field, "budget.key")
    })))

  it.effect("tells the balances of a key, and asks for one exactly where there are keys", () =>
    isolated(Effect.gen(function*() {
      const invalid = (budget: Budget.Budget, key?: string) =>
        Effect.map(Effect.flip(Budget.spent(budget, key)), String)
      assert.include(yield* invalid(Budget.make({ perRun: 1, key: tenant })), "Give one: `Budget.spent(budget, key)`")
      assert.include(yield* invalid(Budget.make({ perRun: 1 }), "a"), "Leave it out, or give the budget a `key`")
      assert.include(yield* invalid(Budget.make({ perRun: 1, key: tenant }), ""), "the key of a call has 0 characters")
    })))
})

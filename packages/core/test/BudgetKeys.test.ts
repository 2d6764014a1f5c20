import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Budget from "@strata/core/policy/Budget"
import * as Key from "@strata/core/policy/Key"
import * as Policy from "@strata/core/policy/Policy"
import * as Pricing from "@strata/core/policy/Pricing"
import * as RequestMetadata from "@strata/core/RequestMetadata"
import * as Ledger from "@strata/core/state/Ledger"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as LedgerAccount from "../src/state/internal/ledgerAccount.ts"
import * as LedgerFallback from "../src/state/internal/ledgerFallback.ts"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import * as Fixture from "./BudgetFixture.ts"
import { watched } from "./ChatFixture.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const { isolated, request, rounded } = Fixture

const tenant = Key.metadata("tenant")

const as = (name: string) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.provideService(self, RequestMetadata.RequestMetadata, { tenant: name })

/** Costs ten cents. */
const dime = request({ inputTokens: 100, outputTokens: 0 }, 10)

const spentOf = (budget: Budget.Budget, key?: string) =>
  Effect.map(Budget.spent(budget, key), ({ day, run }) => rounded((day ?? run)?.spent ?? Number.NaN))

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

  describe("on a ledger in memory", () => {
    const most = 10_000
    /** Fills all places of the ledger in force. */
    const fill = <A, E>(
      ask: (request: ChatRequest.ChatRequest) => Effect.Effect<A, E>,
      asked: typeof dime,
      length = most
    ) => Effect.forEach(Array.from({ length }, (_, index) => `tenant ${index}`), (name) => as(name)(ask(asked)))

    it.effect(
      "has accounts for a bounded number of keys, after which new ones share one that forgets nothing",
      () =>
        isolated(watched(({ logs }) =>
          Effect.gen(function*() {
            const budget = Budget.make({ name: "many", perDay: 0.25, key: tenant })
            const { service } = yield* Fixture.make(budget)
            yield* fill(service.generate, dime)
            yield* as("new 1")(service.generate(dime))
            assert.strictEqual(yield* spentOf(budget, "new 1"), 0.1)
            const slow = yield* Effect.forkChild(
              as("new 2")(service.generate(request({ inputTokens: 50, outputTokens: 0, delay: "25 hours" }, 10)))
            )
            yield* TestClock.adjust("1 second")
            const exceeded = yield* Effect.flip(as("new 3")(service.generate(request({ inputTokens: 100 }, 100))))
            assert.include(exceeded.message, "of `_OTHER`, the keys without an account of their own such as \"new 3\",")
            yield* as("tenant 1")(service.generate(dime))
            assert.strictEqual(yield* spentOf(budget, "tenant 1"), 0.2)
            assert.strictEqual(logs.filter(({ message }) => String(message).includes("_OTHER")).length, 1)

            // The places are free again, but what new 2 has reserved stays where it is.
            yield* TestClock.adjust("24 hours")
            assert.isAbove((yield* Budget.spent(budget, "new 2")).day?.reserved ?? 0, 0)
            yield* as("new 1")(service.generate(dime))
            assert.strictEqual(yield* spentOf(budget, "new 2"), 0.1)
            yield* TestClock.adjust("2 hours")
            yield* Fiber.join(slow)
            assert.strictEqual(yield* spentOf(budget, "new 2"), 0.1)
            assert.strictEqual((yield* Budget.spent(budget, "new 2")).day?.reserved, 0)
            yield* TestClock.adjust("25 hours")
            yield* as("new 1")(service.generate(dime))
            assert.deepStrictEqual([yield* spentOf(budget, "new 1"), yield* spentOf(budget, "new 2")], [0.1, 0])
          })
        )),
      60_000
    )

    it.effect("gives no place to keys that spend nothing", () =>
      isolated(watched(({ logs }) =>
        Effect.gen(function*() {
          const budget = Budget.make({ name: "refused", perDay: 0.25, key: tenant })
          const { service } = yield* Fixture.make(budget)
          yield* fill(service.generate, dime, most - 1)
          for (const name of ["one", "two", "three"]) {
            const refused = yield* Effect.flip(as(name)(service.generate(request({}, 1000))))
            assert.strictEqual(refused._tag, "BudgetExceededError")
            const unsent = yield* Effect.flip(as(name)(service.generate(request({ error: Fixture.refused }, 10))))
            assert.strictEqual(unsent._tag, "RateLimitError")
          }
          yield* as("four")(service.generate(dime))
          assert.strictEqual(yield* spentOf(budget, "five"), 0)
          assert.deepStrictEqual(logs, [])
        })
      )), 60_000)
  })

  it.effect(
    "has an account for every key of a shared ledger, of which this process forgets those not in use",
    () =>
      Effect.gen(function*() {
        const entries = new Map<string, LedgerAccount.LedgerAccount>()
        const store = LedgerMemory.make(entries)
        let isDown = false
        const lost = Effect.fail(new Ledger.LedgerError({ message: "no connection" }))
        const balances: Ledger.Ledger["balances"] = (...of) => isDown ? lost : store.balances(...of)
        const shared: Ledger.Ledger = { ...store, balances }
        const budget = Budget.make({ name: "shared", perDay: 0.25, key: tenant })
        yield* Effect.gen(function*() {
          const { service } = yield* Fixture.make(budget)
          const keys = Array.from({ length: 10_100 }, (_, index) => `tenant ${index}`)
          const slow = yield* Effect.forkChild(as("slow")(service.generate(request({ delay: "1 hour" }, 10))))
          yield* TestClock.adjust("1 second")
          yield* Effect.forEach(keys, (name) => as(name)(service.generate(dime)), { discard: true })
          assert.strictEqual(entries.size, keys.length + 1)
          assert.strictEqual(yield* spentOf(budget, "tenant 1"), 0.1)
          isDown = true
          const limits: ReadonlyArray<Ledger.Limit> = [
            { name: "day", unit: "nanodollars", amount: 25e7, window: Duration.days(1) }
          ]
          const fallback = yield* LedgerFallback.make(shared)
          const known = (key: string) => fallback.balances(`budget/day/["shared","${key}"]`, limits)
          assert.strictEqual((yield* known("tenant 10099"))[0]?.spent, 1e8)
          assert.strictEqual((yield* known("tenant 1"))[0]?.spent, 0)
          assert.isAbove((yield* known("slow"))[0]?.reserved ?? 0, 0)
          yield* Fiber.interrupt(slow)
        }).pipe(Effect.provideService(Ledger.Ledger, shared))
      }),
    60_000
  )
})

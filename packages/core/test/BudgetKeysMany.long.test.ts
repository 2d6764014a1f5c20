import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Budget from "@strata/core/policy/Budget"
import * as Ledger from "@strata/core/state/Ledger"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as LedgerAccount from "../src/state/internal/ledgerAccount.ts"
import * as LedgerFallback from "../src/state/internal/ledgerFallback.ts"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import * as Fixture from "./BudgetFixture.ts"
import { watched } from "./ChatFixture.ts"

const { as, dime, isolated, request, spentOf, tenant } = Fixture

describe("a budget with very many keys", () => {
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

import { assert, describe, it } from "@effect/vitest"
import * as Budget from "@strata/core/policy/Budget"
import * as Ledger from "@strata/core/state/Ledger"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as BudgetAccount from "../src/policy/internal/budget/account.ts"
import * as BudgetGate from "../src/policy/internal/budget/gate.ts"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import * as Fixture from "./BudgetFixture.ts"
import { settled, target } from "./ChatFixture.ts"

const shared = LedgerMemory.make()
const accountsOf = (budget: Budget.Budget) => BudgetAccount.of(budget, shared)

describe("the accounts of a budget", () => {
  it("have keys on the ledger by name, run, period, currency and the key of a call", () => {
    const keys = (budget: Budget.Budget) =>
      accountsOf(budget).map(({ at, other }) => [at(undefined), at("tenant"), other])
    assert.deepStrictEqual(keys(Budget.make({ name: "a", run: "1", perRun: 1, perDay: 1 })), [
      ["budget/run/[\"a\",\"1\"]", "budget/run/[\"a\",\"1\",\"tenant\"]", "budget/run/[\"a\",\"1\",[\"_OTHER\"]]"],
      ["budget/day/[\"a\"]", "budget/day/[\"a\",\"tenant\"]", "budget/day/[\"a\",[\"_OTHER\"]]"]
    ])
    assert.deepStrictEqual(keys(Budget.make({ name: "a", perDay: 1, currency: "EUR" })).map(([key]) => key), [
      "budget/day EUR/[\"a\"]"
    ])
    assert.deepStrictEqual(keys(Budget.make({})), [])
  })

  it("are on the shared ledger where they have a name", () => {
    const onShared = (budget: Budget.Budget) => accountsOf(budget).map(({ ledger }) => ledger === shared)
    assert.deepStrictEqual(onShared(Budget.make({ name: "a", perRun: 1, perDay: 1 })), [false, true])
    assert.deepStrictEqual(onShared(Budget.make({ name: "a", run: "1", perRun: 1 })), [true])
    assert.deepStrictEqual(onShared(Budget.make({ perRun: 1, perDay: 1 })), [false, false])
  })

  it("have nothing on them where the ledger says nothing", () => {
    const [account] = accountsOf(Budget.make({ perRun: 2 }))
    assert.deepStrictEqual(BudgetAccount.inDollars(account!, []), { limit: 2, spent: 0, reserved: 0 })
  })
})

describe("a call on a budget", () => {
  /** A ledger that says that others are in the queue before a call, so many times. */
  const queued = (times: number) => {
    const ledger = LedgerMemory.make()
    const asked = { reserve: 0, renew: 0 }
    const behind: Ledger.Decision = { _tag: "wait", limit: "queue", retryAfter: Duration.millis(100) }
    return {
      asked,
      ledger: {
        ...ledger,
        reserve: (reservation: Ledger.Reservation) =>
          Effect.suspend(() => asked.reserve++ < times ? Effect.succeed(behind) : ledger.reserve(reservation)),
        renew: (...renewal: Parameters<typeof ledger.renew>) =>
          Effect.suspend(() => {
            asked.renew++
            return ledger.renew(...renewal)
          })
      }
    }
  }

  const generate = (ledger: Ledger.Ledger) =>
    Effect.flatMap(
      Fixture.make(Budget.make({ name: "queued", perDay: 10 })),
      ({ service }) => settled(Effect.exit(service.generate(Fixture.dime)), "1 second")
    ).pipe(Effect.provideService(Ledger.Ledger, ledger))

  it.effect.each([[0, 1], [1, 2], [11, 12]] as const)(
    "asks again while others are before it, %s times",
    ([times, asks]) =>
      Effect.gen(function*() {
        const { asked, ledger } = queued(times)
        assert.strictEqual((yield* generate(ledger))._tag, "Success")
        assert.strictEqual(asked.reserve, asks)
      })
  )

  it.effect("is refused where it is never its turn", () =>
    Effect.gen(function*() {
      const { asked, ledger } = queued(Infinity)
      assert.strictEqual((yield* generate(ledger))._tag, "Failure")
      assert.strictEqual(asked.reserve, 12)
    }))

  it.effect("is not asked for its metadata where no budget has keys, nor for its length where there is no budget", () =>
    Fixture.isolated(Effect.gen(function*() {
      const metadata = () => Effect.die("asked for metadata")
      const { service } = yield* Fixture.make(Budget.make({ perRun: 10 }), { metering: { metadata } })
      yield* service.generate(Fixture.dime)
      const settle = yield* BudgetGate.reserve([], target, { load: () => Effect.die("asked for its length") })
      yield* settle({ bill: undefined, outputTokens: 1, isRefused: false })
    })))

  it.effect("renews nothing when it has ended", () =>
    Effect.gen(function*() {
      const { asked, ledger } = queued(0)
      yield* generate(ledger)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(asked.renew, 0)
    }))

  it.effect("goes by the smaller limit where the same account has two", () =>
    Fixture.isolated(Effect.gen(function*() {
      const wide = Budget.make({ name: "same", perDay: 10 })
      const narrow = Budget.make({ name: "same", perDay: 0.05 })
      for (const budgets of [[wide, narrow], [narrow, wide]]) {
        const { sent, service } = yield* Fixture.make(budgets)
        const exceeded = yield* Effect.flip(service.generate(Fixture.dime))
        assert.include(exceeded.message, "allows $0.05 in 24 hours")
        assert.deepStrictEqual(sent, [])
      }
      const { service } = yield* Fixture.make([wide, Budget.make({ name: "same", perDay: 20 })])
      yield* service.generate(Fixture.dime)
      assert.strictEqual(yield* Fixture.spentOf(wide), 0.1)
    })))
})

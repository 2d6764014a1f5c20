import { assert, describe, it } from "@effect/vitest"
import * as Budget from "@strata/core/policy/Budget"
import * as Ledger from "@strata/core/state/Ledger"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import * as Fixture from "./BudgetFixture.ts"
import { watched } from "./ChatFixture.ts"

const { request } = Fixture

describe("a budget on a ledger that fails", () => {
  it.effect("goes on by itself while the ledger cannot be reached, and says so once", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const fail = () => Effect.fail(new Ledger.LedgerError({ message: "no connection" }))
        const broken: Ledger.Ledger = { reserve: fail, settle: fail, leave: fail, renew: fail, balances: fail }
        const budget = Budget.make({ name: "shared", perDay: 0.5 })
        yield* Effect.gen(function*() {
          const { service } = yield* Fixture.make(budget)
          yield* service.generate(request({ inputTokens: 400, outputTokens: 0 }))
          const exceeded = yield* Effect.flip(service.generate(request({})))
          assert.strictEqual(exceeded._tag, "BudgetExceededError")
          assert.include(exceeded.message, "allows $0.5 in 24 hours, of which $0.4 is spent")
          assert.strictEqual((yield* Effect.flip(Budget.spent(budget)))._tag, "LedgerError")
        }).pipe(Effect.provideService(Ledger.Ledger, broken))
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
      })
    ))

  it.effect("tells a ledger that is back what was spent without it, and warns of each outage", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const ledger = LedgerMemory.make()
        let isDown = false
        const reached = <A>(self: Effect.Effect<A, Ledger.LedgerError>) =>
          Effect.suspend(() => isDown ? Effect.fail(new Ledger.LedgerError({ message: "no connection" })) : self)
        const shaky: Ledger.Ledger = {
          ...ledger,
          reserve: (reservation) => reached(ledger.reserve(reservation)),
          settle: (settlement) => reached(ledger.settle(settlement))
        }
        const budget = Budget.make({ name: "shared", perDay: 10 })
        const { service } = yield* Effect.provideService(Fixture.make(budget), Ledger.Ledger, shaky)
        for (let outage = 1; outage <= 2; outage++) {
          isDown = true
          const fiber = yield* Effect.forkChild(service.generate(request({ inputTokens: 500, delay: "1 minute" })))
          yield* TestClock.adjust("1 second")
          isDown = false
          yield* TestClock.adjust("1 minute")
          yield* Fiber.join(fiber)
          const { day } = yield* Effect.provideService(Budget.spent(budget), Ledger.Ledger, ledger)
          assert.deepStrictEqual(day, { limit: 10, spent: 0.502 * outage, reserved: 0 })
          assert.strictEqual(logs.filter(({ level }) => level === "Warn").length, outage)
        }
      })
    ))
})

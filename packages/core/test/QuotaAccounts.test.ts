import { assert, describe } from "@effect/vitest"
import * as Quota from "@strata/core/policy/Quota"
import * as Ledger from "@strata/core/state/Ledger"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as QuotaAccounts from "../src/policy/internal/quota/accounts.ts"
import { target } from "./ChatFixture.ts"
import { enforce, keyOf, start, test } from "./QuotaFixture.ts"

const quota = Quota.tokens({ perMinute: 1_000 })

describe("what is kept of the models of a Quota", () => {
  /** Looks up 1,100 models that are not called. */
  const others = (ledger: Ledger.Ledger) => {
    for (let index = 0; index < 1_100; index++) {
      QuotaAccounts.get(ledger, keyOf("", { ...target, model: `invented ${index}` }))
    }
  }

  test("is bounded", () =>
    Effect.gen(function*() {
      const ledger = yield* Ledger.Ledger
      const { call } = yield* enforce({ quota })
      yield* call({ input: 1 })
      const known = QuotaAccounts.get(ledger, keyOf())
      others(ledger)
      assert.notStrictEqual(QuotaAccounts.get(ledger, keyOf()), known)
    }))

  test("is kept while a call is in flight, and while one waits", () =>
    Effect.gen(function*() {
      const ledger = yield* Ledger.Ledger
      const { call } = yield* enforce({ quota })
      const inFlight = yield* start(call({ input: 900, takes: "1 hour" }))
      const known = QuotaAccounts.get(ledger, keyOf())
      others(ledger)
      assert.strictEqual(QuotaAccounts.get(ledger, keyOf()), known)
      const waiting = yield* start(call({ input: 900 }))
      yield* Fiber.interrupt(inFlight)
      assert.strictEqual(known.reservations, 0)
      others(ledger)
      assert.strictEqual(QuotaAccounts.get(ledger, keyOf()), known)
      yield* Fiber.interrupt(waiting)
      others(ledger)
      assert.notStrictEqual(QuotaAccounts.get(ledger, keyOf()), known)
    }))
})

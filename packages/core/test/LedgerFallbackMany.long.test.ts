import { assert, describe, it } from "@effect/vitest"
import * as Ledger from "@strata/core/state/Ledger"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as LedgerFallback from "../src/state/internal/ledgerFallback.ts"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import { watched } from "./ChatFixture.ts"

const minute: Ledger.Limit = { name: "minute", unit: "tokens", amount: 1_000, window: Duration.minutes(1) }
const spending = (key: string) => ({ key, id: key, limits: [minute], amounts: { tokens: 600 } })

describe("a ledger that is lost while ten thousand keys are used", () => {
  it.effect("is told of the spending of each when it is back, and the state of what is in use is kept meanwhile", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const others = LedgerMemory.make()
        let isLost = false
        const shaky = <A>(self: Effect.Effect<A>) =>
          Effect.suspend(() => isLost ? Effect.fail(new Ledger.LedgerError({ message: "refused" })) : self)
        const ledger = yield* LedgerFallback.make({
          ...others,
          reserve: (reservation) => shaky(others.reserve(reservation)),
          settle: (settlement) => shaky(others.settle(settlement))
        })
        const ask = (key: string, id: string) =>
          Effect.map(
            ledger.reserve({ ...spending(key), id, lease: Duration.minutes(1) }),
            ({ _tag }) => _tag
          )
        const spent = (key: string) => Effect.map(others.balances(key, [minute]), ([balance]) => balance?.spent)
        const warnings = () =>
          logs.filter(({ message }) => String(message).includes("More than 10000 keys have spending to be delivered"))
            .length

        assert.strictEqual(yield* ask("in flight", "a"), "granted")
        isLost = true
        for (let name = 0; name <= 10_000; name++) yield* ledger.settle(spending(`${name}`))
        assert.strictEqual(warnings(), 1, "one key more than are kept")
        assert.deepStrictEqual([yield* ask("in flight", "b"), yield* ask("1", "b")], ["wait", "wait"])
        isLost = false
        yield* TestClock.adjust("5 seconds")
        for (let turn = 0; turn < 10_000 && (yield* spent("10000")) === 0; turn++) yield* Effect.yieldNow
        assert.deepStrictEqual([yield* spent("0"), yield* spent("1"), yield* spent("10000")], [0, 600, 600])

        isLost = true
        yield* ledger.settle(spending("one more"))
        assert.strictEqual(warnings(), 1, "what is delivered is kept no longer")
      })
    ))
})

import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type * as LedgerAccount from "../src/state/internal/ledgerAccount.ts"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import { specification } from "./support/LedgerProperties.ts"
import type { World } from "./support/LedgerSpecification.ts"

const world = Effect.sync((): World => ({ ledger: LedgerMemory.make(), advance: TestClock.adjust }))

describe("a ledger in memory", () => {
  specification(it.effect, world, { runs: 100, greed: 100, forgets: false })

  it.effect("tells whether a key is empty", () =>
    Effect.gen(function*() {
      const ledger = LedgerMemory.make()
      assert.isTrue(ledger.isEmpty("key", 0))
      const limits = [{ name: "minute", unit: "tokens" as const, amount: 100, window: Duration.minutes(1) }]
      yield* ledger.settle({ key: "key", id: "a", amounts: { tokens: 1 }, limits })
      assert.deepStrictEqual([ledger.isEmpty("key", 59_999), ledger.isEmpty("key", 60_000)], [false, true])
    }))

  it.effect("forgets unused keys", () =>
    Effect.gen(function*() {
      const accounts = new Map<string, LedgerAccount.LedgerAccount>()
      const ledger = LedgerMemory.make(accounts)
      const limits = [{ name: "minute", unit: "tokens" as const, amount: 100, window: Duration.minutes(1) }]
      const spend = (round: number) =>
        Effect.forEach(
          Array.from({ length: 1000 }, (_, index) => `${round} ${index}`),
          (key) => ledger.settle({ key, id: "a", amounts: { tokens: 1 }, limits })
        )
      yield* ledger.settle({
        key: "kept",
        id: "a",
        amounts: { tokens: 1 },
        limits: [{ ...limits[0]!, window: Duration.infinity }]
      })
      for (let round = 0; round < 5; round++) {
        yield* spend(round)
        yield* TestClock.adjust("1 minute")
      }
      assert.isAtMost(accounts.size, 1100)
      assert.isTrue(accounts.has("kept"))
    }))
})

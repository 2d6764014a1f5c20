import { assert } from "@effect/vitest"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Ledger from "@strata/core/state/Ledger"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { specification } from "../../core/test/support/LedgerProperties.ts"
import { contract } from "../../core/test/support/LimitsSpecification.ts"
import * as Databases from "./support/Databases.ts"

const minute: Ledger.Limit = { name: "minute", unit: "tokens", amount: 100, window: Duration.minutes(1) }

const world = Effect.map(Databases.standing("ledgers"), ({ advance, documents }) => ({
  ledger: Ledger.fromDocuments(documents),
  advance
}))

/** A ledger of another process. */
const elsewhere = Effect.map(Databases.elsewhere("real"), Ledger.fromDocuments)

Databases.suites("a ledger in SQL", (it) => {
  specification(it.effect, world, { runs: 15, greed: 5, forgets: true })

  it.effect("adaptive limits are kept there too", () =>
    Effect.flatMap(
      Databases.standing("limits"),
      ({ documents }) => contract(AdaptiveLimits.fromDocuments(documents), "a")
    ))

  it.effect("goes by the clock of the database, whatever those of processes say (jobs 10)", () =>
    Effect.gen(function*() {
      const limits = [{ name: "blink", unit: "tokens" as const, amount: 10, window: Duration.millis(300) }]
      const [slow, fast] = yield* Effect.all([elsewhere, elsewhere])
      /** In a process whose clock is wrong. */
      const at = (millis: number) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
        Effect.gen(function*() {
          const clock = yield* TestClock.make()
          yield* clock.setTime(millis)
          return yield* Effect.provideService(self, Clock.Clock, clock)
        })
      const tenMinutes = 600_000
      const now = Date.now()
      const ask = (ledger: Ledger.Ledger, id: string) =>
        ledger.reserve({ key: "clocks", id, amounts: { tokens: 10 }, limits, lease: Duration.seconds(5) })
      assert.strictEqual((yield* ask(slow, "a").pipe(at(now - tenMinutes)))._tag, "granted")
      yield* slow.settle({ key: "clocks", id: "a", amounts: { tokens: 10 }, limits }).pipe(at(now - tenMinutes))
      let decision = yield* ask(fast, "b").pipe(at(now + tenMinutes))
      assert.strictEqual(decision._tag, "wait")
      for (let asked = 0; decision._tag === "wait" && asked < 5; asked++) {
        assert.isAtMost(Duration.toMillis(decision.retryAfter), 300)
        yield* Effect.sleep(decision.retryAfter)
        decision = yield* ask(fast, "b").pipe(at(now + tenMinutes))
      }
      assert.strictEqual(decision._tag, "granted")
      // The lease of five seconds has not ended, for whom ever.
      assert.deepInclude((yield* slow.balances("clocks", limits).pipe(at(now + tenMinutes)))[0], { reserved: 10 })
    }))

  it.effect("takes any text as a key, an id, a share and a name", () =>
    Effect.gen(function*() {
      const ledger = yield* elsewhere
      const names = [
        "\u0000",
        "\ud800",
        "\udc00\ud800",
        "'; DROP TABLE real; --",
        "ü".repeat(256),
        "\u{1F600}",
        "",
        "\\u0000"
      ]
      for (const name of names) {
        const limits = [{ ...minute, name }]
        const asked = { key: name, amounts: { tokens: 60 }, limits, lease: Duration.minutes(1) }
        assert.strictEqual((yield* ledger.reserve({ ...asked, id: name, share: name }))._tag, "granted")
        const wait = yield* ledger.reserve({ ...asked, id: `${name} 2`, share: name })
        assert.deepInclude(wait, { _tag: "wait", limit: name })
      }
      const reserved = yield* Effect.forEach(names, (name) => ledger.balances(name, [{ ...minute, name }]))
      assert.deepStrictEqual(reserved.map(([balance]) => balance?.reserved), names.map(() => 60))
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import * as Leases from "../src/state/internal/leases.ts"

describe("leases", () => {
  it.effect("have ids that two processes with the same seed do not share", () =>
    Effect.gen(function*() {
      const process = Random.withSeed(Leases.make(Duration.minutes(1), () => Effect.void), "seed")
      const ids = (yield* Effect.all([process, process])).flatMap(({ nextId }) => [nextId(), nextId()])
      assert.strictEqual(new Set(ids).size, 4)
    }))

  it.effect("are renewed while any is held, and by nothing after that", () =>
    Effect.gen(function*() {
      let renewals = 0
      const leases = yield* Leases.make<true>(Duration.minutes(1), () => Effect.sync(() => void renewals++))
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(renewals, 0)
      yield* leases.add("a", true)
      yield* leases.add("b", true)
      yield* TestClock.adjust("20 seconds")
      leases.delete("a")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(renewals, 2)
      leases.delete("b")
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(renewals, 2)
      yield* leases.add("c", true)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(renewals, 3)
    }))
})

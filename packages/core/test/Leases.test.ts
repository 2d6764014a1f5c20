import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
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
      leases.delete("unknown")
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

  it.effect("are renewed while their scope is open", () =>
    Effect.gen(function*() {
      let renewals = 0
      const [scope, unused] = [yield* Scope.make(), yield* Scope.make()]
      const make = Leases.make<true>(Duration.minutes(1), () => Effect.sync(() => void renewals++))
      const leases = yield* Scope.provide(make, scope)
      yield* Scope.provide(make, unused)
      yield* leases.add("a", true)
      yield* TestClock.adjust("20 seconds")
      yield* Scope.close(scope, Exit.void)
      yield* Scope.close(unused, Exit.void)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(renewals, 1)
    }))
})

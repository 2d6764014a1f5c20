import { assert, describe, it } from "@effect/vitest"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Telemetry from "@strata/core/Telemetry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Permits from "../src/policy/internal/concurrency/permits.ts"
import * as LimitsMemory from "../src/state/internal/adaptiveLimitsMemory.ts"
import { target, watched } from "./ChatFixture.ts"
import { between, looked, queue, rounds, take, takeMany } from "./PermitsFixture.ts"

/** A store whose answers take their time, or that fails, and that counts what it is asked. */
const probed = (behaviour: { delay: number; fails: boolean }) => {
  const store = LimitsMemory.make()
  const asked = { read: 0, increase: 0, decrease: 0 }
  const ask = <A>(name: keyof typeof asked, answer: Effect.Effect<A, AdaptiveLimits.AdaptiveLimitsError>) =>
    Effect.suspend(() => {
      asked[name]++
      if (behaviour.fails) return Effect.fail(new AdaptiveLimits.AdaptiveLimitsError({ message: "down" }))
      const { delay } = behaviour
      return delay === 0 ? answer : Effect.tap(answer, () => Effect.sleep(delay))
    })
  const limits: AdaptiveLimits.AdaptiveLimits = {
    read: (key, adaptive) => ask("read", store.read(key, adaptive)),
    increase: (key, adaptive, answered) => ask("increase", store.increase(key, adaptive, answered)),
    decrease: (key, adaptive, epoch, refused) => ask("decrease", store.decrease(key, adaptive, epoch, refused))
  }
  return { asked, limits, store }
}

const key = Telemetry.keyOf(target)

describe("Adaptive permits over a store", () => {
  it.effect("ask for the limit before the first call, and let the others wait that long", () =>
    Effect.gen(function*() {
      const { limits, store } = probed({ delay: 100, fails: false })
      yield* store.decrease(key, between, 0, 1)
      const { open, permits } = yield* looked(between, limits)
      const calls = [yield* queue(permits), yield* queue(permits), yield* queue(permits)]
      yield* TestClock.adjust(99)
      assert.isTrue(calls.every(({ state }) => state.permit === undefined))
      assert.strictEqual(permits.load(target), 0)
      yield* TestClock.adjust(1)
      assert.strictEqual(open(), 2)
      assert.deepStrictEqual(calls.map(({ state }) => state.permit !== undefined), [true, true, false])
    }))

  it.effect("go on when the first call is interrupted while it asks", () =>
    Effect.gen(function*() {
      const { limits } = probed({ delay: 100, fails: false })
      const { permits, used } = yield* looked(between, limits)
      const [first, second] = [yield* queue(permits), yield* queue(permits)]
      yield* Fiber.interrupt(first.fiber)
      yield* TestClock.adjust(0)
      assert.isDefined(second.state.permit)
      assert.strictEqual(used(), 1)
    }))

  it.effect("tell it about once a second what was answered, and at once of a decrease", () =>
    Effect.gen(function*() {
      const { asked, limits } = probed({ delay: 5, fails: false })
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 4, max: 64 }), limits)
      const first = yield* queue(permits)
      yield* TestClock.adjust(5)
      yield* first.state.permit!.release("other")
      for (let tenth = 0; tenth < 40; tenth++) {
        yield* rounds(permits, open, "answered", 1)
        yield* TestClock.adjust(100)
      }
      assert.isAtMost(asked.increase, 4)
      assert.isAtMost(asked.read, 2)
      assert.strictEqual(asked.decrease, 0)
      const before = open()
      yield* rounds(permits, open, "refused", 1)
      assert.strictEqual(asked.decrease, 1)
      assert.strictEqual(open(), Math.floor(before / 2))
    }))

  it.effect("learn what others found", () =>
    Effect.gen(function*() {
      const limits = LimitsMemory.make()
      const [one, other] = [yield* looked(between, limits), yield* looked(between, limits)]
      const [refused, answered] = yield* takeMany(one.permits, 2)
      yield* refused!.release("refused")
      yield* answered!.release("answered")
      const round = { size: 4, calls: 2, refused: 1 }
      assert.deepStrictEqual([one.gate().round, one.open()], [round, 3])
      yield* TestClock.adjust("1 second")
      yield* takeMany(one.permits, 1)
      assert.deepStrictEqual(one.gate().round, round, "the store has no news")
      for (const permit of yield* takeMany(other.permits, 4)) yield* permit.release("refused")
      assert.deepStrictEqual([one.open(), other.open()], [3, 2])
      yield* TestClock.adjust("1 second")
      yield* takeMany(one.permits, 1)
      assert.deepStrictEqual([one.gate().round, one.open()], [{ size: 2, calls: 0, refused: 0 }, 2])
    }))

  it.effect("only read it while nothing is answered that shows more capacity", () =>
    Effect.gen(function*() {
      const { asked, limits } = probed({ delay: 0, fails: false })
      const { permits } = yield* looked(between, limits)
      for (let second = 0; second < 5; second++) {
        for (const permit of yield* takeMany(permits, 2)) yield* permit.release("answered")
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual(asked, { read: 5, increase: 0, decrease: 0 })
    }))

  it.effect("do not take an answer for news that is older than a refusal", () =>
    Effect.gen(function*() {
      const behaviour = { delay: 500, fails: false }
      const { open, permits } = yield* looked(between, probed(behaviour).limits)
      const first = yield* queue(permits)
      yield* TestClock.adjust("2 seconds")
      // The second call asks how things are; the refusal is known there before that answer is here.
      const others = yield* takeMany(permits, 3)
      behaviour.delay = 100
      for (const permit of [first.state.permit!, ...others]) yield* permit.release("refused")
      yield* TestClock.adjust(100)
      assert.strictEqual(open(), 2)
      yield* TestClock.adjust(400)
      assert.strictEqual(open(), 2)
    }))

  it.effect("keep what was answered while the store was asked", () =>
    Effect.gen(function*() {
      const { limits } = probed({ delay: 500, fails: false })
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 4 }), limits)
      const first = yield* queue(permits)
      yield* TestClock.adjust("2 seconds")
      yield* first.state.permit!.release("other")
      yield* rounds(permits, open, "answered", 3)
      assert.strictEqual(open(), 32)
      yield* TestClock.adjust(500)
      assert.strictEqual(open(), 32)
    }))

  it.effect("go on by themselves while it fails, say so once, and go by it again afterwards", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const behaviour = { delay: 0, fails: true }
        const { limits } = probed(behaviour)
        const { gate, open, permits } = yield* looked(Concurrency.adaptive({ initial: 4, max: 64 }), limits)
        const taken = yield* takeMany(permits, 4)
        for (const permit of taken) yield* permit.release("refused")
        assert.deepStrictEqual([open(), gate().epoch], [2, 1])
        for (let second = 0; second < 20; second++) {
          yield* rounds(permits, open, "answered", 1)
          yield* TestClock.adjust("1 second")
        }
        const known = open()
        assert.isAtLeast(known, 15)
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
        assert.include(
          String(logs[0]?.message),
          "The store of concurrency limits cannot be reached: this process goes on with limits of its own"
        )
        behaviour.fails = false
        yield* TestClock.adjust("10 seconds")
        const { answered } = gate()
        yield* takeMany(permits, 1)
        // What the store had, and the answers it was not told of yet.
        assert.strictEqual(open(), 4 + answered)
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn", "Info"])
      })
    ))

  it.effect("do not wait for a store that does not answer", () =>
    Effect.gen(function*() {
      const { limits } = probed({ delay: Infinity, fails: false })
      const { permits, used } = yield* looked(between, limits)
      const first = yield* queue(permits)
      yield* TestClock.adjust("1 second")
      yield* first.state.permit!.release("refused")
      yield* takeMany(permits, 2)
      assert.strictEqual(used(), 2)
    }))

  it.effect("work on when their scope is closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const permits = yield* Scope.provide(Permits.make(between), scope).pipe(
        Effect.provide(AdaptiveLimits.layerMemory)
      )
      const [permit] = yield* takeMany(permits, 1)
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      yield* TestClock.adjust("2 seconds")
      yield* permit!.release("refused")
      yield* takeMany(permits, 2)
      yield* take(permits, { ...target, model: "new" })
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Telemetry from "@strata/core/Telemetry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { target, watched } from "./ChatFixture.ts"
import { between, looked, queue, rounds, takeMany } from "./PermitsFixture.ts"

describe("Adaptive permits", () => {
  it.effect("grow by one for about as many answers as there are permits", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 10 }))
      yield* takeMany(permits, 1).pipe(Effect.flatMap(([permit]) => permit!.release("other")))
      const grown: Array<number> = []
      for (let round = 0; round < 5; round++) {
        yield* rounds(permits, open, "answered", 1)
        grown.push(open())
      }
      assert.deepStrictEqual(grown, [10, 11, 12, 13, 14])
    }))

  it.effect("never grow above the most", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(between)
      yield* takeMany(permits, 1).pipe(Effect.flatMap(([permit]) => permit!.release("other")))
      yield* rounds(permits, open, "answered", 50)
      assert.strictEqual(open(), 8)
    }))

  it.effect("do not grow while some are left over", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(between)
      for (let call = 0; call < 500; call++) {
        const taken = yield* takeMany(permits, 3)
        for (const permit of taken) yield* permit.release("answered")
      }
      assert.strictEqual(open(), 4)
    }))

  it.effect("do not grow by what was not answered", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(between)
      yield* takeMany(permits, 1).pipe(Effect.flatMap(([permit]) => permit!.release("other")))
      yield* rounds(permits, open, "other", 50)
      assert.strictEqual(open(), 4)
    }))

  it.effect("are halved once for all calls that were in flight together", () =>
    Effect.gen(function*() {
      const { open, permits, used } = yield* looked(Concurrency.adaptive({ initial: 16 }))
      const together = yield* takeMany(permits, 16)
      for (const permit of together.slice(0, 12)) yield* permit.release("refused")
      assert.deepStrictEqual([open(), used()], [8, 4])
      const later = yield* takeMany(permits, 2)
      for (const permit of together.slice(12)) yield* permit.release("refused")
      assert.strictEqual(open(), 8)
      for (const permit of later) yield* permit.release("refused")
      assert.deepStrictEqual([open(), used()], [4, 0])
    }))

  it.effect("never fall below the least", () =>
    Effect.gen(function*() {
      for (const [min, expected] of [[3, 3], [1, 1]] as const) {
        const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 8, min }))
        for (let refusals = 0; refusals < 10; refusals++) {
          const [permit] = yield* takeMany(permits, 1)
          yield* permit!.release("refused")
        }
        assert.strictEqual(open(), expected)
      }
    }))

  it.effect("let running calls end when there are fewer than before, and nobody in until there is room", () =>
    Effect.gen(function*() {
      const { open, permits, used } = yield* looked(between)
      const [first, second, third, fourth] = yield* takeMany(permits, 4)
      const waiting = yield* queue(permits)
      yield* first!.release("refused")
      assert.deepStrictEqual([open(), used()], [2, 3])
      yield* second!.release("other")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([used(), waiting.state.permit], [2, undefined])
      yield* third!.release("other")
      yield* TestClock.adjust(0)
      assert.strictEqual(used(), 2)
      assert.isDefined(waiting.state.permit)
      yield* fourth!.release("other")
      yield* waiting.state.permit!.release("other")
      assert.strictEqual(used(), 0)
    }))

  it.effect("serve those first who came first, and nobody who was interrupted", () =>
    Effect.gen(function*() {
      const { permits, used } = yield* looked(Concurrency.adaptive({ initial: 1, max: 1 }))
      const [held] = yield* takeMany(permits, 1)
      const [first, second, third] = [yield* queue(permits), yield* queue(permits), yield* queue(permits)]
      yield* Fiber.interrupt(first.fiber)
      yield* held!.release("answered")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([first, second, third].map(({ state }) => state.permit !== undefined), [
        false,
        true,
        false
      ])
      assert.strictEqual(used(), 1)
    }))

  it.effect("let those in who wait when they grow", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 1, max: 4 }))
      const [first] = yield* takeMany(permits, 1)
      const waiting = [yield* queue(permits), yield* queue(permits), yield* queue(permits)]
      yield* first!.release("answered")
      yield* TestClock.adjust(0)
      // From 1 the first answer leads to the root of 3.
      assert.deepStrictEqual([open(), waiting.filter(({ state }) => state.permit !== undefined).length], [1, 1])
      yield* waiting[0]!.state.permit!.release("answered")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([open(), waiting.filter(({ state }) => state.permit !== undefined).length], [2, 3])
    }))

  it.effect("recover after a storm", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 16 }))
      yield* takeMany(permits, 1).pipe(Effect.flatMap(([permit]) => permit!.release("other")))
      yield* rounds(permits, open, "refused", 6)
      assert.strictEqual(open(), 1)
      yield* rounds(permits, open, "answered", 20)
      assert.isAtLeast(open(), 16)
    }))

  it.effect("are counted for each provider, scope and model", () =>
    Effect.gen(function*() {
      const { gates, permits } = yield* looked(between)
      yield* takeMany(permits, 4)
      yield* permits.take({ ...target, model: "other" })
      yield* permits.take({ ...target, scope: "eu-west-1" })
      assert.strictEqual(gates.size, 3)
    }))

  it.effect("forget keys that nobody uses, and keep those in use", () =>
    Effect.gen(function*() {
      const { gates, permits } = yield* looked(between)
      yield* takeMany(permits, 1)
      for (let number = 0; number < 100; number++) {
        const permit = yield* permits.take({ ...target, model: `model-${number}` })
        yield* permit.release("answered")
      }
      yield* TestClock.adjust("11 minutes")
      for (let number = 0; number < 100; number++) yield* permits.take({ ...target, model: `new-${number}` })
      assert.strictEqual(gates.size, 101)
      assert.isTrue(gates.has(Telemetry.keyOf(target)))
    }))

  it.effect("show how many are used and how many there are", () =>
    watched(() =>
      Effect.gen(function*() {
        const { permits } = yield* looked(between)
        const [first] = yield* takeMany(permits, 4)
        yield* first!.release("refused")
        const value = (part: string) =>
          Effect.map(
            Metric.value(Metric.withAttributes(Telemetry.permits, {
              "gen_ai.provider.name": target.provider,
              "gen_ai.request.model": target.model,
              "strata.permits": part
            })),
            ({ value }) => value
          )
        assert.deepStrictEqual([yield* value("used"), yield* value("limit")], [3, 2])
      })
    ))

  it.effect("record how long a call waited", () =>
    watched(() =>
      Effect.gen(function*() {
        const { permits } = yield* looked(Concurrency.adaptive({ initial: 1, max: 1 }))
        const [held] = yield* takeMany(permits, 1)
        yield* queue(permits)
        yield* TestClock.adjust("7 seconds")
        yield* held!.release("answered")
        yield* TestClock.adjust(0)
        const waits = yield* Metric.value(Metric.withAttributes(Telemetry.waits, {
          ...Telemetry.attributes(target),
          "strata.wait.reason": "concurrency"
        }))
        assert.deepStrictEqual([waits.count, waits.sum], [1, 7])
      })
    ))
})

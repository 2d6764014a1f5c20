import { assert, describe, it } from "@effect/vitest"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Telemetry from "@strata/core/Telemetry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { target, watched } from "./ChatFixture.ts"
import { between, looked, queue, rounds, take, takeMany } from "./PermitsFixture.ts"

describe("Adaptive permits", () => {
  it.effect("double with each round of answers until the first decrease, and grow by one with each after it", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 10 }))
      yield* takeMany(permits, 1).pipe(Effect.flatMap(([permit]) => permit!.release("other")))
      const grown: Array<number> = []
      const round = (outcome: "answered" | "refused") =>
        Effect.map(rounds(permits, open, outcome, 1), () => grown.push(open()))
      yield* round("answered")
      yield* round("answered")
      yield* round("refused")
      for (let answered = 0; answered < 4; answered++) yield* round("answered")
      assert.deepStrictEqual(grown, [20, 40, 20, 20, 21, 22, 23])
    }))

  it.effect("take no notice of one refused call in twenty", () =>
    Effect.gen(function*() {
      const { gate, permits } = yield* looked(Concurrency.adaptive({ initial: 40, max: 40 }))
      for (let round = 0; round < 20; round++) {
        const taken = yield* takeMany(permits, 40)
        for (const [index, permit] of taken.entries()) yield* permit.release(index % 20 === 0 ? "refused" : "answered")
        assert.deepStrictEqual([gate().open, gate().limit], [40, 40])
      }
    }))

  it.effect("take four refused calls of twenty for noise, and five for congestion", () =>
    Effect.forEach([[4, 20], [5, 15]] as const, ([refused, left]) =>
      Effect.gen(function*() {
        const { gate, permits } = yield* looked(Concurrency.adaptive({ initial: 20, max: 20 }))
        const taken = yield* takeMany(permits, 20)
        for (const [index, permit] of taken.entries()) yield* permit.release(index < refused ? "refused" : "answered")
        assert.deepStrictEqual([gate().open, gate().limit], [left, left])
      })))

  it.effect("fall to the share of a round that was not refused", () =>
    Effect.gen(function*() {
      const { gate, permits } = yield* looked(Concurrency.adaptive({ initial: 40, max: 40 }))
      const taken = yield* takeMany(permits, 40)
      for (const permit of taken.slice(0, 10)) yield* permit.release("refused")
      // Two of them may be noise.
      assert.deepStrictEqual([gate().open, gate().limit, gate().epoch], [32, 40, 0])
      for (const permit of taken.slice(10)) yield* permit.release("answered")
      assert.deepStrictEqual([gate().open, gate().limit, gate().epoch], [30, 30, 1])
    }))

  it.effect("take no call for one of the round that was neither answered nor refused", () =>
    Effect.gen(function*() {
      const { gate, permits } = yield* looked(Concurrency.adaptive({ initial: 16 }))
      const taken = yield* takeMany(permits, 16)
      for (const [index, permit] of taken.entries()) yield* permit.release(index < 4 ? "refused" : "other")
      assert.deepStrictEqual([gate().round, gate().epoch], [{ size: 16, calls: 4, refused: 4 }, 0])
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

  it.effect("are decreased once for all calls that were in flight together, to `decrease` at most", () =>
    Effect.gen(function*() {
      const { gate, open, permits, used } = yield* looked(Concurrency.adaptive({ initial: 16, decrease: 0.25 }))
      const together = yield* takeMany(permits, 16)
      yield* together[0]!.release("answered")
      const more = yield* takeMany(permits, 2)
      for (const permit of together.slice(1)) yield* permit.release("refused")
      assert.deepStrictEqual([gate().epoch, open(), used()], [1, 4, 2])
      for (const permit of more) yield* permit.release("refused")
      assert.deepStrictEqual([gate().epoch, open(), used()], [1, 4, 0])
      yield* rounds(permits, open, "refused", 1)
      assert.deepStrictEqual([gate().epoch, open()], [2, 1])
    }))

  it.effect("never fall below the least", () =>
    Effect.gen(function*() {
      for (const [min, expected] of [[3, 3], [1, 1]] as const) {
        const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 8, min }))
        for (let refusals = 0; refusals < 30; refusals++) {
          const [permit] = yield* takeMany(permits, 1)
          yield* permit!.release("refused")
        }
        assert.strictEqual(open(), expected)
      }
    }))

  it.effect("keep the permits of refused calls back for the rest of the round", () =>
    Effect.gen(function*() {
      const { open, permits, used } = yield* looked(between)
      const [first, second, third, fourth] = yield* takeMany(permits, 4)
      const waiting = yield* queue(permits)
      yield* first!.release("refused")
      yield* second!.release("refused")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([open(), used(), waiting.state.permit], [2, 2, undefined])
      yield* third!.release("other")
      yield* TestClock.adjust(0)
      assert.strictEqual(used(), 2)
      assert.isDefined(waiting.state.permit)
      yield* fourth!.release("other")
      yield* waiting.state.permit!.release("other")
      assert.strictEqual(used(), 0)
    }))

  it.effect("are given in order of arrival, and not to interrupted calls", () =>
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

  it.effect("go to waiting calls when there are more", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 1, max: 4 }))
      const [first] = yield* takeMany(permits, 1)
      const waiting = [yield* queue(permits), yield* queue(permits), yield* queue(permits)]
      yield* first!.release("answered")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([open(), waiting.filter(({ state }) => state.permit !== undefined).length], [2, 2])
      yield* waiting[0]!.state.permit!.release("answered")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([open(), waiting.filter(({ state }) => state.permit !== undefined).length], [3, 3])
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
      yield* take(permits, { ...target, model: "other" })
      yield* take(permits, { ...target, scope: "eu-west-1" })
      assert.strictEqual(gates.size, 3)
    }))

  it.effect("forget unused keys, and keep those in use", () =>
    Effect.gen(function*() {
      const { gates, permits } = yield* looked(between)
      yield* takeMany(permits, 1)
      for (let number = 0; number < 100; number++) {
        const permit = yield* take(permits, { ...target, model: `model-${number}` })
        yield* permit.release("answered")
      }
      yield* TestClock.adjust("11 minutes")
      for (let number = 0; number < 100; number++) yield* take(permits, { ...target, model: `new-${number}` })
      assert.strictEqual(gates.size, 101)
      assert.isTrue(gates.has(Telemetry.keyOf(target)))
    }))

  it.effect("forget a key that was not used for ten minutes", () =>
    Effect.gen(function*() {
      const { gates, permits } = yield* looked(between)
      const use = (model: string) =>
        Effect.flatMap(take(permits, { ...target, model }), (permit) => permit.release("other"))
      yield* TestClock.adjust("1 hour")
      yield* use("old")
      yield* TestClock.adjust("599999 millis")
      yield* use("new")
      assert.strictEqual(gates.size, 2)
      yield* TestClock.adjust(1)
      yield* use("newer")
      assert.deepStrictEqual([...gates.keys()].some((key) => key.includes("old")), false)
      assert.strictEqual(gates.size, 2)
    }))

  it.effect("say which share of them is in use", () =>
    Effect.gen(function*() {
      const { permits } = yield* looked(between)
      assert.strictEqual(permits.load(target), 0)
      yield* takeMany(permits, 3)
      assert.strictEqual(permits.load(target), 3 / 4)
    }))

  it.effect("show how many are used and how many there are", () =>
    watched(() =>
      Effect.gen(function*() {
        const { permits } = yield* looked(between)
        const [first] = yield* takeMany(permits, 4)
        const value = (part: string) =>
          Effect.map(
            Metric.value(Metric.withAttributes(Telemetry.permits, {
              "gen_ai.provider.name": target.provider,
              "gen_ai.request.model": target.model,
              "strata.permits": part
            })),
            ({ value }) => value
          )
        assert.deepStrictEqual([yield* value("used"), yield* value("limit")], [4, 4])
        yield* first!.release("refused")
        assert.deepStrictEqual([yield* value("used"), yield* value("limit")], [3, 3])
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

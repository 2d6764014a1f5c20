import { assert, describe, it } from "@effect/vitest"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Telemetry from "@strata/core/Telemetry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Scheduler from "effect/Scheduler"
import * as TestClock from "effect/testing/TestClock"
import type * as Permit from "../src/policy/internal/concurrency/permit.ts"
import * as Permits from "../src/policy/internal/concurrency/permits.ts"
import { target, timed, watched } from "./ChatFixture.ts"
import { take } from "./PermitsFixture.ts"

/** Holds a permit for the time of an effect, as `Enforcement` does. */
const holding = <A, E, R>(permits: Permit.Permits, self: Effect.Effect<A, E, R>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      permits.take(target, restore, {}),
      (permit) => Effect.onExit(restore(self), () => permit.release("other"))
    )
  )

/** Starts to hold a permit until it is interrupted. */
const held = (permits: Permit.Permits) => {
  const state = { running: false }
  return Effect.map(
    Effect.forkChild(
      holding(permits, Effect.andThen(Effect.sync(() => state.running = true), Effect.never)),
      { startImmediately: true }
    ),
    (fiber) => ({ fiber, state })
  )
}

const fixed: ReadonlyArray<readonly [name: string, limit: (permits: number) => Concurrency.Concurrency]> = [
  ["a number", (permits) => permits],
  ["without a key", (permits) => Concurrency.fixed(permits)],
  ["fair between keys", (permits) => Concurrency.fixed(permits, { key: () => "tenant" })]
]

describe("Permits", () => {
  it.effect.each(fixed)("show how many are used, and how many there are (%s)", ([, limit]) =>
    Effect.gen(function*() {
      const permits = yield* Permits.make(limit(3))
      const shown = (part: "used" | "limit") =>
        Effect.map(
          Metric.value(Metric.withAttributes(Telemetry.permits, {
            "gen_ai.provider.name": target.provider,
            "strata.permits": part
          })),
          ({ value }) => value
        )
      const first = yield* take(permits)
      yield* take(permits)
      assert.deepStrictEqual([yield* shown("used"), yield* shown("limit")], [2, 3])
      assert.strictEqual(permits.load(target), 2 / 3)
      yield* first.release("answered")
      assert.strictEqual(yield* shown("used"), 1)
      assert.strictEqual(permits.load(target), 1 / 3)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("gives them first come, first served", () =>
    Effect.gen(function*() {
      const permits = yield* Permits.make(2)
      const order: Array<number> = []
      const { millis } = yield* timed(
        Effect.forEach(
          [1, 2, 3, 4, 5],
          (number) => holding(permits, Effect.andThen(Effect.sync(() => order.push(number)), Effect.sleep("1 second"))),
          { concurrency: "unbounded" }
        )
      )
      assert.deepStrictEqual(order, [1, 2, 3, 4, 5])
      assert.strictEqual(millis, 3_000)
    }))

  it.effect("gives an interrupted wait nothing, and the next what it would have got", () =>
    Effect.gen(function*() {
      const permits = yield* Permits.make(1)
      const [first, second, third] = [yield* held(permits), yield* held(permits), yield* held(permits)]
      yield* Fiber.interrupt(second.fiber)
      yield* TestClock.adjust(0)
      assert.isFalse(third.state.running)
      yield* Fiber.interrupt(first.fiber)
      yield* TestClock.adjust(0)
      assert.isTrue(third.state.running)
      assert.isFalse(second.state.running)
    }))

  it.effect.each(fixed)(
    "hands on the permit of one who is interrupted when it is called (%s)",
    ([, limit]) =>
      Effect.gen(function*() {
        const permits = yield* Permits.make(limit(1))
        const [first, second, third] = [yield* held(permits), yield* held(permits), yield* held(permits)]
        first.fiber.interruptUnsafe()
        second.fiber.interruptUnsafe()
        yield* TestClock.adjust(0)
        assert.deepStrictEqual([second.state.running, third.state.running], [false, true])
      })
  )

  it.effect.each([3, Concurrency.adaptive({ min: 3, max: 3 })])(
    "loses none, wherever those who take them are interrupted (%o)",
    (concurrency) =>
      Effect.gen(function*() {
        const permits = yield* Permits.make(concurrency)
        // A fiber that yields after every step can be interrupted at each.
        const fibers = yield* Effect.forEach(
          Array.from({ length: 200 }, (_, index) => index),
          (index) =>
            Effect.forkChild(
              Effect.forEach([1, 2, 3], () => holding(permits, Effect.sleep(index % 4 === 0 ? 0 : index % 7)))
            )
        ).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, 3))
        for (let turn = 0; turn < fibers.length; turn++) {
          yield* Effect.yieldNow
          if (turn % 10 === 0) yield* TestClock.adjust(1)
          fibers[(turn * 7) % fibers.length]!.interruptUnsafe()
        }
        yield* TestClock.adjust("1 minute")
        yield* Fiber.awaitAll(fibers)
        const free = [yield* held(permits), yield* held(permits), yield* held(permits), yield* held(permits)]
        assert.deepStrictEqual(free.map(({ state }) => state.running), [true, true, true, false])
      }).pipe(Effect.provide(AdaptiveLimits.layerMemory))
  )

  it.effect("does not nest calls that end at once, however many wait", () =>
    Effect.gen(function*() {
      const permits = yield* Permits.make(1)
      const first = yield* held(permits)
      const rest = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 20_000 }),
          () => holding(permits, Effect.void),
          { concurrency: "unbounded", discard: true }
        ),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(first.fiber)
      yield* Fiber.join(rest)
    }))

  it.effect("records how long a call waited, and nothing of one that did not", () =>
    watched(() =>
      Effect.gen(function*() {
        const permits = yield* Permits.make(1)
        yield* timed(
          Effect.all([1, 2, 3].map(() => holding(permits, Effect.sleep("2 seconds"))), { concurrency: "unbounded" })
        )
        const waits = yield* Metric.value(
          Metric.withAttributes(Telemetry.waits, {
            ...Telemetry.attributes(target),
            "strata.wait.reason": "concurrency"
          })
        )
        assert.deepStrictEqual([waits.count, waits.sum], [2, 6])
      })
    ))
})

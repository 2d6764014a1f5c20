import { assert, describe, it } from "@effect/vitest"
import * as RetryBudget from "@strata/core/policy/RetryBudget"
import * as Telemetry from "@strata/core/Telemetry"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Scheduler from "effect/Scheduler"
import * as TestClock from "effect/testing/TestClock"
import * as RetryAllowance from "../src/policy/internal/retryAllowance.ts"
import { target, timed, watched } from "./ChatFixture.ts"

/** Starts a retry, and tells when it was let through. */
const retry = (allowance: RetryAllowance.RetryAllowance) => {
  const passed: { at: number | undefined } = { at: undefined }
  return Effect.map(
    Effect.forkChild(
      Effect.andThen(
        allowance.onRetry(target),
        Effect.map(Clock.currentTimeMillis, (now) => {
          passed.at = now
        })
      ),
      { startImmediately: true }
    ),
    (fiber) => ({ fiber, passed })
  )
}

const inForce = (budget: Partial<RetryBudget.RetryBudget>) => RetryAllowance.make(RetryBudget.make(budget))

describe("RetryBudget.make", () => {
  it("lets one of five retry, 500 in a burst and ten in a second", () =>
    assert.deepStrictEqual(RetryBudget.make(), { share: 0.2, reserve: 500, perSecond: 10 }))

  it("changes what is given, and nothing else", () =>
    assert.deepStrictEqual(RetryBudget.make({ reserve: 1 }), { share: 0.2, reserve: 1, perSecond: 10 }))
})

describe("RetryAllowance", () => {
  it.effect("lets the reserve through at once, and then as many as come in a second", () =>
    Effect.gen(function*() {
      const allowance = yield* inForce({ reserve: 3, share: 0, perSecond: 2 })
      const { millis } = yield* timed(
        Effect.forEach([1, 2, 3, 4, 5, 6], () => allowance.onRetry(target), { concurrency: "unbounded" })
      )
      assert.strictEqual(millis, 1_500)
    }))

  it.effect("never saves more than the reserve", () =>
    Effect.gen(function*() {
      const allowance = yield* inForce({ reserve: 2, share: 1, perSecond: 1 })
      for (let calls = 0; calls < 10; calls++) yield* allowance.onCall
      yield* TestClock.adjust("1 hour")
      const { millis } = yield* timed(Effect.forEach([1, 2, 3], () => allowance.onRetry(target)))
      assert.strictEqual(millis, 1_000)
    }))

  it.effect("lets a retry through that waits as soon as calls have earned it", () =>
    Effect.gen(function*() {
      const allowance = yield* inForce({ reserve: 1, share: 0.25, perSecond: 0 })
      yield* allowance.onRetry(target)
      const { passed } = yield* retry(allowance)
      yield* TestClock.adjust("1 day")
      for (let calls = 0; calls < 3; calls++) yield* allowance.onCall
      yield* TestClock.adjust(0)
      assert.isUndefined(passed.at)
      yield* allowance.onCall
      yield* TestClock.adjust(0)
      assert.strictEqual(passed.at, 86_400_000)
    }))

  it.effect("lets a retry through that a call earned while it began to wait, wherever its fiber yields", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops < 14; ops++) {
        for (let turns = 0; turns < 30; turns++) {
          const allowance = yield* inForce({ reserve: 1, share: 1, perSecond: 0 })
          yield* allowance.onRetry(target)
          const waiting = yield* allowance.onRetry(target).pipe(
            Effect.forkChild,
            Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
          )
          for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
          yield* allowance.onCall
          for (let turn = 0; turn < 60; turn++) yield* Effect.yieldNow
          assert.isDefined(waiting.pollUnsafe(), `${ops} operations, ${turns} turns`)
        }
      }
    }))

  it.effect("serves retries in order of arrival", () =>
    Effect.gen(function*() {
      const allowance = yield* inForce({ reserve: 1, share: 0, perSecond: 1 })
      yield* allowance.onRetry(target)
      const first = yield* retry(allowance)
      yield* TestClock.adjust(300)
      const second = yield* retry(allowance)
      yield* TestClock.adjust(699)
      const third = yield* retry(allowance)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([first, second, third].map(({ passed }) => passed.at), [1_000, 2_000, 3_000])
    }))

  it.effect("goes on with the next when the head of the queue is interrupted", () =>
    Effect.gen(function*() {
      const allowance = yield* inForce({ reserve: 1, share: 0, perSecond: 1 })
      yield* allowance.onRetry(target)
      const [first, second, third] = [yield* retry(allowance), yield* retry(allowance), yield* retry(allowance)]
      yield* TestClock.adjust(400)
      yield* Fiber.interrupt(second.fiber)
      yield* Fiber.interrupt(first.fiber)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([first, second, third].map(({ passed }) => passed.at), [undefined, undefined, 1_000])
      const fresh = yield* retry(allowance)
      assert.strictEqual(fresh.passed.at, 60_400)
    }))

  it.effect("records how long a retry waited", () =>
    watched(() =>
      Effect.gen(function*() {
        const allowance = yield* inForce({ reserve: 1, share: 0, perSecond: 0.5 })
        yield* timed(Effect.forEach([1, 2], () => allowance.onRetry(target)))
        const waits = yield* Metric.value(
          Metric.withAttributes(Telemetry.waits, {
            ...Telemetry.attributes(target),
            "strata.wait.reason": "retry-budget"
          })
        )
        assert.deepStrictEqual([waits.count, waits.sum], [1, 2])
      })
    ))

  it.effect("lets everything through without a budget", () =>
    Effect.gen(function*() {
      const allowance = yield* RetryAllowance.make(undefined)
      for (let retries = 0; retries < 2_000; retries++) yield* allowance.onRetry(target)
    }))
})

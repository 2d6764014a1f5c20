import { assert, describe, it } from "@effect/vitest"
import * as Telemetry from "@strata/core/Telemetry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import * as Admission from "../src/policy/internal/admission.ts"
import * as WaitQueue from "../src/policy/internal/waitQueue.ts"
import { target, watched } from "./ChatFixture.ts"

describe("A queue of waiting fibers", () => {
  it.effect("resumes a waiter that was called before it was suspended", () =>
    Effect.gen(function*() {
      const queue = WaitQueue.make()
      let told = 0
      const admission: Admission.Admission = {
        start: 0,
        waits: Effect.sync(() => {
          told++
          assert.isTrue(queue.next())
        }),
        claim: () => true
      }
      const wait = Effect.uninterruptibleMask((restore) => queue.wait(restore, () => false, () => {}))
      yield* Effect.provideService(wait, Admission.Admission, admission)
      assert.strictEqual(told, 1)
      assert.isFalse(queue.next())
    }))

  it.effect("tells nobody of a call that does not wait", () =>
    Effect.gen(function*() {
      const queue = WaitQueue.make()
      const admission: Admission.Admission = { start: 0, waits: Effect.die("it does not wait"), claim: () => true }
      const wait = Effect.uninterruptibleMask((restore) => queue.wait(restore, () => true, () => {}))
      yield* Effect.provideService(wait, Admission.Admission, admission)
      assert.isFalse(queue.next())
    }))

  it.effect("has the time from the beginning of a wait to its end recorded", () =>
    watched(() =>
      Effect.gen(function*() {
        yield* TestClock.adjust("1 minute")
        const waiting = yield* Effect.forkChild(WaitQueue.recorded(Effect.sleep("7 seconds"), target, "quota"))
        yield* TestClock.adjust("7 seconds")
        yield* Fiber.join(waiting)
        const waits = yield* Metric.value(
          Metric.withAttributes(Telemetry.waits, {
            ...Telemetry.attributes(target),
            "strata.wait.reason": "quota"
          })
        )
        assert.deepStrictEqual([waits.count, waits.sum], [1, 7])
      })
    ))
})

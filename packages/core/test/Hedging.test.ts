import { assert, describe, it } from "@effect/vitest"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Telemetry from "@strata/core/Telemetry"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Scheduler from "effect/Scheduler"
import * as TestClock from "effect/testing/TestClock"
import * as Hedging from "../src/policy/internal/hedging.ts"
import { errors, target, timed, watched } from "./ChatFixture.ts"

type Call = Effect.Effect<string, ProviderError.ProviderError>

/** A call that behaves as each of the given ones in turn, with what happened to each. */
const race = (...calls: ReadonlyArray<Call>) => {
  const log = { started: 0, interrupted: [] as Array<number>, discarded: [] as Array<string> }
  const call = Effect.suspend(() => {
    const number = log.started++
    return Effect.onInterrupt(
      calls[number] ?? Effect.die("one call too many"),
      () => Effect.sync(() => log.interrupted.push(number + 1))
    )
  })
  const hedged = Hedging.hedged(call, {
    after: Duration.seconds(10),
    target,
    discard: (answer) => Effect.sync(() => log.discarded.push(answer))
  })
  return { log, hedged }
}

const answer = (text: string, after: Duration.Input): Call => Effect.delay(Effect.succeed(text), after)

const failing = (tag: keyof typeof errors, after: Duration.Input): Call => Effect.delay(Effect.fail(errors[tag]), after)

describe("Hedging", () => {
  it.effect("sends nothing more while the first has time", () =>
    watched(() =>
      Effect.gen(function*() {
        const { hedged, log } = race(answer("first", "9 seconds"))
        const { exit, millis } = yield* timed(hedged)
        assert.strictEqual(yield* exit, "first")
        assert.deepStrictEqual([millis, log.started], [9_000, 1])
        const count = yield* Metric.value(Metric.withAttributes(Telemetry.hedges, Telemetry.attributes(target)))
        assert.strictEqual(count.count, 0)
      })
    ))

  it.effect("takes a failure in that time for the result", () =>
    Effect.gen(function*() {
      const { hedged, log } = race(failing("ConnectionError", "9 seconds"))
      const { exit, millis } = yield* timed(Effect.flip(hedged))
      assert.strictEqual(yield* exit, errors.ConnectionError)
      assert.deepStrictEqual([millis, log.started], [9_000, 1])
    }))

  it.effect("takes the second's answer when it comes first, and interrupts the first", () =>
    watched(() =>
      Effect.gen(function*() {
        const { hedged, log } = race(answer("first", "1 hour"), answer("second", "2 seconds"))
        const { exit, millis } = yield* timed(hedged)
        assert.strictEqual(yield* exit, "second")
        assert.strictEqual(millis, 12_000)
        assert.deepStrictEqual(log, { started: 2, interrupted: [1], discarded: [] })
        const count = yield* Metric.value(Metric.withAttributes(Telemetry.hedges, Telemetry.attributes(target)))
        assert.strictEqual(count.count, 1)
      })
    ))

  it.effect("takes the first's answer when it comes first after all, and interrupts the second", () =>
    Effect.gen(function*() {
      const { hedged, log } = race(answer("first", "11 seconds"), answer("second", "1 hour"))
      const { exit, millis } = yield* timed(hedged)
      assert.strictEqual(yield* exit, "first")
      assert.strictEqual(millis, 11_000)
      assert.deepStrictEqual(log, { started: 2, interrupted: [2], discarded: [] })
    }))

  it.effect.each([
    { failed: "first", calls: [failing("ConnectionError", "11 seconds"), answer("second", "5 seconds")] },
    { failed: "second", calls: [answer("first", "15 seconds"), failing("ConnectionError", "1 second")] }
  ])("waits for the other when the $failed fails", ({ calls }) =>
    Effect.gen(function*() {
      const { hedged, log } = race(...calls)
      const { exit, millis } = yield* timed(hedged)
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(millis, 15_000)
      assert.deepStrictEqual(log.interrupted, [])
    }))

  it.effect.each([["2 seconds", "5 seconds"], ["5 seconds", "2 seconds"]] as const)(
    "fails with the failure of the first when both fail, the first %s and the second %s later",
    ([first, second]) =>
      Effect.gen(function*() {
        const { hedged } = race(
          Effect.delay(failing("ConnectionError", first), "10 seconds"),
          failing("RateLimitError", second)
        )
        const { exit, millis } = yield* timed(Effect.flip(hedged))
        assert.strictEqual((yield* exit)._tag, "ConnectionError")
        assert.strictEqual(millis, 15_000)
      })
  )

  it.effect("keeps one answer and discards the other when both come at once", () =>
    Effect.gen(function*() {
      const answers = [yield* Deferred.make<string>(), yield* Deferred.make<string>()] as const
      const { hedged, log } = race(Deferred.await(answers[0]), Deferred.await(answers[1]))
      // Whoever decides yields after a few steps, so both answers are there before it has decided.
      const fiber = yield* Effect.forkChild(hedged).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, 8))
      while (log.started < 2) yield* TestClock.adjust("10 seconds")
      Deferred.doneUnsafe(answers[0], Effect.succeed("first"))
      Deferred.doneUnsafe(answers[1], Effect.succeed("second"))
      assert.strictEqual(yield* Fiber.join(fiber), "first")
      assert.deepStrictEqual(log, { started: 2, interrupted: [], discarded: ["second"] })
    }))

  it.effect("waits until the loser has let go", () =>
    Effect.gen(function*() {
      let closed = false
      const first = Effect.onInterrupt(answer("first", "1 hour"), () =>
        Effect.andThen(Effect.sleep("3 seconds"), Effect.sync(() => closed = true)))
      const { millis } = yield* timed(race(first, answer("second", "1 second")).hedged)
      assert.deepStrictEqual([millis, closed], [14_000, true])
    }))

  it.effect("lets both go at the same time when the caller is interrupted", () =>
    Effect.gen(function*() {
      const slow = Effect.onInterrupt(answer("any", "1 hour"), () => Effect.sleep("3 seconds"))
      const { millis } = yield* timed(Effect.timeoutOption(race(slow, slow).hedged, "11 seconds"))
      assert.strictEqual(millis, 14_000)
    }))

  it.effect("ends with a defect at once, of either", () =>
    Effect.gen(function*() {
      const early = race(Effect.die("bug"))
      assert.isTrue(Exit.hasDies((yield* timed(early.hedged)).exit))
      const late = race(answer("first", "1 hour"), Effect.delay(Effect.die("bug"), "1 second"))
      const { exit, millis } = yield* timed(late.hedged)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.strictEqual(millis, 11_000)
      assert.deepStrictEqual(late.log.interrupted, [1])
    }))

  it.effect("interrupts whatever is under way when the caller is interrupted", () =>
    Effect.gen(function*() {
      for (
        const [millis, interrupted] of [[5_000, [1]], [15_000, [1, 2]]] satisfies ReadonlyArray<[number, Array<number>]>
      ) {
        const { hedged, log } = race(Effect.never, Effect.never)
        const fiber = yield* Effect.forkChild(hedged, { startImmediately: true })
        yield* TestClock.adjust(millis)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(log.interrupted.toSorted(), interrupted)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(log.started, interrupted.length)
      }
    }))

  it.effect("runs both at once when there is no time at all, and one when it is endless", () =>
    Effect.gen(function*() {
      for (const [after, calls] of [[Duration.zero, 2], [Duration.infinity, 1]] as const) {
        let started = 0
        const call: Call = Effect.suspend(() => {
          started++
          return answer("any", "1 second")
        })
        yield* timed(Hedging.hedged(call, { after, target, discard: () => Effect.void }))
        assert.strictEqual(started, calls)
      }
    }))
})

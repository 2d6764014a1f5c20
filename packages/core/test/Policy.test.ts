import { assert, describe, it } from "@effect/vitest"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Policy from "@strata/core/policy/Policy"
import * as Quota from "@strata/core/policy/Quota"
import * as Retry from "@strata/core/policy/Retry"
import type * as ProviderError from "@strata/core/ProviderError"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Ledger from "@strata/core/state/Ledger"
import * as Telemetry from "@strata/core/Telemetry"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Enforcement from "../src/policy/internal/enforcement.ts"
import { errors, failure, settled, target, timed, watched } from "./ChatFixture.ts"

const everySecond = Schedule.spaced("1 second")

/** A function that puts a policy in force for calls. */
const enforce = (options: Policy.Options) =>
  Effect.map(
    Enforcement.make(Policy.make(options)),
    (enforcement) => <A>(self: Effect.Effect<A, ProviderError.CallError>) => enforcement.call(self, target)
  )

/** A call that fails with each of the errors and then gives the number of its attempts. */
const failingWith = (...failures: ReadonlyArray<ProviderError.CallError>) => {
  let attempts = 0
  const call = Effect.suspend(() => {
    const error = failures[attempts++]
    return error === undefined ? Effect.succeed(attempts) : Effect.fail(error)
  })
  return { call, attempts: () => attempts }
}

describe("Policy.make", () => {
  it("changes what is given and keeps the rest of the standard", () => {
    const policy = Policy.make({ retry: Retry.never, timeouts: { idle: "5 seconds" } })
    assert.strictEqual(policy.retry, Retry.never)
    assert.strictEqual(policy.concurrency, Policy.standard.concurrency)
    assert.deepStrictEqual(policy.timeouts, { ...Policy.standard.timeouts, idle: Duration.seconds(5) })
    assert.deepStrictEqual(Policy.make({}), Policy.standard)
  })

  it.each([[1.9, 1], [2.9, 2], [Infinity, Infinity]])(
    "makes of %d calls at once %d",
    (concurrency, expected) => assert.strictEqual(Policy.make({ concurrency }).concurrency, expected)
  )
})

describe("Enforcement.call", () => {
  it.effect("holds no permit while it backs off", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ concurrency: 1, retry: Schedule.spaced("10 seconds") })
      const first = timed(call(failingWith(errors.ConnectionError).call))
      const second = timed(call(Effect.sleep("3 seconds")))
      const ends = yield* Effect.all([first, second], { concurrency: 2 })
      assert.deepStrictEqual(ends.map(({ millis }) => millis), [10_000, 3_000])
    }))

  it.effect("runs no more calls at once than the policy allows", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ concurrency: 3 })
      let running = 0
      let most = 0
      const work = Effect.sync(() => most = Math.max(most, ++running)).pipe(
        Effect.andThen(Effect.sleep("1 second")),
        Effect.ensuring(Effect.sync(() => running--))
      )
      const { millis } = yield* timed(
        Effect.forEach([1, 2, 3, 4, 5, 6, 7], () => call(work), { concurrency: "unbounded" })
      )
      assert.strictEqual(most, 3)
      assert.strictEqual(millis, 3_000)
    }))

  const fractions: ReadonlyArray<readonly [string, Policy.Policy]> = [
    ["a number", Policy.make({ concurrency: 2.9 })],
    ["a number in a policy made by hand", { ...Policy.standard, concurrency: 2.9 }],
    ["a fixed number", Policy.make({ concurrency: Concurrency.fixed(2.9) })]
  ]
  it.effect.each(fractions)("rounds a fraction of permits down: %s", ([, policy]) =>
    Effect.gen(function*() {
      const enforcement = yield* Enforcement.make(policy)
      assert.strictEqual(enforcement.window, 2)
      const work = enforcement.call(Effect.sleep("1 second"), target)
      const { millis } = yield* timed(Effect.all([work, work, work], { concurrency: "unbounded" }))
      assert.strictEqual(millis, 2_000)
    }))

  it.effect("counts a request, and no tokens, where nothing tells what a call needs", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ quota: Quota.make({ requestsPerMinute: 9, tokensPerMinute: 9 }) })
      yield* call(Effect.succeed(1))
      const limit = (unit: "requests" | "tokens") => ({ name: "minute", unit, amount: 9, window: Duration.minutes(1) })
      const { balances } = yield* Ledger.Ledger
      const found = yield* balances(`quota//${Telemetry.keyOf(target)}`, [limit("tokens"), limit("requests")])
      assert.deepStrictEqual(found.map(({ reserved, spent }) => [reserved, spent]), [[0, 0], [0, 1]])
    }).pipe(Effect.provide(Ledger.layerMemory)))

  it.effect("keeps one of two answers that come at once, and gives both permits back", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops < 14; ops++) {
        const call = yield* enforce({ hedge: "5 seconds", concurrency: 2 })
        const door = yield* Deferred.make<void>()
        let started = 0
        const work = Effect.andThen(Effect.sync(() => started++), Deferred.await(door))
        const fiber = yield* Effect.forkChild(call(work)).pipe(
          Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
        )
        while (started < 2) yield* TestClock.adjust("5 seconds")
        yield* Deferred.succeed(door, undefined)
        yield* Fiber.join(fiber)
        const { millis } = yield* timed(Effect.all([1, 2].map(() => call(Effect.sleep(500))), { concurrency: 2 }))
        assert.strictEqual(millis, 500)
      }
    }))

  it.effect("starts the attempt's clock when it has its permit", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ concurrency: 1, retry: Retry.never, timeouts: { attempt: "10 seconds" } })
      const work = call(Effect.sleep("8 seconds"))
      const { exit, millis } = yield* timed(Effect.all([work, work, work], { concurrency: "unbounded" }))
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(millis, 24_000)
    }))

  it.effect("gives each attempt its own time", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ retry: everySecond, timeouts: { attempt: "10 seconds" } })
      let attempts = 0
      const { exit, millis } = yield* timed(call(Effect.suspend(() => ++attempts < 3 ? Effect.never : Effect.void)))
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(millis, 10_000 + 1_000 + 10_000 + 1_000)
    }))

  it.effect("fails an attempt that takes too long with TimeoutError", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ retry: Retry.never, timeouts: { attempt: "10 seconds" } })
      const { exit, millis } = yield* timed(Effect.flip(call(Effect.never)))
      const error = yield* exit
      assert.strictEqual(millis, 10_000)
      assert.strictEqual(error._tag, "TimeoutError")
      assert.deepInclude(error, {
        phase: "attempt",
        after: Duration.seconds(10),
        provider: "test.provider",
        model: "test-model"
      })
    }))

  it.effect("counts attempts and pauses in the deadline", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ retry: Schedule.spaced("4 seconds"), timeouts: { deadline: "10 seconds" } })
      let attempts = 0
      const { exit, millis } = yield* timed(
        Effect.flip(call(Effect.suspend(() => Effect.fail((attempts++, errors.ConnectionError)))))
      )
      const error = yield* exit
      assert.strictEqual(millis, 10_000)
      assert.strictEqual(attempts, 3)
      assert.deepInclude(error, { _tag: "TimeoutError", phase: "deadline", after: Duration.seconds(10) })
    }))

  it.effect("counts the wait for a permit in the deadline", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ concurrency: 1, retry: Retry.never, timeouts: { deadline: "5 seconds" } })
      let started = 0
      const work = Effect.andThen(Effect.sync(() => started++), Effect.sleep("4 seconds"))
      const ends = yield* Effect.forEach([1, 2], () => timed(Effect.exit(call(work))), { concurrency: 2 })
      assert.deepStrictEqual(ends.map(({ millis }) => millis), [4_000, 5_000])
      assert.strictEqual(started, 2)
      assert.isTrue(Exit.isSuccess(yield* settled(Effect.exit(call(work)))))
    }))

  it.effect("sends nothing when there is no time at all", () =>
    Effect.gen(function*() {
      for (const clock of ["attempt", "deadline"] as const) {
        const call = yield* enforce({ retry: Retry.never, timeouts: { [clock]: 0 } })
        const { attempts, call: work } = failingWith()
        const error = yield* failure(call(work))
        assert.deepInclude(error, { _tag: "TimeoutError", phase: clock, after: Duration.zero })
        assert.strictEqual(attempts(), 0)
      }
    }))

  it.effect("has no clock that is infinite", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ timeouts: { attempt: Duration.infinity, deadline: Duration.infinity } })
      const { exit, millis } = yield* timed(call(Effect.sleep("100 days")), "101 days")
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(millis, Duration.toMillis("100 days"))
    }))

  it.effect("lets the schedule alone decide what is repeated", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ retry: Schedule.recurs(2) })
      const { attempts, call: work } = failingWith(errors.AuthenticationError, errors.InvalidRequestError)
      assert.strictEqual(yield* settled(call(work)), 3)
      assert.strictEqual(attempts(), 3)
    }))

  it.effect("does not repeat a defect, and gives the permit back", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ concurrency: 1, retry: Schedule.recurs(5) })
      let attempts = 0
      const exit = yield* Effect.exit(call(Effect.suspend(() => Effect.die((attempts++, "bug")))))
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(attempts, 1)
      assert.strictEqual(yield* call(Effect.succeed("next")), "next")
    }))

  it.effect("interrupts the call in flight, gives its permit back and waits for nothing", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ concurrency: 1 })
      let interrupted = 0
      const hanging = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const inFlight = yield* Effect.forkChild(call(hanging))
      yield* TestClock.adjust(0)
      const queued = yield* Effect.forkChild(call(hanging))
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(queued)
      assert.strictEqual(interrupted, 0)
      yield* Fiber.interrupt(inFlight)
      assert.strictEqual(interrupted, 1)
      assert.strictEqual(yield* call(Effect.succeed("next")), "next")
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    }))

  it.effect("interrupts a pause before a retry", () =>
    Effect.gen(function*() {
      const call = yield* enforce({ retry: Schedule.spaced("1 hour") })
      const { attempts, call: work } = failingWith(errors.ConnectionError)
      const fiber = yield* Effect.forkChild(call(work))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(attempts(), 1)
    }))

  it.effect("logs each retry at debug level with its cause and its delay, and counts it", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const call = yield* enforce({ retry: Schedule.spaced("90 seconds") })
        yield* settled(call(failingWith(errors.RateLimitError, errors.ConnectionError).call))
        assert.strictEqual(logs.length, 2)
        assert.deepStrictEqual(logs[0], {
          level: "Debug",
          message: ["Retrying after a transient failure"],
          annotations: {
            operation: "chat",
            provider: "test.provider",
            model: "test-model",
            server: "example.com:8443",
            error: "RateLimitError",
            exception: "SomeException",
            requestId: "request-1",
            retry: 1,
            delay: "1m 30s"
          }
        })
        assert.deepInclude(logs[1]?.annotations, { error: "ConnectionError", retry: 2 })
        const counted = yield* Metric.value(Metric.withAttributes(Telemetry.retries, {
          ...Telemetry.attributes(target),
          "error.type": "RateLimitError"
        }))
        assert.strictEqual(counted.count, 1)
      }).pipe(Effect.provideService(References.MinimumLogLevel, "Debug"))
    ))

  it.effect("says nothing of a failure that is not repeated", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const call = yield* enforce({ retry: Retry.exponential({ times: 0 }) })
        yield* failure(call(failingWith(errors.ConnectionError).call))
        assert.deepStrictEqual(logs, [])
      }).pipe(Effect.provideService(References.MinimumLogLevel, "Debug"))
    ))
})

describe("a limit that adapts", () => {
  type Source = Stream.Stream<number, ProviderError.ChatStreamError>

  const call = (source: Source, enforcement: Enforcement.Enforcement) =>
    enforcement.call(Effect.orDie(Stream.runHead(source)), target)
  const stream = (source: Source, enforcement: Enforcement.Enforcement) =>
    Stream.runDrain(enforcement.stream(source, target))
  const breaks = (error: ProviderError.CallError) => Stream.concat(Stream.make(1), Stream.fail(error))

  const endings: ReadonlyArray<readonly [string, typeof call | typeof stream, Source, number]> = [
    ["grows with answers", call, Stream.make(1), 8],
    ["grows with streams that end", stream, Stream.make(1), 8],
    ["falls with streams that are refused", stream, Stream.fail(errors.RateLimitError), 1],
    ["falls with streams that are refused in the middle", stream, breaks(errors.RateLimitError), 1],
    ["stays with other failures", stream, Stream.fail(errors.ConnectionError), 4],
    ["stays with other failures in the middle", stream, breaks(errors.ConnectionError), 4],
    ["stays with defects", call, Stream.die("bug"), 4]
  ]
  it.effect.each(endings)("%s", ([, use, source, expected]) =>
    Effect.gen(function*() {
      const concurrency = Concurrency.adaptive({ initial: 4, min: 1, max: 8 })
      const enforcement = yield* Enforcement.make(Policy.make({ concurrency, retry: Retry.never }))
      const calls = (source: Source) =>
        Effect.replicateEffect(Effect.exit(use(source, enforcement)), 20, { concurrency: "unbounded" })
      const slow = Stream.unwrap(Effect.delay(Effect.succeed(source), "1 second"))
      yield* timed(Effect.replicateEffect(calls(slow), 3), "5 minutes")
      let running = 0
      const counting = Stream.fromEffect(Effect.andThen(Effect.sync(() => running++), Effect.never))
      const fiber = yield* Effect.forkChild(calls(counting))
      yield* TestClock.adjust(0)
      assert.strictEqual(running, expected)
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(AdaptiveLimits.layerMemory)))
})

describe("Policy.none", () => {
  it.effect("makes one attempt, without a bound and without a clock", () =>
    Effect.gen(function*() {
      const { call } = yield* Enforcement.make(Policy.none)
      const { attempts, call: work } = failingWith(errors.ConnectionError)
      yield* failure(call(work, target))
      assert.strictEqual(attempts(), 1)

      const work100 = Array.from({ length: 100 }, () => call(Effect.sleep("100 days"), target))
      const { exit, millis } = yield* timed(Effect.all(work100, { concurrency: "unbounded" }), "101 days")
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(millis, Duration.toMillis("100 days"))
    }))
})

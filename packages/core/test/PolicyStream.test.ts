import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as Telemetry from "@strata/core/Telemetry"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { errors, failure, settled, target, timed, watched } from "./ChatFixture.ts"
import { attempts, breakingWith, delivered, enforce, type Numbers, paced } from "./StreamFixture.ts"

describe("permits of Enforcement.stream", () => {
  const endings: ReadonlyArray<readonly [string, (self: Numbers) => Effect.Effect<unknown, unknown>]> = [
    ["ends", (self) => Stream.runDrain(Stream.take(self, 3))],
    ["is left by its consumer", (self) => Stream.runDrain(Stream.take(self, 1))],
    ["meets a defect of its consumer", (self) => Stream.runForEach(self, () => Effect.die("bug"))],
    ["is interrupted", (self) => Effect.timeout(Stream.runDrain(self), "1 second")]
  ]

  it.effect.each(endings)("are released when the stream %s", ([, use]) =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1 })
      const { counts, stream: source } = attempts(paced(0, 0, "10 seconds"), paced(0))
      yield* settled(Effect.exit(use(stream(source))))
      assert.deepStrictEqual(counts, { opened: 1, closed: 1 })
      assert.deepStrictEqual(yield* settled(Stream.runCollect(stream(source))), [1])
    }))

  it.effect("are held until the last event is read", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1 })
      const slow = Stream.runForEach(stream(paced(0, 0)), () => Effect.sleep("5 seconds"))
      const next = Stream.runCollect(stream(paced("1 second")))
      const ends = yield* Effect.all([timed(slow), timed(next)], { concurrency: 2 })
      assert.deepStrictEqual(ends.map(({ millis }) => millis), [10_000, 11_000])
    }))

  it.effect("are released at the end of a stream that is part of a longer one", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1 })
      const both = Stream.concat(stream(paced(0)), stream(paced(0, 0)))
      assert.deepStrictEqual(yield* settled(Stream.runCollect(both)), [1, 1, 2])
    }))

  it.effect("are released at the end, however long the scope of the consumer stays open", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1 })
      const { counts, stream: source } = attempts(paced(0))
      const pull = yield* Stream.toPull(stream(source))
      assert.deepStrictEqual(yield* settled(pull), [1])
      assert.deepStrictEqual(counts, { opened: 1, closed: 0 })
      yield* Effect.exit(pull)
      assert.deepStrictEqual(counts, { opened: 1, closed: 1 })
      assert.deepStrictEqual(yield* settled(Stream.runCollect(stream(paced(0)))), [1])
    }))

  it.effect("are released, and the connection is closed, while a stream backs off", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1, retry: Schedule.spaced("10 seconds") })
      const { counts, stream: source } = attempts(breakingWith(errors.ConnectionError), paced(0))
      const other = Effect.andThen(
        Effect.sync(() => assert.deepStrictEqual(counts, { opened: 1, closed: 1 })),
        Effect.sleep("3 seconds")
      )
      const ends = yield* Effect.all([
        timed(Stream.runCollect(stream(source))),
        timed(Stream.runDrain(stream(Stream.fromEffect(Effect.as(other, 1)))))
      ], { concurrency: 2 })
      assert.isTrue(ends.every(({ exit }) => exit._tag === "Success"))
      assert.deepStrictEqual(ends.map(({ millis }) => millis), [10_000, 3_000])
      assert.deepStrictEqual(counts, { opened: 2, closed: 2 })
    }))

  it.effect("are not waited for once the consumer is gone", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1 })
      const { counts, stream: source } = attempts(Stream.never)
      const first = yield* Effect.forkChild(Stream.runDrain(stream(source)))
      yield* TestClock.adjust(0)
      const queued = yield* Effect.forkChild(Stream.runDrain(stream(source)))
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(queued)
      assert.deepStrictEqual(counts, { opened: 1, closed: 0 })
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(counts, { opened: 1, closed: 1 })
      assert.deepStrictEqual(yield* settled(Stream.runCollect(stream(paced(0)))), [1])
    }))
})

describe("retries of Enforcement.stream", () => {
  it.effect("happen before the first event", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ retry: Schedule.recurs(3) })
      const { counts, stream: source } = attempts(
        breakingWith(errors.ConnectionError),
        breakingWith(errors.RateLimitError),
        paced(0, 0)
      )
      assert.deepStrictEqual(yield* settled(Stream.runCollect(stream(source))), [1, 2])
      assert.strictEqual(counts.opened, 3)
    }))

  it.effect("are those of the schedule", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ retry: Retry.exponential({ times: 2 }) })
      const transient = attempts(breakingWith(errors.ConnectionError))
      const permanent = attempts(breakingWith(errors.AuthenticationError))
      assert.strictEqual(yield* failure(Stream.runDrain(stream(transient.stream))), errors.ConnectionError)
      assert.strictEqual(yield* failure(Stream.runDrain(stream(permanent.stream))), errors.AuthenticationError)
      assert.deepStrictEqual([transient.counts.opened, permanent.counts.opened], [3, 1])
    }))

  it.effect("never happen after the first event, whatever the schedule says", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const stream = yield* enforce({ retry: Schedule.recurs(5) })
        const { counts, stream: source } = attempts(breakingWith(errors.ConnectionError, 1, 2, 3))
        const { error, numbers } = yield* settled(delivered(stream(source)))
        assert.deepStrictEqual(numbers, [1, 2, 3])
        assert.deepStrictEqual(counts, { opened: 1, closed: 1 })
        assert.instanceOf(error, ProviderError.StreamInterruptedError)
        assert.deepInclude(error, {
          delivered: 3,
          requestId: "request-1",
          exception: "SomeException",
          provider: "test.provider",
          model: "test-model"
        })
        assert.strictEqual(error.cause, errors.ConnectionError)
        assert.deepStrictEqual(logs, [])
      })
    ))

  it.effect("count the events of a chunk one by one", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({})
      const chunks = Stream.concat(
        Stream.make(1, 2, 3),
        Stream.concat(Stream.make(4, 5), Stream.fail(errors.TimeoutError))
      )
      const { error, numbers } = yield* settled(delivered(stream(chunks)))
      assert.deepStrictEqual(numbers, [1, 2, 3, 4, 5])
      assert.deepInclude(error, { _tag: "StreamInterruptedError", delivered: 5, cause: errors.TimeoutError })
    }))

  it.effect("leave the count of a stream that knows itself interrupted", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({})
      const { error } = yield* settled(delivered(stream(breakingWith(errors.StreamInterruptedError, 1, 2))))
      assert.strictEqual(error, errors.StreamInterruptedError)
    }))

  it.effect("start anew each time the stream is run", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ retry: Schedule.recurs(1) })
      const { counts, stream: source } = attempts(
        breakingWith(errors.ConnectionError),
        breakingWith(errors.ConnectionError, 1),
        breakingWith(errors.ConnectionError),
        paced(0)
      )
      const same = stream(source)
      assert.strictEqual((yield* settled(delivered(same))).error._tag, "StreamInterruptedError")
      assert.deepStrictEqual(yield* settled(Stream.runCollect(same)), [1])
      assert.strictEqual(counts.opened, 4)
    }))

  it.effect("are logged at debug level and counted", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const stream = yield* enforce({ retry: Schedule.spaced("2 seconds") })
        yield* settled(Stream.runDrain(stream(attempts(breakingWith(errors.ModelUnavailableError), paced(0)).stream)))
        assert.strictEqual(logs.length, 1)
        assert.deepInclude(logs[0]?.annotations, { error: "ModelUnavailableError", retry: 1, delay: "2s" })
        const counted = yield* Metric.value(Metric.withAttributes(Telemetry.retries, {
          ...Telemetry.attributes(target),
          "error.type": "ModelUnavailableError"
        }))
        assert.strictEqual(counted.count, 1)
      }).pipe(Effect.provideService(References.MinimumLogLevel, "Debug"))
    ))

  it.effect("do not happen after a defect", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1, retry: Schedule.recurs(5) })
      const { counts, stream: source } = attempts(Stream.die("bug"), paced(0))
      assert.isTrue(Exit.hasDies(yield* settled(Effect.exit(Stream.runDrain(stream(source))))))
      assert.deepStrictEqual(counts, { opened: 1, closed: 1 })
      assert.deepStrictEqual(yield* settled(Stream.runCollect(stream(source))), [1])
    }))
})

describe("hedging of Enforcement.stream", () => {
  it.effect("opens a second stream when the first gives nothing, and closes the first when the second does", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ hedge: "5 seconds", concurrency: 2 })
      const { counts, stream: source } = attempts(paced("1 hour"), paced("1 second", "1 second"))
      const { exit, millis } = yield* timed(Stream.runCollect(stream(source)))
      assert.deepStrictEqual(yield* exit, [1, 2])
      assert.strictEqual(millis, 7_000)
      assert.deepStrictEqual(counts, { opened: 2, closed: 2 })
      const rest = yield* timed(
        Effect.all([1, 2].map(() => Stream.runDrain(stream(paced("1 second")))), { concurrency: 2 })
      )
      assert.strictEqual(rest.millis, 1_000)
    }))

  it.effect("closes the stream that lost when both give their first event at once, and gives its permit back", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops < 14; ops++) {
        const stream = yield* enforce({ hedge: "5 seconds", concurrency: 2 })
        const gates = [yield* Deferred.make<number>(), yield* Deferred.make<number>()] as const
        const open = (gate: typeof gates[0]) => Stream.concat(Stream.fromEffect(Deferred.await(gate)), Stream.never)
        const { counts, stream: source } = attempts(open(gates[0]), open(gates[1]))
        const pull = yield* Stream.toPull(stream(source))
        const first = yield* Effect.forkChild(pull).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, ops))
        while (counts.opened < 2) yield* TestClock.adjust("5 seconds")
        for (const [index, gate] of gates.entries()) Deferred.doneUnsafe(gate, Effect.succeed(index))
        yield* Fiber.join(first)
        assert.deepStrictEqual(counts, { opened: 2, closed: 1 })
        const { millis } = yield* timed(Stream.runDrain(stream(paced("1 second"))))
        assert.strictEqual(millis, 1_000)
      }
    }).pipe(Effect.scoped))

  it.effect("opens no second stream once there was an event, however long the next takes", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ hedge: "5 seconds" })
      const { counts, stream: source } = attempts(paced("1 second", "1 minute"))
      assert.deepStrictEqual(yield* settled(Stream.runCollect(stream(source))), [1, 2])
      assert.deepStrictEqual(counts, { opened: 1, closed: 1 })
    }))
})

describe("a stream that is empty", () => {
  it.effect("gives its permit back at once, however long the scope of the consumer stays open", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1 })
      const pull = yield* Stream.toPull(stream(Stream.empty))
      yield* Effect.exit(pull)
      assert.deepStrictEqual(yield* settled(Stream.runCollect(stream(paced(0)))), [1])
    }))

  it.effect("is empty also where a second one was opened and ends at the same time", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops < 14; ops++) {
        const stream = yield* enforce({ hedge: "5 seconds", concurrency: 2 })
        const gate = yield* Deferred.make<void>()
        const { counts, stream: source } = attempts(Stream.fromEffectDrain(Deferred.await(gate)))
        const fiber = yield* Effect.forkChild(Stream.runCollect(stream(source))).pipe(
          Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
        )
        while (counts.opened < 2) yield* TestClock.adjust("5 seconds")
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* Fiber.join(fiber), [])
        assert.deepStrictEqual(counts, { opened: 2, closed: 2 })
      }
    }))
})

describe("breaker of Enforcement.stream", () => {
  const breaker = Breaker.consecutive(2, { open: "30 days" })

  const tags = (stream: (self: Numbers) => Numbers, source: Numbers, times: number) =>
    Effect.forEach(
      Array.from({ length: times }),
      () => Effect.map(failure(Stream.runDrain(stream(source)), "1 second"), ({ _tag }) => _tag)
    )

  it.effect("opens after streams that could not be opened", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ breaker, retry: Retry.never })
      const found = yield* tags(stream, breakingWith(errors.ConnectionError), 3)
      assert.deepStrictEqual(found, ["ConnectionError", "ConnectionError", "CircuitOpenError"])
    }))

  it.effect("stays closed when streams break that were open", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ breaker, retry: Retry.never })
      const found = yield* tags(stream, breakingWith(errors.ConnectionError, 1), 4)
      assert.deepStrictEqual([...new Set(found)], ["StreamInterruptedError"])
    }))
})

describe("Enforcement.stream", () => {
  it.effect("lets a stream without events end", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1 })
      assert.deepStrictEqual(yield* settled(Stream.runCollect(stream(Stream.empty))), [])
      assert.deepStrictEqual(yield* settled(Stream.runCollect(stream(paced(0)))), [1])
    }))

  it.effect("hands on the chunks as they come", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({})
      const chunks = stream(Stream.concat(Stream.make(1, 2), Stream.make(3)))
      assert.deepStrictEqual(yield* settled(Stream.runCollect(Stream.chunks(chunks))), [[1, 2], [3]])
    }))

  it.effect("interrupts the source in the middle of an event", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({})
      let interrupted = 0
      const hanging = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const source = Stream.concat(Stream.make(1), Stream.fromEffect(hanging))
      const fiber = yield* Effect.forkChild(Stream.runDrain(stream(source)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(interrupted, 1)
    }))

  it.effect("hands a defect in the middle on as it is", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1 })
      const exit = yield* settled(
        Effect.exit(Stream.runDrain(stream(Stream.concat(Stream.make(1), Stream.die("bug")))))
      )
      assert.isTrue(Exit.hasDies(exit))
      assert.deepStrictEqual(yield* settled(Stream.runCollect(stream(paced(0)))), [1])
    }))
})

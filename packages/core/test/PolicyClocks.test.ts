import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Enforcement from "../src/policy/internal/enforcement.ts"
import { countingClock, errors, settled, target, timed } from "./ChatFixture.ts"
import { attempts, breakingWith, delivered, enforce, type Numbers, paced } from "./StreamFixture.ts"

/** Which clock it was that ran out while a stream was being read. */
const causeOf = (error: ProviderError.ProviderError) => {
  assert.strictEqual(error._tag, "StreamInterruptedError")
  assert.instanceOf(error.cause, ProviderError.TimeoutError)
  return error.cause
}

describe("clocks of Enforcement.stream", () => {
  const breaksAt = Effect.fnUntraced(function*(options: Policy.Options, source: Numbers) {
    const stream = yield* enforce({ retry: Retry.never, ...options })
    const { exit, millis } = yield* timed(delivered(stream(source)))
    const { error, numbers } = yield* exit
    return { error, numbers, millis }
  })

  it.effect("fail a stream without a first event", () =>
    Effect.gen(function*() {
      const { error, millis } = yield* breaksAt({ timeouts: { firstEvent: "30 seconds" } }, Stream.never)
      assert.strictEqual(millis, 30_000)
      assert.deepInclude(error, { _tag: "TimeoutError", phase: "first-event", after: Duration.seconds(30) })
    }))

  it.effect("give each attempt its own time to the first event, from its permit on", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({
        concurrency: 1,
        retry: Schedule.spaced("1 second"),
        timeouts: { firstEvent: "10 seconds" }
      })
      const blocking = Stream.runDrain(stream(paced("8 seconds", "12 seconds")))
      const waiting = Stream.runCollect(stream(attempts(Stream.never, paced("9 seconds")).stream))
      const ends = yield* Effect.all([timed(blocking), timed(waiting)], { concurrency: 2 })
      assert.isTrue(ends.every(({ exit }) => exit._tag === "Success"))
      assert.deepStrictEqual(ends.map(({ millis }) => millis), [20_000, 20_000 + 10_000 + 1_000 + 9_000])
    }))

  it.effect("fail a stream that pauses too long between two events, and tell how many there were", () =>
    Effect.gen(function*() {
      const { error, millis, numbers } = yield* breaksAt(
        { timeouts: { idle: "10 seconds" }, retry: Schedule.recurs(5) },
        paced("20 seconds", "9 seconds", "9 seconds", "11 seconds")
      )
      assert.deepStrictEqual(numbers, [1, 2, 3])
      assert.strictEqual(millis, 20_000 + 9_000 + 9_000 + 10_000)
      assert.deepInclude(error, {
        _tag: "StreamInterruptedError",
        delivered: 3,
        provider: "test.provider",
        model: "test-model"
      })
      assert.include(error.message, "broke after 3 events: ")
      assert.deepInclude(causeOf(error), { _tag: "TimeoutError", phase: "idle", after: Duration.seconds(10) })
    }))

  it.effect("stand still while the consumer is busy", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ timeouts: { idle: "10 seconds", firstEvent: "10 seconds" } })
      const { exit, millis } = yield* timed(
        Stream.runForEach(stream(paced(0, "9 seconds", "9 seconds", "9 seconds")), () => Effect.sleep("1 hour"))
      )
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(millis, 3 * 9_000 + 4 * 3_600_000)
    }))

  it.effect("say who was asked, how long it took, and which clock to change", () =>
    Effect.gen(function*() {
      const { error } = yield* breaksAt({ timeouts: { idle: "10 seconds" } }, paced(0, "11 seconds"))
      assert.strictEqual(
        error.message,
        "The stream of test-model of test.provider broke after 1 event: The stream of test-model of test.provider gave " +
          "no further event within 10s. Raise `timeouts.idle`."
      )
      const deadline = yield* breaksAt({ timeouts: { deadline: "5 seconds" } }, paced("6 seconds"))
      assert.strictEqual(
        deadline.error.message,
        "The call of test-model of test.provider did not end within 5s, retries included. Raise the deadline, or allow " +
          "fewer retries."
      )
    }))

  it.effect("start again after a busy consumer", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ timeouts: { idle: "10 seconds" } })
      const busy = Stream.tap(stream(paced(0, "4 seconds", "1 day")), () => Effect.sleep("7 seconds"))
      const { exit, millis } = yield* timed(Effect.flip(Stream.runDrain(busy)))
      assert.deepInclude(causeOf(yield* exit), { phase: "idle" })
      assert.strictEqual(millis, 7_000 + 4_000 + 7_000 + 10_000)
    }))

  it.effect("close the connection of a stream that pauses too long", () =>
    Effect.gen(function*() {
      const { counts, stream: source } = attempts(Stream.concat(Stream.make(1), Stream.never))
      yield* breaksAt({ timeouts: { idle: "10 seconds" } }, source)
      assert.deepStrictEqual(counts, { opened: 1, closed: 1 })
    }))

  it.effect("interrupt the source of a stream that pauses too long", () =>
    Effect.gen(function*() {
      for (const clock of ["idle", "deadline"] as const) {
        let interrupted = 0
        const hanging = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
        yield* breaksAt(
          { timeouts: { [clock]: "10 seconds" } },
          Stream.concat(Stream.make(1), Stream.fromEffect(hanging))
        )
        assert.strictEqual(interrupted, 1)
      }
    }))

  const endings: ReadonlyArray<readonly [string, (self: Numbers) => Effect.Effect<unknown, unknown>]> = [
    ["ends", (self) => Stream.runDrain(self)],
    ["is left by its consumer", (self) => Stream.runDrain(Stream.take(self, 2))],
    ["breaks", (self) => Stream.runForEach(self, (number) => number === 2 ? Effect.fail("enough") : Effect.void)]
  ]

  it.effect.each(endings)(
    "leave no timer behind when the stream %s: it would keep the process alive",
    ([, use]) =>
      Effect.gen(function*() {
        const stream = yield* enforce({ timeouts: { idle: "3 minutes", deadline: "1 hour" } })
        const { counted, timers } = yield* countingClock
        const used = Effect.provideService(use(stream(paced(0, "1 second", "1 second"))), Clock.Clock, counted)
        yield* settled(Effect.exit(used), "5 seconds")
        assert.isAbove(timers.most, 1)
        assert.strictEqual(timers.running, 0)
      })
  )

  it.effect.each(
    [
      ["the wait for the first event", Stream.never, []],
      ["retries and pauses", breakingWith(errors.ConnectionError), []],
      ["reading to the end", paced(0, "4 seconds", "4 seconds", "4 seconds"), [1, 2, 3]]
    ] as ReadonlyArray<readonly [string, Numbers, ReadonlyArray<number>]>
  )("count %s in the deadline", ([, source, expected]) =>
    Effect.gen(function*() {
      const { error, millis, numbers } = yield* breaksAt(
        { retry: Schedule.spaced("4 seconds"), timeouts: { deadline: "10 seconds" } },
        source
      )
      assert.strictEqual(millis, 10_000)
      assert.deepStrictEqual(numbers, expected)
      const clock = numbers.length === 0 ? error : causeOf(error)
      assert.deepInclude(clock, { _tag: "TimeoutError", phase: "deadline", after: Duration.seconds(10) })
    }))

  it.effect("count the wait for a permit in the deadline", () =>
    Effect.gen(function*() {
      const stream = yield* enforce({ concurrency: 1, timeouts: { deadline: "5 seconds" } })
      const work = Stream.runDrain(stream(paced("4 seconds")))
      const ends = yield* Effect.forEach([1, 2], () => timed(Effect.exit(work)), { concurrency: 2 })
      assert.deepStrictEqual(ends.map(({ millis }) => millis), [4_000, 5_000])
    }))

  it.effect("let the deadline pass before the idle time when it comes first, and the other way round", () =>
    Effect.gen(function*() {
      const source = paced(0, "1 day")
      const idle = yield* breaksAt({ timeouts: { idle: "9 seconds", deadline: "10 seconds" } }, source)
      const deadline = yield* breaksAt({ timeouts: { idle: "11 seconds", deadline: "10 seconds" } }, source)
      assert.deepInclude(causeOf(idle.error), { phase: "idle" })
      assert.deepInclude(causeOf(deadline.error), { phase: "deadline" })
      assert.deepStrictEqual([idle.millis, deadline.millis], [9_000, 10_000])
    }))

  it.effect("close the connection at the deadline while the consumer is busy, and tell it when it comes back", () =>
    Effect.gen(function*() {
      const { counts, stream: source } = attempts(paced(0, "4 seconds", "4 seconds"))
      const stream = yield* enforce({ timeouts: { idle: "1 hour", deadline: "10 seconds" } })
      const closed: Array<number> = []
      const slow = Stream.tap(stream(source), (number) => {
        closed.push(counts.closed)
        return Effect.sleep(number === 1 ? "1 second" : "1 minute")
      })
      const { exit, millis } = yield* timed(delivered(slow))
      const { error, numbers } = yield* exit
      assert.deepStrictEqual([numbers, closed, millis], [[1, 2], [0, 0], 65_000])
      assert.deepInclude(error, { _tag: "StreamInterruptedError", delivered: 2 })
      assert.deepInclude(causeOf(error), { phase: "deadline", after: Duration.seconds(10) })
      assert.deepStrictEqual(counts, { opened: 1, closed: 1 })
    }))

  const stuck: ReadonlyArray<readonly [string, pauses: ReadonlyArray<Duration.Input>]> = [
    ["the first event", [0]],
    ["the second event", [0, "1 second"]],
    ["an event that comes at the deadline", [0, "3 seconds", "4 seconds", "3 seconds"]]
  ]
  it.effect.each(stuck)(
    "let another call have the permit of a consumer that never comes back from %s",
    ([, pauses]) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("1 minute")
        const stream = yield* enforce({ concurrency: 1, timeouts: { deadline: "10 seconds", idle: "5 seconds" } })
        const { counts, stream: source } = attempts(Stream.concat(paced(...pauses), Stream.never))
        yield* Effect.forkChild(
          Stream.runForEach(stream(source), (number) => number === pauses.length ? Effect.never : Effect.void)
        )
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(counts, { opened: 1, closed: 0 })
        const { exit, millis } = yield* timed(Stream.runCollect(stream(paced("1 second"))))
        assert.deepStrictEqual([yield* exit, millis], [[1], 5_000 + 1_000])
        assert.deepStrictEqual(counts, { opened: 1, closed: 1 })
      })
  )

  it.effect("open nothing when there is no time at all", () =>
    Effect.gen(function*() {
      const { counts, stream: source } = attempts(paced(0))
      const { error } = yield* breaksAt({ timeouts: { deadline: 0 } }, source)
      assert.deepInclude(error, { _tag: "TimeoutError", phase: "deadline", after: Duration.zero })
      assert.deepStrictEqual(counts, { opened: 0, closed: 0 })
    }))

  it.effect("are off when they are infinite", () =>
    Effect.gen(function*() {
      const { infinity } = Duration
      const stream = yield* enforce({ timeouts: { firstEvent: infinity, idle: infinity, deadline: infinity } })
      const { counted, timers } = yield* countingClock
      const slow = Effect.provideService(Stream.runCollect(stream(paced("100 days", "100 days"))), Clock.Clock, counted)
      assert.deepStrictEqual(yield* settled(slow, "201 days"), [1, 2])
      // That of the stream itself.
      assert.strictEqual(timers.most, 1)
    }))
})

describe("clocks of Enforcement.call", () => {
  it.effect("are off when they are infinite", () =>
    Effect.gen(function*() {
      const { counted, timers } = yield* countingClock
      const enforcement = yield* Enforcement.make(Policy.none)
      const call = enforcement.call(Effect.succeed(1).pipe(Effect.delay("100 days")), target)
      assert.strictEqual(yield* settled(Effect.provideService(call, Clock.Clock, counted), "101 days"), 1)
      // That of the call itself.
      assert.strictEqual(timers.most, 1)
    }))
})

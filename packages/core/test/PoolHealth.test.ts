import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "@strata/core/policy/Breaker"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { errors, timed, watched } from "./ChatFixture.ts"
import { calls, counted, counts, down, pool, preferring, refused, request, stateOf } from "./PoolFixture.ts"

describe("Which lanes of a pool take calls", () => {
  it.effect("leaves it out until a probe is answered", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* pool({ a: { fails: down }, b: {} })
      yield* calls(chat, 3)
      assert.deepStrictEqual(asked, ["a", "b", "b", "b"])
      yield* TestClock.adjust("1 second")
      // The probe fails, so that it is out for twice the time.
      yield* calls(chat, 2)
      assert.deepStrictEqual(asked.slice(4), ["a", "b", "b"])
      yield* TestClock.adjust("1999 millis")
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked.slice(7), ["b"])
      options["a"] = {}
      yield* TestClock.adjust("1 millis")
      yield* calls(chat, 5)
      assert.deepStrictEqual(asked.slice(8), ["a", "a", "b", "a", "b"])
    }))

  it.effect("waits as long as a service that throttles asks", () =>
    Effect.gen(function*() {
      const { asked, chat } = yield* pool({ a: { fails: refused(Duration.seconds(20)) }, b: {} })
      yield* calls(chat, 1)
      yield* TestClock.adjust("19 seconds")
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked, ["a", "b", "b"])
      yield* TestClock.adjust("1 seconds")
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked, ["a", "b", "b", "a", "b"])
    }))

  it.effect("does not count twice what was sent before it left", () =>
    Effect.gen(function*() {
      const { asked, chat } = yield* pool({ a: { fails: down }, b: { takes: "100 millis" } })
      const fiber = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 8 }, () => chat.generate(request)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("999 millis")
      yield* Fiber.join(fiber)
      asked.length = 0
      yield* TestClock.adjust("1 millis")
      const probe = yield* Effect.forkChild(calls(chat, 1))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(probe)
      assert.deepStrictEqual(asked, ["a", "b"])
    }))

  it.effect("does not let a lane with invalid credentials take the calls of the others", () =>
    Effect.gen(function*() {
      const fails = new ProviderError.AuthenticationError({ provider: "test", message: "It has expired." })
      const { asked, chat } = yield* pool({ a: { fails }, b: {} })
      yield* calls(chat, 3)
      assert.deepStrictEqual(asked, ["a", "b", "b", "b"])
    }))

  it.effect("forgives one failure for ten answers", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* preferring({})
      yield* calls(chat, 10)
      options["a"] = { fails: down }
      yield* calls(chat, 1)
      options["a"] = {}
      yield* calls(chat, 9)
      assert.deepStrictEqual(counts(asked.slice(10)), { a: 10, b: 1 })
      options["a"] = { fails: down }
      yield* calls(chat, 2)
      assert.deepStrictEqual(asked.slice(21), ["a", "b", "b"])
    }))

  it.effect("forgives five failures in a row, however many answers came before", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* preferring({})
      yield* calls(chat, 80)
      options["a"] = { fails: down }
      yield* calls(chat, 10)
      assert.deepStrictEqual(counts(asked.slice(80)), { a: 6, b: 10 })
    }))

  it.effect("forgives the first failure of one that is back", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* preferring({ fails: down })
      yield* calls(chat, 1)
      options["a"] = {}
      yield* TestClock.adjust("1 second")
      yield* calls(chat, 1)
      options["a"] = { fails: down }
      yield* calls(chat, 3)
      assert.deepStrictEqual(asked.slice(3), ["a", "b", "a", "b", "b"])
    }))

  it.effect.each<[string, ProviderError.CallError]>([
    ["says when to come again", refused(Duration.millis(10))],
    ["does not pass", errors.AuthenticationError]
  ])("does not forgive a failure that %s", ([, fails]) =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* preferring({})
      yield* calls(chat, 10)
      options["a"] = { fails }
      yield* calls(chat, 2)
      assert.deepStrictEqual(asked.slice(10), ["a", "b", "b"])
    }))

  it.effect.each<[string, Duration.Duration, number]>([
    ["no longer than five minutes", Duration.days(365), 300_000],
    ["no shorter than without", Duration.millis(10), 250]
  ])("waits as a service asks, but %s", ([, hint, millis]) =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* preferring({ fails: refused(hint) })
      yield* calls(chat, 1)
      options["a"] = {}
      yield* TestClock.adjust(millis - 1)
      yield* calls(chat, 1)
      yield* TestClock.adjust(1)
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked, ["a", "b", "b", "a"])
    }))

  it.effect("leaves out one whose circuit is open while another has room, although it is in the pool", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* preferring({ policy: { breaker: Breaker.consecutive(1) } })
      yield* calls(chat, 10)
      options["a"] = { fails: down }
      yield* calls(chat, 3)
      assert.deepStrictEqual(asked.slice(10), ["a", "b", "b", "b"])
      assert.strictEqual(yield* counted("a", "unavailable"), 1)
      assert.strictEqual(yield* stateOf("a"), 0)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("does not leave one out for longer when calls fail that began before it left", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* preferring({ fails: down, failsAfter: "100 millis" })
      const first = yield* Effect.forkChild(chat.generate(request))
      yield* TestClock.adjust("50 millis")
      const second = yield* Effect.forkChild(chat.generate(request))
      yield* TestClock.adjust("1049 millis")
      yield* Effect.forEach([first, second], Fiber.join)
      options["a"] = {}
      yield* calls(chat, 1)
      yield* TestClock.adjust("1 millis")
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked, ["a", "a", "b", "b", "b", "a"])
    }))

  it.effect("does not take one back for answers to calls that began before it left", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* preferring({ takes: "500 millis" })
      const before = yield* Effect.forkChild(chat.generate(request))
      yield* TestClock.adjust("1 millis")
      options["a"] = { fails: down }
      yield* calls(chat, 1)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* Fiber.join(before)).lane, "a")
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked, ["a", "a", "b", "b"])
      assert.strictEqual(yield* stateOf("a"), 2)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("keeps one in the pool whose failures are of one answer", () =>
    Effect.gen(function*() {
      const { asked, chat } = yield* preferring({ fails: errors.MalformedResponseError })
      yield* calls(chat, 2)
      assert.deepStrictEqual(asked, ["a", "b", "a", "b"])
      assert.strictEqual(yield* stateOf("a"), 0)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("does not ask it for all that lanes like it were asked meanwhile", () =>
    Effect.gen(function*() {
      const declared = { dear: { cost: 2 }, reserved: { interactive: true } }
      const lanes = { a: { fails: down }, b: {}, c: { fails: down }, dear: {}, reserved: {} }
      const { asked, chat, options } = yield* pool(lanes, declared)
      yield* calls(chat, 20)
      options["a"] = {}
      yield* TestClock.adjust("1 second")
      yield* calls(chat, 1)
      asked.length = 0
      yield* calls(chat, 7)
      assert.deepStrictEqual(counts(asked), { c: 1, a: 4, b: 3 })
    }))

  it.effect("asks it as often as the one that was asked least meanwhile", () =>
    Effect.gen(function*() {
      const lane = (concurrency: number) => ({ takes: "1 second", policy: { concurrency } } as const)
      const { asked, chat, options } = yield* pool({ a: { fails: down }, narrow: lane(2), wide: lane(8) })
      const all = Array.from({ length: 10 }, () => chat.generate(request))
      yield* timed(Effect.all(all, { concurrency: "unbounded" }), "1 second")
      assert.deepStrictEqual(counts(asked), { a: 1, narrow: 2, wide: 8 })
      for (const name of ["a", "narrow", "wide"]) options[name] = {}
      asked.length = 0
      yield* calls(chat, 5)
      assert.deepStrictEqual(counts(asked), { a: 3, narrow: 2 })
    }))

  it.effect("shows whether it takes calls, is probed, or is out", () =>
    Effect.gen(function*() {
      const { chat, options } = yield* preferring({ fails: down })
      const states: Array<number> = []
      const look = Effect.map(stateOf("a"), (state) => states.push(state))
      const probe = Effect.tap(Effect.forkChild(Effect.exit(chat.generate(request))), () => TestClock.adjust(0))
      yield* look
      yield* calls(chat, 1)
      yield* look
      yield* TestClock.adjust("1 second")
      options["a"] = { takes: "1 hour" }
      const interrupted = yield* probe
      yield* look
      yield* Fiber.interrupt(interrupted)
      yield* look
      options["a"] = { failsAfter: "1 second", fails: errors.InvalidRequestError }
      yield* probe
      yield* look
      yield* TestClock.adjust("1 second")
      yield* look
      options["a"] = { failsAfter: "1 second", fails: down }
      yield* probe
      yield* look
      yield* TestClock.adjust("1 second")
      yield* look
      options["a"] = {}
      yield* TestClock.adjust("2 seconds")
      yield* calls(chat, 1)
      yield* look
      assert.deepStrictEqual(states, [0, 2, 1, 2, 1, 2, 1, 2, 0])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("asks one with a defect no more often than the others", () =>
    Effect.gen(function*() {
      const { asked, chat } = yield* pool({ a: { dies: true }, b: {} })
      yield* Effect.replicateEffect(Effect.exit(chat.generate(request)), 4)
      assert.deepStrictEqual(asked, ["a", "b", "a", "b"])
    }))

  it.effect("warns of one that is down, not of one that is refused, and tells when they are back", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const { chat, options } = yield* pool({ a: { fails: down }, b: { fails: refused() }, c: {} })
        yield* calls(chat, 3)
        assert.strictEqual(logs.length, 1)
        yield* TestClock.adjust("1 second")
        yield* calls(chat, 2)
        options["a"] = {}
        options["b"] = {}
        yield* TestClock.adjust("5 seconds")
        yield* calls(chat, 2)
        assert.deepStrictEqual(logs.map(({ annotations, level }) => [level, annotations]), [
          ["Warn", { lane: "a", error: "ModelUnavailableError", message: "It is down." }],
          ["Info", { lane: "a" }],
          ["Info", { lane: "b" }]
        ])
      })
    ))
})

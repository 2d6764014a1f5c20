import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "@strata/core/policy/Breaker"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { errors, watched } from "./ChatFixture.ts"
import { calls, counted, counts, down, type LaneOptions, pool, refused, request, stateOf } from "./PoolFixture.ts"

/** A pool that asks `a` whenever it takes calls, and `b` otherwise. */
const preferring = (a: LaneOptions, b: LaneOptions = {}) => pool({ a, b }, { b: { cost: 2 } })

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

  it.effect("probes it with one call at a time", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* pool({ a: { fails: down }, b: {} })
      yield* calls(chat, 1)
      yield* TestClock.adjust("1 second")
      options["a"] = { takes: "10 seconds" }
      const probe = yield* Effect.forkChild(chat.generate(request))
      yield* TestClock.adjust("5 seconds")
      yield* calls(chat, 3)
      assert.deepStrictEqual(asked.slice(2), ["a", "b", "b", "b"])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(probe)).lane, "a")
    }))

  it.effect("probes again after a probe that was interrupted", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* pool({ a: { fails: down }, b: {} })
      yield* calls(chat, 1)
      yield* TestClock.adjust("1 second")
      options["a"] = { takes: "10 seconds" }
      const probe = yield* Effect.forkChild(chat.generate(request))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(probe)
      options["a"] = {}
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked.slice(2), ["a", "a"])
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

  it.effect("probes a lane again after a probe that died", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* pool({ a: { fails: down }, b: {} })
      yield* calls(chat, 1)
      options["a"] = { dies: true }
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.hasDies(yield* Effect.exit(chat.generate(request))))
      options["a"] = {}
      assert.strictEqual((yield* chat.generate(request)).lane, "a")
      assert.deepStrictEqual(asked, ["a", "b", "a", "a"])
    }))

  it.effect("probes one whose time is over with the next call, although others are cheaper", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* pool({ cheap: { fails: down }, dear: { fails: down } }, {
        dear: { cost: 2 }
      })
      yield* Effect.exit(chat.generate(request))
      options["cheap"] = {}
      options["dear"] = {}
      yield* TestClock.adjust("1 second")
      yield* calls(chat, 3)
      assert.deepStrictEqual(asked, ["cheap", "dear", "cheap", "dear", "cheap"])
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

  it.effect("probes one whose circuit is open when that lets a call through", () =>
    Effect.gen(function*() {
      const breaker = Breaker.consecutive(1, { open: "1500 millis" })
      const { asked, chat, options } = yield* preferring({ fails: down, policy: { breaker } })
      yield* calls(chat, 1)
      options["a"] = {}
      yield* TestClock.adjust("1 second")
      yield* calls(chat, 1)
      yield* TestClock.adjust("499 millis")
      yield* calls(chat, 1)
      assert.strictEqual(yield* counted("a", "unavailable"), 2)
      yield* TestClock.adjust("1 millis")
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked, ["a", "b", "b", "b", "a"])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

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

  it.effect("does not probe it again because an earlier call ends with an error of one answer", () =>
    Effect.gen(function*() {
      const { asked, chat, options } = yield* preferring({
        fails: errors.MalformedResponseError,
        failsAfter: "3 seconds"
      })
      const earlier = yield* Effect.forkChild(chat.generate(request))
      yield* TestClock.adjust("1 millis")
      options["a"] = { fails: down }
      yield* calls(chat, 1)
      yield* TestClock.adjust("1 second")
      options["a"] = { takes: "1 hour" }
      const probe = yield* Effect.forkChild(chat.generate(request))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(earlier)).lane, "b")
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked, ["a", "a", "b", "a", "b", "b"])
      yield* Fiber.interrupt(probe)
    }))

  describe("that was refused", () => {
    it.effect("takes calls again once its probe is not refused within a second", () =>
      Effect.gen(function*() {
        const { asked, chat, options } = yield* preferring({ fails: refused() })
        yield* calls(chat, 1)
        options["a"] = { takes: "1 hour" }
        const ask = Effect.forkChild(chat.generate(request))
        yield* TestClock.adjust("250 millis")
        yield* ask
        yield* TestClock.adjust("999 millis")
        yield* calls(chat, 1)
        assert.deepStrictEqual(asked, ["a", "b", "a", "b"])
        yield* TestClock.adjust("1 millis")
        yield* Effect.replicateEffect(ask, 2)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(asked.slice(4), ["a", "a"])
      }))

    it.effect("gets what waits elsewhere once its probe is not refused within a second", () =>
      Effect.gen(function*() {
        const { asked, chat, options } = yield* preferring({ fails: refused() }, { quota: 110 })
        yield* calls(chat, 1)
        options["a"] = { takes: "1 hour" }
        yield* TestClock.adjust("100 millis")
        yield* Effect.replicateEffect(Effect.forkChild(chat.generate(request)), 2)
        yield* TestClock.adjust("1149 millis")
        assert.deepStrictEqual(asked, ["a", "b", "a"])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(asked, ["a", "b", "a", "a"])
      }))
  })

  describe("while calls wait elsewhere, one of which probes it", () => {
    /** `a` is down, `b` has no room, and of two calls that wait one has begun to probe `a`: what that does is given. */
    const probed = Effect.fnUntraced(function*(probe: LaneOptions) {
      const lanes = yield* preferring({ fails: down }, { quota: 110 })
      yield* calls(lanes.chat, 1)
      yield* TestClock.adjust("500 millis")
      const first = yield* Effect.forkChild(Effect.exit(lanes.chat.generate(request)))
      const second = yield* Effect.forkChild(lanes.chat.generate(request))
      lanes.options["a"] = probe
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(lanes.asked, ["a", "b", "a"])
      lanes.options["a"] = {}
      return { ...lanes, first, second }
    })

    it.effect("is probed by the other at once when the first is interrupted", () =>
      Effect.gen(function*() {
        const { first, second } = yield* probed({ takes: "1 hour" })
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(second)).lane, "a")
      }))

    it.effect("is probed by the other at once when the first fails with an error of the request", () =>
      Effect.gen(function*() {
        const { second } = yield* probed({ fails: errors.InvalidRequestError, failsAfter: "100 millis" })
        yield* TestClock.adjust("101 millis")
        assert.strictEqual((yield* Fiber.join(second)).lane, "a")
      }))

    it.effect("is probed by the other after the next pause when it is still down", () =>
      Effect.gen(function*() {
        const { asked, first, second } = yield* probed({ fails: down, failsAfter: "100 millis" })
        yield* TestClock.adjust("100 millis")
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust("1999 millis")
        assert.strictEqual(asked.length, 3)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(second)).lane, "a")
      }))
  })

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

import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import { errors } from "./ChatFixture.ts"
import { calls, counted, down, type LaneOptions, pool, preferring, refused, request } from "./PoolFixture.ts"

/** A pool whose lane `a` was down for a call, and is probed by another one, which takes ten seconds. */
const probed = Effect.gen(function*() {
  const { asked, chat, options } = yield* pool({ a: { fails: down }, b: {} })
  yield* calls(chat, 1)
  yield* TestClock.adjust("1 second")
  options["a"] = { takes: "10 seconds" }
  return { asked, chat, options, probe: yield* Effect.forkChild(chat.generate(request)) }
})

describe("A lane of a pool that is out", () => {
  it.effect("probes it with one call at a time", () =>
    Effect.gen(function*() {
      const { asked, chat, probe } = yield* probed
      yield* TestClock.adjust("5 seconds")
      yield* calls(chat, 3)
      assert.deepStrictEqual(asked.slice(2), ["a", "b", "b", "b"])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(probe)).lane, "a")
    }))

  it.effect("probes again after a probe that was interrupted", () =>
    Effect.gen(function*() {
      const { asked, chat, options, probe } = yield* probed
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(probe)
      options["a"] = {}
      yield* calls(chat, 1)
      assert.deepStrictEqual(asked.slice(2), ["a", "a"])
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
})

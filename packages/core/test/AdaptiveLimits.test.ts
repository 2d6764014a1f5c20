import { assert, describe, it } from "@effect/vitest"
import * as AdaptiveLimits from "@strata/core/policy/AdaptiveLimits"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Telemetry from "@strata/core/Telemetry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as LimitsMemory from "../src/internal/adaptiveLimitsMemory.ts"
import * as LimitsRedis from "../src/internal/adaptiveLimitsRedis.ts"
import * as AdaptivePermits from "../src/internal/adaptivePermits.ts"
import * as Permits from "../src/internal/permits.ts"
import * as RedisStore from "../src/internal/redisStore.ts"
import { target, watched } from "./ChatFixture.ts"
import * as RedisServer from "./support/RedisServer.ts"

const between = Concurrency.adaptive({ initial: 4, min: 1, max: 8 })

/** Permits whose gates can be looked at, over limits of their own. */
const looked = Effect.fnUntraced(function*(adaptive: Concurrency.Adaptive, limits = LimitsMemory.make()) {
  const gates = new Map<string, AdaptivePermits.Gate>()
  const permits = AdaptivePermits.makeIn(gates, { adaptive, limits, scope: yield* Effect.scope })
  const gate = () => gates.get(Telemetry.keyOf(target))!
  return { gates, permits, open: () => gate().open, used: () => gate().used }
})

const takeMany = (permits: Permits.Permits, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => permits.take(target))

/** Starts to wait for a permit. */
const queue = (permits: Permits.Permits) => {
  const state = { permit: undefined as Permits.Permit | undefined }
  return Effect.map(
    Effect.forkChild(
      Effect.map(permits.take(target), (permit) => {
        state.permit = permit
      }),
      { startImmediately: true }
    ),
    (fiber) => ({ fiber, state })
  )
}

/** So many rounds in which every permit is taken and every call ends in one way. */
const rounds = (permits: Permits.Permits, open: () => number, outcome: Permits.Outcome, count: number) =>
  Effect.gen(function*() {
    for (let round = 0; round < count; round++) {
      const taken = yield* takeMany(permits, open())
      for (const permit of taken) yield* permit.release(outcome)
    }
  })

describe("Concurrency.adaptive", () => {
  it("starts at 16 between 1 and 256, and halves", () =>
    assert.deepStrictEqual(Concurrency.adaptive(), { initial: 16, min: 1, max: 256, decrease: 0.5 }))

  it("makes of figures that cannot be the nearest that can", () => {
    assert.deepStrictEqual(Concurrency.adaptive({ initial: 500, min: 0, max: 8.9, decrease: 1 }), {
      initial: 8,
      min: 1,
      max: 8,
      decrease: 0.5
    })
    assert.deepInclude(Concurrency.adaptive({ initial: Number.NaN, min: 4, max: 2 }), { initial: 4, min: 4, max: 4 })
  })
})

describe("Adaptive permits", () => {
  it.effect("grow by one for about as many answers as there are permits", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 10 }))
      yield* takeMany(permits, 1).pipe(Effect.flatMap(([permit]) => permit!.release("other")))
      const grown: Array<number> = []
      for (let round = 0; round < 5; round++) {
        yield* rounds(permits, open, "answered", 1)
        grown.push(open())
      }
      assert.deepStrictEqual(grown, [10, 11, 12, 13, 14])
    }))

  it.effect("never grow above the most", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(between)
      yield* takeMany(permits, 1).pipe(Effect.flatMap(([permit]) => permit!.release("other")))
      yield* rounds(permits, open, "answered", 50)
      assert.strictEqual(open(), 8)
    }))

  it.effect("do not grow while some are left over", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(between)
      for (let call = 0; call < 500; call++) {
        const taken = yield* takeMany(permits, 3)
        for (const permit of taken) yield* permit.release("answered")
      }
      assert.strictEqual(open(), 4)
    }))

  it.effect("do not grow by what was not answered", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(between)
      yield* takeMany(permits, 1).pipe(Effect.flatMap(([permit]) => permit!.release("other")))
      yield* rounds(permits, open, "other", 50)
      assert.strictEqual(open(), 4)
    }))

  it.effect("are halved once for all calls that were in flight together", () =>
    Effect.gen(function*() {
      const { open, permits, used } = yield* looked(Concurrency.adaptive({ initial: 16 }))
      const together = yield* takeMany(permits, 16)
      for (const permit of together.slice(0, 12)) yield* permit.release("refused")
      assert.deepStrictEqual([open(), used()], [8, 4])
      const later = yield* takeMany(permits, 2)
      for (const permit of together.slice(12)) yield* permit.release("refused")
      assert.strictEqual(open(), 8)
      for (const permit of later) yield* permit.release("refused")
      assert.deepStrictEqual([open(), used()], [4, 0])
    }))

  it.effect("never fall below the least, nor below one", () =>
    Effect.gen(function*() {
      for (const [min, expected] of [[3, 3], [0, 1]] as const) {
        const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 8, min }))
        for (let refusals = 0; refusals < 10; refusals++) {
          const [permit] = yield* takeMany(permits, 1)
          yield* permit!.release("refused")
        }
        assert.strictEqual(open(), expected)
      }
    }))

  it.effect("let running calls end when there are fewer than before, and nobody in until there is room", () =>
    Effect.gen(function*() {
      const { open, permits, used } = yield* looked(between)
      const [first, second, third, fourth] = yield* takeMany(permits, 4)
      const waiting = yield* queue(permits)
      yield* first!.release("refused")
      assert.deepStrictEqual([open(), used()], [2, 3])
      yield* second!.release("other")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([used(), waiting.state.permit], [2, undefined])
      yield* third!.release("other")
      yield* TestClock.adjust(0)
      assert.strictEqual(used(), 2)
      assert.isDefined(waiting.state.permit)
      yield* fourth!.release("other")
      yield* waiting.state.permit!.release("other")
      assert.strictEqual(used(), 0)
    }))

  it.effect("serve those first who came first, and nobody who was interrupted", () =>
    Effect.gen(function*() {
      const { permits, used } = yield* looked(Concurrency.adaptive({ initial: 1, max: 1 }))
      const [held] = yield* takeMany(permits, 1)
      const [first, second, third] = [yield* queue(permits), yield* queue(permits), yield* queue(permits)]
      yield* Fiber.interrupt(first.fiber)
      yield* held!.release("answered")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([first, second, third].map(({ state }) => state.permit !== undefined), [
        false,
        true,
        false
      ])
      assert.strictEqual(used(), 1)
    }))

  it.effect("let those in who wait when they grow", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 1, max: 4 }))
      const [first] = yield* takeMany(permits, 1)
      const waiting = [yield* queue(permits), yield* queue(permits), yield* queue(permits)]
      yield* first!.release("answered")
      yield* TestClock.adjust(0)
      // From 1 the first answer leads to the root of 3.
      assert.deepStrictEqual([open(), waiting.filter(({ state }) => state.permit !== undefined).length], [1, 1])
      yield* waiting[0]!.state.permit!.release("answered")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([open(), waiting.filter(({ state }) => state.permit !== undefined).length], [2, 3])
    }))

  it.effect("recover after a storm", () =>
    Effect.gen(function*() {
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 16 }))
      yield* takeMany(permits, 1).pipe(Effect.flatMap(([permit]) => permit!.release("other")))
      yield* rounds(permits, open, "refused", 6)
      assert.strictEqual(open(), 1)
      yield* rounds(permits, open, "answered", 20)
      assert.isAtLeast(open(), 16)
    }))

  it.effect("are counted for each provider, scope and model", () =>
    Effect.gen(function*() {
      const { gates, permits } = yield* looked(between)
      yield* takeMany(permits, 4)
      yield* permits.take({ ...target, model: "other" })
      yield* permits.take({ ...target, scope: "eu-west-1" })
      assert.strictEqual(gates.size, 3)
    }))

  it.effect("forget keys that nobody uses, and keep those in use", () =>
    Effect.gen(function*() {
      const { gates, permits } = yield* looked(between)
      yield* takeMany(permits, 1)
      for (let number = 0; number < 100; number++) {
        const permit = yield* permits.take({ ...target, model: `model-${number}` })
        yield* permit.release("answered")
      }
      yield* TestClock.adjust("11 minutes")
      for (let number = 0; number < 100; number++) yield* permits.take({ ...target, model: `new-${number}` })
      assert.strictEqual(gates.size, 101)
      assert.isTrue(gates.has(Telemetry.keyOf(target)))
    }))

  it.effect("show how many are used and how many there are", () =>
    watched(() =>
      Effect.gen(function*() {
        const { permits } = yield* looked(between)
        const [first] = yield* takeMany(permits, 4)
        yield* first!.release("refused")
        const value = (part: string) =>
          Effect.map(
            Metric.value(Metric.withAttributes(Telemetry.permits, {
              "gen_ai.provider.name": target.provider,
              "gen_ai.request.model": target.model,
              "strata.permits": part
            })),
            ({ value }) => value
          )
        assert.deepStrictEqual([yield* value("used"), yield* value("limit")], [3, 2])
      })
    ))

  it.effect("record how long a call waited", () =>
    watched(() =>
      Effect.gen(function*() {
        const { permits } = yield* looked(Concurrency.adaptive({ initial: 1, max: 1 }))
        const [held] = yield* takeMany(permits, 1)
        yield* queue(permits)
        yield* TestClock.adjust("7 seconds")
        yield* held!.release("answered")
        yield* TestClock.adjust(0)
        const waits = yield* Metric.value(Metric.withAttributes(Telemetry.waits, {
          ...Telemetry.attributes(target),
          "strata.wait.reason": "concurrency"
        }))
        assert.deepStrictEqual([waits.count, waits.sum], [1, 7])
      })
    ))
})

/** A store whose answers take their time, or that fails, and that counts what it is asked. */
const probed = (behaviour: { delay: number; fails: boolean }) => {
  const store = LimitsMemory.make()
  const asked = { read: 0, increase: 0, decrease: 0 }
  const ask = <A>(name: keyof typeof asked, answer: Effect.Effect<A, AdaptiveLimits.AdaptiveLimitsError>) =>
    Effect.suspend(() => {
      asked[name]++
      if (behaviour.fails) return Effect.fail(new AdaptiveLimits.AdaptiveLimitsError({ message: "down" }))
      const { delay } = behaviour
      return delay === 0 ? answer : Effect.tap(answer, () => Effect.sleep(delay))
    })
  const limits: AdaptiveLimits.AdaptiveLimits = {
    read: (key, adaptive) => ask("read", store.read(key, adaptive)),
    increase: (key, adaptive, answered) => ask("increase", store.increase(key, adaptive, answered)),
    decrease: (key, adaptive, epoch) => ask("decrease", store.decrease(key, adaptive, epoch))
  }
  return { asked, limits, store }
}

const key = Telemetry.keyOf(target)

describe("Adaptive permits over a store", () => {
  it.effect("ask for the limit before the first call, and let the others wait that long", () =>
    Effect.gen(function*() {
      const { limits, store } = probed({ delay: 100, fails: false })
      yield* store.decrease(key, between, 0)
      const { open, permits } = yield* looked(between, limits)
      const calls = [yield* queue(permits), yield* queue(permits), yield* queue(permits)]
      yield* TestClock.adjust(99)
      assert.isTrue(calls.every(({ state }) => state.permit === undefined))
      yield* TestClock.adjust(1)
      assert.strictEqual(open(), 2)
      assert.deepStrictEqual(calls.map(({ state }) => state.permit !== undefined), [true, true, false])
    }))

  it.effect("go on when the first call is interrupted while it asks", () =>
    Effect.gen(function*() {
      const { limits } = probed({ delay: 100, fails: false })
      const { permits, used } = yield* looked(between, limits)
      const [first, second] = [yield* queue(permits), yield* queue(permits)]
      yield* Fiber.interrupt(first.fiber)
      yield* TestClock.adjust(0)
      assert.isDefined(second.state.permit)
      assert.strictEqual(used(), 1)
    }))

  it.effect("tell it about once a second what was answered, and at once what was refused", () =>
    Effect.gen(function*() {
      const { asked, limits } = probed({ delay: 5, fails: false })
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 4, max: 64 }), limits)
      const first = yield* queue(permits)
      yield* TestClock.adjust(5)
      yield* first.state.permit!.release("other")
      for (let tenth = 0; tenth < 40; tenth++) {
        yield* rounds(permits, open, "answered", 1)
        yield* TestClock.adjust(100)
      }
      assert.isAtMost(asked.increase, 4)
      assert.isAtMost(asked.read, 2)
      assert.strictEqual(asked.decrease, 0)
      const before = open()
      yield* rounds(permits, open, "refused", 1)
      assert.strictEqual(asked.decrease, 1)
      assert.strictEqual(open(), Math.floor(before / 2))
    }))

  it.effect("learn what others found", () =>
    Effect.gen(function*() {
      const limits = LimitsMemory.make()
      const [one, other] = [yield* looked(between, limits), yield* looked(between, limits)]
      yield* takeMany(one.permits, 1)
      const [permit] = yield* takeMany(other.permits, 1)
      yield* permit!.release("refused")
      assert.deepStrictEqual([one.open(), other.open()], [4, 2])
      yield* TestClock.adjust("1 second")
      yield* takeMany(one.permits, 1)
      assert.strictEqual(one.open(), 2)
    }))

  it.effect("do not take an answer for news that is older than a refusal", () =>
    Effect.gen(function*() {
      const behaviour = { delay: 500, fails: false }
      const { open, permits } = yield* looked(between, probed(behaviour).limits)
      const first = yield* queue(permits)
      yield* TestClock.adjust("2 seconds")
      // The second call asks how things are; the refusal is known there before that answer is here.
      yield* permits.take(target)
      behaviour.delay = 100
      yield* first.state.permit!.release("refused")
      yield* TestClock.adjust(100)
      assert.strictEqual(open(), 2)
      yield* TestClock.adjust(400)
      assert.strictEqual(open(), 2)
    }))

  it.effect("keep what was answered while the store was asked", () =>
    Effect.gen(function*() {
      const { limits } = probed({ delay: 500, fails: false })
      const { open, permits } = yield* looked(Concurrency.adaptive({ initial: 4 }), limits)
      const first = yield* queue(permits)
      yield* TestClock.adjust("2 seconds")
      yield* first.state.permit!.release("other")
      yield* rounds(permits, open, "answered", 3)
      assert.strictEqual(open(), 6)
      yield* TestClock.adjust(500)
      assert.strictEqual(open(), 6)
    }))

  it.effect("go on by themselves while it fails, say so once, and go by it again afterwards", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const behaviour = { delay: 0, fails: true }
        const { limits } = probed(behaviour)
        const { open, permits } = yield* looked(between, limits)
        const taken = yield* takeMany(permits, 4)
        for (const permit of taken) yield* permit.release("refused")
        assert.strictEqual(open(), 2)
        for (let second = 0; second < 20; second++) {
          yield* rounds(permits, open, "answered", 1)
          yield* TestClock.adjust("1 second")
        }
        assert.strictEqual(open(), 8)
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
        behaviour.fails = false
        yield* TestClock.adjust("10 seconds")
        yield* takeMany(permits, 1)
        // What the store had, and the answers it was not told of yet.
        assert.strictEqual(open(), Math.floor(Math.sqrt(4 ** 2 + 2 * 8)))
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn", "Info"])
      })
    ))

  it.effect("do not wait for a store that does not answer", () =>
    Effect.gen(function*() {
      const { limits } = probed({ delay: Infinity, fails: false })
      const { permits, used } = yield* looked(between, limits)
      const first = yield* queue(permits)
      yield* TestClock.adjust("1 second")
      yield* first.state.permit!.release("refused")
      yield* takeMany(permits, 2)
      assert.strictEqual(used(), 2)
    }))

  it.effect("work on when their scope is closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const permits = yield* Scope.provide(Permits.make(between), scope).pipe(
        Effect.provide(AdaptiveLimits.layerMemory)
      )
      const [permit] = yield* takeMany(permits, 1)
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      yield* TestClock.adjust("2 seconds")
      yield* permit!.release("refused")
      yield* takeMany(permits, 2)
      yield* permits.take({ ...target, model: "new" })
    }))
})

const contract = (limits: AdaptiveLimits.AdaptiveLimits, key: string) =>
  Effect.gen(function*() {
    const adaptive = Concurrency.adaptive({ initial: 16, max: 20 })
    assert.deepStrictEqual(yield* limits.read(key, adaptive), { limit: 16, epoch: 0 })
    const after = yield* limits.increase(key, adaptive, 17)
    assert.closeTo(after.limit, 17.03, 0.01)
    assert.deepStrictEqual(yield* limits.read(key, adaptive), after)
    const inParts = `${key}-parts`
    for (let answer = 0; answer < 17; answer++) yield* limits.increase(inParts, adaptive, 1)
    assert.closeTo((yield* limits.read(inParts, adaptive)).limit, after.limit, 1e-9)
    assert.strictEqual((yield* limits.increase(key, adaptive, 1e9)).limit, 20)
    assert.deepStrictEqual(yield* limits.decrease(key, adaptive, 0), { limit: 10, epoch: 1 })
    assert.deepStrictEqual(yield* limits.decrease(key, adaptive, 0), { limit: 10, epoch: 1 })
    assert.deepStrictEqual(yield* limits.decrease(key, adaptive, 1), { limit: 5, epoch: 2 })
    for (let epoch = 2; epoch < 10; epoch++) yield* limits.decrease(key, adaptive, epoch)
    assert.deepStrictEqual(yield* limits.read(key, adaptive), { limit: 1, epoch: 10 })
    assert.deepStrictEqual(yield* limits.read(`${key}-other`, adaptive), { limit: 16, epoch: 0 })
    assert.strictEqual((yield* limits.decrease(`${key}-lost`, adaptive, 7)).epoch, 8)
  })

describe("AdaptiveLimits in memory", () => {
  it.effect("keeps a limit and its epoch under each key", () => contract(LimitsMemory.make(), "a"))

  it.effect("forgets what nobody asked for in an hour", () =>
    Effect.gen(function*() {
      const kept = new Map<string, LimitsMemory.Kept>()
      const limits = LimitsMemory.makeIn(kept)
      for (let number = 0; number < 100; number++) yield* limits.decrease(`key-${number}`, between, 0)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* limits.read("key-0", between), { limit: 4, epoch: 0 })
      for (let number = 0; number < 100; number++) yield* limits.read(`new-${number}`, between)
      assert.strictEqual(kept.size, 101)
    }))

  it.effect("is common to the process unless a layer says otherwise", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* AdaptiveLimits.AdaptiveLimits, yield* AdaptiveLimits.AdaptiveLimits)
      const [own, another] = yield* Effect.all([
        Effect.provide(AdaptiveLimits.AdaptiveLimits, Layer.fresh(AdaptiveLimits.layerMemory)),
        AdaptiveLimits.AdaptiveLimits
      ])
      assert.notStrictEqual(own, another)
    }))
})

RedisServer.suite("AdaptiveLimits in Redis", (it) => {
  const limitsIn = (prefix: string) =>
    Effect.map(Redis.Redis, (redis) => LimitsRedis.make(RedisStore.make(redis, prefix)))

  it.effect("keeps a limit and its epoch under each key", () =>
    Effect.flatMap(limitsIn("contract:"), (limits) => contract(limits, "a")))

  it.effect("is common to all that use it, and forgets a key in an hour", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* limitsIn("shared:"), yield* limitsIn("shared:")]
      const decreases = [one, other, one, other].map((limits) => limits.decrease("k", between, 0))
      yield* Effect.all(decreases, { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* other.read("k", between), { limit: 2, epoch: 1 })
      const redis = yield* Redis.Redis
      const ttl = yield* Effect.flatMap(
        redis.send("PTTL", "shared:concurrency:k"),
        Schema.decodeUnknownEffect(Schema.Finite)
      )
      assert.isTrue(ttl > 3_500_000 && ttl <= 3_600_000)
    }))

  it.effect("serves permits", () =>
    Effect.gen(function*() {
      const limits = yield* limitsIn("permits:")
      const { open, permits } = yield* looked(between, limits)
      const taken = yield* takeMany(permits, 4)
      for (const permit of taken) yield* permit.release("refused")
      assert.strictEqual(open(), 2)
      const known = yield* Effect.repeat(limits.read(key, between), { until: ({ epoch }) => epoch === 1 })
      assert.strictEqual(known.limit, 2)
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as LimitsMemory from "../src/state/internal/adaptiveLimitsMemory.ts"
import * as LimitsRedis from "../src/state/internal/adaptiveLimitsRedis.ts"
import { between } from "./PermitsFixture.ts"
import * as RedisServer from "./support/RedisServer.ts"

describe("Concurrency.adaptive", () => {
  it("starts at 16 between 1 and 256, and halves at most", () =>
    assert.deepStrictEqual(Concurrency.adaptive(), { initial: 16, min: 1, max: 256, decrease: 0.5 }))

  it("begins with 16, or the nearest that its bounds allow", () => {
    assert.deepStrictEqual(Concurrency.adaptive(), { initial: 16, min: 1, max: 256, decrease: 0.5 })
    assert.strictEqual(Concurrency.adaptive({ max: 8 }).initial, 8)
    assert.strictEqual(Concurrency.adaptive({ min: 20 }).initial, 20)
    assert.strictEqual(Concurrency.adaptive({ initial: 3 }).initial, 3)
  })
})

const contract = (limits: AdaptiveLimits.AdaptiveLimits, key: string) =>
  Effect.gen(function*() {
    const adaptive = Concurrency.adaptive({ initial: 16, max: 40 })
    assert.deepStrictEqual(yield* limits.read(key, adaptive), { limit: 16, epoch: 0 })
    assert.deepStrictEqual(yield* limits.increase(key, adaptive, 4), { limit: 20, epoch: 0 })
    assert.deepStrictEqual(yield* limits.increase(key, adaptive, 1e9), { limit: 40, epoch: 0 })
    assert.deepStrictEqual(yield* limits.decrease(key, adaptive, 0, 0.25), { limit: 30, epoch: 1 })
    assert.deepStrictEqual(yield* limits.decrease(key, adaptive, 0, 0.25), { limit: 30, epoch: 1 })
    assert.deepStrictEqual(yield* limits.decrease(key, adaptive, 1, 0.9), { limit: 15, epoch: 2 })
    const after = yield* limits.increase(key, adaptive, 17)
    assert.closeTo(after.limit, 16.09, 0.01)
    assert.deepStrictEqual(yield* limits.read(key, adaptive), after)
    const inParts = `${key}-parts`
    yield* limits.decrease(inParts, adaptive, 0, 1 / 16)
    for (let answer = 0; answer < 17; answer++) yield* limits.increase(inParts, adaptive, 1)
    assert.closeTo((yield* limits.read(inParts, adaptive)).limit, after.limit, 1e-9)
    assert.strictEqual((yield* limits.increase(key, adaptive, 1e9)).limit, 40)
    for (let epoch = 2; epoch < 10; epoch++) yield* limits.decrease(key, adaptive, epoch, 1)
    assert.deepStrictEqual(yield* limits.read(key, adaptive), { limit: 1, epoch: 10 })
    assert.deepStrictEqual(yield* limits.read(`${key}-other`, adaptive), { limit: 16, epoch: 0 })
    assert.strictEqual((yield* limits.decrease(`${key}-lost`, adaptive, 7, 1)).epoch, 8)
  })

describe("AdaptiveLimits in memory", () => {
  it.effect("keeps a limit and its epoch under each key", () => contract(LimitsMemory.make(), "a"))

  it.effect("forgets what was not asked for in an hour", () =>
    Effect.gen(function*() {
      const kept = new Map<string, LimitsMemory.Kept>()
      const limits = LimitsMemory.makeIn(kept)
      for (let number = 0; number < 100; number++) yield* limits.decrease(`key-${number}`, between, 0, 1)
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
  const limitsIn = (prefix: string) => Effect.map(Redis.Redis, (redis) => LimitsRedis.make(redis, prefix))

  it.effect("keeps a limit and its epoch under each key", () =>
    Effect.flatMap(limitsIn("contract:"), (limits) => contract(limits, "a")))

  it.effect("is common to all that use it, and forgets a key in an hour", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* limitsIn("shared:"), yield* limitsIn("shared:")]
      const decreases = [one, other, one, other].map((limits) => limits.decrease("k", between, 0, 1))
      yield* Effect.all(decreases, { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* other.read("k", between), { limit: 2, epoch: 1 })
      const redis = yield* Redis.Redis
      const ttl = yield* Effect.flatMap(
        redis.send("PTTL", "shared:concurrency:k"),
        Schema.decodeUnknownEffect(Schema.Finite)
      )
      assert.isTrue(ttl > 3_500_000 && ttl <= 3_600_000)
    }))
})

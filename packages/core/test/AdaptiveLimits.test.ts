import { assert, describe, it } from "@effect/vitest"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as LimitsMemory from "../src/state/internal/adaptiveLimitsMemory.ts"
import { between } from "./PermitsFixture.ts"
import { contract } from "./support/LimitsSpecification.ts"

describe("Concurrency.adaptive", () => {
  it("starts at 16 between 1 and 256, and halves at most", () =>
    assert.deepStrictEqual(Concurrency.adaptive(), { initial: 16, min: 1, max: 256, decrease: 0.5 }))

  it("begins with 16, or the nearest that its bounds allow", () => {
    assert.deepStrictEqual(Concurrency.adaptive(), { initial: 16, min: 1, max: 256, decrease: 0.5 })
    assert.strictEqual(Concurrency.adaptive({ max: 8 }).initial, 8)
    assert.strictEqual(Concurrency.adaptive({ min: 20 }).initial, 20)
    assert.strictEqual(Concurrency.adaptive({ initial: 3 }).initial, 3)
    // What is no number is refused later, by its own name.
    for (const bounds of [{ min: "one" }, { max: "eight" }] as ReadonlyArray<object>) {
      assert.strictEqual(Concurrency.adaptive(bounds).initial, 16)
    }
  })
})

describe("Concurrency.most", () => {
  it("is the number of calls that can ever be in flight", () => {
    assert.strictEqual(Concurrency.most(5), 5)
    assert.strictEqual(Concurrency.most(Concurrency.fixed(3)), 3)
    assert.strictEqual(Concurrency.most(Concurrency.adaptive({ max: 7 })), 7)
    assert.isNaN(Concurrency.most(JSON.parse("\"many\"")))
  })
})

describe("AdaptiveLimits in memory", () => {
  it.effect("keeps a limit and its epoch under each key", () => contract(LimitsMemory.make(), "a"))

  it.effect("forgets what was not asked for in an hour", () =>
    Effect.gen(function*() {
      const kept = new Map<string, LimitsMemory.Kept>()
      const limits = LimitsMemory.make(kept)
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

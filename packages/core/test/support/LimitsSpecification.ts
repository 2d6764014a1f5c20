/**
 * What every store of the limits of adaptive concurrency does.
 */
import { assert } from "@effect/vitest"
import * as Concurrency from "@strata/core/policy/Concurrency"
import type * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Effect from "effect/Effect"

export const contract = (limits: AdaptiveLimits.AdaptiveLimits, key: string) =>
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
    // A limit that another process took beyond the bounds of this one stays where it is.
    const beyond = `${key}-beyond`
    yield* limits.increase(beyond, adaptive, 4)
    const below = Concurrency.adaptive({ initial: 4, max: 8 })
    assert.deepStrictEqual(yield* limits.increase(beyond, below, 1), { limit: 20, epoch: 0 })
    const above = Concurrency.adaptive({ initial: 30, min: 30 })
    assert.deepStrictEqual(yield* limits.decrease(beyond, above, 0, 1), { limit: 20, epoch: 1 })
  })

import { assert, describe, it } from "@effect/vitest"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Telemetry from "@strata/core/Telemetry"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Enforcement from "../src/policy/internal/enforcement.ts"
import { errors, target, timed, watched } from "./ChatFixture.ts"

/**
 * - `capacity`: calls that the provider serves at once; it refuses more after `refusal`.
 * - `noise`: the share of calls that it refuses for no reason.
 */
interface Provider {
  readonly capacity?: number
  readonly noise?: number
  readonly latency?: Duration.Input
  readonly refusal?: Duration.Input
}

/** Runs `rows` calls through a policy, all there from the beginning. */
const run = (
  concurrency: Concurrency.Concurrency,
  { capacity = Infinity, latency = 200, noise = 0, refusal = 5 }: Provider,
  { retry = Retry.standard, rows = 1_000, seed = 1 }: {
    readonly retry?: Retry.Retry
    readonly rows?: number
    readonly seed?: number
  } = {}
) =>
  watched(() =>
    Effect.gen(function*() {
      const enforcement = yield* Effect.provide(
        Enforcement.make(Policy.make({ concurrency, retry })),
        AdaptiveLimits.layerMemory
      )
      let sent = 0
      let refused = 0
      let served = 0
      const limits: Array<number> = []
      const limit = Metric.value(Metric.withAttributes(Telemetry.permits, {
        "gen_ai.provider.name": target.provider,
        "gen_ai.request.model": target.model,
        "strata.permits": "limit"
      }))
      const call = Effect.gen(function*() {
        sent++
        limits.push((yield* limit).value)
        if (served >= capacity || (yield* Random.next) < noise) {
          refused++
          yield* Effect.sleep(refusal)
          return yield* errors.RateLimitError
        }
        served++
        yield* Effect.ensuring(Effect.sleep(latency), Effect.sync(() => served--))
      })
      const all = Effect.forEach(
        Array.from({ length: rows }),
        () => Effect.exit(enforcement.call(call, target)),
        { concurrency: "unbounded" }
      )
      const { exit, millis } = yield* timed(Random.withSeed(all, seed), "1 hour")
      const exits = yield* exit
      return { millis, sent, refused, limits, failed: exits.filter(Exit.isFailure).length }
    })
  )

/** The mean of the second half. */
const settledAt = (limits: ReadonlyArray<number>) => {
  const later = limits.slice(limits.length / 2)
  return later.reduce((sum, limit) => sum + limit, 0) / later.length
}

describe("Adaptive concurrency", () => {
  it.effect("is as fast as the best number where one call in twenty is refused at random", () =>
    Effect.gen(function*() {
      const seeds = [1, 2, 3]
      const total = (concurrency: Concurrency.Concurrency) =>
        Effect.map(
          Effect.forEach(seeds, (seed) => run(concurrency, { noise: 0.05 }, { seed, retry: Schedule.spaced(300) })),
          (runs) => {
            assert.isTrue(runs.every(({ failed }) => failed === 0))
            return runs.reduce((sum, { millis }) => sum + millis, 0)
          }
        )
      const best = Math.min(...(yield* Effect.forEach([16, 32, 64], total)))
      assert.isAtMost(yield* total(Concurrency.adaptive({ max: 64 })), 1.15 * best)
      assert.isAtMost(yield* total(Concurrency.adaptive()), best)
    }))

  it.effect("stays where it is while one call in twenty is refused at random", () =>
    Effect.gen(function*() {
      const { limits } = yield* run(Concurrency.adaptive({ max: 64 }), { noise: 0.05 }, { rows: 5_000 })
      assert.isAtLeast(settledAt(limits), 55)
    }))

  const limited: ReadonlyArray<readonly [capacity: number, refusal: number, latency: number]> = [
    [20, 5, 200],
    [20, 200, 200],
    [20, 20, 5_000],
    [100, 5, 200],
    [6, 5, 200]
  ]
  it.effect.each(limited)(
    "finds that a provider serves %s calls at once, refusing in %s ms and answering in %s ms, and stays near",
    ([capacity, refusal, latency]) =>
      Effect.gen(function*() {
        const rows = 50 * capacity
        const { failed, limits, millis, refused } = yield* run(
          Concurrency.adaptive(),
          { capacity, refusal, latency },
          { rows }
        )
        assert.strictEqual(failed, 0)
        assert.isTrue(settledAt(limits) >= 0.95 * capacity && settledAt(limits) <= 1.25 * capacity)
        assert.isAtMost(refused, rows / 4)
        // The provider is busy all the time, but for the beginning and the last retries.
        assert.isAtMost(millis, 1.1 * rows / capacity * latency + 3_000)
      })
  )
})

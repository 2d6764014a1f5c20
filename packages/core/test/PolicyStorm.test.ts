import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Policy from "@strata/core/policy/Policy"
import * as RetryBudget from "@strata/core/policy/RetryBudget"
import * as ProviderError from "@strata/core/ProviderError"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Telemetry from "@strata/core/Telemetry"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Enforcement from "../src/policy/internal/enforcement.ts"
import { errors, settled, target, watched } from "./ChatFixture.ts"

const capacity = 9

const seconds = { storm: 40, bursts: 60, healed: 90, end: 170 }

/**
 * A provider that answers in a second, takes nine calls at once, throttles everything from second 40 on, fails in bursts of
 * three seconds from second 60 on, and is healed from second 90 on.
 */
const provider = () => {
  const seen = { inFlight: 0, sent: 0, answeredIn: Array.from({ length: seconds.end + 120 }, () => 0) }
  const trouble = (now: number): ProviderError.CallError | undefined => {
    const second = now / 1000
    if (second >= seconds.storm && second < seconds.bursts) return errors.RateLimitError
    if (second >= seconds.bursts && second < seconds.healed && second % 6 < 3) {
      return now % 2 === 0 ? errors.ProviderInternalError : errors.ModelUnavailableError
    }
    return seen.inFlight > capacity ? errors.RateLimitError : undefined
  }
  const call = Effect.gen(function*() {
    seen.inFlight++
    seen.sent++
    const error = trouble(yield* Clock.currentTimeMillis)
    if (error !== undefined) {
      yield* Effect.sleep(50)
      return yield* error
    }
    yield* Effect.sleep(yield* Random.nextIntBetween(900, 1_101))
    seen.answeredIn[Math.floor((yield* Clock.currentTimeMillis) / 1000)]!++
    return "answer"
  }).pipe(Effect.ensuring(Effect.sync(() => seen.inFlight--)))
  return { call, seen }
}

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)

const value = (metric: Metric.Metric<number, Metric.GaugeState<number>>, attributes: Record<string, string>) =>
  Effect.map(
    Metric.value(Metric.withAttributes(metric, {
      "gen_ai.provider.name": target.provider,
      "gen_ai.request.model": target.model,
      ...attributes
    })),
    ({ value }) => value
  )

describe("A policy in a storm", () => {
  it.effect(
    "ends every call in its time, gives every permit back, and is soon as fast as before",
    () =>
      watched(({ logs }) =>
        Effect.gen(function*() {
          const { call, seen } = provider()
          const enforcement = yield* Effect.provide(
            Enforcement.make(Policy.make({
              concurrency: Concurrency.adaptive({ initial: 8, max: 64 }),
              breaker: Breaker.consecutive(8, { open: "2 seconds" }),
              retryBudget: RetryBudget.make({ share: 0.2, reserve: 30, perSecond: 5 }),
              timeouts: { deadline: "60 seconds" }
            })),
            AdaptiveLimits.layerMemory
          )
          const limits: Array<number> = []
          const one = Effect.gen(function*() {
            const start = yield* Clock.currentTimeMillis
            const exit = yield* Effect.exit(enforcement.call(call, target))
            return { exit, millis: (yield* Clock.currentTimeMillis) - start }
          })
          // Six calls a second, whatever becomes of them.
          const calls = Effect.forEach(
            Array.from({ length: seconds.end * 6 }, (_, index) => Math.round(index * 1000 / 6)),
            (at) => Effect.delay(one, at),
            { concurrency: "unbounded" }
          )
          const watch = Effect.repeat(
            Effect.andThen(
              Effect.sleep("1 second"),
              Effect.map(value(Telemetry.permits, { "strata.permits": "limit" }), (limit) => limits.push(limit))
            ),
            { times: seconds.end - 2 }
          )
          const [ends] = yield* settled(
            Random.withSeed(Effect.all([calls, watch], { concurrency: 2 }), "storm"),
            "10 minutes"
          )

          let answered = 0
          for (const { exit, millis } of ends) {
            if (Exit.isSuccess(exit)) answered++
            else assert.isTrue(ProviderError.isProviderError(yield* Effect.flip(exit)))
            assert.isAtMost(millis, 60_000)
          }
          // Of the rest most met an open circuit, which is not waited for.
          assert.isAtLeast(answered / ends.length, 0.7)

          assert.strictEqual(seen.inFlight, 0)
          assert.isAtMost(seen.sent, ends.length * 1.2 + 30 + 5 * (seconds.end + 60))
          assert.strictEqual(yield* value(Telemetry.permits, { "strata.permits": "used" }), 0)

          assert.isAtMost(Math.min(...limits.slice(seconds.storm, seconds.bursts)), 2)
          const rate = (from: number, to: number) => sum(seen.answeredIn.slice(from, to)) / (to - from)
          const before = rate(20, seconds.storm)
          const after = rate(seconds.end - 30, seconds.end)
          assert.closeTo(before, 6, 0.3)
          assert.isAtLeast(after, before * 0.95)

          const said = logs.map(({ message }) => String(message))
          assert.isTrue(said.some((message) => message.startsWith("The circuit is open")))
          assert.isTrue(said.some((message) => message.startsWith("The circuit is closed again")))
          assert.strictEqual(yield* value(Telemetry.breaker, {}), 0)
        })
      ),
    30_000
  )
})

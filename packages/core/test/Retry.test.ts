import { assert, describe, it } from "@effect/vitest"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import * as Array from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { errors, timed } from "./ChatFixture.ts"

/** The pauses, in milliseconds, before each retry of a call that always fails, and how it fails in the end. */
const pauses = Effect.fnUntraced(function*(
  retry: Retry.Retry,
  failures: ReadonlyArray<ProviderError.ProviderError>
) {
  const starts: Array<number> = []
  const call = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    starts.push(now)
    return Effect.fail(failures[Math.min(starts.length, failures.length) - 1]!)
  })
  const { exit } = yield* timed(Effect.flip(Effect.retry(call, retry)))
  const error = yield* exit
  return { error, pauses: starts.slice(1).map((start, index) => start - starts[index]!) }
})

/** Random numbers that are always the lowest (0) or the highest (1) possible. */
const withLuck = (luck: 0 | 1) =>
  Effect.provideService(Random.Random, { nextDoubleUnsafe: () => luck, nextIntUnsafe: () => 0 })

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)

describe("Retry.exponential", () => {
  const repeated = new Set([
    "RateLimitError",
    "ModelUnavailableError",
    "ProviderInternalError",
    "TimeoutError",
    "ConnectionError"
  ])

  it("knows an error of each of the 19 tags", () => {
    assert.strictEqual(Object.keys(errors).length, 19)
    for (const [tag, error] of Object.entries(errors)) assert.strictEqual(error._tag, tag)
  })

  it.effect.each(Object.values(errors).filter(({ _tag }) => _tag !== "ModelFailedError"))(
    "repeats $_tag only if it is transient and was sent",
    (error) =>
      Effect.gen(function*() {
        const result = yield* pauses(Retry.exponential({ times: 1 }), [error])
        assert.strictEqual(result.pauses.length, repeated.has(error._tag) ? 1 : 0)
        assert.strictEqual(result.error, error)
      })
  )

  const modelFailed = (originalStatus: number | undefined) =>
    new ProviderError.ModelFailedError({ provider: "p", message: "m", originalStatus })

  it.effect.each([[429, 8], [500, 8], [503, 8], [400, 0], [424, 0], [undefined, 0]] as const)(
    "repeats a model that failed with status %s, %s times",
    ([status, times]) =>
      Effect.gen(function*() {
        const result = yield* pauses(Retry.exponential(), [modelFailed(status)])
        assert.strictEqual(result.pauses.length, times)
      })
  )

  const timedOut = (phase: ProviderError.TimeoutPhase) =>
    new ProviderError.TimeoutError({ provider: "p", message: "m", phase })

  it.effect("repeats a model that ran out of its own time once, and clocks of ours as often as anything", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* pauses(Retry.exponential(), [timedOut("model")])).pauses.length, 1)
      assert.strictEqual((yield* pauses(Retry.exponential(), [timedOut("attempt")])).pauses.length, 8)
    }))

  it.effect("counts each kind of failure by itself, and all of them together", () =>
    Effect.gen(function*() {
      const { ConnectionError, ModelUnavailableError } = errors
      const mixed = yield* pauses(Retry.exponential(), [
        timedOut("model"),
        ...Array.makeBy(5, () => ModelUnavailableError),
        ConnectionError,
        timedOut("model")
      ])
      assert.strictEqual(mixed.pauses.length, 7)
      assert.strictEqual(mixed.error._tag, "TimeoutError")
      const unavailable = yield* pauses(Retry.exponential(), [ConnectionError, ModelUnavailableError])
      assert.strictEqual(unavailable.pauses.length, 6)
      const few = yield* pauses(Retry.exponential({ times: 2 }), [ConnectionError, ModelUnavailableError])
      assert.strictEqual(few.pauses.length, 2)
    }))

  it.effect("begins to count anew with each call", () =>
    Effect.gen(function*() {
      const retry = Retry.exponential()
      yield* pauses(retry, [timedOut("model")])
      assert.strictEqual((yield* pauses(retry, [timedOut("model")])).pauses.length, 1)
    }))

  it.effect("doubles the longest wait with each retry, up to maxDelay", () =>
    Effect.gen(function*() {
      const retry = Retry.exponential({ times: 5, base: "100 millis", maxDelay: "600 millis" })
      const longest = yield* withLuck(1)(pauses(retry, [errors.ConnectionError]))
      assert.deepStrictEqual(longest.pauses, [100, 200, 400, 600, 600])
    }))

  it.effect("waits at least half of the longest wait", () =>
    Effect.gen(function*() {
      const retry = Retry.exponential({ times: 5, base: "100 millis", maxDelay: "600 millis" })
      const shortest = yield* withLuck(0)(pauses(retry, [errors.ConnectionError]))
      assert.deepStrictEqual(shortest.pauses, [50, 100, 200, 300, 300])
    }))

  it.effect("spreads the waits at random between the two", () =>
    Effect.gen(function*() {
      const first = yield* Effect.forEach(
        Array.range(1, 50),
        (seed) => Random.withSeed(pauses(Retry.exponential({ times: 1 }), [errors.ConnectionError]), seed)
      )
      const waits = first.map(({ pauses }) => pauses[0]!)
      assert.isTrue(waits.every((wait) => wait >= 100 && wait <= 200))
      assert.isTrue(Math.min(...waits) < 115 && Math.max(...waits) > 185)
      assert.isTrue(new Set(waits).size > 40)
    }))

  it.effect("starts higher after a rate limit", () =>
    Effect.gen(function*() {
      const retry = Retry.exponential({ times: 3, base: "100 millis", rateLimitBase: "2 seconds" })
      const { pauses: waits } = yield* withLuck(1)(
        pauses(retry, [errors.RateLimitError, errors.ConnectionError, errors.RateLimitError])
      )
      assert.deepStrictEqual(waits, [2_000, 200, 8_000])
    }))

  it.effect("starts as high after a model that failed with a rate limit of its own, and no higher after one that broke", () =>
    Effect.gen(function*() {
      const retry = Retry.exponential({ times: 1, base: "100 millis", rateLimitBase: "2 seconds" })
      for (const [status, wait] of [[429, 2_000], [500, 100]] as const) {
        assert.deepStrictEqual((yield* withLuck(1)(pauses(retry, [modelFailed(status)]))).pauses, [wait])
      }
    }))

  const asks = (retryAfter: Duration.Input) =>
    new ProviderError.RateLimitError({
      provider: "p",
      message: "m",
      retryAfter: Duration.fromInputUnsafe(retryAfter)
    })

  /** The waits of a hundred calls that get the same hint. */
  const waitsFor = (retry: Retry.Retry, hint: Duration.Input) =>
    Effect.map(
      Effect.forEach(Array.range(1, 100), (seed) => Random.withSeed(pauses(retry, [asks(hint)]), seed)),
      (results) => results.map(({ pauses }) => pauses[0]!)
    )

  it.effect("waits as long as the provider asks, even above maxDelay", () =>
    Effect.gen(function*() {
      const retry = Retry.exponential({ times: 2, rateLimitBase: "4 seconds", maxDelay: "5 seconds" })
      const { pauses: waits } = yield* withLuck(0)(pauses(retry, [asks("30 seconds"), asks("1 second")]))
      assert.deepStrictEqual(waits, [30_000, 2_500])
    }))

  it.effect("spreads calls with the same hint, none before the hint", () =>
    Effect.gen(function*() {
      const waits = yield* waitsFor(Retry.exponential({ times: 1 }), "20 seconds")
      assert.isTrue(waits.every((wait) => wait >= 20_000 && wait <= 25_000))
      assert.isAtLeast(new Set(waits).size, 90)
      assert.isAbove(Math.max(...waits) - Math.min(...waits), 4_000)
    }))

  it.effect.each(
    [
      { maxRetryAfter: undefined, hint: "10 minutes", most: 60_000 },
      { maxRetryAfter: undefined, hint: "1 minute", most: 60_000 },
      { maxRetryAfter: "5 seconds", hint: "1 hour", most: 5_000 },
      { maxRetryAfter: "2 hours", hint: "10 minutes", most: 750_000 },
      { maxRetryAfter: Duration.infinity, hint: "10 hours", most: 45_000_000 }
    ] as const
  )(
    "waits no longer than maxRetryAfter $maxRetryAfter for a hint of $hint, and spreads the calls",
    ({ hint, maxRetryAfter, most }) =>
      Effect.gen(function*() {
        const retry = Retry.exponential({ times: 1, maxRetryAfter, maxDelay: "1 second" })
        const waits = yield* waitsFor(retry, hint)
        assert.isAtMost(Math.max(...waits), most)
        assert.isAtLeast(Math.min(...waits), most * 0.8)
        assert.isAtLeast(new Set(waits).size, 90)
      })
  )

  it.effect("does not come back where the provider says never, and any hint is taken", () =>
    Effect.gen(function*() {
      const retry = Retry.exponential({ times: 1, maxRetryAfter: Duration.infinity })
      const waiting = yield* Effect.forkChild(pauses(retry, [asks(Duration.infinity)]))
      yield* TestClock.adjust("10 days")
      assert.isUndefined(waiting.pollUnsafe())
    }))

  it.effect("gives up after `times` retries, with the last error", () =>
    Effect.gen(function*() {
      const last = new ProviderError.ConnectionError({ provider: "p", message: "the last one" })
      const result = yield* pauses(Retry.exponential({ times: 2 }), [
        errors.ConnectionError,
        errors.RateLimitError,
        last
      ])
      assert.strictEqual(result.pauses.length, 2)
      assert.strictEqual(result.error, last)
    }))

  it.effect("stops at the first error that is not transient", () =>
    Effect.gen(function*() {
      const result = yield* pauses(Retry.standard, [errors.ConnectionError, errors.AuthenticationError])
      assert.strictEqual(result.pauses.length, 1)
      assert.strictEqual(result.error._tag, "AuthenticationError")
    }))
})

describe("Retry.standard", () => {
  it.effect.each([
    { error: errors.ConnectionError, longest: [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 20_000], total: 45_400 },
    {
      error: errors.RateLimitError,
      longest: [750, 1_500, 3_000, 6_000, 12_000, 20_000, 20_000, 20_000],
      total: 83_250
    },
    { error: errors.ModelUnavailableError, longest: [750, 1_500, 3_000, 6_000, 12_000], total: 23_250 }
  ])(
    "waits $longest ms at most after $error._tag, and half of it at least",
    ({ error, longest, total }) =>
      Effect.gen(function*() {
        const most = yield* withLuck(1)(pauses(Retry.standard, [error]))
        assert.deepStrictEqual(most.pauses, longest)
        assert.strictEqual(sum(most.pauses), total)
        const least = yield* withLuck(0)(pauses(Retry.standard, [error]))
        assert.deepStrictEqual(least.pauses, longest.map((wait) => wait / 2))
      })
  )
})

describe("Retry", () => {
  it.effect("never makes one attempt", () =>
    Effect.gen(function*() {
      const { pauses: waits } = yield* pauses(Retry.never, [errors.ConnectionError])
      assert.deepStrictEqual(waits, [])
    }))

  it.effect("is any schedule over provider errors", () =>
    Effect.gen(function*() {
      const onlyQuota: Retry.Retry = Schedule.spaced("1 minute").pipe(
        Schedule.setInputType<ProviderError.ProviderError>(),
        Schedule.while(({ input }) => input._tag === "QuotaExceededError")
      )
      const result = yield* pauses(onlyQuota, [
        errors.QuotaExceededError,
        errors.QuotaExceededError,
        errors.ConnectionError
      ])
      assert.deepStrictEqual(result.pauses, [60_000, 60_000])
      assert.strictEqual(result.error._tag, "ConnectionError")
    }))
})

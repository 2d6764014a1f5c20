import { assert, describe, it } from "@effect/vitest"
import { Quota } from "@strata/emulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"

const model = "amazon.nova-lite-v1:0"

const usage = (inputTokens: number, outputTokens: number, cacheWriteTokens = 0) => ({
  inputTokens,
  cacheWriteTokens,
  outputTokens
})

/** One quota, and its model. */
const open = Effect.fnUntraced(function*(limit: Quota.Limit, id = model) {
  const quotas = yield* Quota.make({ "*": limit })
  const reserve = quotas.reserve([id])
  const statistics = () => quotas.statistics()[id]
  /** A request from beginning to end. */
  const run = (input: number, output: number, used: number) =>
    Effect.scoped(Effect.map(reserve({ input, output }), (reservation) => reservation.settle(usage(used, 0))))
  return { reserve, run, statistics, left: () => statistics()?.left ?? limit.tokensPerMinute ?? 0 }
})

describe("Quota", () => {
  it.effect("reserves the prompt and maxTokens while a request runs, and charges its usage at the end", () =>
    Effect.gen(function*() {
      const { reserve, statistics } = yield* open({ tokensPerMinute: 1000 })
      const reservation = yield* reserve({ input: 100, output: 500 })
      assert.include(statistics(), { reserved: 600, left: 400, used: 0, completed: 0 })
      reservation.settle(usage(60, 20, 10))
      assert.include(statistics(), { reserved: 0, left: 910, used: 90, completed: 1, unfinished: 0 })
      reservation.settle(usage(60, 20, 10))
      assert.include(statistics(), { used: 90, completed: 1 })
    }))

  it.effect("refuses requests beyond the quota with the service's message", () =>
    Effect.gen(function*() {
      const { reserve, statistics } = yield* open({ tokensPerMinute: 1000 })
      yield* reserve({ input: 1, output: 600 })
      const error = yield* Effect.flip(reserve({ input: 1, output: 399 }))
      assert.deepStrictEqual([error.status, error.exception, error.message], [
        429,
        "ThrottlingException",
        "Too many tokens, please wait before trying again."
      ])
      yield* reserve({ input: 1, output: 398 })
      assert.include(statistics(), { reserved: 1000, left: 0, throttled: 1 })
    }))

  it.effect("limits tokens per day, of 1440 windows", () =>
    Effect.gen(function*() {
      const { run, statistics } = yield* open({ tokensPerMinute: 100, tokensPerDay: 250, window: "1 second" })
      for (const _ of [1, 2]) {
        yield* run(100, 0, 100)
        yield* TestClock.adjust("1 second")
      }
      const error = yield* Effect.flip(run(51, 0, 51))
      assert.strictEqual(error.message, "Too many tokens per day, please wait before trying again.")
      yield* run(50, 0, 50)
      assert.strictEqual(statistics()?.leftToday, 0)
      yield* TestClock.adjust("1440 seconds")
      assert.strictEqual(statistics()?.leftToday, 250)
    }))

  it("charges output five times for Claude 3.7, 4 and later", () => {
    const rates = [
      "anthropic.claude-3-7-sonnet-20250219-v1:0",
      "anthropic.claude-sonnet-4-20250514-v1:0",
      "us.anthropic.claude-haiku-4-5-20251001-v1:0",
      "anthropic.claude-opus-5-v1:0",
      "anthropic.claude-3-5-sonnet-20240620-v1:0",
      "anthropic.claude-3-haiku-20240307-v1:0",
      "anthropic.claude-v2:1",
      "amazon.nova-pro-v1:0"
    ].map(Quota.burndownOf)
    assert.deepStrictEqual(rates, [5, 5, 5, 5, 1, 1, 1, 1])
  })

  it.effect("can charge more than was reserved, and reports the peak overshoot", () =>
    Effect.gen(function*() {
      const { reserve, run, statistics } = yield* open({ tokensPerMinute: 1000 }, "anthropic.claude-sonnet-4-v1:0")
      const reservation = yield* reserve({ input: 100, output: 900 })
      reservation.settle(usage(100, 300))
      assert.include(statistics(), { left: -600, used: 1600, peakOvershoot: 600 })
      yield* TestClock.adjust("36 seconds")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(run(1, 0, 1))), "the debt is paid, nothing is left")
      yield* TestClock.adjust("1 second")
      yield* run(1, 0, 1)
      assert.include(statistics(), { peakOvershoot: 600 })
    }))

  it.effect("uses a configured burndown", () =>
    Effect.gen(function*() {
      const { reserve, statistics } = yield* open({ tokensPerMinute: 1000, outputBurndown: 3 })
      const reservation = yield* reserve({ input: 10, output: 10 })
      reservation.settle(usage(10, 10))
      assert.strictEqual(statistics()?.used, 40)
    }))

  it.effect("refills a bucket continuously", () =>
    Effect.gen(function*() {
      const { left, run } = yield* open({ tokensPerMinute: 600 })
      yield* run(600, 0, 600)
      const levels: Array<number> = []
      for (const span of ["1 second", "29 seconds", "30 seconds", "1 hour"] as const) {
        yield* TestClock.adjust(span)
        levels.push(left())
      }
      assert.deepStrictEqual(levels, [10, 300, 600, 600])
    }))

  it.effect("refills a fixed window at its end, without refunds across windows", () =>
    Effect.gen(function*() {
      const { left, reserve, run } = yield* open({ tokensPerMinute: 600, algorithm: "fixed", window: "10 seconds" })
      yield* run(600, 0, 600)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(left(), 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(left(), 600)
      const [within, cheap, dear] = yield* Effect.all([1, 2, 3].map(() => reserve({ input: 100, output: 0 })))
      within?.settle(usage(30, 0))
      assert.strictEqual(left(), 370)
      yield* TestClock.adjust("10 seconds")
      cheap?.settle(usage(30, 0))
      assert.strictEqual(left(), 600)
      dear?.settle(usage(130, 0))
      assert.strictEqual(left(), 570)
    }))

  it.effect("charges nothing for failures, and prompt and output for aborted requests", () =>
    Effect.gen(function*() {
      const { reserve, statistics } = yield* open({ tokensPerMinute: 1000, outputBurndown: 2 })
      const unfinished = Effect.fnUntraced(function*(written: number, exit: Exit.Exit<unknown>) {
        const scope = yield* Scope.make()
        const reservation = yield* Scope.provide(reserve({ input: 100, output: 100 }), scope)
        reservation.cached(40)
        if (written > 0) reservation.wrote(written)
        const before = statistics()?.used ?? 0
        yield* Scope.close(scope, exit)
        return (statistics()?.used ?? 0) - before
      })
      const charged = [
        yield* unfinished(0, Exit.void),
        yield* unfinished(0, Exit.interrupt()),
        yield* unfinished(7, Exit.interrupt()),
        yield* unfinished(7, Exit.void)
      ]
      assert.deepStrictEqual(charged, [0, 60, 74, 74])
      assert.include(statistics(), { reserved: 0, completed: 0, unfinished: 4 })
    }))

  it.effect("counts an inference profile separately if it has its own limit, and with its model otherwise", () =>
    Effect.gen(function*() {
      const limit = { tokensPerMinute: 100 }
      const quotas = yield* Quota.make({ [`us.${model}`]: limit, "*": limit })
      const claim = { input: 100, output: 0 }
      yield* quotas.reserve([`us.${model}`, model])(claim)
      yield* quotas.reserve([`eu.${model}`, model])(claim)
      yield* quotas.reserve(["other", "other"])(claim)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(quotas.reserve([model, model])(claim))))
      assert.deepStrictEqual(Object.keys(quotas.statistics()), [`us.${model}`, model, "other"])
    }))

  it.effect("has no limit by default", () =>
    Effect.gen(function*() {
      const quotas = yield* Quota.make({ other: { tokensPerMinute: 1 } })
      yield* quotas.reserve([model])({ input: 1e9, output: 1e9 })
      assert.deepStrictEqual(Object.keys(quotas.statistics()), ["other"])
    }))

  const Step = Schema.Struct({
    input: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 600 })),
    output: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 600 })),
    share: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
    pause: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20_000 }))
  })

  it.effect.prop(
    "never admits more than the limit and the refill",
    { steps: Schema.Array(Step), algorithm: Schema.Literals(["bucket", "fixed"]) },
    ({ algorithm, steps }) =>
      Effect.gen(function*() {
        const { reserve, statistics } = yield* open({ tokensPerMinute: 1000, algorithm })
        let admitted = 0
        let elapsed = 0
        const running = yield* Effect.forEach(steps, ({ input, output, pause, share }) =>
          Effect.gen(function*() {
            yield* TestClock.adjust(Duration.millis(pause))
            elapsed += pause
            return yield* Effect.forkChild(
              Effect.scoped(Effect.gen(function*() {
                const reservation = yield* reserve({ input, output })
                admitted += Math.floor(input * share)
                yield* Effect.sleep("5 seconds")
                reservation.settle(usage(Math.floor(input * share), 0))
              }))
            )
          }))
        yield* TestClock.adjust("5 seconds")
        yield* Effect.forEach(running, Fiber.await)
        const minutes = algorithm === "bucket" ? elapsed / 60_000 : Math.floor(elapsed / 60_000)
        assert.isAtMost(admitted, 1000 + Math.ceil(1000 * minutes))
        if (statistics() !== undefined) assert.include(statistics(), { reserved: 0, used: admitted, peakOvershoot: 0 })
      }),
    { arbitrary: { runs: 60 } }
  )
})

import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Policy from "@strata/core/policy/Policy"
import * as Quota from "@strata/core/policy/Quota"
import * as RetryBudget from "@strata/core/policy/RetryBudget"
import * as ProviderError from "@strata/core/ProviderError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { errors, finish, response, settled, timed } from "./ChatFixture.ts"

const unavailable = (retryAfter?: Duration.Input) =>
  new ProviderError.ModelUnavailableError({
    provider: "p",
    message: "503",
    ...(retryAfter !== undefined && { retryAfter: Duration.fromInputUnsafe(retryAfter) })
  })

/** What becomes of a call to the first model. */
type Work = Effect.Effect<void, ProviderError.CallError>

const service = (name: string, work: Work, policy: Policy.Policy) => {
  let sent = 0
  const send = Effect.andThen(Effect.sync(() => sent++), work)
  const layer = Layer.effect(
    ChatService.ChatService,
    ChatService.make({
      provider: name,
      defaultModel: name,
      policy,
      generate: () => Effect.as(send, response(name)),
      stream: () => Stream.concat(Stream.drain(Stream.fromEffect(send)), Stream.make(finish))
    })
  )
  return { layer, sent: () => sent }
}

/** The policy of the README. */
const readme: Policy.Options = {
  quota: Quota.tokens({ perMinute: 400_000 }),
  concurrency: Concurrency.adaptive({ max: 128 }),
  breaker: Breaker.consecutive(5),
  timeouts: { deadline: "2 minutes" }
}

/** Twenty calls at once to a model with a fallback: what each came to, and after how many milliseconds. */
const twenty = Effect.fnUntraced(
  function*(work: Work, options: Policy.Options = readme, how: "generate" | "stream" = "generate") {
    const first = service("first", work, Policy.make(options))
    const second = service("second", Effect.sleep("100 millis"), Policy.standard)
    const call = how === "generate"
      ? ChatService.generate({ messages: "Hi", maxTokens: 100 })
      : Stream.runDrain(ChatService.stream({ messages: "Hi", maxTokens: 100 }))
    const one = Effect.gen(function*() {
      const start = yield* Clock.currentTimeMillis
      const exit = yield* Effect.exit(call)
      return { exit, millis: (yield* Clock.currentTimeMillis) - start }
    })
    const results = yield* settled(
      Effect.all(Array.from({ length: 20 }, () => one), { concurrency: "unbounded" }).pipe(
        Effect.provide(first.layer.pipe(ChatService.withFallback(second.layer)))
      ),
      "20 minutes"
    )
    return { results, first, second }
  }
)

const slowest = (results: ReadonlyArray<{ readonly millis: number }>) =>
  Math.max(...results.map(({ millis }) => millis))

describe("A model that is down, behind a breaker and a fallback", () => {
  const outages: ReadonlyArray<readonly [string, Work, number]> = [
    ["refuses at once", Effect.fail(unavailable()), 2_000],
    ["refuses after a second", Effect.delay(Effect.fail(unavailable()), "1 second"), 3_000],
    ["asks for half a minute", Effect.fail(unavailable("30 seconds")), 1_000],
    ["fails on its side", Effect.fail(errors.ProviderInternalError), 2_000],
    ["cannot be reached", Effect.fail(errors.ConnectionError), 2_000]
  ]

  it.effect.each(outages)(
    "that %s: all of twenty calls are answered by the fallback in time",
    ([, work, bound]) =>
      Effect.gen(function*() {
        for (const how of ["generate", "stream"] as const) {
          const { first, results, second } = yield* twenty(work, readme, how)
          assert.isTrue(results.every(({ exit }) => Exit.isSuccess(exit)))
          assert.isAtMost(slowest(results), bound)
          assert.isAtMost(first.sent(), 25)
          assert.strictEqual(second.sent(), 20)
        }
      })
  )

  it.effect.each(
    [
      ["a permit", { concurrency: 5 }],
      ["tokens", { quota: Quota.tokens({ perMinute: 600 }) }]
    ] satisfies ReadonlyArray<readonly [string, Policy.Options]>
  )(
    "that hangs: calls which wait for %s go to the fallback when the circuit opens",
    ([, options]) =>
      Effect.gen(function*() {
        let calls = 0
        const work = Effect.suspend(() =>
          Effect.delay(Effect.fail(unavailable()), ++calls < 6 ? "10 seconds" : "1 minute")
        )
        const { first, results } = yield* twenty(work, { breaker: Breaker.consecutive(3), ...options })
        assert.isTrue(results.every(({ exit }) => Exit.isSuccess(exit)))
        assert.isAtMost(first.sent(), 10)
        const inTime = results.filter(({ millis }) => millis < 11_000)
        assert.isAtMost(first.sent(), 10)
        assert.isAtLeast(inTime.length, 20 - first.sent())
      })
  )

  it.effect("gets one call when its circuit is half open; the others do not wait for it", () =>
    Effect.gen(function*() {
      let isDown = true
      const work: Work = Effect.suspend(() => isDown ? Effect.fail(unavailable()) : Effect.sleep("10 seconds"))
      const first = service("first", work, Policy.make(readme))
      const second = service("second", Effect.void, Policy.standard)
      yield* Effect.gen(function*() {
        yield* timed(Effect.all(Array.from({ length: 20 }, () => ChatService.text("Hi")), { concurrency: 20 }), 1_000)
        isDown = false
        yield* TestClock.adjust("30 seconds")
        const before = first.sent()
        const probe = yield* Effect.forkChild(ChatService.text("Hi"), { startImmediately: true })
        assert.strictEqual(yield* ChatService.text("Hi"), "second")
        assert.strictEqual(first.sent(), before + 1)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* Fiber.join(probe), "first")
      }).pipe(Effect.provide(first.layer.pipe(ChatService.withFallback(second.layer))))
    }))
})

describe("A retry and an open circuit", () => {
  const outcome = (options: Policy.Options, work: Work = Effect.fail(unavailable())) =>
    Effect.gen(function*() {
      const { layer, sent } = service("first", work, Policy.make({ breaker: Breaker.consecutive(3), ...options }))
      const calls = [1, 2, 3].map(() => timed(Effect.flip(ChatService.text("Hi")), "3 hours"))
      const results = yield* Effect.all(calls, { concurrency: 3 }).pipe(Effect.provide(layer))
      const tags = yield* Effect.forEach(results, ({ exit }) => Effect.map(exit, ({ _tag }) => _tag))
      return { tags, millis: Math.max(...results.map(({ millis }) => millis)), sent: sent() }
    })

  it.effect("ends the call with the CircuitOpenError, which says how long the circuit stays open", () =>
    Effect.gen(function*() {
      const { layer } = service("first", Effect.fail(unavailable()), Policy.make({ breaker: Breaker.consecutive(3) }))
      const error = yield* Effect.gen(function*() {
        yield* settled(Effect.flip(ChatService.text("Hi")), "5 seconds")
        return yield* Effect.flip(ChatService.text("Hi"))
      }).pipe(Effect.provide(layer))
      const left = Duration.toMillis(ProviderError.retryAfter(error) ?? 0)
      assert.isTrue(left > 25_000 && left < 30_000)
      assert.strictEqual(error._tag, "CircuitOpenError")
    }))

  it.effect("cuts the backoff of other calls short, a hint of the provider and the wait for the retry budget too", () =>
    Effect.gen(function*() {
      const open = ["CircuitOpenError", "CircuitOpenError", "CircuitOpenError"]
      const backoff = yield* outcome({})
      assert.deepStrictEqual(backoff, { tags: open, millis: 0, sent: 3 })
      const hinted = yield* outcome({}, Effect.fail(unavailable("50 seconds")))
      assert.deepStrictEqual(hinted, { tags: open, millis: 0, sent: 3 })
      const budget = RetryBudget.make({ reserve: 1, share: 0, perSecond: 0 })
      let calls = 0
      const staggered = Effect.suspend(() => Effect.delay(Effect.fail(unavailable()), ++calls < 3 ? 10 : 5_000))
      const budgeted = yield* outcome({ retryBudget: budget, breaker: Breaker.consecutive(4) }, staggered)
      assert.deepStrictEqual(budgeted.tags, open)
      assert.isAtMost(budgeted.millis, 11_000)
    }))

  it.effect("leaves it to a schedule of the user to wait until the circuit closes", () =>
    Effect.gen(function*() {
      let calls = 0
      const work = Effect.suspend(() => ++calls > 3 ? Effect.void : Effect.fail(unavailable()))
      const { layer } = service(
        "first",
        work,
        Policy.make({ breaker: Breaker.consecutive(3), retry: Schedule.spaced("8 seconds") })
      )
      const { exit, millis } = yield* timed(Effect.provide(ChatService.text("Hi"), layer))
      assert.strictEqual(yield* exit, "first")
      assert.isAtLeast(millis, 46_000)
    }))
})

import { assert, describe, it } from "@effect/vitest"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { errors, type Watched, watched } from "./ChatFixture.ts"
import { answerOf, busy, stage, takeAsked } from "./FallbackFixture.ts"

const warnings = (seen: Watched) =>
  seen.logs.filter(({ level }) => level === "Warn").map(({ message }) => String(message))

describe("ChatService.withFallback, who is asked first", () => {
  it.effect("is the fallback that took over, for a while", () =>
    Effect.gen(function*() {
      const services = yield* stage(2, { stickFor: "1 minute" })
      services.fails[0] = busy
      yield* answerOf(services)
      services.fails[0] = undefined
      takeAsked(services)
      yield* TestClock.adjust("59 seconds")
      const response = yield* services.chat.generate({ messages: "Hi" })
      assert.deepStrictEqual(takeAsked(services), [1])
      assert.deepStrictEqual(response.fallback?.map(({ error }) => error), ["ModelUnavailableError"])
    }))

  it.effect("is the fallback for five minutes unless said otherwise", () =>
    Effect.gen(function*() {
      const services = yield* stage(2)
      services.fails[0] = busy
      yield* answerOf(services)
      services.fails[0] = undefined
      yield* TestClock.adjust("299 seconds")
      yield* answerOf(services)
      yield* TestClock.adjust("1 second")
      yield* answerOf(services)
      assert.deepStrictEqual(services.asked, [0, 1, 1, 0])
    }))

  it.effect("is always the first when nothing sticks", () =>
    Effect.gen(function*() {
      const services = yield* stage(2, { stickFor: 0 }, { before: () => Effect.yieldNow })
      services.fails[0] = busy
      yield* answerOf(services)
      yield* Effect.all([answerOf(services), answerOf(services)], { concurrency: 2 })
      assert.deepStrictEqual(services.asked, [0, 1, 0, 0, 1, 1])
    }))

  it.effect("is the first again, once one call found it well", () =>
    watched((seen) =>
      Effect.gen(function*() {
        const services = yield* stage(2, { stickFor: "1 minute" })
        services.fails[0] = busy
        yield* answerOf(services)
        services.fails[0] = undefined
        yield* TestClock.adjust("1 minute")
        takeAsked(services)
        const response = yield* services.chat.generate({ messages: "Hi" })
        assert.isUndefined(response.fallback)
        yield* answerOf(services)
        assert.deepStrictEqual(takeAsked(services), [0, 0])
        assert.deepStrictEqual(seen.logs.map(({ level, message }) => [level, message]), [
          ["Warn", ["A service cannot answer: another takes over"]],
          ["Info", ["The first service answers again"]]
        ])
      })
    ))

  it.effect("stays the fallback for another while when the first is still down", () =>
    Effect.gen(function*() {
      const services = yield* stage(2, { stickFor: "1 minute" })
      services.fails[0] = busy
      yield* answerOf(services)
      yield* TestClock.adjust("1 minute")
      takeAsked(services)
      assert.strictEqual(yield* answerOf(services), "from 1")
      assert.deepStrictEqual(takeAsked(services), [0, 1])
      yield* TestClock.adjust("59 seconds")
      yield* answerOf(services)
      assert.deepStrictEqual(takeAsked(services), [1])
      yield* TestClock.adjust("1 second")
      yield* answerOf(services)
      assert.deepStrictEqual(takeAsked(services), [0, 1])
    }))

  it.effect("is tried out by one call, while the others stay", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let gated = false
      const services = yield* stage(2, { stickFor: "1 minute" }, {
        before: (number) => gated && number === 0 ? Deferred.await(gate) : Effect.void
      })
      services.fails[0] = busy
      yield* answerOf(services)
      services.fails[0] = undefined
      gated = true
      yield* TestClock.adjust("1 minute")
      takeAsked(services)
      const probe = yield* Effect.forkChild(answerOf(services), { startImmediately: true })
      assert.deepStrictEqual(yield* Effect.all([answerOf(services), answerOf(services)]), ["from 1", "from 1"])
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(probe), "from 0")
      assert.deepStrictEqual(takeAsked(services), [0, 1, 1])
      yield* answerOf(services)
      assert.deepStrictEqual(takeAsked(services), [0])
    }))

  it.effect("is tried out again when the call that tried was interrupted, or found nothing out", () =>
    Effect.gen(function*() {
      let gated = false
      const services = yield* stage(2, { stickFor: "1 minute" }, {
        before: (number) => gated && number === 0 ? Effect.never : Effect.void
      })
      services.fails[0] = busy
      yield* answerOf(services)
      yield* TestClock.adjust("1 minute")
      gated = true
      const probe = yield* Effect.forkChild(answerOf(services), { startImmediately: true })
      yield* Fiber.interrupt(probe)
      gated = false
      services.fails[0] = errors.InvalidRequestError
      yield* Effect.flip(answerOf(services))
      services.fails[0] = undefined
      takeAsked(services)
      assert.strictEqual(yield* answerOf(services), "from 0")
    }))

  it.effect("is not moved by errors about one request", () =>
    Effect.gen(function*() {
      const services = yield* stage(2, { when: () => true })
      for (const error of [errors.ModelFailedError, errors.MalformedResponseError, errors.ContextLengthExceededError]) {
        services.fails[0] = error
        assert.strictEqual(yield* answerOf(services), "from 1")
        services.fails[0] = undefined
        assert.strictEqual(yield* answerOf(services), "from 0")
      }
    }))

  it.effect("is the next when the one that took over fails too, and at last the first", () =>
    Effect.gen(function*() {
      const services = yield* stage(3, { stickFor: "1 minute" })
      services.fails[0] = busy
      yield* answerOf(services)
      services.fails[1] = busy
      takeAsked(services)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* answerOf(services), "from 2")
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* answerOf(services), "from 2")
      assert.deepStrictEqual(takeAsked(services), [1, 2, 2])
      services.fails[0] = undefined
      services.fails[2] = busy
      const response = yield* services.chat.generate({ messages: "Hi" })
      assert.deepStrictEqual(takeAsked(services), [2, 0])
      assert.strictEqual(response.text, "from 0")
      assert.lengthOf(response.fallback ?? [], 2)
      yield* answerOf(services)
      assert.deepStrictEqual(takeAsked(services), [0])
    }))

  it.effect("is the one in front that is well, when one call tried the declared order", () =>
    Effect.gen(function*() {
      const services = yield* stage(4, { stickFor: "1 minute" })
      services.fails.push(busy, busy, busy)
      yield* answerOf(services)
      services.fails[1] = undefined
      yield* TestClock.adjust("1 minute")
      takeAsked(services)
      const response = yield* services.chat.generate({ messages: "Hi" })
      assert.deepStrictEqual(takeAsked(services), [0, 1])
      assert.lengthOf(response.fallback ?? [], 1)
      const next = yield* services.chat.generate({ messages: "Hi" })
      assert.deepStrictEqual(takeAsked(services), [1])
      assert.lengthOf(next.fallback ?? [], 1)
    }))

  it.effect("is not the fallback for a request it cannot take: the others are asked", () =>
    Effect.gen(function*() {
      const services = yield* stage(2)
      services.fails[0] = busy
      yield* answerOf(services)
      services.fails[0] = undefined
      services.fails[1] = errors.UnsupportedFeatureError
      takeAsked(services)
      assert.strictEqual(yield* answerOf(services), "from 0")
      assert.deepStrictEqual(takeAsked(services), [1, 0])
      services.fails[1] = undefined
      yield* answerOf(services)
      assert.deepStrictEqual(takeAsked(services), [1])
    }))

  it.effect("changes once, however many calls fail at once", () =>
    watched((seen) =>
      Effect.gen(function*() {
        const services = yield* stage(3, {}, { before: () => Effect.sleep("1 second") })
        services.fails.push(busy)
        const calls = yield* Effect.forkChild(
          Effect.all(Array.from({ length: 100 }, () => answerOf(services)), { concurrency: "unbounded" })
        )
        yield* TestClock.adjust("2 seconds")
        const answers = yield* Fiber.join(calls)
        assert.deepStrictEqual(new Set(answers), new Set(["from 1"]))
        assert.lengthOf(services.asked, 200)
        assert.deepStrictEqual(warnings(seen), ["A service cannot answer: another takes over"])
      })
    ))

  it.effect("forgets the models it was asked for longest ago", () =>
    Effect.gen(function*() {
      const services = yield* stage(2)
      services.fails[0] = busy
      for (let model = 0; model < 257; model++) yield* answerOf(services, { model: `m${model}`, messages: "Hi" })
      takeAsked(services)
      yield* answerOf(services, { model: "m256", messages: "Hi" })
      yield* answerOf(services, { model: "m0", messages: "Hi" })
      assert.deepStrictEqual(takeAsked(services), [1, 0, 1])
    }))
})

describe("ChatService.withFallback, whichever services fail", () => {
  const problems: ReadonlyArray<ProviderError.CallError | undefined> = [
    undefined,
    undefined,
    busy,
    errors.RateLimitError,
    errors.ModelFailedError
  ]
  const Problem = Schema.Literals([0, 1, 2, 3, 4])
  const Failures = Schema.Array(Problem).check(Schema.isMinLength(1), Schema.isMaxLength(5))
  const Calls = Schema.Array(
    Schema.Struct({ failures: Failures, wait: Schema.Literals([0, 30, 60, 120]) })
  ).check(Schema.isMinLength(1), Schema.isMaxLength(8))

  it.effect.prop(
    "the first that answers, in order, gives the answer",
    [Failures],
    ([failures]) =>
      Effect.scoped(Effect.gen(function*() {
        const services = yield* stage(failures.length)
        services.fails.push(...failures.map((problem) => problems[problem]))
        const expected = services.fails.indexOf(undefined)
        const answer = yield* Effect.option(answerOf(services))
        assert.deepStrictEqual(
          answer._tag === "Some" ? answer.value : undefined,
          expected < 0 ? undefined : `from ${expected}`
        )
        assert.deepStrictEqual(
          services.asked,
          Array.from(failures.keys()).slice(0, expected < 0 ? undefined : expected + 1)
        )
      })),
    { arbitrary: { runs: 60 } }
  )

  it.effect.prop(
    "and later too: each is asked at most once, and only failing ones are passed",
    [Calls],
    ([calls]) =>
      Effect.scoped(Effect.gen(function*() {
        const services = yield* stage(4, { stickFor: "1 minute" })
        for (const { failures, wait } of calls) {
          yield* TestClock.adjust(`${wait} seconds`)
          const fails = Array.from({ length: 4 }, (_, number) => problems[failures[number % failures.length] ?? 0])
          services.fails.splice(0, 4, ...fails)
          const answer = yield* Effect.option(answerOf(services))
          const asked = takeAsked(services)
          assert.strictEqual(new Set(asked).size, asked.length)
          assert.strictEqual(answer._tag === "Some", fails.includes(undefined))
          const passed = answer._tag === "Some" ? asked.slice(0, -1) : asked
          assert.isTrue(passed.every((number) => fails[number] !== undefined))
          if (answer._tag === "Some") assert.strictEqual(answer.value, `from ${asked.at(-1)}`)
        }
      })),
    { arbitrary: { runs: 60 } }
  )
})

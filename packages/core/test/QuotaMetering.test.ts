import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import * as Quota from "@strata/core/policy/Quota"
import * as Retry from "@strata/core/policy/Retry"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as ChatMetering from "../src/chat/internal/metering.ts"
import * as QuotaForecast from "../src/policy/internal/quota/forecast.ts"
import * as QuotaGate from "../src/policy/internal/quota/gate.ts"
import { delta, errors, failure, finish, response, settled, target } from "./ChatFixture.ts"
import { balance, keyOf, test } from "./QuotaFixture.ts"

/** Answers after a second; the usage of the fixture is 10 tokens of a prompt, 2 written to a cache, 3 read, 7 answered. */
const chat = (quota: Quota.Quota, metering?: ChatService.Provider["metering"]) =>
  ChatService.make({
    provider: "test.provider",
    defaultModel: "test-model",
    generate: () => Effect.delay(Effect.succeed(response("Hello")), "1 second"),
    stream: () => Stream.concat(Stream.make(delta("Hel"), delta("lo")), Stream.fromEffect(Effect.succeed(finish))),
    policy: Policy.make({ quota, retry: Retry.never }),
    metering
  })

/** What is reserved for a call in flight. */
const setAside = <A, E>(call: Effect.Effect<A, E>, quota: Quota.Quota, key?: string) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(call)
    yield* TestClock.adjust(0)
    const { reserved } = yield* balance(quota, key)
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(fiber)
    return reserved!
  })

const generous = (count?: Quota.Quota["count"]) => Quota.tokens({ perMinute: 1_000_000, count })

const hi = { messages: "Hi", maxTokens: 100 }

describe("Quota of a chat", () => {
  test("sets the prompt and maxTokens aside, and takes what the provider counted, without what came from its cache", () =>
    Effect.gen(function*() {
      const service = yield* chat(generous())
      const reserved = yield* setAside(service.generate(hi), generous())
      assert.isAbove(reserved, 100)
      assert.isBelow(reserved, 125)
      assert.deepStrictEqual(yield* balance(generous()), { spent: 10 + 2 + 7, reserved: 0 })
    }))

  it("measures its estimate by the whole prompt, cached or not", () => {
    const { consumed } = ChatMetering.make(undefined, { model: "test-model", messages: [] })
    assert.deepStrictEqual(consumed(response("Hello")), {
      inputTokens: 10 + 2,
      outputTokens: 7,
      promptTokens: 10 + 2 + 3
    })
    assert.deepStrictEqual(consumed(finish), consumed(response("Hello")))
    assert.isUndefined(consumed(delta("Hello")))
  })

  test("takes the output as often as the provider says", () =>
    Effect.gen(function*() {
      const service = yield* chat(generous(), { outputBurndown: () => 5 })
      yield* settled(service.generate(hi), "1 second")
      assert.strictEqual((yield* balance(generous())).spent, 10 + 2 + 5 * 7)
    }))

  test("reserves what the provider does when a request has no maxTokens", () =>
    Effect.gen(function*() {
      const service = yield* chat(generous(), { maxOutputTokens: () => 64_000 })
      assert.isAbove(yield* setAside(service.generate({ messages: "Hi" }), generous()), 64_000)
    }))

  test("is kept apart by the region of the model", () =>
    Effect.gen(function*() {
      const service = yield* chat(generous(), { scope: () => "eu-west-1" })
      const key = keyOf("", { ...target, scope: "eu-west-1" })
      assert.isAbove(yield* setAside(service.generate(hi), generous(), key), 100)
      assert.deepStrictEqual(yield* balance(generous()), { spent: 0, reserved: 0 })
    }))

  test("goes by the count of the provider when it is to be exact, and by the estimate when that fails", () =>
    Effect.gen(function*() {
      let counted = 0
      const countTokens = () =>
        Effect.suspend(() => counted++ === 0 ? Effect.succeed(2_345) : Effect.fail(errors.ConnectionError))
      const service = yield* chat(generous("exact"), { countTokens })
      assert.strictEqual(yield* setAside(service.generate(hi), generous()), 2_345 + 100)
      assert.isBelow(yield* setAside(service.generate(hi), generous()), 125)
      assert.strictEqual(counted, 2)
    }))

  test("counts nothing for an estimate, and nothing at all without a quota", () =>
    Effect.gen(function*() {
      const countTokens = () => Effect.die("counted")
      const quotas = [generous(), Quota.tokens({ count: "exact" })]
      for (const quota of quotas) {
        yield* settled(Effect.flatMap(chat(quota, { countTokens }), (service) => service.generate(hi)))
      }
    }))

  test("takes what a stream counted at its end, and the prompt of one that was left", () =>
    Effect.gen(function*() {
      const service = yield* chat(generous())
      yield* Stream.runDrain(service.stream(hi))
      assert.deepStrictEqual(yield* balance(generous()), { spent: 19, reserved: 0 })
      yield* Stream.runDrain(Stream.take(service.stream(hi), 1))
      const { reserved, spent } = yield* balance(generous())
      assert.strictEqual(reserved, 0)
      assert.isAbove(spent!, 19)
      assert.isBelow(spent!, 19 + 25)
    }))

  test("refuses a maxTokens that is larger than the quota before anything is sent", () =>
    Effect.gen(function*() {
      const service = yield* chat(Quota.tokens({ perMinute: 4_000 }))
      const error = yield* failure(service.generate({ messages: "Hi", maxTokens: 8_000 }), 0)
      assert.strictEqual(error._tag, "QuotaExceededError")
      assert.match(
        error.message,
        /^The request to \S+ of \S+ needs 80\d\d tokens, \d\d for its prompt \(estimated\) and 8000 reserved/
      )
      assert.match(error.message, /Lower maxTokens to 39\d\d at most/)
    }))

  test("is that of the embeddings of the model too", () =>
    Effect.gen(function*() {
      const quota = Quota.tokens({ perMinute: 1_000 })
      const embeddings = yield* EmbeddingService.make({
        provider: "test.provider",
        defaultModel: "test-model",
        limits: () => Effect.succeed({ maxItems: 10, maxLength: 10_000 }),
        embedBatch: ({ inputs }) =>
          Effect.succeed({ vectors: inputs.map(() => Float32Array.of(1)), inputTokens: 900, requests: 1 }),
        policy: Policy.make({ quota })
      })
      yield* embeddings.embed("Hello")
      assert.deepStrictEqual(yield* balance(quota), { spent: 900, reserved: 0 })
      const service = yield* chat(quota)
      yield* settled(service.generate(hi))
      assert.isAtLeast(yield* Clock.currentTimeMillis, 60_000)
    }))
})

describe("QuotaGate", () => {
  const quota = Quota.tokens({ perMinute: 1_000 })
  const meter = { load: () => Effect.succeed({ inputTokens: 600, outputTokens: 0, counted: true }), outputBurndown: 1 }

  const reserve = (gate: QuotaGate.QuotaGate, meter: QuotaGate.Meter) =>
    Effect.uninterruptibleMask((restore) => gate.reserve(target, meter, restore))

  test("counts a call that went out late from its end, not from when its tokens were reserved", () =>
    Effect.gen(function*() {
      const gate = yield* QuotaGate.make(quota)
      const reservation = yield* reserve(gate, meter)
      yield* TestClock.adjust("30 seconds")
      yield* reservation.sent
      yield* TestClock.adjust("10 seconds")
      yield* reservation.settle({ inputTokens: 600, outputTokens: 0 })
      yield* TestClock.adjust("49 seconds")
      assert.deepStrictEqual(yield* balance(quota), { spent: 600, reserved: 0 })
    }))

  test("says how much of its fullest window is used, reserved and spent", () =>
    Effect.gen(function*() {
      const gate = yield* QuotaGate.make(Quota.tokens({ perMinute: 2_000, perDay: 2_400 }))
      assert.strictEqual(yield* gate.load(target), 0)
      const reservation = yield* reserve(gate, meter)
      assert.strictEqual(yield* gate.load(target), 600 / 2_000)
      yield* reservation.settle("unknown")
      yield* TestClock.adjust("2 minutes")
      yield* reserve(gate, meter)
      assert.strictEqual(yield* gate.load(target), 1_200 / 2_400)
    }))

  test("settles once", () =>
    Effect.gen(function*() {
      const gate = yield* QuotaGate.make(quota)
      const reservation = yield* reserve(gate, meter)
      yield* reservation.settle("unknown")
      yield* reservation.settle({ inputTokens: 300, outputTokens: 0 })
      yield* reservation.settle("refused")
      assert.deepStrictEqual(yield* balance(quota), { spent: 600, reserved: 0 })
    }))

  for (const wrong of [Number.NaN, -1, Infinity]) {
    test(`takes a count of ${wrong} tokens for none`, () =>
      Effect.gen(function*() {
        const gate = yield* QuotaGate.make(quota)
        for (const consumption of [{ inputTokens: wrong, outputTokens: 1 }, { inputTokens: 1, outputTokens: wrong }]) {
          const reservation = yield* reserve(gate, meter)
          yield* reservation.settle(consumption)
          assert.deepStrictEqual(yield* balance(quota), { spent: 600, reserved: 0 })
          yield* TestClock.adjust("1 minute")
        }
      }))
  }

  test("takes nothing for a prompt and an answer of no tokens", () =>
    Effect.gen(function*() {
      const gate = yield* QuotaGate.make(quota)
      const reservation = yield* reserve(gate, meter)
      yield* reservation.settle({ inputTokens: 0, outputTokens: 0 })
      assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 0 })
    }))

  const unasked = { ...meter, load: () => Effect.die("asked for tokens") }

  test("does not ask for tokens where only requests are limited", () =>
    Effect.gen(function*() {
      const gate = yield* QuotaGate.make(Quota.make({ requestsPerMinute: 2 }))
      yield* reserve(gate, unasked)
      assert.strictEqual(yield* gate.load(target), 1 / 2)
    }))

  test("does not ask for a key either where nothing is limited", () =>
    Effect.gen(function*() {
      const gate = yield* QuotaGate.make(Quota.tokens({ key: () => assert.fail("asked for a key") }))
      const reservation = yield* reserve(gate, unasked)
      yield* reservation.sent
      yield* reservation.settle("unknown")
    }))

  test("can be interrupted while it waits, where nothing else can", () =>
    Effect.gen(function*() {
      const gate = yield* QuotaGate.make(quota)
      yield* reserve(gate, meter)
      const waiting = yield* Effect.forkChild(
        reserve(gate, meter)
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 600 })
    }))

  test("takes from a burndown what came to light after the shortest window from then on", () =>
    Effect.gen(function*() {
      const gate = yield* QuotaGate.make(Quota.tokens({ perMinute: 1_000, perDay: 10_000 }))
      const load = { inputTokens: 100, outputTokens: 200, counted: true }
      const reservation = yield* reserve(gate, { load: () => Effect.succeed(load), outputBurndown: 5 })
      yield* TestClock.adjust("60 seconds")
      yield* reservation.settle({ inputTokens: 100, outputTokens: 100 })
      assert.deepStrictEqual(yield* balance(quota), { spent: 100 + 5 * 100 - 300, reserved: 0 })
    }))
})

describe("Quota.make", () => {
  it("puts tokens and requests of the same time in one window", () => {
    assert.deepStrictEqual(
      Quota.make({
        tokensPerMinute: 10,
        requestsPerMinute: 2,
        windows: [{ requests: 5, per: "1 hour" }, { requests: Infinity, per: "2 hours" }]
      }).windows,
      [
        { name: "minute", tokens: 10, requests: 2, window: Duration.minutes(1) },
        { name: "1h", requests: 5, window: Duration.hours(1) }
      ]
    )
  })
})

describe("Quota.tokens", () => {
  it("leaves out what is no limit", () => {
    const { outputBurndown, windows } = Quota.tokens({
      perMinute: Infinity,
      windows: [{ tokens: 5, per: "1 hour" }, { tokens: Infinity, per: "2 hours" }]
    })
    assert.deepStrictEqual(windows, [{ name: "1h", tokens: 5, window: Duration.hours(1) }])
    assert.isUndefined(outputBurndown)
  })
})

describe("QuotaForecast", () => {
  const tokens = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
  const Seen = Schema.Array(Schema.Struct({ estimated: tokens, real: tokens, maxTokens: tokens, output: tokens }))

  it.effect.prop(
    "sets aside no less than the provider and no more than maxTokens can take, whatever it has learned",
    [Seen, tokens, tokens],
    ([seen, inputTokens, outputTokens]) =>
      Effect.sync(() => {
        const forecast = QuotaForecast.make()
        for (const { estimated, maxTokens, output, real } of seen) {
          forecast.learn({ inputTokens: estimated, outputTokens: maxTokens }, {
            inputTokens: real,
            outputTokens: output
          })
        }
        const demand = forecast.demand({ inputTokens, outputTokens, counted: true }, 5)
        assert.isAtLeast(demand.amount, inputTokens + outputTokens)
        assert.isAtMost(demand.amount, inputTokens + 5 * outputTokens)
        const estimated = forecast.demand({ inputTokens, outputTokens }, 1)
        assert.isAtMost(estimated.least, Math.max(estimated.reserved, 1))
        assert.isAtMost(estimated.inputTokens, 6 * inputTokens)
      })
  )
})

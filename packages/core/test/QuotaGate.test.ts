import { assert, describe } from "@effect/vitest"
import * as Quota from "@strata/core/policy/Quota"
import * as Ledger from "@strata/core/state/Ledger"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { errors, failure, settled, target, timed } from "./ChatFixture.ts"
import { balance, enforce, keyOf, start, test, together, watchedLedger, type Work } from "./QuotaFixture.ts"

const quota = Quota.tokens({ perMinute: 1_000 })

describe("Quota", () => {
  test("sends what fits, and the rest when the window has room again", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforce({ quota })
      yield* together([1, 2, 3, 4, 5].map(() => call({ input: 300, maxTokens: 100, output: 100 })))
      assert.deepStrictEqual(times(), [0, 0, 60_000, 60_000, 120_000])
    }))

  test("keeps all its windows", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforce({
        quota: Quota.tokens({ perMinute: 1_000, windows: [{ tokens: 1_500, per: "1 hour" }] })
      })
      yield* together([1, 2, 3, 4].map(() => call({ input: 500 })))
      assert.deepStrictEqual(times(), [0, 0, 60_000, 3_600_000])
    }))

  test("releases at once what an answer did not use", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforce({ quota })
      yield* together([
        call({ input: 100, maxTokens: 700, output: 50, takes: 5_030 }),
        call({ input: 100, maxTokens: 700, output: 50 })
      ])
      assert.deepStrictEqual(times(), [0, 5_030])
      assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 0 })
    }))

  test("takes nothing for a call that was refused, and the prompt of one that ended without a count", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforce({ quota })
      yield* settled(Effect.exit(call({ input: 900, maxTokens: 100, fails: errors.RateLimitError })), 0)
      assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 0 })
      yield* settled(Effect.exit(call({ input: 900, maxTokens: 100, fails: errors.ConnectionError })), 0)
      assert.deepStrictEqual(yield* balance(quota), { spent: 900, reserved: 0 })
      assert.deepStrictEqual(times(), [0, 0])
    }))

  test("takes the prompt of a call that was interrupted", () =>
    Effect.gen(function*() {
      const { call } = yield* enforce({ quota })
      const fiber = yield* start(call({ input: 600, maxTokens: 100, takes: "1 hour" }))
      assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 700 })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* balance(quota), { spent: 600, reserved: 0 })
    }))

  test("lets no smaller call overtake", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      yield* together([
        call({ name: "first", input: 600 }),
        call({ name: "large", input: 900 }),
        call({ name: "small", input: 10 }),
        call({ name: "smaller", input: 5 })
      ])
      assert.deepStrictEqual(sent, [["first", 0], ["large", 60_000], ["small", 60_000], ["smaller", 60_000]])
    }))

  test("keeps the order of arrival in a queue of a hundred", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      const names = Array.from({ length: 100 }, (_, index) => `${index}`)
      yield* together(names.map((name, index) => call({ name, input: 20 + index * 7 % 300, takes: index })))
      assert.deepStrictEqual(sent.map(([name]) => name), names)
    }))

  test("leaves nothing of a wait that is interrupted: at the head of the queue, further back, or last", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      yield* call({ name: "sent", input: 700 })
      const waiting = yield* Effect.forEach(["a", "b", "c", "d"], (name) => start(call({ name, input: 400 })))
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.interrupt(waiting[2]!)
      yield* Fiber.interrupt(waiting[0]!)
      yield* Fiber.interrupt(waiting[3]!)
      assert.deepStrictEqual(yield* balance(quota), { spent: 700, reserved: 0 })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(sent, [["sent", 0], ["b", 60_000]])
      const ledger = yield* Ledger.Ledger
      const limits = [{ name: "minute", unit: "tokens" as const, amount: 1_000, window: Duration.minutes(1) }]
      const other = {
        key: keyOf(),
        id: "of another process",
        amounts: { tokens: 600 },
        limits,
        lease: Duration.minutes(1)
      }
      assert.strictEqual((yield* ledger.reserve(other))._tag, "granted")
    }))

  test("waits no longer than the deadline", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota, timeouts: { deadline: "20 seconds" } })
      yield* call({ input: 1_000 })
      const { exit, millis } = yield* timed(Effect.flip(call({ input: 1_000 })), "30 seconds")
      assert.deepInclude(yield* exit, { _tag: "TimeoutError", phase: "deadline" })
      assert.strictEqual(millis, 20_000)
      assert.strictEqual(sent.length, 1)
      assert.deepStrictEqual(yield* balance(quota), { spent: 1_000, reserved: 0 })
    }))

  test("gives tokens back that were not used for want of a permit", () =>
    Effect.gen(function*() {
      const { call } = yield* enforce({ quota, concurrency: 1 })
      const running = yield* start(call({ input: 100, takes: "1 hour" }))
      const waiting = yield* start(call({ input: 100 }))
      assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 200 })
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 100 })
      yield* Fiber.interrupt(running)
    }))

  test("refuses at once what no window can hold, and says which part is too much", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      yield* call({ input: 1_000 })
      const answer = yield* failure(call({ input: 300, maxTokens: 800 }), 0)
      assert.strictEqual(answer._tag, "QuotaExceededError")
      assert.strictEqual(
        answer.message,
        "The request to test-model of test.provider needs 1100 tokens, 300 for its prompt and 800 reserved for its answer (maxTokens), and the quota " +
          "is 1000 in 1m. Nothing was sent. Lower maxTokens to 700 at most, or use a larger quota."
      )
      const prompt = yield* failure(call({ input: 2_000, maxTokens: 1 }), 0)
      assert.include(prompt.message, "Shorten the prompt, or use a larger quota.")
      const estimated = yield* failure(call({ input: 2_000, estimate: 2_000, maxTokens: 1 }), 0)
      assert.include(estimated.message, "2000 for its prompt (estimated)")
      const nearly = yield* failure(call({ input: 999, maxTokens: 2 }), 0)
      assert.include(nearly.message, "Lower maxTokens to 1 at most")
      assert.strictEqual(sent.length, 1)
    }))

  test("names the smallest of its windows where a call is too large", () =>
    Effect.gen(function*() {
      const windows = [{ tokens: 500, per: "1 hour" }, { tokens: 800, per: "2 hours" }] as const
      const { call } = yield* enforce({ quota: Quota.tokens({ perMinute: 1_000, windows }) })
      const { message } = yield* failure(call({ input: 600 }), 0)
      assert.include(message, "the quota is 500 in 1h.")
    }))

  test("keeps no call waiting that draws no tokens", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      yield* together([
        call({ name: "first", input: 1_000 }),
        call({ name: "waits", input: 1_000 }),
        call({ name: "free", input: 0 })
      ])
      assert.deepStrictEqual(sent, [["first", 0], ["free", 0], ["waits", 60_000]])
    }))

  test("sends what may fit when the estimate is too high, and holds everything for it", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforce({ quota })
      yield* together([call({ input: 800, estimate: 1_100, maxTokens: 100, takes: 7 }), call({ input: 1, takes: 7 })])
      assert.deepStrictEqual(times(), [0, 7])
    }))

  test("is one for all operations and services of a process", () =>
    Effect.gen(function*() {
      const chat = yield* enforce({ quota })
      const embeddings = yield* enforce({ quota })
      const embed = { ...target, operation: "embeddings" as const }
      yield* together([chat.call({ input: 900 }), embeddings.call({ input: 900, target: embed })])
      assert.deepStrictEqual([chat.times(), embeddings.times()], [[0], [60_000]])
    }))

  test("is another for each model, region and account", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforce({ quota })
      const other = yield* enforce({ quota: Quota.tokens({ perMinute: 1_000, scope: "another account" }) })
      yield* together([
        call({ input: 900 }),
        call({ input: 900, target: { ...target, model: "another-model" } }),
        call({ input: 900, target: { ...target, scope: "eu-west-1" } }),
        other.call({ input: 900 })
      ])
      assert.deepStrictEqual([...times(), ...other.times()], [0, 0, 0, 0])
    }))

  test("costs nothing when there is none", () =>
    Effect.gen(function*() {
      const { service, watch } = yield* watchedLedger
      for (const none of [undefined, Quota.tokens({}), Quota.tokens({ perMinute: Infinity })]) {
        const { call } = yield* Effect.provideService(enforce({ quota: none }), Ledger.Ledger, service)
        yield* call({ input: 1e9, maxTokens: 1e9 })
      }
      assert.deepStrictEqual(watch, { reserve: 0, settle: 0, leave: 0, renew: 0, balances: 0, broken: false })
    }))
})

describe("Quota with a burndown", () => {
  const answered = (output: number): Work => ({ input: 100, maxTokens: 500, output, burndown: 5 })

  test("sets half of maxTokens aside before it knows better, and takes the output, each several times over", () =>
    Effect.gen(function*() {
      const ample = Quota.tokens({ perMinute: 10_000 })
      const { call } = yield* enforce({ quota: ample })
      const fiber = yield* start(call({ ...answered(200), takes: "1 second" }))
      assert.deepStrictEqual(yield* balance(ample), { spent: 0, reserved: 100 + 5 * 250 })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* balance(ample), { spent: 100 + 5 * 200, reserved: 0 })
    }))

  test("sets no less aside than the provider does, however short the answers are", () =>
    Effect.gen(function*() {
      const ample = Quota.tokens({ perMinute: 10_000 })
      const { call } = yield* enforce({ quota: ample })
      for (let calls = 0; calls < 10; calls++) yield* call(answered(1))
      yield* start(call({ ...answered(1), takes: "1 second" }))
      assert.strictEqual((yield* balance(ample)).reserved, 100 + 500)
    }))

  test("learns how long answers are, and reserves what they will use", () =>
    Effect.gen(function*() {
      const ample = Quota.tokens({ perMinute: 1_000_000 })
      const { call } = yield* enforce({ quota: ample })
      for (let calls = 0; calls < 30; calls++) yield* call(answered(200))
      const { spent } = yield* balance(ample)
      assert.strictEqual(spent, 30 * 1_100)
      const fiber = yield* start(call({ ...answered(200), takes: "1 second" }))
      const { reserved } = yield* balance(ample)
      assert.isAtLeast(reserved!, 100 + 5 * 200)
      assert.isAtMost(reserved!, 100 + 5 * 220)
      yield* Fiber.interrupt(fiber)
    }))

  test("learns for queued calls too", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforce({ quota })
      const short = { input: 10, maxTokens: 390, output: 1, burndown: 5 }
      yield* together([1, 2, 3, 4].map(() => call({ ...short, takes: "20 seconds" })))
      // 985 are reserved for the first and, as it has begun to wait for them, for the next; 400 for each of the others.
      assert.deepStrictEqual(times(), [0, 20_000, 40_000, 40_000])
    }))

  test("never expects an answer longer than maxTokens", () =>
    Effect.gen(function*() {
      const ample = Quota.tokens({ perMinute: 1_000_000 })
      const { call } = yield* enforce({ quota: ample })
      yield* call(answered(500))
      yield* start(call({ ...answered(0), maxTokens: 50, takes: "1 second" }))
      assert.strictEqual((yield* balance(ample)).reserved, 100 + 5 * 50)
    }))

  test("goes by its own figure before that of the provider", () =>
    Effect.gen(function*() {
      const own = Quota.tokens({ perMinute: 10_000, outputBurndown: 2 })
      const { call } = yield* enforce({ quota: own })
      yield* call(answered(200))
      assert.strictEqual((yield* balance(own)).spent, 100 + 2 * 200)
    }))

  test("enters what was more than expected when it is known, and waits it off", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforce({ quota })
      yield* TestClock.adjust("50 seconds")
      yield* together([
        call({ input: 100, maxTokens: 360, output: 360, burndown: 5, takes: "20 seconds" }),
        Effect.delay(call({ input: 100 }), "30 seconds"),
        Effect.delay(call({ input: 600 }), "30 seconds")
      ])
      // 1,000 were reserved at the beginning, 900 more came to light after 20 seconds.
      assert.deepStrictEqual(times(), [50_000, 110_000, 130_000])
    }))
})

describe("Quota with estimates", () => {
  const ample = Quota.tokens({ perMinute: 10_000_000 })
  const reservedFor = (call: (work: Work) => Effect.Effect<unknown, unknown>, work: Work) =>
    Effect.gen(function*() {
      const before = yield* balance(ample)
      const fiber = yield* start(call({ ...work, takes: "1 second" }))
      const { reserved } = yield* balance(ample)
      yield* Fiber.interrupt(fiber)
      return reserved! - before.reserved!
    })

  test("learn how much too high they are, and stay on the safe side", () =>
    Effect.gen(function*() {
      const { call } = yield* enforce({ quota: ample })
      const work = { input: 7_000, estimate: 10_000 }
      assert.strictEqual(yield* reservedFor(call, work), 10_000)
      for (let calls = 0; calls < 50; calls++) yield* call(work)
      const learned = yield* reservedFor(call, work)
      assert.isAtLeast(learned, 7_000)
      assert.isAtMost(learned, 8_300)
    }))

  test("rise at once when they were too low", () =>
    Effect.gen(function*() {
      const { call } = yield* enforce({ quota: ample })
      for (let calls = 0; calls < 50; calls++) yield* call({ input: 7_000, estimate: 10_000 })
      yield* call({ input: 15_000, estimate: 10_000 })
      assert.isAtLeast(yield* reservedFor(call, { input: 1, estimate: 10_000 }), 15_000)
    }))

  test("are not misled by what came from a cache", () =>
    Effect.gen(function*() {
      const { call } = yield* enforce({ quota: ample })
      for (let calls = 0; calls < 50; calls++) yield* call({ input: 9_000, cached: 8_500, estimate: 10_000 })
      assert.strictEqual((yield* balance(ample)).spent, 50 * 500)
      assert.isAtLeast(yield* reservedFor(call, { input: 1, estimate: 10_000 }), 9_000)
    }))

  test("are not used where the provider counted", () =>
    Effect.gen(function*() {
      const { call } = yield* enforce({ quota: ample })
      for (let calls = 0; calls < 50; calls++) yield* call({ input: 7_000, estimate: 10_000 })
      assert.strictEqual(yield* reservedFor(call, { input: 10_000 }), 10_000)
    }))
})

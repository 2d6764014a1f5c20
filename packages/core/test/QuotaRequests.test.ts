import { assert, describe, it } from "@effect/vitest"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Policy from "@strata/core/policy/Policy"
import * as Quota from "@strata/core/policy/Quota"
import * as Ledger from "@strata/core/state/Ledger"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { errors, settled, watched } from "./ChatFixture.ts"
import { enforce, keyOf, shown, start, test, together } from "./QuotaFixture.ts"

const quota = Quota.make({ requestsPerMinute: 3 })

/** The requests on the ledger, spent and reserved. */
const requests = Effect.flatMap(Ledger.Ledger, (ledger) =>
  Effect.map(
    Effect.orDie(ledger.balances(keyOf(), [
      { name: "minute", unit: "requests", amount: 3, window: Duration.minutes(1) }
    ])),
    ([balance]) => [balance?.spent, balance?.reserved]
  ))

describe("Quota of requests", () => {
  test("sends so many in any minute, and the others in order of arrival", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      yield* together(["a", "b", "c", "d", "e", "f", "g"].map((name) => call({ name, input: 1e9 })))
      assert.deepStrictEqual(sent, [
        ["a", 0],
        ["b", 0],
        ["c", 0],
        ["d", 60_000],
        ["e", 60_000],
        ["f", 60_000],
        ["g", 120_000]
      ])
    }))

  test("stands beside a quota of tokens: a call needs room in both", () =>
    Effect.gen(function*() {
      const both = Quota.make({ tokensPerMinute: 1_000, requestsPerMinute: 3 })
      const { call, times } = yield* enforce({ quota: both })
      yield* together([600, 300, 300, 1, 1].map((input) => call({ input })))
      assert.deepStrictEqual(times(), [0, 0, 60_000, 60_000, 60_000])
    }))

  test("counts a request that was sent, however it ended", () =>
    Effect.gen(function*() {
      const { call } = yield* enforce({ quota })
      yield* settled(call({ input: 1 }), 0)
      yield* settled(Effect.exit(call({ input: 1, fails: errors.RateLimitError })), 0)
      const fiber = yield* start(call({ input: 1, takes: "1 hour" }))
      assert.deepStrictEqual(yield* requests, [2, 1])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* requests, [3, 0])
    }))

  test("gives a request back that was not sent", () =>
    Effect.gen(function*() {
      const { call } = yield* enforce({ quota, concurrency: 1 })
      yield* start(call({ input: 1, takes: "1 hour" }))
      const waiting = yield* start(call({ input: 1 }))
      assert.deepStrictEqual(yield* requests, [0, 2])
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(yield* requests, [0, 1])
    }))

  test("counts a request from when it was sent, not from when it ended", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforce({ quota })
      const slow = { input: 1, takes: "50 seconds" as const }
      yield* together([call(slow), call(slow), call(slow), call(slow)])
      assert.deepStrictEqual(times(), [0, 0, 0, 60_000])
    }))

  test("counts a request that waited for a permit from its end", () =>
    Effect.gen(function*() {
      const { call } = yield* enforce({ quota, concurrency: 1 })
      yield* start(call({ input: 1, takes: "50 seconds" }))
      yield* start(call({ input: 1, takes: "5 seconds" }))
      yield* TestClock.adjust("110 seconds")
      assert.deepStrictEqual(yield* requests, [1, 0])
    }))

  test("shows what is on it", () =>
    watched(() =>
      Effect.gen(function*() {
        const { call } = yield* enforce({ quota })
        yield* start(call({ input: 1, takes: "10 seconds" }))
        assert.deepStrictEqual(yield* shown({ "strata.quota.unit": "requests" }), { spent: 0, reserved: 1, limit: 3 })
      })
    ))
})

describe("an embedding job under a quota of requests", () => {
  it.effect("waits, and loses nothing", () =>
    Effect.gen(function*() {
      const sent: Array<number> = []
      const service = yield* EmbeddingService.make({
        provider: "test",
        defaultModel: "model",
        policy: Policy.make({ quota: Quota.make({ requestsPerMinute: 10 }) }),
        limits: () => Effect.succeed({ maxItems: 2, maxLength: Infinity }),
        embedBatch: ({ inputs }) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            sent.push(now)
            return { vectors: inputs.map(() => Float32Array.of(1, 0)), inputTokens: inputs.length }
          })
      })
      const texts = Array.from({ length: 200 }, (_, index) => `text ${index}`)
      const fiber = yield* Effect.forkChild(service.embedMany(texts))
      for (let minutes = 0; minutes < 12; minutes++) yield* TestClock.adjust("1 minute")
      const { embeddings, requests } = yield* Fiber.join(fiber)
      assert.strictEqual(embeddings.length, 200)
      assert.strictEqual(requests, 100)
      for (const start of sent) {
        assert.isAtMost(sent.filter((at) => at >= start && at < start + 60_000).length, 10)
      }
      assert.isAtMost(sent.at(-1)!, 10 * 61_000)
    }).pipe(Effect.provide(Ledger.layerMemory)))
})

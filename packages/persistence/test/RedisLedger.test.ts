import { assert, describe, it } from "@effect/vitest"
import * as Ledger from "@strata/core/state/Ledger"
import { SharedState } from "@strata/persistence"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import { specification } from "../../core/test/support/LedgerProperties.ts"
import type { World } from "../../core/test/support/LedgerSpecification.ts"
import * as RedisLedger from "../src/redis/RedisLedger.ts"
import * as RedisServer from "./support/RedisServer.ts"

/** A clock in Redis that stands still, so that the tests are exact. */
const standingClock = "local now = 1.7e12 + tonumber(redis.call('GET', 'clock') or '0')"

const world = Effect.map(Redis.Redis, (redis): World => ({
  ledger: RedisLedger.make(redis, "test:", standingClock),
  advance: (millis) => Effect.orDie(redis.send("INCRBY", "clock", `${millis}`))
}))

const minute: Ledger.Limit = { name: "minute", unit: "tokens", amount: 100, window: Duration.minutes(1) }
const lease = Duration.seconds(10)

/** What Redis holds of a key. */
const keysOf = (key: string) =>
  Effect.flatMap(Redis.Redis, (redis) => redis.send<ReadonlyArray<string>>("KEYS", `*{ledger:${key}}*`))

RedisServer.suite("a ledger in Redis", (it) => {
  specification(it.effect, world, { runs: 15, greed: 10, forgets: true })

  it.effect("goes by the clock of the server", () =>
    Effect.gen(function*() {
      const { Ledger: ledger } = yield* shared("real:")
      const limits = [{ name: "blink", unit: "tokens" as const, amount: 10, window: Duration.millis(200) }]
      const ask = (id: string) => ledger.reserve({ key: "real time", id, amounts: { tokens: 10 }, limits, lease })
      assert.strictEqual((yield* ask("a"))._tag, "granted")
      yield* ledger.settle({ key: "real time", id: "a", amounts: { tokens: 10 }, limits })
      let decision = yield* ask("b")
      assert.strictEqual(decision._tag, "wait")
      for (let asked = 0; decision._tag === "wait" && asked < 5; asked++) {
        assert.isAtMost(Duration.toMillis(decision.retryAfter), 200)
        yield* Effect.sleep(decision.retryAfter)
        decision = yield* ask("b")
      }
      assert.strictEqual(decision._tag, "granted")
    }))

  it.effect("is one for all who share a prefix", () =>
    Effect.gen(function*() {
      const [one, other, apart] = yield* Effect.all([shared("shared:"), shared("shared:"), shared("apart:")])
      const settlement = { key: "shared", id: "a", amounts: { tokens: 7 }, limits: [minute] }
      yield* one.Ledger.settle(settlement)
      yield* apart.Ledger.settle({ ...settlement, amounts: { tokens: 1 } })
      assert.deepStrictEqual(yield* other.Ledger.balances("shared", [minute]), [
        { limit: "minute", spent: 7, reserved: 0 }
      ])
    }))

  it.effect("leaves keys that expire by themselves, all in one slot of a cluster", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const { ledger } = yield* world
      yield* ledger.reserve({
        key: "expires",
        id: "a",
        amounts: { tokens: 90 },
        limits: [minute],
        lease: Duration.minutes(5)
      })
      yield* ledger.reserve({ key: "expires", id: "b", amounts: { tokens: 90 }, limits: [minute], lease })
      const keys = yield* keysOf("expires")
      assert.strictEqual(keys.length, 7)
      for (const key of keys) {
        assert.isTrue(key.startsWith("test:{ledger:expires}:"))
        const left = yield* redis.send<number>("PTTL", key)
        assert.isTrue(left > 290_000 && left <= 301_000, `${key} has ${left} ms to live`)
      }
    }))

  it.effect("keeps what is spent in an infinite window", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const { ledger } = yield* world
      yield* ledger.settle({ key: "endless", id: "a", amounts: { tokens: 1 }, limits: [minute] })
      yield* ledger.settle({
        key: "endless",
        id: "a",
        amounts: { tokens: 1 },
        limits: [minute, { ...minute, window: Duration.infinity }]
      })
      assert.deepStrictEqual(yield* Effect.forEach(yield* keysOf("endless"), (key) => redis.send("PTTL", key)), [-1])
    }))

  it.effect("leaves nothing where nothing is", () =>
    Effect.gen(function*() {
      const { ledger } = yield* world
      const limits = [{ ...minute, window: Duration.infinity }]
      yield* ledger.reserve({ key: "empty", id: "a", amounts: { tokens: 100 }, limits, lease })
      yield* ledger.reserve({ key: "empty", id: "b", amounts: { tokens: 100 }, limits, lease })
      yield* ledger.settle({ key: "empty", id: "a", amounts: { tokens: 0 }, limits })
      yield* ledger.leave({ key: "empty", id: "b" })
      assert.deepStrictEqual(yield* keysOf("empty"), [])
    }))

  it.effect("remembers a thousand shares that do not wait, and none where nothing is", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const { advance, ledger } = yield* world
      const limits = [{ ...minute, amount: 1e9 }]
      const call = { key: "shares", amounts: { tokens: 5 }, limits, lease }
      for (let share = 0; share < 1_100; share++) {
        yield* ledger.reserve({ ...call, id: `${share}`, amounts: { tokens: 5000 - share }, share: `tenant ${share}` })
      }
      assert.strictEqual(yield* redis.send<number>("ZCARD", "test:{ledger:shares}:finished"), 1_000)
      yield* advance(10_000)
      yield* ledger.balances("shares", limits)
      assert.deepStrictEqual(yield* keysOf("shares"), [])
    }))

  it.effect("counts nothing that has expired", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const { ledger } = yield* world
      yield* ledger.settle({ key: "expired", id: "a", amounts: { tokens: 40 }, limits: [minute] })
      yield* ledger.reserve({ key: "expired", id: "b", amounts: { tokens: 60 }, limits: [minute], lease })
      yield* redis.send("DEL", "test:{ledger:expired}:held", "test:{ledger:expired}:held_until")
      assert.deepInclude((yield* ledger.balances("expired", [minute]))[0], { spent: 40, reserved: 0 })
    }))

  it.effect("stays small however much is spent", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const { advance, ledger } = yield* world
      const limits = [{ ...minute, amount: 1e9 }]
      for (let call = 0; call < 400; call++) {
        yield* ledger.settle({ key: "flat", id: `${call}`, amounts: { tokens: 1 }, limits })
        yield* advance(300)
      }
      assert.deepStrictEqual(yield* keysOf("flat"), ["test:{ledger:flat}:account"])
      assert.isAtMost(yield* redis.send<number>("HLEN", "test:{ledger:flat}:account"), 66)
    }))

  it.effect("survives that Redis forgets its scripts", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const { ledger } = yield* world
      yield* ledger.settle({ key: "forgotten", id: "a", amounts: { tokens: 1 }, limits: [minute] })
      yield* redis.send("SCRIPT", "FLUSH")
      yield* ledger.settle({ key: "forgotten", id: "b", amounts: { tokens: 1 }, limits: [minute] })
      assert.deepInclude((yield* ledger.balances("forgotten", [minute]))[0], { spent: 2 })
    }))

  it.effect("fails when the server is gone", () =>
    Effect.gen(function*() {
      const { ledger } = yield* world
      const server = yield* RedisServer.RedisServer
      yield* server.stop
      const error = yield* Effect.flip(ledger.balances("gone", [minute]))
      assert.strictEqual(error._tag, "LedgerError")
    }).pipe(Effect.provide(Layer.fresh(RedisServer.layer))))
})

const shared = (prefix: string) =>
  Effect.map(
    Layer.build(Layer.fresh(SharedState.layerRedis(RedisServer.connection, { prefix }))),
    (context) => ({ Ledger: Effect.runSync(Effect.provideContext(Ledger.Ledger, context)) })
  )

describe("a ledger whose Redis answers something else", () => {
  it.effect("fails", () =>
    Effect.gen(function*() {
      const odd: Redis.Redis["Service"] = {
        send: () => Effect.never,
        eval: () => () => Effect.succeed(["perhaps"]),
        subscribe: () => Effect.never,
        reserve: Effect.never
      }
      const ledger = RedisLedger.make(odd, "odd:")
      const error = yield* Effect.flip(
        ledger.reserve({ key: "key", id: "a", amounts: { tokens: 1 }, limits: [minute], lease })
      )
      assert.strictEqual(error._tag, "LedgerError")
    }))
})

import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { assert, describe, it } from "@effect/vitest"
import * as Quota from "@strata/core/policy/Quota"
import { SharedState } from "@strata/persistence"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { watched } from "../../core/test/ChatFixture.ts"
import { enforce } from "../../core/test/QuotaFixture.ts"
import * as RedisConnection from "../src/redis/RedisConnection.ts"

class ConfigError extends Schema.TaggedError<ConfigError>()("ConfigError", {}) {}

const down = new Redis.RedisError({ cause: new Error("connection refused") })

const pong: Redis.Redis["Service"] = {
  // The caller says what type the answer has.
  send: <A>() => Effect.succeed("PONG" as A),
  eval: () => () => Effect.never,
  subscribe: () => Effect.never,
  reserve: Effect.never
}

/** A layer of Redis that is what it is told to be, and counts how often it is built. */
const server = () => {
  const seen = { builds: 0, connect: Effect.succeed(pong) as Effect.Effect<Redis.Redis["Service"], Redis.RedisError> }
  const layer = Layer.effect(
    Redis.Redis,
    Effect.suspend(() => {
      seen.builds++
      return seen.connect
    })
  )
  return { seen, layer }
}

describe("a connection to Redis", () => {
  it.effect("is made when the program starts, once", () =>
    Effect.gen(function*() {
      const { layer, seen } = server()
      const redis = yield* RedisConnection.make(layer)
      assert.deepStrictEqual(yield* Effect.all([redis.send("PING"), redis.send("PING")]), ["PONG", "PONG"])
      assert.strictEqual(seen.builds, 1)
    }))

  it.effect("may come later: until then commands fail, and the first that finds a server makes it", () =>
    Effect.gen(function*() {
      const { layer, seen } = server()
      for (const connect of [Effect.fail(down), Effect.die(new Error("bug"))]) {
        seen.connect = connect
        const redis = yield* RedisConnection.make(layer)
        assert.strictEqual((yield* Effect.flip(redis.send("PING")))._tag, "RedisError")
        seen.connect = Effect.succeed(pong)
        const { builds } = seen
        const both = yield* Effect.all([redis.send("PING"), redis.send("PING")], { concurrency: 2 })
        assert.deepStrictEqual(both, ["PONG", "PONG"])
        assert.strictEqual(seen.builds, builds + 1)
      }
    }))

  it.effect("holds a program up for a second at most", () =>
    Effect.gen(function*() {
      const { layer, seen } = server()
      seen.connect = Effect.delay(Effect.succeed(pong), "10 seconds")
      const fiber = yield* Effect.forkChild(RedisConnection.make(layer))
      yield* TestClock.adjust("1 second")
      const redis = yield* Fiber.join(fiber)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* redis.send("PING"), "PONG")
      assert.strictEqual(seen.builds, 1)
    }))

  it.effect("fails where the layer cannot be right", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(RedisConnection.make(Layer.effect(Redis.Redis, Effect.fail(new ConfigError()))))
      assert.strictEqual(error._tag, "ConfigError")
      const other = yield* Effect.flip(RedisConnection.make(Layer.empty))
      assert.strictEqual(other._tag, "InvalidRequestError")
      assert.include(other.message, "connection: ")
    }))
})

describe("SharedState without a server", () => {
  it.live(
    "lets a program start and work, with one warning for what it lost",
    () =>
      watched(({ logs }) =>
        Effect.gen(function*() {
          // Nothing listens on port 1.
          const connection = NodeRedis.layer({ url: "redis://127.0.0.1:1", disableOfflineQueue: true })
          const shared = yield* Layer.build(SharedState.layerRedis(connection))
          const { call, times } = yield* enforce({ quota: Quota.tokens({ perMinute: 1_000 }) }).pipe(
            Effect.provideContext(Context.merge(yield* Effect.context(), shared))
          )
          for (let calls = 0; calls < 3; calls++) yield* call({ input: 10 })
          assert.strictEqual(times().length, 3)
          assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
          assert.include(String(logs[0]?.message), "The ledger of quotas and budgets cannot be reached")
        })
      ),
    10_000
  )
})

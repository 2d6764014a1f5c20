import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import { between } from "../../core/test/PermitsFixture.ts"
import { contract } from "../../core/test/support/LimitsSpecification.ts"
import * as RedisLimits from "../src/redis/RedisLimits.ts"
import * as RedisServer from "./support/RedisServer.ts"

RedisServer.suite("AdaptiveLimits in Redis", (it) => {
  const limitsIn = (prefix: string) => Effect.map(Redis.Redis, (redis) => RedisLimits.make(redis, prefix))

  it.effect("keeps a limit and its epoch under each key", () =>
    Effect.flatMap(limitsIn("contract:"), (limits) => contract(limits, "a")))

  it.effect("is common to all that use it, and forgets a key in an hour", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* limitsIn("shared:"), yield* limitsIn("shared:")]
      const decreases = [one, other, one, other].map((limits) => limits.decrease("k", between, 0, 1))
      yield* Effect.all(decreases, { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* other.read("k", between), { limit: 2, epoch: 1 })
      const redis = yield* Redis.Redis
      const ttl = yield* Effect.flatMap(
        redis.send("PTTL", "shared:concurrency:k"),
        Schema.decodeUnknownEffect(Schema.Finite)
      )
      assert.isTrue(ttl > 3_500_000 && ttl <= 3_600_000)
    }))
})

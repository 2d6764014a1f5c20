import { assert, describe } from "@effect/vitest"
import * as EmbeddingCache from "@strata/core/embedding/EmbeddingCache"
import * as Budget from "@strata/core/policy/Budget"
import { EmbeddingCachePersistence, RedisCluster, SharedState } from "@strata/persistence"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Persistence from "effect/persistence/Persistence"
import * as Schedule from "effect/Schedule"
import { createCluster } from "redis"
import * as BudgetFixture from "../../core/test/BudgetFixture.ts"
import { watched } from "../../core/test/ChatFixture.ts"
import * as Deployment from "./support/Deployment.ts"
import * as RedisServer from "./support/RedisServer.ts"
import * as Sharing from "./support/Sharing.ts"

const { connection, deployment, folder } = Deployment
const { command } = RedisServer

/** A node of a cluster, with a range of the 16,384 slots. */
const clusterNode = Effect.fnUntraced(function*(first: number, last: number) {
  const bus = yield* RedisServer.freePort
  const options = ["--cluster-enabled", "yes", "--dir", yield* folder, "--cluster-port", `${bus}`]
  const { port, url } = yield* RedisServer.start(options)
  yield* command(url, "CLUSTER", "ADDSLOTSRANGE", `${first}`, `${last}`)
  return { bus, port, url }
})

const isReady = (url: string) =>
  Effect.repeat(command<string>(url, "CLUSTER", "INFO"), {
    until: (info) => info.includes("cluster_state:ok"),
    times: 500,
    schedule: Schedule.spaced("20 millis")
  })

describe("SharedState.layerRedis", () => {
  deployment(
    "shares everything on a cluster behind one address",
    Effect.gen(function*() {
      const { url } = yield* clusterNode(0, 16_383)
      yield* isReady(url)
      yield* Sharing.assertShared(SharedState.layerRedis(connection({ url })), true)
      yield* Sharing.assertShared(SharedState.layerRedis(connection({ url }), { prefix: "a{b:" }), true)
      const store = EmbeddingCachePersistence.layerPersistence().pipe(
        Layer.provide(Persistence.layerBackingRedis),
        Layer.provide(connection({ url }))
      )
      const entries = ["a", "b", "c"].map((key, index) => [key, Uint8Array.of(index)] as const)
      const values = Effect.flatMap(
        EmbeddingCache.EmbeddingCache,
        ({ getMany, setMany }) => Effect.andThen(setMany(entries, Duration.minutes(1)), getMany(["c", "d", "a", "b"]))
      )
      assert.deepStrictEqual(
        yield* Effect.provide(values, store),
        [entries[2]![1], undefined, entries[0]![1], entries[1]![1]]
      )
    })
  )

  deployment(
    "shares everything on a cluster of three nodes",
    Effect.gen(function*() {
      const nodes = yield* Effect.all(
        [clusterNode(0, 5_460), clusterNode(5_461, 10_922), clusterNode(10_923, 16_383)],
        { concurrency: "unbounded" }
      )
      const [{ url }, ...others] = nodes
      for (const { bus, port } of others) yield* command(url, "CLUSTER", "MEET", "127.0.0.1", `${port}`, `${bus}`)
      for (const { url } of nodes) yield* isReady(url)
      const cluster = RedisCluster.layerNodeRedis(() => createCluster({ rootNodes: [{ url }] }))
      const one = Layer.succeedContext(yield* Layer.build(cluster))
      yield* Sharing.assertShared(SharedState.layerRedis(one), true)
      for (const { url } of nodes) assert.isAbove(yield* command<number>(url, "DBSIZE"), 0)
      // A replica that takes over does not know the scripts.
      for (const { url } of nodes) yield* command(url, "SCRIPT", "FLUSH")
      yield* Sharing.assertShared(SharedState.layerRedis(one, { prefix: "other:" }), true)
    })
  )

  deployment(
    "shares from the moment a server is there, and lets the program start without",
    watched((seen) =>
      Effect.gen(function*() {
        const port = yield* RedisServer.freePort
        const url = `redis://127.0.0.1:${port}`
        const shared = () => Layer.fresh(SharedState.layerRedis(connection({ url })))
        const budget = Budget.make({ name: "budget", perDay: 100 })
        const { service } = yield* Effect.provide(BudgetFixture.make(budget), yield* Layer.build(shared()))
        yield* service.generate(BudgetFixture.request({ inputTokens: 30, outputTokens: 100 }))
        assert.isNotEmpty(Sharing.outages(seen))
        yield* RedisServer.start([], port)
        yield* Effect.repeat(Effect.provide(Budget.spent(budget), yield* Layer.build(shared())), {
          until: ({ day }) => day !== undefined && BudgetFixture.rounded(day.spent) === 0.23,
          times: 100,
          schedule: Schedule.spaced("100 millis")
        })
      })
    )
  )
})

import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingCache from "@strata/core/embedding/EmbeddingCache"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Budget from "@strata/core/policy/Budget"
import * as Ledger from "@strata/core/state/Ledger"
import { SelfSigned } from "@strata/emulator"
import { EmbeddingCachePersistence, RedisCluster, SharedState } from "@strata/persistence"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Persistence from "effect/persistence/Persistence"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { inspect } from "node:util"
import { createCluster } from "redis"
import * as BudgetFixture from "../../core/test/BudgetFixture.ts"
import { watched } from "../../core/test/ChatFixture.ts"
import * as RedisServer from "./support/RedisServer.ts"
import * as Sharing from "./support/Sharing.ts"

const { command } = RedisServer

const connection = (options: NonNullable<Parameters<typeof NodeRedis.layer>[0]>): Sharing.Connection =>
  NodeRedis.layer({ disableOfflineQueue: true, ...options })

const folder = Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped())

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

const deployment = (
  name: string,
  test: Effect.Effect<void, unknown, Scope.Scope | FileSystem.FileSystem>
) => it.live.skipIf(!RedisServer.isInstalled)(name, () => test.pipe(Effect.provide(NodeServices.layer)), 60_000)

if (!RedisServer.isInstalled) console.warn("Skipped, for want of a redis-server: deployments of Redis")

describe("SharedState.layerRedis", () => {
  deployment(
    "shares everything on one server",
    Effect.gen(function*() {
      const { url } = yield* RedisServer.start()
      yield* Sharing.assertShared(connection({ url }))
    })
  )

  deployment(
    "shares everything on a cluster behind one address",
    Effect.gen(function*() {
      const { url } = yield* clusterNode(0, 16_383)
      yield* isReady(url)
      yield* Sharing.assertShared(connection({ url }))
      yield* Sharing.assertShared(connection({ url }), { prefix: "a{b:" })
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
      yield* Sharing.assertShared(one)
      for (const { url } of nodes) assert.isAbove(yield* command<number>(url, "DBSIZE"), 0)
      // A replica that takes over does not know the scripts.
      for (const { url } of nodes) yield* command(url, "SCRIPT", "FLUSH")
      yield* Sharing.assertShared(one, { prefix: "other:" })
    })
  )

  deployment(
    "shares everything as a user who may touch its keys only",
    Effect.gen(function*() {
      const { port, url } = yield* RedisServer.start()
      const least = "-@all +@read +@write +@connection +evalsha +script|load +time -@dangerous"
      for (const [name, commands] of [["all", "+@all -@dangerous"], ["least", least]] as const) {
        const user = ["reset", "on", ">pass word", `~${name}:*`, ...commands.split(" ")]
        yield* command(url, "ACL", "SETUSER", name, ...user)
        const app = connection({ url: `redis://${name}:pass%20word@127.0.0.1:${port}` })
        yield* Sharing.assertShared(app, { prefix: `${name}:` })
      }
      const keys = yield* command<ReadonlyArray<string>>(url, "KEYS", "*")
      assert.deepStrictEqual(keys.filter((key) => !/^(all|least):/.test(key)), [])
      assert.deepStrictEqual(yield* command(url, "ACL", "LOG"), [])
    })
  )

  deployment(
    "shares everything over TLS, with a password",
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const path = yield* folder
      const { authority, certificate, key } = yield* SelfSigned.make(["127.0.0.1"])
      yield* files.writeFileString(`${path}/certificate`, certificate)
      yield* files.writeFileString(`${path}/key`, Redacted.value(key))
      const port = yield* RedisServer.freePort
      const tls = `--port 0 --tls-port ${port} --tls-auth-clients no --requirepass secret --tls-key-file ${path}/key ` +
        `--tls-cert-file ${path}/certificate --tls-ca-cert-file ${path}/certificate`
      yield* RedisServer.start(tls.split(" "), port)
      const url = `rediss://default:secret@127.0.0.1:${port}`
      yield* Sharing.assertShared(connection({ url, socket: { tls: true, ca: authority } }))
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

  deployment(
    "goes on with a replica that takes over",
    watched(() =>
      Effect.gen(function*() {
        const primary = yield* RedisServer.start(["--repl-diskless-sync-delay", "0"])
        const replica = yield* RedisServer.start(["--replicaof", "127.0.0.1", `${primary.port}`])
        yield* Effect.repeat(command<string>(replica.url, "INFO", "replication"), {
          until: (info) => info.includes("master_link_status:up"),
          times: 500,
          schedule: Schedule.spaced("20 millis")
        })
        const limits = [{ name: "day", unit: "tokens" as const, amount: 100, window: Duration.days(1) }]
        const one = yield* Layer.build(SharedState.layerRedis(connection({ url: primary.url })))
        const spent = { key: "k", id: "a", amounts: { tokens: 7 }, limits }
        yield* Effect.provideContext(Effect.flatMap(Ledger.Ledger, ({ settle }) => settle(spent)), one)
        yield* command(primary.url, "WAIT", "1", "5000")
        yield* primary.stop
        yield* command(replica.url, "REPLICAOF", "NO", "ONE")
        const other = yield* Layer.build(Layer.fresh(SharedState.layerRedis(connection({ url: replica.url }))))
        const [balance] = yield* Effect.provideContext(
          Effect.flatMap(Ledger.Ledger, ({ balances }) => balances("k", limits)),
          other
        )
        assert.strictEqual(balance?.spent, 7)
        yield* Sharing.assertShared(connection({ url: replica.url }), { prefix: "after:" })
      })
    )
  )

  const nowhere = "redis://user:hunter2@127.0.0.1:1"
  it.live.each(
    [
      ["server", connection({ url: nowhere })],
      ["cluster", RedisCluster.layerNodeRedis(() => createCluster({ rootNodes: [{ url: nowhere }] }))]
    ] as const
  )(
    "goes on alone without a %s, and tells nobody its password",
    ([, connection]) => assertDiscreet(connection)
  )

  it.live.each(["redis://user:hunter2@localhost:port", "redis://user:hunter2/?#@localhost:6379"])(
    "tells nobody the password: a URL that is none, %#",
    (url) =>
      Effect.gen(function*() {
        const layers = [connection({ url }), RedisCluster.layerNodeRedis(() => createCluster({ rootNodes: [{ url }] }))]
        for (const layer of layers) {
          const error = yield* Effect.flip(Sharing.process(layer))
          assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "connection")
          assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), "hunter2")
        }
      })
  )

  deployment(
    "tells nobody the password: a password that is wrong",
    Effect.gen(function*() {
      const { port } = yield* RedisServer.start(["--requirepass", "secret"])
      yield* assertDiscreet(connection({ url: `redis://default:hunter2@127.0.0.1:${port}` }))
    })
  )
})

/** A program without the server neither logs the password nor fails with it. */
const assertDiscreet = (connection: Sharing.Connection) =>
  Effect.gen(function*() {
    const seen: Array<string> = []
    const see = (given: unknown) => void seen.push(inspect(given, { depth: Infinity, showHidden: true }))
    const logger = Logger.make<unknown, void>(({ cause, message }) => see([cause, message]))
    const exit = yield* Effect.exit(
      Effect.gen(function*() {
        const one = yield* Sharing.process(connection)
        yield* Effect.provideContext(ChatService.text("Why?"), one)
        yield* Effect.provideContext(EmbeddingService.embed("Why?"), one)
        yield* Effect.flatMap(Ledger.Ledger, ({ balances }) => balances("k", [])).pipe(Effect.provideContext(one))
      })
    ).pipe(Effect.provideService(Logger.CurrentLoggers, new Set([logger])))
    see(exit)
    assert.isAtLeast(seen.length, 2)
    assert.notInclude(seen.join("\n"), "hunter2")
  })

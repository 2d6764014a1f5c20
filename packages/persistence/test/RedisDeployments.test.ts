import { assert, describe, it } from "@effect/vitest"
import * as Ledger from "@strata/core/state/Ledger"
import { SelfSigned } from "@strata/emulator"
import { RedisCluster, SharedState } from "@strata/persistence"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { inspect } from "node:util"
import { createCluster } from "redis"
import { watched } from "../../core/test/ChatFixture.ts"
import * as Deployment from "./support/Deployment.ts"
import * as RedisServer from "./support/RedisServer.ts"
import * as Sharing from "./support/Sharing.ts"

const { connection, deployment, folder } = Deployment
const { command } = RedisServer

describe("SharedState.layerRedis", () => {
  deployment(
    "shares everything on one server",
    Effect.gen(function*() {
      const { url } = yield* RedisServer.start()
      yield* Sharing.assertShared(SharedState.layerRedis(connection({ url })), true)
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
        yield* Sharing.assertShared(SharedState.layerRedis(app, { prefix: `${name}:` }), true)
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
      yield* Sharing.assertShared(
        SharedState.layerRedis(connection({ url, socket: { tls: true, ca: authority } })),
        true
      )
    })
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
        yield* Sharing.assertShared(
          SharedState.layerRedis(connection({ url: replica.url }), { prefix: "after:" }),
          true
        )
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
    ([, connection]) => Sharing.assertDiscreet(SharedState.layerRedis(connection))
  )

  it.live.each(["redis://user:hunter2@localhost:port", "redis://user:hunter2/?#@localhost:6379"])(
    "tells nobody the password: a URL that is none, %#",
    (url) =>
      Effect.gen(function*() {
        const layers = [connection({ url }), RedisCluster.layerNodeRedis(() => createCluster({ rootNodes: [{ url }] }))]
        for (const layer of layers) {
          const error = yield* Effect.flip(Sharing.process(SharedState.layerRedis(layer)))
          assert.strictEqual(error._tag === "InvalidRequestError" && error.field, "connection")
          assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), "hunter2")
        }
      })
  )

  deployment(
    "tells nobody the password: a password that is wrong",
    Effect.gen(function*() {
      const { port } = yield* RedisServer.start(["--requirepass", "secret"])
      yield* Sharing.assertDiscreet(
        SharedState.layerRedis(connection({ url: `redis://default:hunter2@127.0.0.1:${port}` }))
      )
    })
  )
})

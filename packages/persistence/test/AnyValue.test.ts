import { assert, describe, it } from "@effect/vitest"
import { TestEmbedding } from "@strata/core/testing"
import * as Persistence_ from "@strata/persistence"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistence from "effect/persistence/Persistence"
import * as Redis from "effect/persistence/Redis"
import * as References from "effect/References"
import { type Calls, fields } from "../../core/test/support/AnyCalls.ts"
import * as AnyValue from "../../core/test/support/AnyValue.ts"

const {
  ChatCachePersistence,
  ConversationPersistence,
  EmbeddingCachePersistence,
  RedisCluster,
  SharedState,
  SqliteClient,
  VectorStore
} = Persistence_

const persisted = <A, E>(layer: Layer.Layer<A, E, Persistence.BackingPersistence | KeyValueStore.KeyValueStore>) =>
  Layer.provide(layer, [Persistence.layerBackingMemory, KeyValueStore.layerMemory])

const redis = Layer.succeed(
  Redis.Redis,
  // Nothing is asked of it while layers are built.
  { eval: () => () => Effect.never, send: () => Effect.succeed([]) } as unknown as Redis.Redis["Service"]
)

/** A client of a cluster with one node. */
const node = {
  masters: [1],
  on: () => {},
  connect: () => Promise.resolve(),
  destroy: () => {},
  sendCommand: () => Promise.resolve("PONG"),
  nodeClient: () => Promise.resolve({ sendCommand: () => Promise.resolve("PONG") })
}

const pinged = <E>(layer: Layer.Layer<Redis.Redis, E>) =>
  Effect.flatMap(Redis.Redis, ({ send }) => Effect.andThen(send("PING"), send("SCRIPT", "FLUSH"))).pipe(
    Effect.provide(layer, { local: true })
  )

/** Any text is the name of a file, which would be made. */
const databases = (any: never) => [
  any,
  { filename: typeof any === "string" ? ":memory:" : any },
  { filename: ":memory:", busyTimeout: any }
]

const stored = <A, E>(call: Effect.Effect<A, E, Persistence_.VectorStore.VectorStore>) =>
  Effect.provideService(call, VectorStore.VectorStore, {
    upsert: () => Effect.succeed({ embedded: 0, unchanged: 0 }),
    search: () => Effect.succeed([]),
    remove: () => Effect.succeed(0)
  })

const calls: Readonly<Record<string, Calls>> = {
  "ChatCachePersistence.layerRedis": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () =>
      Layer.provide(ChatCachePersistence.layerRedis(options), redis)
    ),
  "ChatCachePersistence.layerKeyValueStore": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () =>
      persisted(ChatCachePersistence.layerKeyValueStore(options))
    ),
  "ChatCachePersistence.layerPersistence": (any) =>
    [any, ...fields(["storeId"], any)].map((options) => () =>
      persisted(ChatCachePersistence.layerPersistence(options))
    ),
  "ConversationPersistence.layerKeyValueStore": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () =>
      persisted(ConversationPersistence.layerKeyValueStore(options))
    ),
  "ConversationPersistence.layerPersistence": (any) =>
    [any, ...fields(["storeId"], any)].map((options) => () =>
      persisted(ConversationPersistence.layerPersistence(options))
    ),
  "ConversationPersistence.layerRedis": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () =>
      Layer.provide(ConversationPersistence.layerRedis(options), redis)
    ),
  "ConversationPersistence.layerSql": (any) =>
    [any, ...fields(["table"], any)].map((options) => () =>
      Layer.provide(ConversationPersistence.layerSql(options), SqliteClient.layer({ filename: ":memory:" }))
    ),
  "EmbeddingCachePersistence.layerRedis": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () =>
      Layer.provide(EmbeddingCachePersistence.layerRedis(options), redis)
    ),
  "EmbeddingCachePersistence.layerKeyValueStore": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () =>
      persisted(EmbeddingCachePersistence.layerKeyValueStore(options))
    ),
  "EmbeddingCachePersistence.layerPersistence": (any) =>
    [any, ...fields(["storeId"], any)].map((options) => () =>
      persisted(EmbeddingCachePersistence.layerPersistence(options))
    ),
  "RedisCluster.layer": (any) => [
    () => RedisCluster.layer(any),
    () => pinged(RedisCluster.layer(Effect.succeed(any))),
    ...fields(["send", "sendToAll"], any).map((client) => () => pinged(RedisCluster.layer(Effect.succeed(client))))
  ],
  "RedisCluster.layerNodeRedis": (any) => [
    () => RedisCluster.layerNodeRedis(any),
    () => RedisCluster.layerNodeRedis(() => any),
    ...fields(["on", "connect", "destroy", "sendCommand", "nodeClient"], any).map((cluster) => () =>
      pinged(RedisCluster.layerNodeRedis(() => ({ ...node, ...(cluster as object) })))
    )
  ],
  "SharedState.layerRedis": (any) => [
    () => SharedState.layerRedis(any),
    ...[any, ...fields(["prefix"], any)].map((options) => () => SharedState.layerRedis(redis, options))
  ],
  "SharedState.documentsSql": (any) => [
    () => SharedState.documentsSql(any),
    ...[any, ...fields(["table"], any)].map((options) => () =>
      SharedState.documentsSql(SqliteClient.layer({ filename: ":memory:" }), options)
    )
  ],
  "SharedState.layerSql": (any) => [
    () => SharedState.layerSql(any),
    ...[any, ...fields(["table"], any)].map((options) => () =>
      SharedState.layerSql(SqliteClient.layer({ filename: ":memory:" }), options)
    )
  ],
  "SqliteClient.make": (any) => databases(any).map((options) => () => Effect.scoped(SqliteClient.make(options))),
  "SqliteClient.layer": (any) => databases(any).map((options) => () => SqliteClient.layer(options)),
  "VectorStore.layer": (any) =>
    [any, { space: any, dimensions: 64 }, { space: "test", dimensions: any }, {
      space: "test",
      dimensions: 64,
      table: any
    }].map((options) => () =>
      VectorStore.layer(options).pipe(
        Layer.provide([SqliteClient.layer({ filename: ":memory:" }), TestEmbedding.layer()])
      )
    ),
  // With a store over PostgreSQL: examples/test/VectorStore.long.test.ts.
  "VectorStore.upsert": (any) => [() => stored(VectorStore.upsert(any))],
  "VectorStore.search": (any) => [() => stored(VectorStore.search(any)), () => stored(VectorStore.search("a", any))],
  "VectorStore.remove": (any) => [() => stored(VectorStore.remove(any))]
}

describe("Every public function", () => {
  it("is tested here", () => {
    const functions = Object.entries(Persistence_).flatMap(([module, exports]) =>
      Object.keys(exports).map((name) => `${module}.${name}`)
    ).filter((name) =>
      !["SharedState.tableOf", "VectorStore.VectorStore", "VectorStore.VectorStoreError"].includes(name)
    )
    assert.deepStrictEqual(functions.sort(), Object.keys(calls).sort())
  })

  for (const [name, any] of Object.entries(calls)) {
    it.live(`has an answer or a typed error for any value: ${name}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* AnyValue.troublesOf(any), [])
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
  }

  it.effect("names an option that is wrong", () =>
    Effect.gen(function*() {
      // Types are not there at run time.
      const layer = ChatCachePersistence.layerKeyValueStore({ prefix: Symbol("a") as never })
      const error = yield* Effect.flip(Layer.build(persisted(layer)))
      assert.strictEqual(error.field, "prefix")
      // To a cluster that is an empty hash tag.
      const other = yield* Effect.flip(Layer.build(SharedState.layerRedis(redis, { prefix: "a{}" })))
      assert.strictEqual(other.field, "prefix")
    }))
})

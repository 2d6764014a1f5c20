import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Conversation, ConversationStore, Message } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { ConversationPersistence, SqliteClient } from "@strata/persistence"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistence from "effect/persistence/Persistence"
import * as SqlClient from "effect/sql/SqlClient"
import { specification } from "../../core/test/support/ConversationStoreSpecification.ts"
import * as Talks from "../../core/test/support/Talks.ts"
import * as Databases from "./support/Databases.ts"
import * as RedisServer from "./support/RedisServer.ts"
import * as Sqlite from "./support/Sqlite.ts"

/** A store of its own, as another process has it. */
const fresh = <E, R>(layer: Layer.Layer<ConversationStore.ConversationStore, E, R>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, ConversationStore.ConversationStore))

const record = { version: 1, at: 1, nodes: [{ id: "a", at: 1, message: Message.user("Hi") }], head: "a" } as const

Databases.suites("Conversations in SQL", (it, kind) => {
  const store = Effect.flatMap(
    Databases.Database,
    ({ connection }) => Effect.orDie(fresh(Layer.provide(ConversationPersistence.layerSql(), Layer.fresh(connection))))
  )

  specification(it.effect, Effect.all({ store, elsewhere: store }), { isShared: true })

  it.effect("are no part of a transaction of the caller", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const store = yield* fresh(ConversationPersistence.layerSql({ table: "apart" }))
      const append = store.append("a", record, 0)
      if (kind === "postgres") yield* Effect.ignore(sql.withTransaction(Effect.andThen(append, Effect.fail("no"))))
      else yield* append
      assert.deepStrictEqual(yield* store.read("a"), [record])
    }))

  it.effect("ten processes that start at once make one table", () =>
    Effect.gen(function*() {
      const { connection } = yield* Databases.Database
      const start = fresh(
        Layer.provide(ConversationPersistence.layerSql({ table: "started" }), Layer.fresh(connection))
      )
      const stores = yield* Effect.forEach(Array.from({ length: 10 }), () => start, { concurrency: "unbounded" })
      yield* stores[0]!.append("a", record, 0)
      for (const store of stores) assert.deepStrictEqual(yield* store.read("a"), [record])
    }))

  it.effect("a database without the table any more is a typed error that has what could not be stored", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const store = yield* fresh(ConversationPersistence.layerSql({ table: "lost" }))
      const chat = yield* Effect.provideService(Conversation.open("a"), ConversationStore.ConversationStore, store)
      yield* chat.add([Message.user("Hi")])
      yield* sql`DROP TABLE lost`
      const error = yield* Effect.flip(chat.send("Hi")).pipe(Effect.provide(TestChat.layer(["Hello"])))
      assert.strictEqual(error._tag, "ConversationStoreError")
    }))
})

RedisServer.suite("Conversations in Redis", (it) => {
  const store = Effect.flatMap(RedisServer.RedisServer, () => fresh(ConversationPersistence.layerRedis()))
  specification(it.effect, Effect.orDie(Effect.all({ store, elsewhere: store })), { isShared: true })

  it.effect("keep their prefix", () =>
    Effect.gen(function*() {
      const store = yield* fresh(ConversationPersistence.layerRedis({ prefix: "mine:" }))
      yield* store.append("a", record, 0)
      const { url } = yield* RedisServer.RedisServer
      const keys = yield* RedisServer.command<ReadonlyArray<string>>(url, "KEYS", "mine:*")
      assert.deepStrictEqual([...keys].sort(), ["mine:log:a", "mine:names"])
    }))
})

const files = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return KeyValueStore.layerFileSystem(yield* fs.makeTempDirectoryScoped({ prefix: "strata-conversations-" }))
})

describe("Conversations in files", () => {
  const world = Effect.gen(function*() {
    const keys = Layer.provide(yield* files, NodeServices.layer)
    const store = fresh(Layer.provide(ConversationPersistence.layerKeyValueStore(), keys))
    return yield* Effect.all({ store, elsewhere: store })
  }).pipe(Effect.provide(NodeServices.layer), Effect.orDie)

  specification(it.live, world, { isShared: false })

  it.live("a record that was cut off by the end of the process counts as not written", () =>
    Effect.gen(function*() {
      const keys = yield* KeyValueStore.KeyValueStore
      const store = yield* fresh(ConversationPersistence.layerKeyValueStore({ prefix: "" }))
      yield* store.append("a", record, 0)
      yield* keys.set("a/1", "{\"version\":1,\"at\":2,\"nodes\":[{\"id\":\"b\",\"mess")
      assert.deepStrictEqual(yield* store.read("a"), [record])
      yield* store.append("a", { ...record, at: 2 }, 1)
      assert.deepStrictEqual(yield* store.read("a", 1), [{ ...record, at: 2 }])
      yield* keys.set("a/0", "{")
      assert.strictEqual((yield* Effect.flip(store.read("a")))._tag, "ConversationStoreError")
    }).pipe(Effect.provide(KeyValueStore.layerMemory)))
})

const backings: ReadonlyArray<readonly [string, Layer.Layer<Persistence.BackingPersistence>]> = [
  ["in memory", Persistence.layerBackingMemory],
  ["in a key value store", Layer.provide(Persistence.layerBackingKvs, KeyValueStore.layerMemory)],
  ["in SQL", Persistence.layerBackingSql.pipe(Layer.provide(Sqlite.layer), Layer.orDie)]
]

for (const [name, backing] of backings) {
  describe(`Conversations in Persistence ${name}`, () => {
    const world = Effect.gen(function*() {
      const backed = Layer.succeedContext(yield* Layer.build(backing))
      const store = fresh(Layer.provide(ConversationPersistence.layerPersistence(), backed))
      return yield* Effect.all({ store, elsewhere: store })
    }).pipe(Effect.orDie)
    specification(it.live, world, { isShared: false })
  })
}

describe("A conversation in a file", () => {
  it.live("goes on after the program was started again", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const filename = `${yield* fs.makeTempDirectoryScoped()}/chat.db`
      const talk = (text: string) =>
        Effect.gen(function*() {
          const chat = yield* Conversation.open("a")
          yield* chat.send(text)
          return yield* Talks.said(chat)
        }).pipe(
          Effect.provide([
            TestChat.layer(({ messages }) => `${messages.length}`),
            Layer.provide(ConversationPersistence.layerSql(), SqliteClient.layer({ filename }))
          ], { local: true })
        )
      yield* talk("one")
      assert.deepStrictEqual(yield* talk("two"), ["user: one", "assistant: 1", "user: two", "assistant: 3"])
    }).pipe(Effect.provide(NodeServices.layer)))
})

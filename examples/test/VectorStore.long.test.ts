/**
 * `VectorStore` of `@strata/persistence`, over the PostgreSQL with pgvector that the examples have.
 */
import { assert, layer } from "@effect/vitest"
import { EmbeddingService, Policy } from "@strata/core"
import { TestEmbedding } from "@strata/core/testing"
import { VectorStore } from "@strata/persistence"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as AnyCalls from "../../packages/core/test/support/AnyCalls.ts"
import * as AnyValue from "../../packages/core/test/support/AnyValue.ts"
import * as SemanticSearch from "../semantic-search-pgvector.ts"
import * as Database from "../src/Database.ts"
import * as Provider from "../src/Provider.ts"
import * as Example from "./Example.ts"

const animals: ReadonlyArray<VectorStore.Document> = [
  { id: "fox", text: "the quick brown fox", metadata: { tags: ["wild"] } },
  { id: "dog", text: "the lazy old dog", metadata: { tags: ["pet"] } },
  { id: "cat", text: "the quick grey cat", metadata: { tags: ["pet"] } }
]

/** A store with a table of its own. */
const open = (table: string, options?: Partial<VectorStore.LayerOptions>) =>
  Effect.map(
    Layer.build(VectorStore.layer({ space: "test", dimensions: 64, table, ...options })),
    (services) => VectorStore.VectorStore.pipe(Effect.provide(services))
  ).pipe(Effect.flatten)

const ids = (hits: ReadonlyArray<VectorStore.Hit>) => hits.map(({ id }) => id)

/** One database for all of them, and one sentence encoder for the example: they take seconds to start. */
const Services = Layer.mergeAll(Database.layer, Provider.local, TestEmbedding.layer()).pipe(
  Layer.provide(Example.offline)
)

layer(Services, { excludeTestServices: true, timeout: "3 minutes" })("VectorStore", (it) => {
  it.effect("embeds only what is new or changed, and replaces it", () =>
    Effect.gen(function*() {
      const double = yield* TestEmbedding.TestEmbedding
      const store = yield* open("changing")
      assert.deepStrictEqual(yield* store.upsert(animals), { embedded: 3, unchanged: 0 })

      const before = (yield* double.batches).length
      const wolf = { id: "fox", text: "a grey wolf", metadata: { tags: ["wild"] } }
      assert.deepStrictEqual(yield* store.upsert([...animals, wolf]), { embedded: 1, unchanged: 2 })
      assert.deepStrictEqual((yield* double.batches).slice(before).map(({ inputs }) => inputs), [["a grey wolf"]])

      const [hit, ...others] = yield* store.search("a grey wolf")
      const { score, ...document } = hit!
      assert.deepStrictEqual(document, wolf)
      assert.closeTo(score, 1, 1e-6)
      assert.sameMembers(ids(others), ["dog", "cat"])
    }))

  it.effect("finds the closest first, no more than asked for, and only with the tag", () =>
    Effect.gen(function*() {
      const store = yield* open("searched")
      yield* store.upsert(animals)
      assert.deepStrictEqual(ids(yield* store.search("quick brown animals", { limit: 2 })), ["fox", "cat"])
      assert.deepStrictEqual(ids(yield* store.search("quick brown", { filter: { tags: ["pet"] } })), ["cat", "dog"])
    }))

  it.effect("changes metadata without an embedding", () =>
    Effect.gen(function*() {
      const store = yield* open("tagged")
      yield* store.upsert(animals)
      const tame = animals.map((animal) => ({ ...animal, metadata: { tags: ["tame", animal.id], years: 3 } }))
      assert.deepStrictEqual(yield* store.upsert(tame), { embedded: 0, unchanged: 3 })
      assert.deepStrictEqual(ids(yield* store.search("fox", { filter: { tags: ["fox"] } })), ["fox"])
      assert.deepStrictEqual(yield* store.search("fox", { filter: { tags: ["wild"] } }), [])
    }))

  it.effect("takes quotes and commands for what they are: text", () =>
    Effect.gen(function*() {
      const store = yield* open("quoted")
      const nasty = "'); drop table quoted; --"
      const metadata = { [nasty]: [nasty, "{a,b}", "NULL", "", 1.5, null, { deep: true }] }
      const document = { id: nasty, text: `${nasty} "\\{}`, metadata }
      yield* store.upsert([document])
      yield* store.upsert([document])
      const [hit] = yield* store.search(nasty, { filter: { [nasty]: [nasty] } })
      assert.deepInclude(hit, document)
    }))

  it.effect("stores the text of any file, without what PostgreSQL refuses", () =>
    Effect.gen(function*() {
      const store = yield* open("files")
      const files = [{ id: "a", text: "nul \0 and half \ud83d" }]
      yield* store.upsert(files)
      assert.deepStrictEqual(yield* store.upsert(files), { embedded: 0, unchanged: 1 })
      assert.strictEqual((yield* store.search("nul"))[0]?.text, "nul  and half \ufffd")
    }))

  it.effect("searches by a vector, and removes by id", () =>
    Effect.gen(function*() {
      const store = yield* open("removed")
      yield* store.upsert(animals)
      const { vector } = yield* EmbeddingService.embed("the lazy old dog", { dimensions: 64 })
      assert.deepStrictEqual(ids(yield* store.search(vector, { limit: 1 })), ["dog"])
      assert.strictEqual(yield* store.remove(["dog", "cow"]), 1)
      assert.sameMembers(ids(yield* store.search(vector)), ["fox", "cat"])
    }))

  it.effect("finds by the index, however few match the filter", () =>
    Effect.gen(function*() {
      const store = yield* open("many")
      const herd = Array.from({ length: 3000 }, (_, index) => ({
        id: `${index}`,
        text: `sheep number ${index}`,
        metadata: { black: index % 1000 === 0 }
      }))
      yield* store.upsert(herd)
      assert.sameMembers(ids(yield* store.search("sheep", { filter: { black: true } })), ["0", "1000", "2000"])
      const sql = yield* SqlClient.SqlClient
      const plan = yield* sql<{ "QUERY PLAN": string }>`explain select id from many
        order by embedding <=> ${`[${Array(64).fill(0.1).join()}]`}::text::vector limit 5`
      assert.include(JSON.stringify(plan), "many_embedding")
    }))

  it.effect("leaves to the next call only what a failed one did not write", () =>
    Effect.gen(function*() {
      const slow = TestEmbedding.layer({ limits: { maxItems: 20 }, policy: Policy.make({ concurrency: 1 }) })
      const store = yield* Effect.provide(open("continued"), yield* Layer.build(slow))
      const good = Array.from({ length: 250 }, (_, index) => ({ id: `${index}`, text: `text ${index}` }))
      const error = yield* Effect.flip(store.upsert([...good.slice(0, 240), { id: "240", text: " " }]))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.deepStrictEqual(yield* store.upsert(good), { embedded: 10, unchanged: 240 })
    }))

  it.effect("keeps what two models made apart", () =>
    Effect.gen(function*() {
      const store = yield* open("shared")
      yield* store.upsert(animals)
      const other = yield* open("shared", { space: "another" })
      assert.deepStrictEqual(yield* other.search("fox"), [])
      assert.deepStrictEqual(yield* other.upsert(animals.slice(0, 1)), { embedded: 1, unchanged: 0 })
      assert.deepStrictEqual(ids(yield* other.search("fox")), ["fox"])
    }))

  it.effect("opens its table again, but not for vectors of another length or when it is another's", () =>
    Effect.gen(function*() {
      yield* open("measured")
      yield* open("measured")
      const longer = yield* Effect.flip(open("measured", { dimensions: 32 }))
      assert.strictEqual(longer._tag, "InvalidRequestError")
      assert.include(longer.message, "vectors of 64 numbers, not of 32")
      const sql = yield* SqlClient.SqlClient
      yield* sql`create table foreign_table (id text)`
      assert.include((yield* Effect.flip(open("foreign_table"))).message, "is not one of a vector store")
    }))

  it.effect("keeps vectors too long for an index", () =>
    Effect.gen(function*() {
      const store = yield* open("long", { dimensions: 3072 })
      yield* store.upsert(animals)
      assert.deepStrictEqual(ids(yield* store.search("the quick brown fox", { limit: 1 })), ["fox"])
    }))

  it.effect("fails with what the database says", () =>
    Effect.gen(function*() {
      const store = yield* open("missing")
      const sql = yield* SqlClient.SqlClient
      yield* sql`drop table missing`
      const error = yield* Effect.flip(store.search("fox"))
      assert.strictEqual(error._tag, "VectorStoreError")
      assert.include(error.message, "relation \"missing\" does not exist")
    }))

  it.effect("has an answer or a typed error for any value", () =>
    Effect.gen(function*() {
      const store = yield* open("any")
      const document = { id: "a", text: "b" }
      const troubles = yield* AnyValue.troublesOf((any) => [
        () => store.upsert(any),
        ...AnyCalls.fields(["id", "text", "metadata"], any).map((value) => () =>
          store.upsert([{ ...document, ...(value as object) }])
        ),
        () => store.upsert([{ ...document, metadata: { any } }]),
        () => store.search(any),
        () => store.search("a", any),
        ...AnyCalls.fields(["limit", "filter"], any).map((value) => () => store.search("a", value as object)),
        () => store.remove(any),
        () => store.remove([any])
      ])
      assert.deepStrictEqual(troubles, [])
    }), 60_000)

  it.effect("semantic-search-pgvector finds by meaning, filters by tag and embeds nothing twice", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(SemanticSearch.main)
      assert.match(output, /^first run: 12 embedded, 0 unchanged$/m)
      assert.match(output, /^second run: 0 embedded, 12 unchanged$/m)
      assert.match(output, /^one text changed: 1 embedded, 11 unchanged$/m)
      const [refund, copy, filtered] = output.split(/^\? /m).slice(1).map((answer) =>
        Array.from(answer.matchAll(/^ {2}\d\.\d\d {2}(\w+): /gm), ([, id]) => id)
      )
      assert.strictEqual(refund?.[0], "refund")
      assert.strictEqual(copy?.[0], "export")
      assert.deepStrictEqual(filtered, ["export", "delete", "cookies"])
    }))
})

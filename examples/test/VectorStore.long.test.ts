import { assert, layer } from "@effect/vitest"
import { Policy } from "@strata/core"
import { TestEmbedding } from "@strata/core/testing"
import { Effect, Layer } from "effect"
import * as SemanticSearch from "../semantic-search-pgvector.ts"
import * as Database from "../src/Database.ts"
import * as Provider from "../src/Provider.ts"
import * as VectorStore from "../src/VectorStore.ts"
import * as Example from "./Example.ts"

const animals: ReadonlyArray<VectorStore.Document> = [
  { id: "fox", text: "the quick brown fox", tags: ["wild"] },
  { id: "dog", text: "the lazy old dog", tags: ["pet"] },
  { id: "cat", text: "the quick grey cat", tags: ["pet"] }
]

/** A store with a table of its own. */
const open = (table: string, options?: Partial<VectorStore.Options>) =>
  Effect.map(
    Layer.build(VectorStore.layer({ space: "test", dimensions: 64, table, ...options })),
    (services) => VectorStore.VectorStore.pipe(Effect.provide(services))
  ).pipe(Effect.flatten)

const ids = (hits: ReadonlyArray<VectorStore.Hit>) => hits.map(({ document }) => document.id)

/** One database for all of them, and one sentence encoder for the example: they take seconds to start. */
const Services = Layer.mergeAll(Database.layer, Provider.local, TestEmbedding.layer()).pipe(
  Layer.provide(Example.offline)
)

layer(Services, { excludeTestServices: true })("VectorStore", (it) => {
  it.effect("embeds only what is new or changed, and replaces it", () =>
    Effect.gen(function*() {
      const double = yield* TestEmbedding.TestEmbedding
      const store = yield* open("changing")
      yield* store.migrate
      assert.deepStrictEqual(yield* store.upsert(animals), { embedded: 3, unchanged: 0 })

      const before = (yield* double.batches).length
      const wolf = { id: "fox", text: "a grey wolf", tags: ["wild"] }
      assert.deepStrictEqual(yield* store.upsert([...animals, wolf]), { embedded: 1, unchanged: 2 })
      assert.deepStrictEqual((yield* double.batches).slice(before).map(({ inputs }) => inputs), [["a grey wolf"]])

      const [hit, ...others] = yield* store.search("a grey wolf")
      assert.deepStrictEqual(hit?.document, wolf)
      assert.closeTo(hit?.score ?? 0, 1, 1e-6)
      assert.sameMembers(ids(others), ["dog", "cat"])
    }))

  it.effect("finds the closest first, no more than asked for, and only with the tag", () =>
    Effect.gen(function*() {
      const store = yield* open("searched")
      yield* store.migrate
      yield* store.upsert(animals)
      assert.deepStrictEqual(ids(yield* store.search("quick brown animals", { limit: 2 })), ["fox", "cat"])
      assert.deepStrictEqual(ids(yield* store.search("quick brown", { filter: { tag: "pet" } })), ["cat", "dog"])
    }))

  it.effect("changes tags without an embedding", () =>
    Effect.gen(function*() {
      const store = yield* open("tagged")
      yield* store.migrate
      yield* store.upsert(animals)
      const tame = animals.map((animal) => ({ ...animal, tags: ["tame", animal.id] }))
      assert.deepStrictEqual(yield* store.upsert(tame), { embedded: 0, unchanged: 3 })
      assert.deepStrictEqual(ids(yield* store.search("fox", { filter: { tag: "fox" } })), ["fox"])
      assert.deepStrictEqual(yield* store.search("fox", { filter: { tag: "wild" } }), [])
    }))

  it.effect("takes quotes and commands for what they are: text", () =>
    Effect.gen(function*() {
      const store = yield* open("quoted")
      yield* store.migrate
      const nasty = "'); drop table quoted; --"
      const document = { id: nasty, text: `${nasty} "\\{}`, tags: [nasty, "{a,b}", "NULL", ""] }
      yield* store.upsert([document])
      yield* store.upsert([document])
      const [hit] = yield* store.search(nasty, { filter: { tag: nasty } })
      assert.deepStrictEqual(hit?.document, document)
    }))

  it.effect("leaves to the next call only what a failed one did not write", () =>
    Effect.gen(function*() {
      const slow = TestEmbedding.layer({ limits: { maxItems: 20 }, policy: Policy.make({ concurrency: 1 }) })
      const store = yield* Effect.provide(open("continued"), yield* Layer.build(slow))
      yield* store.migrate
      const good = Array.from({ length: 250 }, (_, index) => ({ id: `${index}`, text: `text ${index}`, tags: [] }))
      const error = yield* Effect.flip(store.upsert([...good.slice(0, 240), { id: "240", text: " ", tags: [] }]))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.deepStrictEqual(yield* store.upsert(good), { embedded: 10, unchanged: 240 })
    }))

  it.effect("keeps what two models made apart", () =>
    Effect.gen(function*() {
      const store = yield* open("shared")
      yield* store.migrate
      yield* store.upsert(animals)
      const other = yield* open("shared", { space: "another" })
      assert.deepStrictEqual(yield* other.search("fox"), [])
      assert.deepStrictEqual(yield* other.upsert(animals.slice(0, 1)), { embedded: 1, unchanged: 0 })
      assert.deepStrictEqual(ids(yield* other.search("fox")), ["fox"])
    }))

  it.effect("migrates twice, but not to vectors of another length", () =>
    Effect.gen(function*() {
      const store = yield* open("Measured")
      yield* store.migrate
      yield* store.migrate
      const error = yield* Effect.flip((yield* open("Measured", { dimensions: 32 })).migrate)
      assert.strictEqual(error._tag, "DimensionsError")
      assert.include(error.message, "vectors of 64 numbers, not of 32")
    }))

  it.effect("fails with what the database says", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip((yield* open("missing")).search("fox"))
      assert.strictEqual(error._tag, "DatabaseError")
      assert.include(error.message, "relation \"missing\" does not exist")
    }))

  it.effect("semantic-search-pgvector finds by meaning, filters by tag and embeds nothing twice", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(SemanticSearch.main)
      assert.match(output, /PostgreSQL inside this process, in memory/)
      assert.match(output, /first run: 20 embedded, 0 unchanged/)
      assert.match(output, /second run: 0 embedded, 20 unchanged/)
      assert.match(output, /one text changed: 1 embedded, 19 unchanged/)

      const [refund, copy, filtered] = output.split("\n? ").slice(1).map((answer) =>
        Array.from(answer.matchAll(/^ {2}\d\.\d\d {2}(\w+) \[(.*)\]/gm), ([, id, tags]) => ({ id, tags }))
      )
      assert.strictEqual(refund?.[0]?.id, "refund")
      assert.strictEqual(copy?.[0]?.id, "export")
      assert.isTrue(copy?.some(({ tags }) => !tags?.includes("privacy")))
      assert.lengthOf(filtered ?? [], 3)
      assert.isTrue(filtered?.every(({ tags }) => tags?.includes("privacy")))
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import { TestEmbedding } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Retrieval } from "../src/index.ts"

const passages = [
  { id: 1, title: "Refunds", text: "You can send an article back within 30 days.", details: "money return" },
  { id: 2, title: "Shipping", text: "Parcels arrive within three working days." },
  { id: 3, title: "Opening hours", text: "The shop opens at nine, on Sundays at noon." }
]

const ids = (hits: ReadonlyArray<Retrieval.Hit<(typeof passages)[number]>>) => hits.map(({ passage }) => passage.id)

describe("Retrieval", () => {
  it.effect("finds a passage by the words of its title, its text and its details, in any form", () =>
    Effect.gen(function*() {
      const index = yield* Retrieval.make(passages)
      assert.deepStrictEqual(ids(yield* index.search("Do I get a refund?", { limit: 1 })), [1])
      assert.deepStrictEqual(ids(yield* index.search("When does a parcel arrive?", { limit: 1 })), [2])
      assert.deepStrictEqual(ids(yield* index.search("Can I have my money?", { limit: 1 })), [1])
    }).pipe(Effect.provide(TestEmbedding.layer())))

  it.effect("gives the caller's own passages, the best first, four unless told otherwise", () =>
    Effect.gen(function*() {
      const index = yield* Retrieval.make([...passages, ...passages])
      const hits = yield* index.search("What opens at noon?")
      assert.lengthOf(hits, 4)
      assert.strictEqual(hits[0]?.passage, passages[2])
      assert.isTrue(hits.every(({ score }, at) => score <= (hits[at - 1]?.score ?? 1)))
      assert.lengthOf(yield* index.search("noon", { limit: 100 }), 6)
    }).pipe(Effect.provide(TestEmbedding.layer())))

  it.effect("finds by meaning when no word is shared", () =>
    Effect.gen(function*() {
      const directions = new Map([["Refunds", [1, 0]], ["Shipping", [0, 1]], ["Opening hours", [0, -1]]])
      const index = yield* Retrieval.fromEmbedded(
        passages.map((value) => ({ value, embedding: { vector: new Float32Array(directions.get(value.title) ?? []) } }))
      )
      assert.deepStrictEqual(ids(yield* index.search("Reimbursement", { limit: 1 })), [1])
      assert.deepStrictEqual(yield* index.searchWords("Reimbursement"), [])
    }).pipe(Effect.provide(Layer.effect(
      EmbeddingService.EmbeddingService,
      EmbeddingService.make({
        provider: "east",
        defaultModel: "east",
        limits: () => Effect.succeed({ maxItems: 8, maxLength: 1000 }),
        embedBatch: ({ inputs }) =>
          Effect.succeed({ vectors: inputs.map(() => Float32Array.of(1, 0)), inputTokens: inputs.length })
      })
    ))))

  it.effect("finds by words without a request", () =>
    Effect.gen(function*() {
      const { batches } = yield* TestEmbedding.TestEmbedding
      const index = yield* Retrieval.fromEmbedded(yield* Retrieval.embed(passages).pipe(Stream.runCollect))
      const before = yield* batches
      assert.deepStrictEqual(ids(yield* index.searchWords("Sundays")), [3])
      assert.sameMembers(ids(yield* index.searchWords("working on Sundays")), [2, 3])
      assert.lengthOf(yield* batches, before.length)
      yield* index.search("Sundays")
      assert.lengthOf(yield* batches, before.length + 1)
    }).pipe(Effect.provide(TestEmbedding.layer())))

  it.effect("finds nothing among no passages", () =>
    Effect.gen(function*() {
      const index = yield* Retrieval.make([])
      assert.deepStrictEqual(yield* index.search("Anything?"), [])
    }).pipe(Effect.provide(TestEmbedding.layer())))

  it.effect("names what is wrong with a passage, a vector, a question or an option", () =>
    Effect.gen(function*() {
      const fieldOf = <E extends { readonly _tag: string }>(
        effect: Effect.Effect<unknown, E, EmbeddingService.EmbeddingService>
      ) => Effect.map(Effect.flip(effect), (error) => "field" in error ? error.field : error._tag)
      const index = yield* Retrieval.make(passages)
      assert.strictEqual(yield* fieldOf(Retrieval.make([{ text: " " }])), "passages[0].text")
      assert.strictEqual(yield* fieldOf(index.search("")), "question")
      assert.strictEqual(yield* fieldOf(index.search("Why?", { limit: 0 })), "options.limit")
      const embedded = [[1, 0], [1]].map((vector) => ({
        value: { text: "text" },
        embedding: { vector: new Float32Array(vector) }
      }))
      assert.strictEqual(yield* fieldOf(Retrieval.fromEmbedded(embedded)), "vectors[1]")
    }).pipe(Effect.provide(TestEmbedding.layer())))
})

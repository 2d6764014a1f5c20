/**
 * What is refused before a database is asked; examples/test/VectorStore.long.test.ts has one with pgvector.
 */
import { assert, describe, it } from "@effect/vitest"
import { TestEmbedding } from "@strata/core/testing"
import { SqliteClient, VectorStore } from "@strata/persistence"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const refusal = (options: VectorStore.LayerOptions) =>
  VectorStore.layer(options).pipe(
    Layer.provide([SqliteClient.layer({ filename: ":memory:" }), TestEmbedding.layer()]),
    Layer.build,
    Effect.scoped,
    Effect.flip,
    Effect.map((error) => error._tag === "InvalidRequestError" ? error.field : error._tag)
  )

const options = { space: "test", dimensions: 64 }

describe("VectorStore", () => {
  it.effect("needs PostgreSQL", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* refusal(options), "client")
    }))

  it.effect("names an option that is wrong", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* refusal({ ...options, space: " " }), "space")
      assert.strictEqual(yield* refusal({ ...options, dimensions: 16_001 }), "dimensions")
      assert.strictEqual(yield* refusal({ ...options, table: "drop table" }), "table")
    }))
})

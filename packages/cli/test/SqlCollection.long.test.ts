import { assert, describe, it } from "@effect/vitest"
import { SqliteClient } from "@strata/persistence"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import type * as Collection from "../src/collection/Collection.ts"
import * as SqlCollection from "../src/collection/sql/SqlCollection.ts"
import * as SqlVector from "../src/collection/sql/SqlVector.ts"
import * as Stamp from "../src/collection/Stamp.ts"
import * as Pglite from "./support/Pglite.ts"

const databases = {
  SQLite: SqliteClient.layer({ filename: ":memory:" }).pipe(Layer.orDie),
  "PostgreSQL with pgvector": Pglite.layer
}

const stamp = Stamp.make({ provider: "p", model: "m", dimensions: undefined, maxTokens: 100, overlapTokens: 0 })

const other = { ...stamp, model: "other" }

/** A direction by a number of degrees. */
const direction = (degrees: number) =>
  new Float32Array([Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180), 0])

const chunk = (position: number, degrees: number): Collection.StoredChunk => ({
  position,
  hash: `hash ${degrees}`,
  text: `text \0 \ud800 ${degrees}`,
  context: "context",
  citation: `at ${degrees}`,
  vector: direction(degrees)
})

const entry = (source: string): Collection.Entry => ({
  source,
  bytesDigest: "bytes",
  textDigest: "text",
  title: undefined,
  emptyPages: 0
})

for (const [name, database] of Object.entries(databases)) {
  const collection = Effect.flatMap(SqlClient.SqlClient, (sql) => SqlCollection.make({ sql, name: "c", place: "here" }))

  const near = (degrees: number, limit: number, under?: string) =>
    Effect.gen(function*() {
      const hits = yield* (yield* collection).search({ vector: direction(degrees), limit, under })
      return hits.map(({ citation, source }) => `${source} ${citation}`)
    })

  describe(`A collection in ${name}`, () => {
    it.live(
      "keeps files as a whole, finds their chunks by meaning and by folder, gives vectors back (jobs 56, 57, 60)",
      () =>
        Effect.gen(function*() {
          const { search, stamp: stampOf, write } = yield* collection
          assert.isTrue(Option.isNone(yield* stampOf))
          assert.deepStrictEqual(yield* search({ vector: direction(0), limit: 3, under: undefined }), [])
          yield* Effect.scoped(Effect.gen(function*() {
            const writer = yield* write(stamp, { rebuild: false })
            yield* writer.replace(entry("docs/a"), [chunk(0, 0), chunk(1, 40), chunk(2, 40)])
            yield* writer.replace(entry("docs"), [chunk(0, 10)])
            yield* writer.replace(entry("docsx"), [chunk(0, 20)])
            yield* writer.replace(entry("docs/b/c"), [chunk(0, 30)])
            assert.deepStrictEqual(yield* writer.known("docs/a"), { bytesDigest: "bytes", textDigest: "text" })
            assert.isUndefined(yield* writer.known("none"))
            const vectors = yield* writer.vectors(["hash 40", "none"])
            assert.deepStrictEqual(Array.from(vectors), [["hash 40", direction(40)]])
            assert.deepStrictEqual(yield* Stream.runCollect(writer.sources), ["docs", "docs/a", "docs/b/c", "docsx"])
          }))
          assert.deepStrictEqual(yield* near(12, 2), ["docs at 10", "docsx at 20"])
          assert.deepStrictEqual(yield* near(0, 9, "docs"), [
            "docs/a at 0",
            "docs at 10",
            "docs/b/c at 30",
            "docs/a at 40",
            "docs/a at 40"
          ])
          const [hit] = yield* search({ vector: direction(0), limit: 1, under: "docs/a" })
          assert.strictEqual(hit?.text, "text  \ufffd 0")
          assert.closeTo(hit?.score ?? 0, 1, 1e-6)
          yield* Effect.scoped(Effect.gen(function*() {
            const writer = yield* write(stamp, { rebuild: false })
            yield* writer.replace(entry("docs/a"), [chunk(0, 50)])
            yield* writer.remove(["docsx", "none"])
          }))
          assert.deepStrictEqual(yield* near(50, 9, "docs/a"), ["docs/a at 50"])
          assert.deepStrictEqual(yield* near(20, 9, "docsx"), [])
        }).pipe(Effect.provide(database)),
      60_000
    )

    it.live("is found as it was until it is made anew with another stamp (jobs 59)", () =>
      Effect.gen(function*() {
        const { stamp: stampOf, write } = yield* collection
        yield* Effect.scoped(
          Effect.flatMap(write(stamp, { rebuild: false }), (writer) => writer.replace(entry("a"), [chunk(0, 1)]))
        )
        const refused = yield* Effect.flip(Effect.scoped(write(other, { rebuild: false })))
        assert.include(refused.message, "model is \"other\", and was \"m\"")
        yield* Effect.scoped(
          Effect.flatMap(write(other, { rebuild: true }), (writer) => writer.replace(entry("a"), [chunk(0, 2)]))
        )
        assert.deepStrictEqual(yield* near(1, 9), ["a at 1"])
        yield* Effect.scoped(Effect.gen(function*() {
          const writer = yield* write(other, { rebuild: true })
          // what the run before did is kept
          assert.isDefined(yield* writer.known("a"))
          yield* writer.replace(entry("b"), [chunk(0, 3)])
          yield* writer.finish
        }))
        assert.deepStrictEqual(yield* near(1, 9), ["a at 2", "b at 3"])
        assert.deepStrictEqual(yield* stampOf, Option.some(other))
      }).pipe(Effect.provide(database)), 60_000)

    it.live(
      "lets one writer in at a time, and stops one whose lease was taken (jobs 2, 66)",
      () =>
        Effect.gen(function*() {
          const { write } = yield* collection
          const sql = yield* SqlClient.SqlClient
          yield* Effect.scoped(Effect.gen(function*() {
            const writer = yield* write(stamp, { rebuild: false })
            const second = yield* Effect.flip(Effect.scoped(write(stamp, { rebuild: false })))
            assert.match(second.message, /is being changed by process \d+ on /)
            yield* sql`UPDATE strata_collection SET holder = 'another'`
            const lost = yield* Effect.flip(writer.replace(entry("a"), [chunk(0, 1)]))
            assert.include(lost.message, "Another process has begun to change the collection")
          }))
          assert.deepStrictEqual(yield* near(1, 9), [])
        }).pipe(Effect.provide(database)),
      60_000
    )
  })

  describe(`Search in ${name}`, () => {
    it.live(
      "gives ten rows of the one in a hundred that match, the same as a comparison of all (jobs 67)",
      () =>
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          const { search } = yield* collection
          yield* sql`INSERT INTO strata_collection ${sql.insert({ name: "c", stamp: JSON.stringify(stamp) })}`
          const codec = SqlVector.make(sql)
          const rows = 100_000
          // A sequence that looks random, the same each time.
          let state = 1
          const random = () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647 - 0.5
          const vectors: Array<Float32Array> = []
          for (let start = 0; start < rows; start += 100) {
            const page = Array.from({ length: 100 }, (_, index) => {
              const vector = Float32Array.from({ length: 8 }, random)
              vectors.push(vector)
              const at = start + index
              return {
                collection: 1,
                source: at % 100 === 7 ? `rare/${at}` : `many/${at}`,
                position: 0,
                hash: `${at}`,
                text: "",
                context: "",
                citation: `${at}`,
                vector: codec.write(vector)
              }
            })
            yield* sql`INSERT INTO strata_chunk ${sql.insert([page[0]!, ...page.slice(1)])}`
          }
          const vector = Float32Array.from({ length: 8 }, random)
          const cosine = (that: Float32Array) => {
            let [dot, square, other] = [0, 0, 0]
            for (const [index, number] of that.entries()) {
              dot += number * vector[index]!
              square += number * number
              other += vector[index]! ** 2
            }
            return dot / Math.sqrt(square * other)
          }
          const exact = vectors.map((one, at) => ({ at, score: cosine(one) })).filter(({ at }) => at % 100 === 7)
            .toSorted((a, b) => b.score - a.score).slice(0, 10).map(({ at }) => `${at}`)
          const started = performance.now()
          const hits = yield* search({ vector, limit: 10, under: "rare" })
          console.log(`${name}: 1 % of ${rows} rows in ${Math.round(performance.now() - started)} ms`)
          assert.deepStrictEqual(hits.map(({ citation }) => citation), exact)
          const whole = performance.now()
          assert.strictEqual((yield* search({ vector, limit: 10, under: undefined })).length, 10)
          console.log(`${name}: all of ${rows} rows in ${Math.round(performance.now() - whole)} ms`)
        }).pipe(Effect.provide(database)),
      180_000
    )
  })
}

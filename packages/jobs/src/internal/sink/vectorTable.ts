/** A table of vectors in the database of the jobs: SQLite, or PostgreSQL with pgvector. */
import * as Check from "@strata/core/Check"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as Sink from "./contract.ts"

/**
 * - `table`: its name.
 * - `columns`: further columns, as texts, numbers or `null`; all rows have the same ones. Not `id`, `hash`, `item`, `vector`.
 */
export interface Options<in Item> {
  readonly table: string
  readonly columns?: ((item: Item, id: string) => Readonly<Record<string, string | number | null>>) | undefined
}

const optionsOf = <Item>() =>
  Check.struct<Options<Item>>({ table: Check.filled, columns: Check.optional(Check.callback()) })

/** An output with a vector, such as an `Embedding`. */
export interface HasVector {
  readonly vector: Embedding.Vector
}

export const make = <Item>(options: Options<Item>): Sink.Sink<Item, HasVector, never, never, "exactly-once"> => ({
  guarantee: "exactly-once",
  open: ({ store: { sql } }) =>
    Effect.gen(function*() {
      const { columns = () => ({}), table } = yield* Check.run(optionsOf<Item>(), options, {
        provider: "strata",
        whole: "sink"
      })
      const isPostgres = sql.onDialectOrElse({ pg: () => true, orElse: () => false })
      let isMade = false
      return {
        write: (rows, transaction) => {
          const records = rows.map(({ hash, id, item, output }) => ({
            id: clean(id),
            hash,
            item: JSON.stringify(item),
            vector: isPostgres ? `[${Array.from(output.vector).join()}]` : bytesOf(output.vector),
            ...cleaned(columns(item, id))
          }))
          const [first] = records
          const inside = first === undefined ? Effect.void : Effect.gen(function*() {
            if (!isMade) yield* create(sql, table, first, rows[0]!.output.vector.length)
            yield* upsert(sql, table, records)
          })
          return Effect.tap(transaction(inside), () =>
            Effect.sync(() => {
              isMade = true
            }))
        }
      }
    })
})

type Row = Readonly<Record<string, string | number | null | Uint8Array>>

const create = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  table: string,
  record: Row,
  dimensions: number
) {
  const others = Object.entries(record).filter(([name]) => !own.has(name))
  const columns = others.map(([name, value]) =>
    sql`, ${sql(name)} ${sql.literal(typeof value === "number" ? "DOUBLE PRECISION" : "TEXT")}`
  )
  const vector = sql.onDialectOrElse({ pg: () => `vector(${dimensions})`, orElse: () => "BLOB" })
  yield* sql.onDialectOrElse({
    pg: () => sql`CREATE EXTENSION IF NOT EXISTS vector`,
    orElse: () => Effect.void
  })
  yield* sql`CREATE TABLE IF NOT EXISTS ${sql(table)} (id TEXT PRIMARY KEY, hash TEXT NOT NULL, item TEXT NOT NULL,
    vector ${sql.literal(vector)} NOT NULL${sql.join("", false)(columns)})`
})

/** Few enough values for one statement of any database. */
const mostValues = 900

const upsert = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  table: string,
  records: ReadonlyArray<Row>
) {
  const names = Object.keys(records[0]!)
  const size = Math.max(1, Math.floor(mostValues / names.length))
  const changes = sql.join(", ", false)(
    names.filter((name) => name !== "id").map((name) => sql`${sql(name)} = excluded.${sql(name)}`)
  )
  for (const page of Arr.chunksOf(records, size)) {
    yield* sql`INSERT INTO ${sql(table)} ${sql.insert(page)}
      ON CONFLICT (id) DO UPDATE SET ${changes} WHERE ${sql(table)}.hash <> excluded.hash`
  }
})

const own: ReadonlySet<string> = new Set(["id", "hash", "item", "vector"])

const bytesOf = ({ buffer, byteLength, byteOffset }: Embedding.Vector) => new Uint8Array(buffer, byteOffset, byteLength)

const cleaned = (columns: Readonly<Record<string, string | number | null>>) =>
  Object.fromEntries(
    Object.entries(columns).map(([name, value]) => [name, typeof value === "string" ? clean(value) : value])
  )

/** Text that every database takes: PostgreSQL refuses NUL, and UTF-8 has no lone surrogates. */
const clean = (text: string): string => text.replaceAll("\0", "").toWellFormed()

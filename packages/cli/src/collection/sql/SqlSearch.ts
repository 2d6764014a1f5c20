/**
 * Exact search in a database: PostgreSQL orders by distance; of SQLite every vector is compared here, page by page.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as SqlError from "effect/sql/SqlError"
import type * as Collection from "../Collection.ts"
import * as Nearest from "../Nearest.ts"
import * as SqlVector from "./SqlVector.ts"

/** The chunks of a collection that are closest to a vector. */
export const search = (
  sql: SqlClient.SqlClient,
  collection: number,
  query: Collection.Query
): Effect.Effect<ReadonlyArray<Collection.Hit>, SqlError.SqlError> =>
  sql.onDialectOrElse({
    pg: () => inPostgres(sql, collection, query),
    orElse: () => inSqlite(sql, collection, query)
  })

interface Row {
  readonly id: number
  readonly source: string
  readonly position: number
  readonly citation: string
  readonly context: string
  readonly text: string
}

const hitOf = (row: Row, score: number): Collection.Hit => ({
  source: row.source,
  position: Number(row.position),
  citation: row.citation,
  context: row.context,
  text: row.text,
  score
})

/** Ids of files in a folder are between the folder's with `/` and with the character after `/`. */
const condition = (sql: SqlClient.SqlClient, collection: number, under: string | undefined) =>
  under === undefined || under === ""
    ? sql`collection = ${collection}`
    : sql`collection = ${collection} AND (source = ${under} OR source >= ${`${under}/`} AND source < ${`${under}0`})`

const inPostgres = (sql: SqlClient.SqlClient, collection: number, { limit, under, vector }: Collection.Query) =>
  sql.withTransaction(Effect.gen(function*() {
    // Where there is an approximate index, it is read on until there are enough rows that match.
    yield* sql`SELECT set_config('hnsw.iterative_scan', 'strict_order', true)`
    const rows = yield* sql<Row & { readonly distance: number }>`
      SELECT id, source, position, citation, context, text,
        vector <=> CAST(${SqlVector.make(sql).write(vector)} AS vector) AS distance
      FROM strata_chunk WHERE ${condition(sql, collection, under)} ORDER BY distance, id LIMIT ${limit}`
    return rows.map((row) => hitOf(row, 1 - Number(row.distance)))
  }))

/** Vectors that are in memory at once. */
const pageSize = 500

interface Stored {
  readonly id: number
  readonly vector: Uint8Array
}

const inSqlite = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  collection: number,
  { limit, under, vector }: Collection.Query
) {
  const { read } = SqlVector.make(sql)
  const nearest = Nearest.make<number>(limit)
  const compare = cosineWith(vector)
  const look = (rows: ReadonlyArray<Stored>) => {
    for (const row of rows) nearest.add(Number(row.id), compare(read(row.vector)))
    // Others want to run, too.
    return Effect.yieldNow
  }
  if (under === undefined || under === "") {
    // `+` keeps SQLite from an index, whose rows it would sort again for each page.
    for (let after = 0, isMore = true; isMore;) {
      const rows = yield* sql<Stored>`SELECT id, vector FROM strata_chunk
        WHERE +collection = ${collection} AND id > ${after} ORDER BY id LIMIT ${pageSize}`
      yield* look(rows)
      after = Number(rows.at(-1)?.id)
      isMore = rows.length === pageSize
    }
  } else {
    const ids = yield* sql<{ id: number }>`SELECT id FROM strata_chunk WHERE ${condition(sql, collection, under)}`
    for (const page of Arr.chunksOf(ids, pageSize)) {
      yield* look(
        yield* sql<Stored>`SELECT id, vector FROM strata_chunk WHERE ${sql.in("id", page.map(({ id }) => id))}`
      )
    }
  }
  const best = nearest.best()
  const texts = new Map<number, Row>()
  for (const page of Arr.chunksOf(best, pageSize)) {
    const ids = page.map(({ value }) => value)
    const rows = yield* sql<Row>`SELECT id, source, position, citation, context, text FROM strata_chunk WHERE ${
      sql.in("id", ids)
    }`
    for (const row of rows) texts.set(Number(row.id), row)
  }
  return best.flatMap(({ score, value }) => {
    const row = texts.get(value)
    return row === undefined ? [] : [hitOf(row, score)]
  })
})

/** The cosine of vectors with one of them, which is looked at once. */
const cosineWith = (vector: Float32Array) => {
  const length = Math.hypot(...vector)
  return (that: Float32Array): number => {
    if (that.length !== vector.length) return Number.NaN
    let [product, square] = [0, 0]
    for (let index = 0; index < that.length; index++) {
      const number = that[index] ?? 0
      product += number * (vector[index] ?? 0)
      square += number * number
    }
    return square === 0 || length === 0 ? 0 : product / (Math.sqrt(square) * length)
  }
}

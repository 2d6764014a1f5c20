/**
 * Collections in SQLite, or in PostgreSQL with pgvector.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as CommandError from "../../process/CommandError.ts"
import type * as Collection from "../Collection.ts"
import * as Lease from "../Lease.ts"
import * as Stamp from "../Stamp.ts"
import * as Database from "./Database.ts"
import * as SqlSearch from "./SqlSearch.ts"
import * as SqlVector from "./SqlVector.ts"
import * as Tables from "./Tables.ts"

/** - `name`: of the collection; `place`: of the database, for people. */
export interface Options {
  readonly sql: SqlClient.SqlClient
  readonly name: string
  readonly place: string
}

/** A collection of a database, whose tables are made where they are missing. */
export const make = Effect.fnUntraced(function*(
  { name, place, sql }: Options
): Effect.fn.Return<Collection.Collection, CommandError.CommandError> {
  const at = Database.failedAt(place)
  yield* at("making its tables", Tables.create(sql))

  const find = Effect.fnUntraced(function*(name: string) {
    const [row] = yield* sql<
      { id: number; stamp: string }
    >`SELECT id, stamp FROM strata_collection WHERE name = ${name}`
    if (row === undefined) return undefined
    const stamp = yield* decodeStamp(row.stamp)
    return { id: Number(row.id), stamp }
  })
  const found = (name: string) => at("reading its stamp", find(name))

  return {
    place,
    stamp: Effect.map(found(name), (row) => Option.map(Option.fromUndefinedOr(row), ({ stamp }) => stamp)),
    write: (stamp, { rebuild }) =>
      Effect.gen(function*() {
        const before = yield* found(name)
        const change = before === undefined ? undefined : Stamp.difference(before.stamp, stamp)
        if (change !== undefined && !rebuild) {
          return yield* Stamp.refused(`The collection "${name}" in ${place}`, change)
        }
        const id = before?.id ?? (yield* at("making the collection", register(sql, name, stamp)))
        const lease = yield* Lease.acquire({ sql, collection: id, name, at })
        if (change === undefined) return writer({ sql, at, collection: id, lease, finish: Effect.void })
        // The files of the new stamp gather beside those of the old one, which are found until then.
        const beside = yield* at("making the collection anew", anew(sql, `${name} (rebuilt)`, stamp, find))
        const finish = at("putting the collection in its place", lease.within(exchange(sql, id, beside, stamp)))
        return writer({ sql, at, collection: beside, lease, finish })
      }),
    search: (query) =>
      Effect.flatMap(
        found(name),
        (row) => row === undefined ? Effect.succeed([]) : at("searching", SqlSearch.search(sql, row.id, query))
      )
  }
})

const decodeStamp = Schema.decodeUnknownEffect(Schema.fromJsonString(Stamp.Stamp))

const register = Effect.fnUntraced(function*(sql: SqlClient.SqlClient, name: string, stamp: Stamp.Stamp) {
  yield* sql`INSERT INTO strata_collection ${sql.insert({ name, stamp: JSON.stringify(stamp) })}
    ON CONFLICT (name) DO NOTHING`
  const [row] = yield* sql<{ id: number; stamp: string }>`SELECT id, stamp FROM strata_collection WHERE name = ${name}`
  return Number(row?.id)
})

/** A collection with this stamp: the one of an earlier run that did not end, or an empty one. */
const anew = Effect.fnUntraced(function*<E>(
  sql: SqlClient.SqlClient,
  name: string,
  stamp: Stamp.Stamp,
  find: (name: string) => Effect.Effect<{ readonly id: number; readonly stamp: Stamp.Stamp } | undefined, E>
) {
  const row = yield* find(name)
  if (row !== undefined && Stamp.difference(row.stamp, stamp) === undefined) return row.id
  if (row !== undefined) yield* sql.withTransaction(forget(sql, row.id))
  return yield* register(sql, name, stamp)
})

const forget = (sql: SqlClient.SqlClient, id: number) =>
  Effect.forEach(
    ["strata_chunk", "strata_document"],
    (table) => sql`DELETE FROM ${sql(table)} WHERE collection = ${id}`
  )
    .pipe(Effect.andThen(sql`DELETE FROM strata_collection WHERE id = ${id}`))

/** Puts what is in one collection into the place of what is in another one. */
const exchange = (sql: SqlClient.SqlClient, id: number, beside: number, stamp: Stamp.Stamp) =>
  Effect.gen(function*() {
    for (const table of ["strata_chunk", "strata_document"]) {
      yield* sql`DELETE FROM ${sql(table)} WHERE collection = ${id}`
      yield* sql`UPDATE ${sql(table)} SET collection = ${id} WHERE collection = ${beside}`
    }
    yield* sql`UPDATE strata_collection SET stamp = ${JSON.stringify(stamp)} WHERE id = ${id}`
    yield* sql`DELETE FROM strata_collection WHERE id = ${beside}`
  })

/** Rows of one statement, whose values are bounded. */
const pageSize = 100

const writer = ({ at, collection, finish, lease, sql }: {
  readonly sql: SqlClient.SqlClient
  readonly at: Database.At
  readonly collection: number
  readonly lease: Lease.Lease
  readonly finish: Effect.Effect<void, CommandError.CommandError>
}): Collection.Writer => {
  const codec = SqlVector.make(sql)
  const sources = Stream.paginate("", (after: string) =>
    Effect.map(
      at(
        "listing its files",
        sql<
          { source: string }
        >`SELECT source FROM strata_document WHERE collection = ${collection} AND source > ${after}
          ORDER BY source LIMIT 1000`
      ),
      (rows) => {
        const last = rows.at(-1)?.source
        return [rows.map(({ source }) => source), Option.fromUndefinedOr(last)] as const
      }
    ))
  return {
    finish,
    sources,
    known: (source) =>
      at(
        "reading what is known of a file",
        Effect.map(
          sql<{ bytes_digest: string; text_digest: string }>`SELECT bytes_digest, text_digest FROM strata_document
            WHERE collection = ${collection} AND source = ${source}`,
          ([row]) => row && { bytesDigest: row.bytes_digest, textDigest: row.text_digest }
        )
      ),
    vectors: (hashes) =>
      at(
        "reading vectors",
        Effect.gen(function*() {
          const found = new Map<string, Float32Array>()
          for (let start = 0; start < hashes.length; start += pageSize) {
            const rows = yield* sql<{ hash: string; vector: SqlVector.Stored }>`SELECT hash, ${codec.column} AS vector
              FROM strata_chunk WHERE collection = ${collection} AND ${
              sql.in("hash", hashes.slice(start, start + pageSize))
            }`
            for (const { hash, vector } of rows) found.set(hash, codec.read(vector))
          }
          return found
        })
      ),
    replace: ({ bytesDigest, emptyPages, source, textDigest, title }, chunks) =>
      at(
        `storing ${source}`,
        lease.within(Effect.gen(function*() {
          yield* sql`DELETE FROM strata_chunk WHERE collection = ${collection} AND source = ${source}`
          for (const page of Arr.chunksOf(chunks, pageSize)) {
            const rows = Arr.map(page, ({ vector, ...chunk }) => ({
              collection,
              source,
              ...chunk,
              text: storable(chunk.text),
              context: storable(chunk.context),
              vector: codec.write(vector)
            }))
            yield* sql`INSERT INTO strata_chunk ${sql.insert(rows)}`
          }
          yield* sql`DELETE FROM strata_document WHERE collection = ${collection} AND source = ${source}`
          yield* sql`INSERT INTO strata_document ${
            sql.insert({
              collection,
              source,
              bytes_digest: bytesDigest,
              text_digest: textDigest,
              title: title === undefined ? null : storable(title),
              chunks: chunks.length,
              empty_pages: emptyPages,
              indexed_at: yield* Clock.currentTimeMillis
            })
          }`
        }))
      ),
    confirm: (source, bytesDigest) =>
      at(
        `storing ${source}`,
        lease.within(
          sql`UPDATE strata_document SET bytes_digest = ${bytesDigest}
            WHERE collection = ${collection} AND source = ${source}`
        )
      ),
    remove: (sources) =>
      at(
        "removing files",
        lease.within(Effect.gen(function*() {
          for (let start = 0; start < sources.length; start += pageSize) {
            const page = sources.slice(start, start + pageSize)
            for (const table of ["strata_chunk", "strata_document"]) {
              yield* sql`DELETE FROM ${sql(table)} WHERE collection = ${collection} AND ${sql.in("source", page)}`
            }
          }
        }))
      )
  }
}

/** PostgreSQL stores no NUL, and neither stores half a character. */
const storable = (text: string): string => text.replaceAll("\0", "").toWellFormed()

/**
 * The statements of `VectorStore`. Rows travel as one JSON parameter, which every client of PostgreSQL sends alike; they
 * come back as texts and numbers.
 */
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as Options from "./options.ts"

/** A document to be stored. `hash`: of its text. */
export interface Row extends Required<Options.Document> {
  readonly hash: string
}

/** More dimensions than that cannot be indexed by HNSW. */
const mostIndexed = 2000

/** Rows of one statement. */
const pageSize = 1000

export const make = (
  sql: SqlClient.SqlClient,
  { dimensions, space, table }: Options.LayerOptions & { readonly table: string }
) => {
  const place = table.split(".").map((part) => `"${part}"`).join(".")
  const stored = sql.literal(place)

  /** Makes the table where there is none, also if other processes do so at the same moment; returns its dimensions. */
  const create = Effect.gen(function*() {
    yield* sql.unsafe(createStatement(table, place, dimensions)).unprepared
    const [column] = yield* sql<{ readonly dimensions: number }>`SELECT atttypmod::int AS dimensions FROM pg_attribute
      WHERE attrelid = to_regclass(${place}::text) AND attname = 'embedding' AND atttypid = to_regtype('vector')`
    return column?.dimensions
  })

  /** The ids of rows whose text is stored with a vector of this space. */
  const known = Effect.fnUntraced(function*(rows: ReadonlyArray<Row>) {
    const ids = new Set<string>()
    for (const page of Arr.chunksOf(rows, pageSize)) {
      const found = yield* sql`SELECT id FROM ${stored} JOIN ${
        given(page.map(({ hash, id }) => ({ id, hash })), "id text, hash text")
      } USING (id, hash) WHERE space = ${space}`
      for (const { id } of yield* decode(Known)(found)) ids.add(id)
    }
    return ids
  })

  const updateMetadata = (rows: ReadonlyArray<Row>) =>
    Effect.forEach(
      Arr.chunksOf(rows, pageSize),
      (page) =>
        sql`UPDATE ${stored} AS stored SET metadata = given.metadata FROM ${
          given(page.map(({ id, metadata }) => ({ id, metadata })), "id text, metadata jsonb")
        } WHERE stored.id = given.id AND stored.metadata <> given.metadata`,
      { discard: true }
    )

  const insert = (rows: ReadonlyArray<Row & { readonly embedding: string }>) =>
    sql`INSERT INTO ${stored} (id, space, hash, text, metadata, embedding)
      SELECT id, ${space}::text, hash, text, metadata, embedding::vector FROM ${
      given(rows, "id text, hash text, text text, metadata jsonb, embedding text")
    } ON CONFLICT (id) DO UPDATE SET space = excluded.space, hash = excluded.hash, text = excluded.text,
        metadata = excluded.metadata, embedding = excluded.embedding`

  const search = Effect.fnUntraced(function*({ filter, limit, vector }: {
    readonly vector: Embedding.Vector
    readonly filter: NonNullable<Options.SearchOptions["filter"]>
    readonly limit: number
  }) {
    const rows = yield* sql.withTransaction(Effect.andThen(
      // The filter applies to what the index finds: the index is read on until there are enough rows.
      sql`SELECT set_config('hnsw.iterative_scan', 'strict_order', true)`,
      sql`SELECT id, text, metadata::text AS metadata, (embedding <=> ${
        literal(vector)
      }::text::vector)::float8 AS distance
        FROM ${stored} WHERE space = ${space} AND metadata @> ${JSON.stringify(filter)}::text::jsonb
        ORDER BY embedding <=> ${literal(vector)}::text::vector LIMIT ${limit}::int`
    ))
    return (yield* decode(Found)(rows)).map(({ distance, ...document }) => ({ ...document, score: 1 - distance }))
  })

  const remove = Effect.fnUntraced(function*(ids: ReadonlyArray<string>) {
    let removed = 0
    for (const page of Arr.chunksOf(ids, pageSize)) {
      const rows = yield* sql`DELETE FROM ${stored} WHERE id IN (
        SELECT jsonb_array_elements_text(${JSON.stringify(page)}::text::jsonb)) RETURNING id`
      removed += rows.length
    }
    return removed
  })

  const given = (rows: ReadonlyArray<object>, columns: string) =>
    sql`jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS given (${sql.literal(columns)})`

  return { create, known, updateMetadata, insert, search, remove }
}

const createStatement = (table: string, place: string, dimensions: number) => {
  const name = table.split(".").at(-1)
  const index = dimensions > mostIndexed
    ? ""
    : `CREATE INDEX "${name}_embedding" ON ${place} USING hnsw (embedding vector_cosine_ops);`
  // `IF NOT EXISTS` alone may fail where two do it at once, and needs the right to create what is there already.
  return `DO $$ BEGIN
    IF to_regclass('${place}') IS NULL THEN
      PERFORM pg_advisory_xact_lock(8246133173);
      IF to_regclass('${place}') IS NULL THEN
        CREATE EXTENSION IF NOT EXISTS vector;
        CREATE TABLE ${place} (id TEXT PRIMARY KEY, space TEXT NOT NULL, hash TEXT NOT NULL, text TEXT NOT NULL,
          metadata JSONB NOT NULL, embedding vector(${dimensions}) NOT NULL);
        CREATE INDEX "${name}_metadata" ON ${place} USING gin (metadata jsonb_path_ops);
        ${index}
      END IF;
    END IF;
  END $$`
}

const Known = Schema.Struct({ id: Schema.String })
const Found = Schema.Struct({
  id: Schema.String,
  text: Schema.String,
  metadata: Schema.fromJsonString(Schema.JsonObject),
  distance: Schema.Number
})

const decode = <A, I>(row: Schema.Codec<A, I>) => Schema.decodeUnknownEffect(Schema.Array(row))

/** A vector as pgvector reads it: `[0.25,-1]`. */
export const literal = (vector: Embedding.Vector): string => `[${vector.join(",")}]`

/** PostgreSQL stores no NUL, and UTF-8 no half of a surrogate pair. */
export const storable = (text: string): string => text.replaceAll("\0", "").toWellFormed()

/** The message of the database, where an error has one. */
export const messageOf = (error: { readonly message: string; readonly reason?: { readonly cause: unknown } }): string =>
  error.reason?.cause instanceof Error ? error.reason.cause.message : error.message

/**
 * Documents and their vectors in PostgreSQL: embedded when they are new or changed, found by meaning.
 *
 * One table, one row for each document, pgvector's HNSW index over the cosine distance. All that comes from outside
 * travels as bound parameters.
 */
import { type Embedding, EmbeddingService } from "@strata/core"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { Digest } from "effect/crypto"
import { SqlClient, type SqlError } from "effect/sql"

/** What is stored. `id` is the caller's: a document with the same one replaces it. */
export const Document = Schema.Struct({
  id: Schema.String,
  text: Schema.String,
  tags: Schema.Array(Schema.String)
})
export type Document = typeof Document.Type

/** A document and its cosine to the question: 1 for the same direction. */
export interface Hit {
  readonly document: Document
  readonly score: number
}

/** How many texts had to be embedded, and how many were there already. */
export interface Indexed {
  readonly embedded: number
  readonly unchanged: number
}

/** `limit`: 5 unless said otherwise. `filter`: only documents with this tag. */
export interface SearchOptions {
  readonly limit?: number | undefined
  readonly filter?: { readonly tag: string } | undefined
}

/** The database refused, could not be reached, or answered with something else. */
export class DatabaseError extends Schema.TaggedError<DatabaseError>()("DatabaseError", {
  operation: Schema.String,
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** The table was made for vectors of another length. */
export class DimensionsError extends Schema.TaggedError<DimensionsError>()("DimensionsError", {
  table: Schema.String,
  expected: Schema.Number,
  found: Schema.Number
}) {
  override get message() {
    return `The table "${this.table}" holds vectors of ${this.found} numbers, not of ${this.expected}: name another table`
  }
}

/**
 * - `migrate`: makes extension, table and indexes where they are missing.
 * - `upsert`: embeds only texts the table does not hold yet. Writes as it goes: what a failed call has written, the next
 *   one skips.
 * - `search`: the documents closest in meaning, the closest first.
 */
export class VectorStore extends Context.Service<VectorStore, {
  readonly migrate: Effect.Effect<void, DatabaseError | DimensionsError>
  readonly upsert: (
    documents: ReadonlyArray<Document>
  ) => Effect.Effect<Indexed, DatabaseError | EmbeddingService.EmbeddingError>
  readonly search: (
    question: string,
    options?: SearchOptions
  ) => Effect.Effect<ReadonlyArray<Hit>, DatabaseError | EmbeddingService.EmbeddingError>
}>()("@strata/examples/VectorStore") {}

/**
 * - `space`: names what made the vectors. Those of two models cannot be compared: what was stored under another name is
 *   not found, and embedded again.
 * - `dimensions`: numbers in a vector, 2000 at most: HNSW takes no more.
 * - `table`: `strata_documents` unless said otherwise.
 */
export interface Options {
  readonly space: string
  readonly dimensions: number
  readonly table?: string | undefined
}

/** The store over any `SqlClient` that speaks to a PostgreSQL with pgvector 0.8 or newer. */
export const layer = (options: Options) =>
  Layer.effect(VectorStore, make(options)).pipe(Layer.provide(Digest.layerWebCrypto))

const make = Effect.fnUntraced(function*({ dimensions, space, table = "strata_documents" }: Options) {
  const sql = yield* SqlClient.SqlClient
  const embeddings = yield* EmbeddingService.EmbeddingService
  const digest = yield* Digest.Digest
  const documents = sql(table)
  const hash = (text: string) => digest.digestHex(Digest.sha256, new TextEncoder().encode(text))

  const migrate = Effect.gen(function*() {
    yield* sql`create extension if not exists vector`
    // A type takes no parameter: the number goes into the statement.
    yield* sql`create table if not exists ${documents} (
      id text primary key,
      space text not null,
      hash text not null,
      text text not null,
      tags text[] not null,
      embedding vector(${sql.literal(String(dimensions))}) not null
    )`
    yield* sql`create index if not exists ${sql(`${table}_embedding`)} on ${documents}
      using hnsw (embedding vector_cosine_ops)`
    yield* sql`create index if not exists ${sql(`${table}_tags`)} on ${documents} using gin (tags)`
    const [column] = yield* decode(Column)(
      yield* sql`select atttypmod as dimensions from pg_attribute
        where attrelid = quote_ident(${table})::regclass and attname = 'embedding'`
    )
    const found = column?.dimensions ?? dimensions
    if (found !== dimensions) return yield* new DimensionsError({ table, expected: dimensions, found })
  }).pipe(sql.withTransaction, Effect.catchTag(["SqlError", "SchemaError"], failed("migrate")))

  const upsert = Effect.fn("VectorStore.upsert")(function*(given: ReadonlyArray<Document>) {
    const hashes = yield* Effect.forEach(given, ({ text }) => hash(text))
    // The last one of the same id counts, as if they had come one after the other.
    const hashed = new Map(given.map((document, index) => [document.id, { ...document, space, hash: hashes[index]! }]))
    const rows = Array.from(hashed.values())

    const known = new Set(
      (yield* decode(Known)(
        yield* sql`select id from ${documents}
          join unnest(${rows.map(({ id }) => id)}::text[], ${rows.map(({ hash }) => hash)}::text[]) as given (id, hash)
          using (id, hash) where space = ${space}`
      )).map(({ id }) => id)
    )
    // Tags say nothing about the meaning: they change without an embedding.
    const tags = JSON.stringify(rows.map(({ id, tags }) => ({ id, tags })))
    yield* sql`update ${documents} as stored set tags = given.tags
      from jsonb_to_recordset(${tags}::text::jsonb) as given (id text, tags text[])
      where stored.id = given.id and stored.tags <> given.tags`

    const fresh = rows.filter(({ id }) => !known.has(id))
    yield* embeddings.embedStream(Stream.fromIterable(fresh), ({ text }) => text, { purpose: "document", dimensions })
      .pipe(
        Stream.map(({ embedding, value }) => ({ ...value, embedding: literal(embedding.vector) })),
        Stream.grouped(100),
        Stream.runForEach((rows) =>
          sql`insert into ${documents} ${sql.insert(rows)} on conflict (id) do update set
            space = excluded.space, hash = excluded.hash, text = excluded.text, tags = excluded.tags,
            embedding = excluded.embedding`
        )
      )
    return { embedded: fresh.length, unchanged: rows.length - fresh.length }
  }, Effect.catchTag(["SqlError", "SchemaError"], failed("upsert")))

  const search = Effect.fn("VectorStore.search")(
    function*(question: string, { filter, limit = 5 }: SearchOptions = {}) {
      const { vector } = yield* embeddings.embed(question, { purpose: "query", dimensions })
      const conditions = [sql`space = ${space}`]
      if (filter !== undefined) conditions.push(sql`tags @> ${[filter.tag]}::text[]`)
      const rows = yield* sql.withTransaction(Effect.andThen(
        // The index is read before the filter applies: read on until there are enough.
        sql`set local hnsw.iterative_scan = strict_order`,
        sql`select id, text, tags, embedding <=> ${literal(vector)}::vector as distance from ${documents}
        where ${sql.and(conditions)} order by distance limit ${limit}`
      ))
      return (yield* decode(Found)(rows)).map(({ distance, ...document }) => ({ document, score: 1 - distance }))
    },
    Effect.catchTag(["SqlError", "SchemaError"], failed("search"))
  )

  return VectorStore.of({ migrate, upsert, search })
})

const Column = Schema.Struct({ dimensions: Schema.Number })
const Known = Schema.Struct({ id: Schema.String })
const Found = Schema.Struct({ ...Document.fields, distance: Schema.Number })

const decode = <A, I>(row: Schema.Codec<A, I>) => Schema.decodeUnknownEffect(Schema.Array(row))

/** A vector as pgvector reads it: `[0.25,-1]`. */
const literal = (vector: Embedding.Vector): string => `[${vector.join(",")}]`

const failed = (operation: string) => (error: SqlError.SqlError | Schema.SchemaError) => {
  const cause = error._tag === "SqlError" ? error.reason.cause : error
  return new DatabaseError({ operation, message: cause instanceof Error ? cause.message : error.message, cause: error })
}

/**
 * Texts and their vectors in PostgreSQL with pgvector: embedded when they are new or changed, found by meaning.
 *
 * One table, with one row for each document and an HNSW index over the cosine distance. Works with every `SqlClient` of
 * PostgreSQL, such as `PgClient` of `@effect/sql-pg`; needs pgvector 0.8 or later.
 */
import * as Check from "@strata/core/Check"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import * as Options from "./vectors/options.ts"
import * as Statements from "./vectors/statements.ts"

export type { Document, LayerOptions, SearchOptions } from "./vectors/options.ts"

/** A document that was found. `score`: the cosine of its vector and the question's, 1 for the same direction. */
export interface Hit extends Required<Options.Document> {
  readonly score: number
}

/** `embedded`: documents whose text was new or changed. `unchanged`: those whose vector was there already. */
export interface Upserted {
  readonly embedded: number
  readonly unchanged: number
}

/** The database refused a statement, could not be reached, or returned something else. */
export class VectorStoreError extends Schema.TaggedError<VectorStoreError>()("VectorStoreError", {
  operation: Schema.Literals(["upsert", "search", "remove"]),
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** What operations fail with; invalid arguments are an `InvalidRequestError`, as for the embedding service. */
export type StoreError = VectorStoreError | EmbeddingService.EmbeddingError

/**
 * - `upsert`: stores documents; one with the `id` of another replaces it, and of equal ids in a call the last one counts.
 *   Only texts that are new or changed are embedded. Rows are written a hundred at a time: after a failure the next call
 *   embeds the rest only.
 * - `search`: the documents closest to a text or a vector, the closest first.
 * - `remove`: removes documents by their ids, and returns how many there were.
 */
export class VectorStore extends Context.Service<VectorStore, {
  readonly upsert: (documents: ReadonlyArray<Options.Document>) => Effect.Effect<Upserted, StoreError>
  readonly search: (
    question: string | Embedding.Vector,
    options?: Options.SearchOptions
  ) => Effect.Effect<ReadonlyArray<Hit>, StoreError>
  readonly remove: (ids: ReadonlyArray<string>) => Effect.Effect<number, StoreError>
}>()("@strata/persistence/VectorStore") {}

/** See {@link VectorStore}. */
export const upsert = (
  documents: ReadonlyArray<Options.Document>
): Effect.Effect<Upserted, StoreError, VectorStore> => VectorStore.use((store) => store.upsert(documents))

/** See {@link VectorStore}. */
export const search = (
  question: string | Embedding.Vector,
  options?: Options.SearchOptions
): Effect.Effect<ReadonlyArray<Hit>, StoreError, VectorStore> =>
  VectorStore.use((store) => store.search(question, options))

/** See {@link VectorStore}. */
export const remove = (ids: ReadonlyArray<string>): Effect.Effect<number, StoreError, VectorStore> =>
  VectorStore.use((store) => store.remove(ids))

/**
 * A store in a table, which is made where it is missing, with the extension `vector`.
 *
 * Fails with `SqlError` where there is no database or no pgvector, and with `InvalidRequestError` for invalid options, a
 * database of another kind, and a table with vectors of another length.
 *
 * @example
 * const Store = VectorStore.layer({ space: "titan-v2", dimensions: 1024 }).pipe(
 *   Layer.provide([PgClient.layer({ url }), BedrockEmbedding.layer({ model: "amazon.titan-embed-text-v2:0" })])
 * )
 */
export const layer = (
  options: Options.LayerOptions
): Layer.Layer<
  VectorStore,
  ProviderError.InvalidRequestError | SqlError,
  SqlClient.SqlClient | EmbeddingService.EmbeddingService
> => Layer.effect(VectorStore, make(options)).pipe(Layer.provide(Digest.layerWebCrypto))

const make = Effect.fnUntraced(function*(options: Options.LayerOptions) {
  const { dimensions, space, table = "strata_vectors" } = yield* Check.run(Options.layer, options, {
    provider: "strata",
    whole: "options"
  })
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  if (!sql.onDialectOrElse({ pg: () => true, orElse: () => false })) {
    return yield* Check.invalid("client", "it is not of PostgreSQL", "Use one that is, such as PgClient")
  }
  const statements = Statements.make(sql, { table, space, dimensions })
  const found = yield* statements.create
  if (found !== dimensions) {
    return yield* Check.invalid(
      "dimensions",
      found === undefined
        ? `the table "${table}" is not one of a vector store`
        : `the table "${table}" has vectors of ${found} numbers, not of ${dimensions}`,
      "Name another table"
    )
  }
  const embeddings = yield* EmbeddingService.EmbeddingService
  const digest = yield* Digest.Digest
  const hash = (text: string) => digest.digestHex(Digest.sha256, new TextEncoder().encode(text))

  const upsert = Effect.fn("VectorStore.upsert")(function*(documents: ReadonlyArray<Options.Document>) {
    const given = yield* Check.run(Options.documents, documents, { provider: "strata", field: "documents" })
    const rows = new Map<string, Statements.Row>()
    for (const { id, metadata = {}, text } of given) {
      rows.set(id, { id, text: Statements.storable(text), metadata, hash: yield* hash(text) })
    }
    const known = yield* statements.known(Array.from(rows.values()))
    // Metadata changes without an embedding.
    yield* statements.updateMetadata(Array.from(rows.values()).filter(({ id }) => known.has(id)))
    const fresh = Array.from(rows.values()).filter(({ id }) => !known.has(id))
    yield* embeddings.embedStream(Stream.fromIterable(fresh), ({ text }) => text, { purpose: "document", dimensions })
      .pipe(
        Stream.map(({ embedding, value }) => ({ ...value, embedding: Statements.literal(embedding.vector) })),
        Stream.grouped(100),
        Stream.runForEach(statements.insert)
      )
    return { embedded: fresh.length, unchanged: known.size }
  }, Effect.catchTag(["SqlError", "SchemaError"], failed("upsert")))

  const search = Effect.fn("VectorStore.search")(
    function*(question: string | Embedding.Vector, options: Options.SearchOptions = {}) {
      const { filter = {}, limit = 5 } = yield* Check.run(Options.search, options, {
        provider: "strata",
        whole: "options"
      })
      const vector = yield* Check.run(Options.question(dimensions), question, { provider: "strata", field: "question" })
      return yield* statements.search({
        vector: typeof vector === "string"
          ? (yield* embeddings.embed(vector, { purpose: "query", dimensions })).vector
          : vector,
        filter,
        limit
      })
    },
    Effect.catchTag(["SqlError", "SchemaError"], failed("search"))
  )

  const remove = Effect.fn("VectorStore.remove")(function*(ids: ReadonlyArray<string>) {
    return yield* statements.remove(yield* Check.run(Options.ids, ids, { provider: "strata", field: "ids" }))
  }, Effect.catchTag("SqlError", failed("remove")))

  return VectorStore.of({ upsert, search, remove })
})

const failed = (operation: VectorStoreError["operation"]) => (error: { readonly message: string }) =>
  Effect.fail(new VectorStoreError({ operation, message: Statements.messageOf(error), cause: error }))

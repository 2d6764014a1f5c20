/**
 * A collection: the chunks of files, their vectors, and what is known of each file.
 *
 * Where it is kept decides how; `SqlCollection` has it in a database, `JsonlCollection` in a file.
 */
import type { Chunk } from "@strata/documents"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as CommandError from "../process/CommandError.ts"
import type { Stamp } from "./Stamp.ts"

/**
 * A file, as far as it is known.
 *
 * - `bytesDigest`: of its bytes, by which it needs not be read again; `textDigest`: of its chunks.
 */
export interface Known {
  readonly bytesDigest: string
  readonly textDigest: string
}

/** A file to be stored. `emptyPages`: pages without text. */
export interface Entry extends Known {
  readonly source: string
  readonly title: string | undefined
  readonly emptyPages: number
}

/** What is stored of a chunk: its key is source, position and hash. */
export interface StoredChunk {
  readonly position: number
  readonly hash: string
  readonly text: string
  readonly context: string
  readonly citation: string
  readonly vector: Float32Array
}

/** A chunk that was found; `score` is the cosine, 1 for the same direction. */
export interface Hit {
  readonly source: string
  readonly position: number
  readonly citation: string
  readonly context: string
  readonly text: string
  readonly score: number
}

/** `under`: the id of a file or a folder; all chunks when missing. */
export interface Query {
  readonly vector: Float32Array
  readonly limit: number
  readonly under: string | undefined
}

/**
 * The one process that changes a collection.
 *
 * - `known`: what is known of a file; `vectors`: those of these hashes that are stored.
 * - `replace`: stores a file with its chunks in place of what was stored of it, all or nothing. `confirm`: its bytes changed,
 *   its chunks did not.
 * - `sources`: all files; `remove`: forgets some.
 * - `finish`: after all files, when none is missing.
 */
export interface Writer {
  readonly known: (source: string) => Effect.Effect<Known | undefined, CommandError.CommandError>
  readonly vectors: (
    hashes: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyMap<string, Float32Array>, CommandError.CommandError>
  readonly replace: (
    entry: Entry,
    chunks: ReadonlyArray<StoredChunk>
  ) => Effect.Effect<void, CommandError.CommandError>
  readonly confirm: (source: string, bytesDigest: string) => Effect.Effect<void, CommandError.CommandError>
  readonly sources: Stream.Stream<string, CommandError.CommandError>
  readonly remove: (sources: ReadonlyArray<string>) => Effect.Effect<void, CommandError.CommandError>
  readonly finish: Effect.Effect<void, CommandError.CommandError>
}

/**
 * - `stamp`: of what is there; none where nothing is.
 * - `write`: becomes its writer, until the scope closes. Fails where another process is, and for another stamp; with
 *   `rebuild` the files of the new stamp replace those of the old one when they are complete.
 * - `search`: the chunks closest to a vector, the closest first: exact, however few match `under`.
 */
export interface Collection {
  readonly place: string
  readonly stamp: Effect.Effect<Option.Option<Stamp>, CommandError.CommandError>
  readonly write: (
    stamp: Stamp,
    options: { readonly rebuild: boolean }
  ) => Effect.Effect<Writer, CommandError.CommandError, Scope.Scope>
  readonly search: (query: Query) => Effect.Effect<ReadonlyArray<Hit>, CommandError.CommandError>
}

/** What is stored of a chunk. */
export const stored = (chunk: Chunk.Chunk, citation: string, vector: Float32Array): StoredChunk => ({
  position: chunk.index,
  hash: chunk.hash,
  text: chunk.text,
  context: chunk.context,
  citation,
  vector
})

/**
 * Where a job writes what came of its items.
 *
 * `exactly-once` sinks write in the transaction that marks a chunk as done, or to a place that this transaction decides on:
 * whenever a process dies, each item is written once. The others are called again for a chunk that was written and not yet
 * marked: `at-least-once`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as SqlError from "effect/sql/SqlError"
import * as Files from "./internal/sink/files.ts"
import * as VectorTable from "./internal/sink/vectorTable.ts"
import type * as JobStore from "./JobStore.ts"

/** An item and what came of it. `hash`: of the stored item, to tell whether it changed. */
export interface Written<out Item, out Output> {
  readonly id: string
  readonly item: Item
  readonly output: Output
  readonly hash: string
}

/** How often an item is written when processes die. */
export type Guarantee = "exactly-once" | "at-least-once"

/** The job and the process that a sink is opened for. */
export interface Opening {
  readonly job: number
  readonly name: string
  readonly runner: string
  readonly store: JobStore.JobStore["Service"]
}

/**
 * An open sink. `write` is to write the rows of one chunk, and to run `transaction` exactly once, with what belongs to it:
 * it marks the chunk as done, and fails where another process has done so.
 */
export interface Writer<in Item, in Output, out E> {
  readonly write: <E2>(
    rows: ReadonlyArray<Written<Item, Output>>,
    transaction: (inside: Effect.Effect<void, E | SqlError.SqlError>) => Effect.Effect<void, E2>
  ) => Effect.Effect<void, E | E2 | SqlError.SqlError>
}

/** A sink; it is opened once by each process that runs a job. */
export interface Sink<in Item, in Output, out E = never, out R = never, out G extends Guarantee = Guarantee> {
  readonly guarantee: G
  readonly open: (
    opening: Opening
  ) => Effect.Effect<Writer<Item, Output, E>, E | SqlError.SqlError, R | Scope.Scope>
}

/**
 * Writes with SQL to the database of the jobs, in the transaction of the chunk: exactly once. `write` should be short, and
 * do nothing but SQL through the client it is given: the transaction is open.
 *
 * @example
 * Sink.sql((rows, sql) => sql`INSERT INTO labels ${sql.insert(rows.map(({ id, output }) => ({ id, label: output.text })))}`)
 */
export const sql = <Item, Output, E = never, R = never>(
  write: (
    rows: ReadonlyArray<Written<Item, Output>>,
    sql: SqlClient.SqlClient
  ) => Effect.Effect<unknown, E, R>
): Sink<Item, Output, E, R, "exactly-once"> => ({
  guarantee: "exactly-once",
  open: ({ store }) =>
    Effect.map(Effect.context<R>(), (context) => ({
      write: (rows, transaction) => transaction(Effect.asVoid(Effect.provide(write(rows, store.sql), context)))
    }))
})

/**
 * Writes embeddings to a table of the database of the jobs, exactly once; the table is made if it is missing. Its columns:
 * `id` (key), `hash`, `item` (JSON), `vector`, and those of `columns`.
 *
 * A row is replaced if its item changed. In PostgreSQL `vector` has the type of pgvector, whose extension is made if it may
 * be; in SQLite it is a BLOB of 32-bit floats, little endian.
 *
 * @example
 * Sink.vectors({ table: "pages", columns: (page: Page) => ({ title: page.title }) })
 */
export const vectors: <Item>(
  options: VectorTable.Options<Item>
) => Sink<Item, VectorTable.HasVector, never, never, "exactly-once"> = VectorTable.make

/**
 * Writes lines of JSON to files of a directory, exactly once: `<job>-000001.jsonl` and so on, each whole when it has this
 * name. A process has one file at a time, `.partial` until it is closed: at 256 MB (`partBytes`) or when the job ends.
 *
 * A line is `{ id, vector }` for embeddings, `{ id, value }` for answers with a schema and `{ id, text }` for others, or what
 * `line` makes of a row.
 *
 * @example
 * Sink.jsonl({ directory: "out", line: ({ id, output }) => ({ id, sentiment: output.value }) })
 */
export const jsonl: <Item, Output>(
  options: Files.Options<Item, Output>
) => Sink<Item, Output, Files.Failure, Files.Services, "exactly-once"> = Files.make

/**
 * Hands rows to any effect. It is called again for a chunk if the process dies between its end and the mark: at least once.
 * Use `id` as the key of what it writes.
 */
export const effect = <Item, Output, E, R>(
  write: (rows: ReadonlyArray<Written<Item, Output>>) => Effect.Effect<unknown, E, R>
): Sink<Item, Output, E, R, "at-least-once"> => ({
  guarantee: "at-least-once",
  open: () =>
    Effect.map(Effect.context<R>(), (context) => ({
      write: (rows, transaction) => Effect.andThen(Effect.provide(write(rows), context), transaction(Effect.void))
    }))
})

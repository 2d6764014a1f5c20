/**
 * Where a job writes what came of its items.
 *
 * `exactly-once` sinks write in the transaction that marks a chunk as done, or to a place that this transaction decides on:
 * whenever a process dies, each item is written once. The others are called again for a chunk that was written and not yet
 * marked: `at-least-once`.
 */
import * as Check from "@strata/core/Check"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import { called } from "./internal/called.ts"
import type { Sink, Writer, Written } from "./internal/sink/contract.ts"
import * as Files from "./internal/sink/files.ts"
import * as VectorTable from "./internal/sink/vectorTable.ts"

export type { Guarantee, Opening, Sink, Writer, Written } from "./internal/sink/contract.ts"

/**
 * Writes with SQL to the database of the jobs, in the transaction of the chunk: exactly once. `write` should be short, and
 * do nothing but SQL through the client it is given: the transaction is open.
 *
 * @example
 * const job = Job.make(
 *   { name: "labels", item: Page, source: pages, id: (page) => page.url },
 *   Work.chat({ request: (page) => `Name the topic of this page.\n${page.text}` }),
 *   Sink.sql((rows, sql) =>
 *     Effect.forEach(rows, ({ id, output }) => sql`INSERT INTO labels ${sql.insert({ id, label: output.text })}`)
 *   )
 * )
 */
export const sql = <Item, Output, E = never, R = never>(
  write: (
    rows: ReadonlyArray<Written<Item, Output>>,
    sql: SqlClient.SqlClient
  ) => Effect.Effect<unknown, E, R>
): Sink<Item, Output, E, R, "exactly-once"> => ({
  guarantee: "exactly-once",
  open: ({ store }) =>
    Effect.andThen(
      Check.run(callback, write, { provider: "strata", whole: "sink" }),
      Effect.map(Effect.context<R>(), (context): Writer<Item, Output, E> => ({
        write: (rows, transaction) =>
          transaction(Effect.asVoid(Effect.provide(called(() => write(rows, store.sql)), context)))
      }))
    )
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
 * const job = Job.make(
 *   { name: "labels", item: Page, source: pages, id: (page) => page.url },
 *   Work.chat({ request: (page) => page.text, schema: Sentiment }),
 *   Sink.jsonl({ directory: "out", line: ({ id, output }) => ({ id, sentiment: output.value }) })
 * )
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
    Effect.andThen(
      Check.run(callback, write, { provider: "strata", whole: "sink" }),
      Effect.map(Effect.context<R>(), (context): Writer<Item, Output, E> => ({
        write: (rows, transaction) =>
          Effect.andThen(Effect.provide(called(() => write(rows)), context), transaction(Effect.void))
      }))
    )
})

const callback = Check.callback("Give a function of rows")

/** Jobs over items that are texts, on test doubles. */
import { Job, JobStore, Sink, Work } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const Doc = Schema.Struct({ id: Schema.String, text: Schema.String })
export type Doc = typeof Doc.Type

export const docs = (count: number, text = (index: number) => `text ${index}`): ReadonlyArray<Doc> =>
  Array.from({ length: count }, (_, index) => ({ id: `doc-${index}`, text: text(index) }))

/** A directory that is gone with the scope. */
export const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "strata-jobs-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true }))
)

/** Short intervals, for tests that wait for them; no test waits for the lease. */
export const intervals = { lease: "30 seconds", pollInterval: "20 millis" } as const

/** The same, for tests of leases. */
export const shortLease = { ...intervals, lease: "2 seconds" } as const

export const inMemory = JobStore.layerSqlite({ filename: ":memory:", ...intervals })

/** Writes the ids to a table whose rows may repeat, so that what is written twice shows. */
export const writtenIds = Sink.sql<Doc, unknown, import("effect/sql/SqlError").SqlError>((rows, sql) =>
  Effect.gen(function*() {
    yield* sql`CREATE TABLE IF NOT EXISTS written (id TEXT NOT NULL)`
    for (const { id } of rows) yield* sql`INSERT INTO written (id) VALUES (${id})`
  })
)

/** The ids that were written, sorted; twice what was written twice. */
export const written = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE IF NOT EXISTS written (id TEXT NOT NULL)`
  const rows = yield* sql<{ id: string }>`SELECT id FROM written`
  return rows.map(({ id }) => id).sort()
})

export const idsOf = (items: ReadonlyArray<Doc>): ReadonlyArray<string> => items.map(({ id }) => id).sort()

export const embedding = (
  items: ReadonlyArray<Doc>,
  options: { readonly name?: string; readonly chunk?: number; readonly maxAttempts?: number } = {}
) =>
  Job.make({
    name: options.name ?? "docs",
    item: Doc,
    source: Stream.fromIterable(items),
    id: ({ id }) => id,
    work: Work.embedding({ input: ({ text }: Doc) => text, chunk: options.chunk }),
    sink: writtenIds,
    maxAttempts: options.maxAttempts
  })

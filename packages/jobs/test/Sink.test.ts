import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Job, Sink, Work } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Fixture from "./support/Fixture.ts"

const services = Layer.mergeAll(Fixture.inMemory, TestEmbedding.layer({ dimensions: 4 }), NodeServices.layer)

const items = (docs: ReadonlyArray<Fixture.Doc>) => ({
  name: "docs",
  item: Fixture.Doc,
  source: Stream.fromIterable(docs),
  id: ({ id }: Fixture.Doc) => id
})

const embedding = Work.embedding({ input: ({ text }: Fixture.Doc) => text, chunk: 10 })

/** The lines of all files of a directory that end with `.jsonl`, parsed; and what other files there are. */
const lines = Effect.fnUntraced(function*(directory: string) {
  const names = (yield* Effect.promise(() => readdir(directory))).sort()
  const texts = yield* Effect.forEach(
    names.filter((name) => name.endsWith(".jsonl")),
    (name) => Effect.promise(() => readFile(join(directory, name), "utf8"))
  )
  return {
    rows: texts.flatMap((text) => text.trimEnd().split("\n").map((line) => JSON.parse(line))),
    files: names,
    others: names.filter((name) => !name.endsWith(".jsonl"))
  }
})

describe("Sink.vectors", () => {
  it.live("makes its table and replaces the rows of items that changed", () =>
    Effect.gen(function*() {
      const sink = Sink.vectors({
        table: "pages",
        columns: ({ text }: Fixture.Doc) => ({ title: text.slice(0, 4), length: text.length })
      })
      const sql = yield* SqlClient.SqlClient
      yield* Job.run(Job.make(items(Fixture.docs(200)), embedding, sink))
      const rows = yield* sql<{ id: string; vector: Uint8Array; title: string; length: number; item: string }>`
        SELECT * FROM pages ORDER BY id`
      assert.strictEqual(rows.length, 200)
      assert.deepInclude(rows[0], { id: "doc-0", title: "text", length: 6, item: `{"id":"doc-0","text":"text 0"}` })
      assert.strictEqual(rows[0]?.vector.byteLength, 16)
      const vector = new Float32Array(rows[0]!.vector.slice().buffer)
      assert.closeTo(Math.hypot(...vector), 1, 1e-5)
      yield* Job.remove("docs")
      yield* Job.run(Job.make(items(Fixture.docs(10, (index) => `changed ${index}`)), embedding, sink))
      assert.deepEqual(yield* sql`SELECT title, COUNT(*) AS count FROM pages GROUP BY title`, [
        { title: "chan", count: 10 },
        { title: "text", count: 190 }
      ])
    }).pipe(Effect.provide(services)))

  it.live("leaves out what no database takes: NUL and half of a surrogate pair (jobs 16)", () =>
    Effect.gen(function*() {
      const sink = Sink.vectors({ table: "pages", columns: ({ text }: Fixture.Doc) => ({ text }) })
      const doc = { id: "a", text: "one\0two\ud800" }
      const work = Work.embedding({ input: ({ text }: Fixture.Doc) => text.toWellFormed() })
      assert.deepInclude(yield* Job.run(Job.make(items([doc]), work, sink)), { done: 1 })
      const sql = yield* SqlClient.SqlClient
      assert.deepEqual(yield* sql`SELECT text FROM pages`, [{ text: "onetwo\ufffd" }])
    }).pipe(Effect.provide(services)))
})

describe("Sink.jsonl", () => {
  it.live("writes parts that are whole when they have their names", () =>
    Effect.gen(function*() {
      const directory = join(yield* Fixture.directory, "out")
      const sink = Sink.jsonl<Fixture.Doc, { readonly vector: ArrayLike<number> }>({ directory, partBytes: 3000 })
      const docs = Fixture.docs(200)
      yield* Job.run(Job.make(items(docs), embedding, sink), { concurrency: 3 })
      const { files, others, rows } = yield* lines(directory)
      assert.deepEqual(others, [])
      assert.isAbove(files.length, 2)
      assert.deepEqual<ReadonlyArray<string>>(rows.map(({ id }) => id).sort(), Fixture.idsOf(docs))
      assert.strictEqual(rows[0].vector.length, 4)
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("writes answers, and what `line` makes of them; U+2028 stays in its line (jobs 43)", () =>
    Effect.gen(function*() {
      const directory = yield* Fixture.directory
      const work = Work.chat({ request: ({ text }: Fixture.Doc) => text })
      yield* Job.run(Job.make(items(Fixture.docs(2)), work, Sink.jsonl({ directory })))
      assert.deepEqual((yield* lines(directory)).rows.sort((a, b) => a.id < b.id ? -1 : 1), [
        { id: "doc-0", text: "one\u2028line" },
        { id: "doc-1", text: "one\u2028line" }
      ])
      yield* Job.remove("docs")
      const sink = Sink.jsonl({
        directory,
        line: ({ item, output }: Sink.Written<Fixture.Doc, { text: string }>) => [item.text, output.text]
      })
      yield* Job.run(Job.make({ ...items(Fixture.docs(1)), name: "others" }, work, sink))
      assert.include(
        yield* Effect.promise(async () => {
          const name = (await readdir(directory)).find((name) => name.startsWith("others"))
          return readFile(join(directory, name!), "utf8")
        }),
        `["text 0","one\u2028line"]\n`
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.mergeAll(Fixture.inMemory, TestChat.layer(() => "one\u2028line"), NodeServices.layer))
    ))

  it.live("what a process had written beyond its last commit does not count (jobs 14, 42)", () =>
    Effect.gen(function*() {
      const directory = join(yield* Fixture.directory, "out")
      yield* Effect.promise(() => mkdir(directory))
      const job = Job.make(items(Fixture.docs(20)), embedding, Sink.jsonl({ directory }))
      const sql = yield* SqlClient.SqlClient
      // As if a process had died in the middle of its second line, and of its third part before the first line counted.
      yield* Job.run(Job.make(items([]), embedding, Sink.jsonl({ directory })))
      const whole = `{"id":"before","vector":[1]}\n`
      for (const [part, text, bytes] of [[100, `${whole}{"id":"torn","vec`, whole.length], [101, "{", 0]] as const) {
        yield* sql`INSERT INTO strata_job_part ${sql.insert({ part, job: 1, runner: "dead", path: directory, bytes })}`
        yield* Effect.promise(() => writeFile(join(directory, `docs-000${part}.jsonl.partial`), text))
      }
      // As if one had died while it sealed a part, and another job had done so a moment ago.
      const foreign = "docs-of-others-000001.jsonl.living.tmp"
      for (const name of ["docs-000100.jsonl.dead.tmp", foreign]) {
        yield* Effect.promise(() => writeFile(join(directory, name), whole))
      }
      yield* Job.run(job)
      const { others, rows } = yield* lines(directory)
      assert.deepEqual(others, [foreign])
      assert.deepEqual(
        rows.map(({ id }) => id).sort(),
        [...Fixture.idsOf(Fixture.docs(20)), "before"].sort()
      )
    }).pipe(Effect.scoped, Effect.provide(services)))
})

describe("A sink that fails", () => {
  it.live("is tried again with the results that are paid for", () =>
    Effect.gen(function*() {
      const test = yield* TestEmbedding.TestEmbedding
      let failures = 2
      const sink = Sink.effect((_: ReadonlyArray<unknown>) =>
        Effect.suspend(() => failures-- > 0 ? Effect.fail("not now") : Effect.void)
      )
      const status = yield* Job.run(Job.make(items(Fixture.docs(10)), embedding, sink))
      assert.deepInclude(status, { done: 10, failed: 0 })
      assert.strictEqual((yield* test.batches).length, 1)
    }).pipe(Effect.provide(services)))

  it.live("ends the run when it fails for one chunk after another, and loses nothing", () =>
    Effect.gen(function*() {
      const sink = Sink.sql((_: ReadonlyArray<unknown>, sql) => sql`INSERT INTO absent (id) VALUES (1)`)
      const error = yield* Effect.flip(Job.run(Job.make(items(Fixture.docs(50)), embedding, sink)))
      assert.strictEqual(error._tag, "JobSinkError")
      assert.include(error.message, "Job docs: its sink fails: no such table: absent. Nothing is lost")
      assert.deepInclude(yield* Job.status("docs"), { done: 0, failed: 0, pending: 50 })
      assert.deepInclude(yield* Job.run(Job.make(items(Fixture.docs(50)), embedding, Fixture.writtenIds)), { done: 50 })
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(Fixture.docs(50)))
    }).pipe(Effect.provide(services)))

  it.live("for one item of many puts that item into the dead letters (jobs 15)", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE written (id TEXT NOT NULL CHECK (id <> 'doc-13'))`
      const status = yield* Job.run(
        Job.make({ ...items(Fixture.docs(50)), maxAttempts: 2 }, embedding, Fixture.writtenIds),
        { concurrency: 1 }
      )
      assert.deepInclude(status, { state: "done", done: 49, failed: 1 })
      const [dead] = yield* Stream.runCollect(Job.deadLetters("docs"))
      assert.strictEqual(dead?.id, "doc-13")
      assert.deepInclude(dead?.error, { _tag: "ItemError", kind: "sink" })
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(Fixture.docs(50)).filter((id) => id !== "doc-13"))
    }).pipe(Effect.provide(services)))
})

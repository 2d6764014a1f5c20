/** What a job promises, whatever database it is kept in. */
import { assert } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as ProviderError from "@strata/core/ProviderError"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Job, type JobStore, Sink, Work } from "@strata/jobs"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Fixture from "./Fixture.ts"

const fields = { provider: "probe", message: "no" }

const letters = (name = "docs") => Stream.runCollect(Job.deadLetters(name))

/** Declares the tests with `test`. `database`: a new one each time; its layer may be built more than once. */
export const declare = <E, R>(
  database: Effect.Effect<Layer.Layer<JobStore.JobStore | SqlClient.SqlClient, E>, never, R | Scope.Scope>,
  test: (name: string, body: () => Effect.Effect<void, unknown, R>, timeout?: number) => void
): void => {
  const store = Layer.unwrap(database)
  const withEmbedding = (options?: TestEmbedding.Options) => Layer.merge(store, TestEmbedding.layer(options))

  test("embeds each item and writes it once", () =>
    Effect.gen(function*() {
      const docs = Fixture.docs(1000)
      const status = yield* Job.run(Fixture.embedding(docs))
      assert.strictEqual(status.state, "done")
      assert.deepInclude(status, { read: 1000, done: 1000, failed: 0, pending: 0 })
      assert.strictEqual(status.usage.inputTokens, 2000)
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
    }).pipe(Effect.provide(withEmbedding())))

  test("asks about each item, and decodes answers of a schema", () =>
    Effect.gen(function*() {
      const Label = Schema.Struct({ label: Schema.String })
      const job = Job.make(
        { name: "labels", item: Fixture.Doc, source: Stream.fromIterable(Fixture.docs(5)), id: ({ id }) => id },
        Work.chat({ request: ({ text }) => text, schema: Label }),
        Sink.sql((rows, sql) =>
          Effect.andThen(
            sql`CREATE TABLE IF NOT EXISTS labels (id TEXT PRIMARY KEY, label TEXT NOT NULL)`,
            Effect.forEach(
              rows,
              ({ id, output }) => sql`INSERT INTO labels (id, label) VALUES (${id}, ${output.value.label})`
            )
          )
        )
      )
      const status = yield* Job.run(job)
      assert.deepInclude(status, { state: "done", done: 5, failed: 0 })
      assert.isAbove(status.usage.outputTokens, 0)
      const sql = yield* SqlClient.SqlClient
      assert.deepEqual(yield* sql`SELECT DISTINCT label FROM labels`, [{ label: "good" }])
    }).pipe(Effect.provide(Layer.merge(
      store,
      TestChat.layer(() => `{"label":"good"}`)
    ))))

  test("an item the model refuses is a dead letter, and the others of its chunk are written (jobs 15)", () =>
    Effect.gen(function*() {
      const docs = Fixture.docs(200, (index) => index % 50 === 7 ? `forbidden ${index}` : `text ${index}`)
      const status = yield* Job.run(Fixture.embedding(docs))
      assert.deepInclude(status, { state: "done", read: 200, done: 196, failed: 4, pending: 0 })
      const dead = yield* letters()
      assert.deepEqual(dead.map(({ id }) => id).sort(), ["doc-107", "doc-157", "doc-57", "doc-7"])
      for (const { attempts, error, id, item } of dead) {
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.strictEqual(attempts, 1)
        assert.deepEqual(item, docs.find((doc) => doc.id === id))
      }
      assert.strictEqual((yield* Fixture.written).length, 196)
    }).pipe(Effect.provide(withEmbedding({ refuse: (input) => `${input}`.startsWith("forbidden") }))))

  test("a failure that passes comes again, and costs the items of other chunks nothing", () =>
    Effect.gen(function*() {
      const test = yield* TestEmbedding.TestEmbedding
      yield* test.failNext(new ProviderError.ModelFailedError(fields))
      const docs = Fixture.docs(30)
      const status = yield* Job.run(Fixture.embedding(docs, { chunk: 10 }), { concurrency: 1 })
      assert.deepInclude(status, { state: "done", done: 30, failed: 0 })
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
    }).pipe(Effect.provide(withEmbedding())))

  test(
    "an item that fails each time ends in the dead letters after maxAttempts (jobs 7)",
    () =>
      Effect.gen(function*() {
        const docs = Fixture.docs(40, (index) => index === 3 ? "cursed" : `text ${index}`)
        const status = yield* Job.run(Fixture.embedding(docs, { chunk: 10 }), { concurrency: 2 })
        assert.deepInclude(status, { state: "done", done: 39, failed: 1 })
        const [dead] = yield* letters()
        assert.deepInclude(dead, { id: "doc-3", attempts: 3 })
        assert.strictEqual(dead?.error._tag, "ModelFailedError")
      }).pipe(Effect.provide(withEmbedding({
        refuse: (input) => input === "cursed" ? new ProviderError.ModelFailedError(fields) : false
      }))),
    30_000
  )

  /** A job whose answers have to fit a schema; those about some ids do not. */
  const labelling = (count: number, unfit: RegExp) => ({
    job: Job.make(
      { name: "docs", item: Fixture.Doc, source: Stream.fromIterable(Fixture.docs(count)), id: ({ id }) => id },
      Work.chat({ request: ({ id }) => id, schema: Schema.Struct({ label: Schema.String }) }),
      Fixture.writtenIds
    ),
    services: Layer.merge(
      store,
      TestChat.layer(({ messages }) => unfit.test(Message.textOf(messages[0]!)) ? "{}" : `{"label":"good"}`)
    )
  })
  const unfitAtTheEnd = labelling(20, /1[789]$/)
  const alwaysUnfit = labelling(150, /./)

  test(
    "answers that do not fit the schema are no outage: only their items are dead letters, also at the end",
    () =>
      Effect.gen(function*() {
        const status = yield* Job.run(unfitAtTheEnd.job, { concurrency: 4, patience: "1 millis" })
        assert.deepInclude(status, { state: "done", done: 17, failed: 3 })
        const dead = yield* letters()
        assert.deepEqual(dead.map(({ id }) => id).sort(), ["doc-17", "doc-18", "doc-19"])
        for (const { attempts, error } of dead) {
          assert.deepInclude({ attempts, tag: error._tag }, { attempts: 3, tag: "StructuredOutputError" })
        }
      }).pipe(Effect.provide(unfitAtTheEnd.services)),
    30_000
  )

  test("a schema that no answer fits pauses the job before all items are paid for", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Job.run(alwaysUnfit.job, { concurrency: 4 }))
      assert.strictEqual(error._tag, "JobPausedError")
      assert.include(error.message, "does not fit the schema")
      const { done, failed, pending } = yield* Job.status("docs")
      assert.deepEqual({ done, sum: failed + pending }, { done: 0, sum: 150 })
      assert.isAtLeast(pending, 50)
    }).pipe(Effect.provide(alwaysUnfit.services)), 30_000)

  test("items on which the model fails are dead letters, also when nothing else is left", () =>
    Effect.gen(function*() {
      const docs = Fixture.docs(12, (index) => index < 3 ? `cursed ${index}` : `text ${index}`)
      const status = yield* Job.run(Fixture.embedding(docs, { chunk: 4, maxAttempts: 2 }), { concurrency: 3 })
      assert.deepInclude(status, { state: "done", done: 9, failed: 3 })
    }).pipe(Effect.provide(withEmbedding({
      refuse: (input) => `${input}`.startsWith("cursed") ? new ProviderError.ModelFailedError(fields) : false
    }))), 30_000)

  test("an outage costs no attempt: all work waits for its end (jobs 8)", () =>
    Effect.gen(function*() {
      const test = yield* TestEmbedding.TestEmbedding
      const down = Array.from({ length: 4 }, () => new ProviderError.RateLimitError(fields))
      yield* test.failNext(...down)
      const docs = Fixture.docs(40)
      const status = yield* Job.run(Fixture.embedding(docs, { chunk: 10 }), { concurrency: 2 })
      assert.deepInclude(status, { state: "done", done: 40, failed: 0 })
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
    }).pipe(Effect.provide(withEmbedding())), 30_000)

  test("an outage that outlasts the patience pauses the job, which then goes on", () =>
    Effect.gen(function*() {
      const test = yield* TestEmbedding.TestEmbedding
      yield* test.failNext(...Array.from({ length: 3 }, () => new ProviderError.ModelUnavailableError(fields)))
      const docs = Fixture.docs(10)
      const error = yield* Effect.flip(Job.run(Fixture.embedding(docs), { patience: "500 millis", concurrency: 1 }))
      assert.strictEqual(error._tag, "JobPausedError")
      assert.include(error.message, "Job docs is paused: nothing has succeeded for 500ms. The last error: no")
      assert.deepInclude(yield* Job.status("docs"), { state: "waiting", done: 0, pending: 10 })
      assert.deepInclude(yield* Job.run(Fixture.embedding(docs)), { state: "done", done: 10 })
    }).pipe(Effect.provide(withEmbedding())), 30_000)

  for (
    const failure of [new ProviderError.AuthenticationError(fields), new ProviderError.BudgetExceededError(fields)]
  ) {
    test(`${failure._tag} pauses the job at once and loses nothing (jobs 40)`, () =>
      Effect.gen(function*() {
        const test = yield* TestEmbedding.TestEmbedding
        yield* test.failNext(failure)
        const docs = Fixture.docs(10)
        const error = yield* Effect.flip(Job.run(Fixture.embedding(docs)))
        assert.strictEqual(error._tag, "JobPausedError")
        assert.strictEqual(error._tag === "JobPausedError" && error.error?._tag, failure._tag)
        assert.deepInclude(yield* Job.run(Fixture.embedding(docs)), { state: "done", done: 10, failed: 0 })
        assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
      }).pipe(Effect.provide(withEmbedding())))
  }

  test("stops when item after item is refused: the work is wrong, not the items", () =>
    Effect.gen(function*() {
      const docs = Fixture.docs(1000)
      const error = yield* Effect.flip(Job.run(Fixture.embedding(docs, { chunk: 20 }), { concurrency: 1 }))
      assert.strictEqual(error._tag, "JobPausedError")
      const { failed, pending } = yield* Job.status("docs")
      assert.strictEqual(failed, 100)
      assert.strictEqual(pending, 900)
    }).pipe(Effect.provide(withEmbedding({ refuse: () => true }))))

  test("retries dead letters, all or some", () =>
    Effect.gen(function*() {
      let isRefused = true
      const work = Work.embedding({ input: ({ text }: Fixture.Doc) => isRefused && text.includes("1") ? "" : text })
      const job = Job.make({
        name: "docs",
        item: Fixture.Doc,
        source: Stream.fromIterable(Fixture.docs(12)),
        id: ({ id }) => id,
        work,
        sink: Fixture.writtenIds
      })
      assert.deepInclude(yield* Job.run(job), { done: 9, failed: 3 })
      isRefused = false
      assert.strictEqual(yield* Job.retry("docs", ["doc-1", "absent"]), 1)
      assert.deepInclude(yield* Job.status("docs"), { state: "waiting", failed: 2, pending: 1 })
      assert.deepInclude(yield* Job.run(job), { state: "done", done: 10, failed: 2 })
      assert.strictEqual(yield* Job.retry("docs"), 2)
      assert.deepInclude(yield* Job.run(job), { state: "done", done: 12, failed: 0, pending: 0 })
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(Fixture.docs(12)))
    }).pipe(Effect.provide(withEmbedding())))

  test("too large items, items without an id and undecodable ones are dead letters (jobs 7)", () =>
    Effect.gen(function*() {
      const docs = [
        { id: "a", text: "fine" },
        { id: "b", text: "x".repeat(2000) },
        { id: "", text: "no id" },
        { id: "c", text: 5 as never },
        { id: "d\0", text: "an id that no database takes" }
      ]
      const job = Job.make({
        name: "odd",
        item: Fixture.Doc,
        source: Stream.fromIterable(docs),
        id: (doc) => doc.id,
        work: Work.embedding({ input: ({ text }: Fixture.Doc) => text }),
        sink: Fixture.writtenIds,
        maxItemBytes: 1000
      })
      assert.deepInclude(yield* Job.run(job), { state: "done", read: 5, done: 1, failed: 4, pending: 0 })
      const dead = yield* letters("odd")
      assert.deepEqual(
        dead.map(({ error, id }) => [id, error._tag === "ItemError" && error.kind]).sort(),
        [["#3", "id"], ["#5", "id"], ["b", "oversize"], ["c", "unencodable"]]
      )
      assert.strictEqual(yield* Job.retry("odd"), 0)
    }).pipe(Effect.provide(withEmbedding())))

  test("equal ids count once, and other content under a known id is left out and said (jobs 12)", () =>
    Effect.gen(function*() {
      const docs = [...Fixture.docs(3), { id: "doc-1", text: "text 1" }, { id: "doc-2", text: "other" }]
      const status = yield* Job.run(Fixture.embedding(docs))
      assert.deepInclude(status, { read: 3, done: 3, duplicates: 1, conflicts: 1 })
      // The same source again is nothing new.
      assert.deepInclude(yield* Job.run(Fixture.embedding(docs)), { read: 3, done: 3, duplicates: 1, conflicts: 1 })
      assert.deepEqual(yield* Fixture.written, ["doc-0", "doc-1", "doc-2"])
    }).pipe(Effect.provide(withEmbedding())))

  test("a job that is done reads what is new", () =>
    Effect.gen(function*() {
      const test = yield* TestEmbedding.TestEmbedding
      yield* Job.run(Fixture.embedding(Fixture.docs(10)))
      const before = (yield* test.batches).length
      assert.deepInclude(yield* Job.run(Fixture.embedding(Fixture.docs(10))), { state: "done", done: 10 })
      assert.strictEqual((yield* test.batches).length, before)
      assert.deepInclude(yield* Job.run(Fixture.embedding(Fixture.docs(14))), { state: "done", done: 14 })
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(Fixture.docs(14)))
    }).pipe(Effect.provide(withEmbedding())))

  test("goes on only with the definition it was started with, unless changes are accepted (jobs 9)", () =>
    Effect.gen(function*() {
      const job = (dimensions: number) =>
        Job.make({
          name: "docs",
          item: Fixture.Doc,
          source: Stream.fromIterable(Fixture.docs(3)),
          id: ({ id }) => id,
          work: Work.embedding({ input: ({ text }: Fixture.Doc) => text, options: { dimensions } }),
          sink: Fixture.writtenIds
        })
      yield* Job.run(job(8))
      const error = yield* Effect.flip(Job.run(job(16)))
      assert.strictEqual(error._tag, "JobConflictError")
      assert.strictEqual(error._tag === "JobConflictError" && error.field, "dimensions")
      assert.include(error.message, "`dimensions` was 8, and is 16")
      assert.deepInclude(yield* Job.run(job(16), { acceptChanges: true }), { state: "done", done: 3 })
      yield* Job.remove("docs")
      yield* Job.run(job(8))
    }).pipe(Effect.provide(withEmbedding())))

  test("finishes what is in flight when it is interrupted, and gives back the rest (jobs 11)", () =>
    Effect.gen(function*() {
      const docs = Fixture.docs(100)
      const job = Fixture.embedding(docs, { chunk: 5 })
      const run = yield* Effect.forkScoped(Job.run(job, { concurrency: 2 }))
      while ((yield* Fixture.written).length === 0) yield* Effect.sleep(5)
      yield* Fiber.interrupt(run)
      const { done, pending, state } = yield* Job.status("docs")
      assert.strictEqual(state, "waiting")
      assert.strictEqual(done % 5, 0)
      assert.isAbove(pending, 0)
      const started = Date.now()
      assert.deepInclude(yield* Job.run(job), { state: "done", done: 100, failed: 0 })
      // Nothing waited for a lease.
      assert.isBelow(Date.now() - started, 15_000)
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
    }).pipe(Effect.scoped, Effect.provide(withEmbedding({ delay: "10 millis" }))))

  test("gives back what does not end within the grace, and no attempt is lost", () =>
    Effect.gen(function*() {
      const docs = Fixture.docs(10)
      const job = Fixture.embedding(docs, { chunk: 5, maxAttempts: 1 })
      for (let times = 0; times < 3; times++) {
        const run = yield* Effect.forkScoped(Job.run(job, { grace: "20 millis" }))
        yield* Effect.sleep(150)
        yield* Fiber.interrupt(run)
      }
      assert.deepInclude(yield* Job.status("docs"), { done: 0, failed: 0, pending: 10 })
    }).pipe(Effect.scoped, Effect.provide(withEmbedding({ delay: "1 hour" }))))

  test("cancel ends the run, and retry lets it go on", () =>
    Effect.gen(function*() {
      const job = Fixture.embedding(Fixture.docs(100), { chunk: 5 })
      const run = yield* Effect.forkScoped(Job.run(job, { concurrency: 1 }))
      while ((yield* Fixture.written).length === 0) yield* Effect.sleep(5)
      yield* Job.cancel("docs")
      assert.strictEqual((yield* Fiber.join(run)).state, "cancelled")
      assert.strictEqual((yield* Job.run(job)).state, "cancelled")
      yield* Job.retry("docs")
      assert.deepInclude(yield* Job.run(job), { state: "done", done: 100 })
    }).pipe(Effect.scoped, Effect.provide(withEmbedding({ delay: "10 millis" }))))

  test("remove forgets the job and ends its processes", () =>
    Effect.gen(function*() {
      const job = Fixture.embedding(Fixture.docs(1000), { chunk: 5 })
      const run = yield* Effect.forkScoped(Job.run(job, { concurrency: 1 }))
      while ((yield* Fixture.written).length === 0) yield* Effect.sleep(5)
      yield* Job.remove("docs")
      assert.strictEqual((yield* Effect.flip(Fiber.join(run)))._tag, "JobNotFoundError")
      assert.strictEqual((yield* Effect.flip(Job.status("docs")))._tag, "JobNotFoundError")
      const sql = yield* SqlClient.SqlClient
      for (const table of ["item", "chunk", "runner", "queue", "dead_letter"]) {
        const [row] = yield* sql<{ count: number }>`SELECT COUNT(*) AS count FROM ${sql(`strata_job_${table}`)}`
        assert.strictEqual(Number(row?.count), 0)
      }
    }).pipe(Effect.scoped, Effect.provide(withEmbedding({ delay: "10 millis" }))))

  test("watches its progress until it is done", () =>
    Effect.gen(function*() {
      const watched = yield* Effect.forkScoped(
        Stream.runCollect(Job.watch("docs", { every: "20 millis" }).pipe(Stream.retry(Schedule.spaced("10 millis"))))
      )
      yield* Job.run(Fixture.embedding(Fixture.docs(100), { chunk: 5 }))
      const all = yield* Fiber.join(watched)
      const last = all[all.length - 1]
      assert.deepInclude(last, { state: "done", done: 100 })
      assert.isTrue(all.every(({ done, failed, pending, read }) => done + failed + pending === read))
    }).pipe(Effect.scoped, Effect.provide(withEmbedding({ delay: "10 millis" }))))

  test("tells of its progress while it runs, also if the one who is told fails", () =>
    Effect.gen(function*() {
      const told: Array<Job.Progress> = []
      const onProgress = (progress: Job.Progress) =>
        Effect.suspend(() => {
          told.push(progress)
          return told.length === 1 ? Effect.die("not now") : Effect.void
        })
      yield* Job.run(Fixture.embedding(Fixture.docs(30), { chunk: 5 }), { onProgress, concurrency: 1 })
      assert.isAbove(told.length, 1)
      assert.deepInclude(told.at(-1), { state: "done", done: 30 })
      // A job that was done before is told of, too.
      told.length = 0
      yield* Job.run(Fixture.embedding(Fixture.docs(30), { chunk: 5 }), { onProgress })
      assert.deepInclude(told.at(-1), { state: "done", done: 30 })
    }).pipe(Effect.provide(withEmbedding({ delay: "10 millis" }))))

  test("two runs share the work, and each item is written once", () =>
    Effect.gen(function*() {
      const store = yield* database
      const docs = Fixture.docs(400)
      const runs = Effect.gen(function*() {
        const job = Fixture.embedding(docs, { chunk: 5 })
        return yield* Job.run(job, { concurrency: 3 })
      }).pipe(Effect.provide(Layer.merge(store, TestEmbedding.layer({ delay: "2 millis" })), { local: true }))
      const statuses = yield* Effect.all([runs, runs, runs], { concurrency: "unbounded" })
      assert.isTrue(statuses.some(({ runners }) => runners.filter(({ done }) => done > 0).length > 1))
      yield* Effect.gen(function*() {
        assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
        assert.deepInclude(yield* Job.status("docs"), { state: "done", done: 400, failed: 0, pending: 0 })
      }).pipe(Effect.provide(store, { local: true }))
    }).pipe(Effect.scoped), 30_000)

  test("the error of the source ends the run, and what was read is not lost", () =>
    Effect.gen(function*() {
      const source = Stream.concat(Stream.fromIterable(Fixture.docs(300)), Stream.fail("the disk is gone" as const))
      const job = Job.make({
        name: "docs",
        item: Fixture.Doc,
        source,
        id: ({ id }) => id,
        work: Work.embedding({ input: ({ text }: Fixture.Doc) => text }),
        sink: Fixture.writtenIds
      })
      assert.strictEqual(yield* Effect.flip(Job.run(job)), "the disk is gone")
      assert.deepInclude(yield* Job.run(Fixture.embedding(Fixture.docs(310))), { state: "done", done: 310 })
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(Fixture.docs(310)))
    }).pipe(Effect.provide(withEmbedding())))

  test("reads no further ahead than it is told", () =>
    Effect.gen(function*() {
      let read = 0
      const going = yield* Deferred.make<void>()
      const source = Stream.fromIterable(Fixture.docs(5000)).pipe(Stream.tap(() => Effect.sync(() => read++)))
      const job = Job.make({
        name: "docs",
        item: Fixture.Doc,
        source: Stream.rechunk(source, 10),
        id: ({ id }) => id,
        work: Work.embedding({ input: ({ text }: Fixture.Doc) => text }),
        sink: Sink.effect(() => Deferred.await(going)),
        readAhead: 500
      })
      const run = yield* Effect.forkScoped(Job.run(job, { concurrency: 1 }))
      yield* Effect.sleep(500)
      assert.isBelow(read, 1500)
      yield* Deferred.succeed(going, undefined)
      assert.deepInclude(yield* Fiber.join(run), { state: "done", done: 5000 })
    }).pipe(Effect.scoped, Effect.provide(withEmbedding())), 30_000)
}

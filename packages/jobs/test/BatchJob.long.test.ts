import { assert, describe, it } from "@effect/vitest"
import { BedrockBatch, BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Retry from "@strata/core/policy/Retry"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import { Job, type JobStore, Work } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Fixture from "./support/Fixture.ts"

const titan = "amazon.titan-embed-text-v2:0"
const nova = "us.amazon.nova-lite-v1:0"
/** It writes JSON by itself, without a tool, which a batch job has not. */
const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

/** Bedrock as single calls and as batch jobs, over an emulator, with jobs in memory. */
const bedrock = (options: Emulator.Options = {}, batch: Partial<BedrockBatch.Options> = {}) =>
  Layer.unwrap(Effect.map(Emulator.Emulator, ({ client }) => {
    const { endpoint } = client
    return Layer.mergeAll(
      BedrockEmbedding.layer({ model: titan }),
      BedrockChat.layer({ model: nova }),
      BedrockBatch.layer({
        model: titan,
        input: "s3://data/in/",
        output: "s3://data/out",
        roleArn: "arn:aws:iam::123456789012:role/batch",
        retry: Retry.exponential({ base: "10 millis", rateLimitBase: "10 millis", times: 4 }),
        endpoint,
        s3: { endpoint, forcePathStyle: true },
        ...batch
      })
    ).pipe(Layer.provide(BedrockClient.layer(client)))
  })).pipe(
    Layer.provideMerge(Emulator.layer({ s3: { buckets: ["data"] }, ...options })),
    Layer.provide([
      TestChat.layer(() => `{"label":"good"}`),
      TestEmbedding.layer({ dimensions: 1024 }),
      Pricing.layer([{ model: "*", price: { input: 2, output: 10, batch: 0.5 } }])
    ]),
    Layer.merge(Fixture.inMemory)
  )

const options = { engine: "batch", polling: "20 millis" } as const

const created = Effect.gen(function*() {
  const { requests } = yield* Emulator.Emulator
  return (yield* requests).filter(({ operation }) => operation === "CreateModelInvocationJob").length
})

const singleCalls = Effect.gen(function*() {
  const { requests } = yield* Emulator.Emulator
  return (yield* requests).filter(({ operation }) => operation === "InvokeModel" || operation === "Converse").length
})

/** What a job of so many texts comes to, and which ids it wrote. */
const run = Effect.fnUntraced(function*(count: number, more: Partial<Job.BatchOptions> = {}) {
  const status = yield* Job.run(Fixture.embedding(Fixture.docs(count)), { ...options, ...more })
  return { status, written: yield* Fixture.written }
})

describe("A job by batch jobs", () => {
  it.live("embeds 1,000 items, each written once, at half the price", () =>
    Effect.gen(function*() {
      const { status, written } = yield* run(1000)
      assert.deepInclude(status, { state: "done", read: 1000, done: 1000, failed: 0, pending: 0 })
      assert.deepEqual(written, Fixture.idsOf(Fixture.docs(1000)))
      assert.strictEqual(yield* created, 1)
      assert.strictEqual(yield* singleCalls, 0)
      assert.approximately(status.cost!.total, status.usage.inputTokens * 2 * 0.5 / 1e6, 1e-9)
    }).pipe(Effect.provide(bedrock())), 30_000)

  it.live("asks about 200 items, and decodes their answers", () =>
    Effect.gen(function*() {
      const Label = Schema.Struct({ label: Schema.Literals(["good", "bad"]) })
      const job = Job.make(
        { name: "labels", item: Fixture.Doc, source: Stream.fromIterable(Fixture.docs(200)), id: ({ id }) => id },
        Work.chat({ request: ({ text }) => ({ messages: `Is it good? ${text}`, maxTokens: 10 }), schema: Label }),
        Fixture.writtenIds
      )
      const status = yield* Job.run(job, options)
      assert.deepInclude(status, { state: "done", done: 200, failed: 0 })
      assert.strictEqual(yield* singleCalls, 0)
      assert.isAbove(status.cost!.total, 0)
    }).pipe(Effect.provide(bedrock({}, { model: claude }))), 30_000)

  it.live(
    "whose work is none for batch jobs pauses, and leaves its items as they are (jobs 36)",
    () =>
      Effect.gen(function*() {
        const job = Job.make(
          { name: "labels", item: Fixture.Doc, source: Stream.fromIterable(Fixture.docs(200)), id: ({ id }) => id },
          Work.chat({ request: ({ text }) => text, schema: Schema.Struct({ label: Schema.String }) }),
          Fixture.writtenIds
        )
        const error = yield* Effect.flip(Job.run(job, options))
        assert.strictEqual(error._tag, "JobPausedError")
        assert.include(error.message, "items cannot be records of a batch job")
        assert.strictEqual(yield* created, 0)
        assert.isAbove((yield* Job.status("labels")).pending, 100)
      }).pipe(Effect.provide(bedrock({}, { model: nova }))),
    30_000
  )

  it.live(
    "goes on after a process died at any place: one batch job, each item once (jobs 27)",
    () =>
      Effect.gen(function*() {
        const docs = Fixture.docs(300)
        for (let millis = 20; millis < 1500; millis *= 1.7) {
          const run = yield* Effect.forkScoped(Job.run(Fixture.embedding(docs), options))
          yield* Effect.sleep(millis)
          yield* Fiber.interrupt(run)
        }
        const { status, written } = yield* run(300)
        assert.deepInclude(status, { state: "done", done: 300, failed: 0, pending: 0 })
        assert.deepEqual(written, Fixture.idsOf(docs))
        assert.strictEqual(yield* created, 1)
      }).pipe(Effect.scoped, Effect.provide(bedrock({ batch: { processing: "300 millis" } }))),
    60_000
  )

  it.live("adopts a job whose creation was answered by nobody (jobs 27)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "reset", operation: "CreateModelInvocationJob", afterBytes: 0 } as never)
      const { status, written } = yield* run(150)
      assert.deepInclude(status, { state: "done", done: 150 })
      assert.deepEqual(written, Fixture.idsOf(Fixture.docs(150)))
    }).pipe(Effect.provide(bedrock())), 30_000)

  it.live(
    "splits by the limits of the provider, and leaves no rest that is too small (jobs 35)",
    () =>
      Effect.gen(function*() {
        const { status, written } = yield* run(1050)
        assert.deepInclude(status, { state: "done", done: 1050 })
        assert.deepEqual(written, Fixture.idsOf(Fixture.docs(1050)))
        assert.strictEqual(yield* created, 3)
      }).pipe(Effect.provide(bedrock({ batch: { maxRecords: 500 } }, { limits: { "*": { maxRecords: 500 } } }))),
    30_000
  )

  it.live(
    "too few items are refused before anything is uploaded, or asked about one by one",
    () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(run(40))
        assert.strictEqual(error._tag, "JobPausedError")
        assert.include(
          `${error.message}`,
          "has 40 items left, and a batch job takes 100 or more. Run it with `live: true`"
        )
        assert.strictEqual(yield* created, 0)
        const { status } = yield* run(40, { live: true })
        assert.deepInclude(status, { state: "done", done: 40 })
        assert.isAbove(yield* singleCalls, 0)
      }).pipe(Effect.provide(bedrock())),
    30_000
  )

  for (const type of ["jobExpiry", "jobPartial", "jobStop"] as const) {
    it.live(
      `what a batch job had done when it ended early counts, and only the rest comes again: ${type} (jobs 29)`,
      () =>
        Effect.gen(function*() {
          const emulator = yield* Emulator.Emulator
          yield* emulator.inject({ type, fraction: 0.5 })
          const moving = yield* Effect.forkScoped(
            Effect.forever(Effect.delay(emulator.advance("24 hours"), "100 millis"))
          )
          const { status, written } = yield* run(400)
          yield* Fiber.interrupt(moving)
          assert.deepInclude(status, { state: "done", done: 400, failed: 0 })
          assert.deepEqual(written, Fixture.idsOf(Fixture.docs(400)))
          assert.strictEqual(yield* created, 2)
          // Nothing was asked twice.
          assert.approximately(status.usage.inputTokens, 800, 0)
        }).pipe(Effect.scoped, Effect.provide(bedrock())),
      60_000
    )
  }

  it.live(
    "records that fail go by the rules of single calls: refused ones are dead, throttled ones come again (jobs 30)",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.inject({
          type: "recordErrors",
          fraction: 0.3,
          errorCode: 429,
          errorMessage: "Too many requests"
        })
        const first = yield* run(400, { live: true })
        assert.deepInclude(first.status, { state: "done", done: 400, failed: 0 })
        yield* Job.remove("docs")
        yield* emulator.inject({ type: "recordErrors", fraction: 0.1, errorCode: 400, errorMessage: "Malformed input" })
        const second = yield* run(400)
        assert.deepInclude(second.status, { state: "done", done: 360, failed: 40 })
        const [dead] = yield* Stream.runCollect(Job.deadLetters("docs"))
        assert.strictEqual(dead?.error._tag, "InvalidRequestError")
      }).pipe(Effect.provide(bedrock())),
    30_000
  )

  it.live(
    "that completes with nothing but errors pauses the job and quotes the most frequent one (jobs 30)",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.inject({ type: "recordErrors", errorCode: 400, errorMessage: "No such field: inputTextt" })
        const error = yield* Effect.flip(run(150))
        assert.strictEqual(error._tag, "JobPausedError")
        assert.include(`${error.message}`, "150 of them with:")
        assert.include(`${error.message}`, "No such field: inputTextt")
        assert.deepInclude(yield* Job.status("docs"), { failed: 150, pending: 0 })
      }).pipe(Effect.provide(bedrock())),
    30_000
  )

  it.live("results that are missing, doubled or foreign are told by their ids (jobs 31)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "missingRecords", count: 3 })
      yield* emulator.inject({ type: "doubledRecords", count: 3 })
      yield* emulator.inject({ type: "foreignRecords", count: 3 })
      const { status, written } = yield* run(300, { live: true })
      assert.deepInclude(status, { state: "done", done: 300, failed: 0, pending: 0 })
      assert.deepEqual(written, Fixture.idsOf(Fixture.docs(300)))
    }).pipe(Effect.provide(bedrock())), 30_000)

  it.live("that fails when it is validated pauses the job, and gives back its items", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "jobFailure", message: "The role cannot read the input." })
      const error = yield* Effect.flip(run(150))
      assert.strictEqual(error._tag, "JobPausedError")
      assert.include(`${error.message}`, "The role cannot read the input.")
      assert.deepInclude(yield* Job.status("docs"), { done: 0, failed: 0, pending: 150 })
      assert.deepInclude((yield* run(150)).status, { state: "done", done: 150 })
    }).pipe(Effect.provide(bedrock())), 30_000)

  it.live("cancel stops the batch job, collects what it has done, and ends (jobs 28)", () =>
    Effect.gen(function*() {
      const { advance } = yield* Emulator.Emulator
      const running = yield* Effect.forkScoped(run(300))
      const sql = yield* SqlClient.SqlClient
      while ((yield* sql`SELECT 1 FROM strata_job_batch WHERE state = 'submitted'`).length === 0) {
        yield* Effect.sleep(20)
      }
      yield* advance("30 minutes")
      yield* Job.cancel("docs")
      yield* Effect.forkScoped(Effect.forever(Effect.delay(advance("1 minute"), "50 millis")))
      const { status } = yield* Fiber.join(running)
      assert.strictEqual(status.state, "cancelled")
      assert.isAbove(status.done, 0)
      assert.isAbove(status.pending, 0)
      assert.strictEqual(status.done + status.pending, 300)
      assert.strictEqual((yield* Fixture.written).length, status.done)
    }).pipe(
      Effect.scoped,
      Effect.provide(bedrock({ batch: { processing: "1 hour" } }))
    ), 30_000)

  it.live("waits while the provider takes no further job (jobs 38)", () =>
    Effect.gen(function*() {
      const { status } = yield* run(450)
      assert.deepInclude(status, { state: "done", done: 450, failed: 0 })
      assert.strictEqual(status.done, (yield* Fixture.written).length)
    }).pipe(Effect.provide(bedrock(
      { batch: { maxQueued: 1, processing: "200 millis" } },
      { limits: { "*": { maxRecords: 150 } } }
    ))), 30_000)

  it.live("without a BatchService is an error that says so", () =>
    Effect.gen(function*() {
      // The types require the service.
      const run = Job.run(Fixture.embedding([]), options) as Effect.Effect<
        unknown,
        { readonly message: string },
        JobStore.JobStore
      >
      const error = yield* Effect.flip(run)
      assert.include(error.message, "there is no BatchService")
    }).pipe(Effect.provide(Fixture.inMemory)))
})

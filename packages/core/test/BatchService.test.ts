import { assert, describe, it } from "@effect/vitest"
import * as Batch from "@strata/core/batch/Batch"
import * as BatchService from "@strata/core/batch/BatchService"
import * as Pricing from "@strata/core/policy/Pricing"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as BatchProbe from "./BatchProbe.ts"
import { errors, response } from "./ChatFixture.ts"

const { bytes, job } = BatchProbe

const line = (length: number) => bytes("x".repeat(length))

const vector = Float32Array.of(1, 0)

const embedded = (recordId: string, inputTokens?: number): Batch.BatchResult => ({
  kind: "embedding",
  recordId,
  result: Result.succeed({ vector, model: "probe-1", ...(inputTokens === undefined ? undefined : { inputTokens }) })
})

const submission = (lines: ReadonlyArray<Uint8Array>): Batch.Submission => ({
  name: "reviews",
  kind: "embedding",
  lines: Stream.fromIterable(lines)
})

describe("BatchService.prepare", () => {
  it.effect("gives the line of a chat record, and of an embedding record", () =>
    Effect.gen(function*() {
      const { encoded, service } = yield* BatchProbe.make()
      const chat = yield* service.prepare({ recordId: "A1", chat: "Hi" })
      assert.deepInclude(chat, { recordId: "A1", model: "probe-1", kind: "chat" })
      const embedding = yield* service.prepare({
        recordId: "A2",
        embedding: { text: "Hi" },
        options: { model: "other" }
      })
      assert.deepInclude(embedding, { recordId: "A2", model: "other", kind: "embedding" })
      assert.strictEqual(new TextDecoder().decode(embedding.line), "{\"id\":\"A2\",\"input\":[\"Hi\"]}")
      assert.deepInclude(encoded[1], {
        kind: "embedding",
        batch: {
          kind: "text",
          inputs: ["Hi"],
          options: { model: "other", purpose: "document", vectorType: "float", truncate: "none" }
        }
      })
    }))

  it.effect.each<
    { readonly what: string; readonly record: unknown; readonly tag: string; readonly field: string }
  >([
    {
      what: "an id with blanks",
      record: { recordId: "a b", chat: "Hi" },
      tag: "InvalidRequestError",
      field: "recordId"
    },
    { what: "neither chat nor embedding", record: { recordId: "a" }, tag: "InvalidRequestError", field: "record" },
    {
      what: "chat and embedding",
      record: { recordId: "a", chat: "Hi", embedding: "Hi" },
      tag: "InvalidRequestError",
      field: "record"
    },
    {
      what: "options of chat",
      record: { recordId: "a", chat: "Hi", options: {} },
      tag: "InvalidRequestError",
      field: "options"
    },
    {
      what: "an empty message",
      record: { recordId: "a", chat: " " },
      tag: "InvalidRequestError",
      field: "messages[0].content"
    },
    { what: "a blank text", record: { recordId: "a", embedding: " " }, tag: "InvalidRequestError", field: "input" },
    {
      what: "half a surrogate pair",
      record: { recordId: "a", embedding: "\ud83d" },
      tag: "InvalidRequestError",
      field: "input"
    },
    {
      what: "a text that is too long",
      record: { recordId: "a", embedding: "x".repeat(51) },
      tag: "ContextLengthExceededError",
      field: "input"
    },
    {
      what: "pieces of a text",
      record: { recordId: "a", embedding: "Hi", options: { truncate: "chunk" } },
      tag: "UnsupportedFeatureError",
      field: "options.truncate"
    },
    {
      what: "a line above the limit",
      record: { recordId: "a", chat: "x".repeat(90) },
      tag: "InvalidRequestError",
      field: "record"
    }
  ])("refuses, before anything is uploaded, $what (jobs 35, 36)", ({ field, record, tag }) =>
    Effect.gen(function*() {
      const { service } = yield* BatchProbe.make()
      // Any value may come from JavaScript.
      const error = yield* Effect.flip(service.prepare(record as Batch.BatchRecord))
      const found: object = {
        tag: error._tag,
        provider: error.provider,
        field: "field" in error ? error.field : undefined
      }
      assert.deepStrictEqual(found, { tag, provider: "probe", field })
    }))
})

describe("BatchService.submit", () => {
  it.effect("hands the lines on, with the name as token and the model of the layer", () =>
    Effect.gen(function*() {
      const { service, submitted, uploaded } = yield* BatchProbe.make()
      const { job, outcome } = yield* service.submit(submission([line(10), line(20)]))
      assert.strictEqual(outcome, "created")
      assert.strictEqual(job.name, "reviews")
      assert.deepInclude(submitted[0], { name: "reviews", token: "reviews", model: "probe-1", kind: "embedding" })
      assert.strictEqual(Duration.toHours(submitted[0]!.timeout), 24)
      assert.deepStrictEqual(uploaded.map(({ length }) => length), [10, 20])
    }))

  it.effect.each([
    {
      what: "fewer records than the minimum",
      lengths: [1],
      problem: "there are 1, and a job of this model has at least 2"
    },
    { what: "more records than the maximum", lengths: [1, 1, 1, 1, 1], problem: "there are more than 4" },
    { what: "more bytes than a file holds", lengths: [99, 99, 1], problem: "they have more than 200 bytes" },
    { what: "a record above the limit", lengths: [101], problem: "it has 101 bytes, and a record at most 100" },
    { what: "an empty line", lengths: [0], problem: "it is not one line of bytes" }
  ])("refuses $what (jobs 35)", ({ lengths, problem }) =>
    Effect.gen(function*() {
      const { service, submitted } = yield* BatchProbe.make()
      const error = yield* Effect.flip(service.submit(submission(lengths.map(line))))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.include(error.message, problem)
      assert.strictEqual(submitted.length, 0)
    }))

  it.effect("refuses two lines in one", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchProbe.make()
      const error = yield* Effect.flip(service.submit(submission([bytes("{}"), bytes("{}\n{}")])))
      assert.deepInclude(error, { _tag: "InvalidRequestError", field: "lines[1]" })
    }))

  it.effect("checks the timeout before the upload (jobs 39)", () =>
    Effect.gen(function*() {
      const { service, submitted } = yield* BatchProbe.make()
      const lines = [line(1), line(1)]
      for (const timeout of ["23 hours", "169 hours"] as const) {
        const error = yield* Effect.flip(service.submit({ ...submission(lines), timeout }))
        assert.deepInclude(error, { _tag: "InvalidRequestError", field: "timeout" })
        assert.include(error.message, "Use 1d to 7d, or leave it out")
      }
      assert.strictEqual(submitted.length, 0)
      yield* service.submit({ ...submission(lines), timeout: "168 hours" })
      assert.strictEqual(Duration.toHours(submitted[0]!.timeout), 168)
    }))

  it.effect("fails with the failure of the lines", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchProbe.make()
      const failing = { ...submission([]), lines: Stream.fail("the database is gone") }
      assert.strictEqual(yield* Effect.flip(service.submit(failing)), "the database is gone")
    }))
})

/** The jobs that a watcher is told of, and the minutes at which it asked. */
const watched = Effect.fnUntraced(function*(
  states: ReadonlyArray<Batch.Job | ProviderError.CallError>,
  options?: Batch.WatchOptions
) {
  const { polls, service } = yield* BatchProbe.make({ states })
  const fiber = yield* Effect.forkChild(Stream.runCollect(service.watch("job-1", options)))
  const seconds: Array<number> = []
  for (let second = 0; second < 4_000 && fiber.pollUnsafe() === undefined; second++) {
    const before = polls()
    yield* TestClock.adjust("1 second")
    if (polls() > before) seconds.push(second)
  }
  return { jobs: yield* Fiber.join(fiber), seconds }
})

describe("BatchService.watch", () => {
  it.effect("gives the job, then each change, until it is over", () =>
    Effect.gen(function*() {
      const running = job("running", { counts: { processed: 1 } })
      const further = job("running", { counts: { processed: 2 } })
      const { jobs } = yield* watched([job("submitted"), job("submitted"), running, running, further, job("expired")])
      assert.deepStrictEqual(jobs, [job("submitted"), running, further, job("expired")])
    }))

  it.effect("asks after 30 seconds at first, and every 5 minutes later, with jitter", () =>
    Effect.gen(function*() {
      const { seconds } = yield* watched([...Array.from({ length: 12 }, () => job("running")), job("completed")])
      const gaps = seconds.slice(1).map((second, index) => second - seconds[index]!)
      assert.isTrue(gaps[0]! >= 23 && gaps[0]! <= 37, `${gaps}`)
      assert.isTrue(gaps[1]! >= 35 && gaps[1]! <= 55, `${gaps}`)
      for (const gap of gaps.slice(8)) assert.isTrue(gap >= 239 && gap <= 361, `${gaps}`)
      assert.isAbove(new Set(gaps.slice(8)).size, 1)
    }))

  it.effect("ignores polls that are throttled or fail transiently", () =>
    Effect.gen(function*() {
      const { throttled } = BatchProbe
      const states = [throttled, job("running"), throttled, errors.ConnectionError, job("completed")]
      const { jobs } = yield* watched(states, { polling: Schedule.spaced("10 seconds") })
      assert.deepStrictEqual(jobs.map(({ state }) => state), ["running", "completed"])
    }))

  it.effect("fails for credentials that expired, which says nothing about the job (jobs 40)", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchProbe.make({ states: [errors.AuthenticationError, job("completed")] })
      assert.strictEqual((yield* Effect.flip(Stream.runCollect(service.watch("job-1"))))._tag, "AuthenticationError")
      assert.deepStrictEqual(yield* Stream.runCollect(service.watch("job-1")), [job("completed")])
    }))

  it.effect("ends with its schedule; wait gives the job as it is then", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchProbe.make({ states: [job("running")] })
      const waiting = BatchService.wait("job-1", { polling: Schedule.recurs(2) })
      const waited = yield* Effect.provideService(waiting, BatchService.BatchService, service)
      assert.strictEqual(waited.state, "running")
    }))
})

const half = Pricing.layer([{ model: "probe-1", price: { input: 2, output: 10, batch: 0.5 } }])

const answerOf = (given: Batch.BatchResult) =>
  given.kind === "chat" ? Result.getOrThrow(given.result) : Result.getOrThrow(given.result)

const collected = (service: Batch.Batch, options?: Batch.ResultOptions) =>
  Effect.map(Stream.runCollect(service.results("job-1", options)), Array.from<Batch.BatchResult>)

describe("BatchService.results", () => {
  it.effect.each(["completed", "partially-completed", "expired", "failed", "stopped"] as const)(
    "reads them when the job is %s (jobs 29)",
    (state) =>
      Effect.gen(function*() {
        const { service } = yield* BatchProbe.make({ states: [job(state)], results: [embedded("A1")] })
        assert.deepStrictEqual(yield* collected(service), [embedded("A1")])
      })
  )

  it.effect.each(["submitted", "validating", "scheduled", "running", "stopping"] as const)(
    "refuses to read them while the job is %s",
    (state) =>
      Effect.gen(function*() {
        const { asked, service } = yield* BatchProbe.make({ states: [job(state)] })
        assert.deepInclude(yield* Effect.flip(collected(service)), { _tag: "InvalidRequestError", field: "id" })
        assert.strictEqual(asked.length, 0)
      })
  )

  it.effect("has usage and cost of each at the batch price, in the answer too (jobs 33)", () =>
    Effect.gen(function*() {
      const chat: Batch.BatchResult = { kind: "chat", recordId: "A2", result: Result.succeed(response("Hi")) }
      const { service } = yield* BatchProbe.make({ results: [embedded("A1", 1_000_000), chat] })
      const [first, second] = yield* collected(service)
      assert.deepInclude(first!.usage, { inputTokens: 1_000_000, totalTokens: 1_000_000 })
      assert.strictEqual(first!.cost?.total, 1)
      assert.strictEqual(answerOf(first!).cost?.total, 1)
      // cached tokens of the fixture have no price
      assert.isUndefined(second!.cost)
      assert.strictEqual(second!.usage?.outputTokens, 7)
      assert.deepInclude(answerOf(second!), { provider: "probe", text: "Hi" })
    }).pipe(Effect.provide(half)))

  it.effect("does not know the cost without a batch price, or without counted tokens (jobs 33)", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchProbe.make({ results: [embedded("A1", 10), embedded("A2")] })
      for (const result of yield* collected(service)) assert.isUndefined(result.cost)
    }).pipe(Effect.provide(Pricing.layer([{ model: "probe-1", price: { input: 2 } }]))))

  it.effect("costs the same whenever it is read: by the price when the job was submitted (jobs 33)", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchProbe.make({
        states: [job("completed", { submittedAt: Date.UTC(2026, 0, 31) })],
        results: [embedded("A1", 1_000_000)]
      })
      const sums = yield* Effect.forEach(["0 days", "1 day", "30 days"] as const, (pause) =>
        Effect.gen(function*() {
          yield* TestClock.setTime(Date.UTC(2026, 1, 1))
          yield* TestClock.adjust(pause)
          return (yield* collected(service))[0]!.cost?.total
        }))
      assert.deepStrictEqual(sums, [0.5, 0.5, 0.5])
    }).pipe(Effect.provide(Pricing.layer([
      { model: "*", price: { input: 1, batch: 0.5 } },
      { model: "*", price: { input: 7, batch: 0.5 }, validFrom: "2026-02-01" }
    ]))))

  it.effect("gives the provider the options of the records, with defaults, and the model", () =>
    Effect.gen(function*() {
      const { asked, service } = yield* BatchProbe.make({ states: [job("completed", { model: "job-1" })] })
      yield* collected(service)
      yield* collected(service, { model: "us.job-1", embedding: { vectorType: "int8" } })
      const embedding = { purpose: "document", vectorType: "float", truncate: "none" } as const
      assert.deepStrictEqual(asked, [
        { model: "job-1", embedding: { ...embedding, model: "job-1" } },
        { model: "us.job-1", embedding: { ...embedding, vectorType: "int8", model: "us.job-1" } }
      ])
    }))

  it.effect("passes unknown and doubled ids on, and failures as they are (jobs 31)", () =>
    Effect.gen(function*() {
      const failed: Batch.BatchResult = { kind: "chat", recordId: "A1", result: Result.fail(errors.RateLimitError) }
      const results = [embedded("A1"), failed, embedded("A1"), embedded("foreign")]
      const { service } = yield* BatchProbe.make({ results })
      const found = yield* collected(service)
      assert.deepStrictEqual(found, results)
      assert.deepStrictEqual(found.map(Batch.failureOf), [undefined, errors.RateLimitError, undefined, undefined])
    }))
})

describe("BatchService.totals", () => {
  it.effect("has the tokens of the whole job, and what they cost in a batch (jobs 33)", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchProbe.make()
      const { cost, counts, usage } = yield* service.totals("job-1")
      assert.deepStrictEqual([counts.total, usage?.inputTokens, cost?.total], [3, 1_000_000, 1])
      assert.isUndefined((yield* service.totals("job-1", { model: "another" })).cost)
    }).pipe(Effect.provide(half)))

  it.effect("does not know what the provider does not count, and waits for the end", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchProbe.make({ totals: () => Effect.succeed({ counts: {} }) })
      assert.deepStrictEqual(yield* service.totals("job-1"), { counts: {} })
      const running = yield* BatchProbe.make({ states: [job("running")] })
      assert.deepInclude(yield* Effect.flip(running.service.totals("job-1")), {
        _tag: "InvalidRequestError",
        field: "id"
      })
    }))
})

describe("BatchService", () => {
  it.effect("has each function of the service in the context", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchProbe.make({ results: [embedded("A1")] })
      const given = Effect.provideService(BatchService.BatchService, service)
      assert.strictEqual((yield* given(BatchService.limits())).minRecords, 2)
      assert.strictEqual((yield* given(BatchService.prepare({ recordId: "A1", chat: "Hi" }))).kind, "chat")
      assert.deepStrictEqual(yield* given(BatchService.preflight()), [])
      assert.strictEqual((yield* given(BatchService.submit(submission([line(1), line(1)])))).outcome, "created")
      assert.strictEqual((yield* given(BatchService.status("job-1"))).state, "completed")
      assert.strictEqual((yield* given(BatchService.find("reviews")))?.state, "running")
      assert.isUndefined(yield* given(BatchService.find("others")))
      assert.strictEqual((yield* given(BatchService.stop("job-1"))).state, "stopping")
      assert.strictEqual((yield* given(BatchService.wait("job-1"))).state, "completed")
      assert.strictEqual((yield* given(Stream.runCollect(BatchService.results("job-1")))).length, 1)
      assert.strictEqual((yield* given(BatchService.totals("job-1"))).counts.total, 3)
    }))

  it.effect("is not built of something else", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(BatchService.make({ provider: "a" } as never))
      assert.deepInclude(error, { _tag: "InvalidRequestError", field: "provider.limits" })
    }))
})

import { assert, describe, it } from "@effect/vitest"
import { Emulator, Fault } from "@strata/emulator"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import * as Batch from "./BatchFixture.ts"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator({ s3: { buckets: ["data"] } })

/** Uploads records, injects faults and creates a job, which its result follows to the end. */
const struck = Effect.fnUntraced(function*(...faults: ReadonlyArray<Fault.Fault>) {
  const emulator = yield* Emulator.Emulator
  const batch = yield* Batch.open
  yield* batch.put("in/a.jsonl", Batch.toLines(Batch.records(100)))
  const injected = yield* Effect.forEach(faults, emulator.inject)
  const jobArn = yield* batch.create()
  const counts = yield* Effect.forEach(injected, ({ struck }) => struck)
  assert.deepStrictEqual(counts, faults.map(() => 1))
  return { ...batch, emulator, jobArn }
})

const idsOf = (records: ReadonlyArray<{ readonly recordId: string }>) => records.map(({ recordId }) => recordId)

const all = idsOf(Batch.records(100))

describe("Batch faults", () => {
  it.effect("fails a job when it is validated", () =>
    Effect.gen(function*() {
      const { jobArn, keys, over } = yield* struck({ type: "jobFailure", message: "Not today." })
      assert.include(yield* over(jobArn), { status: "Failed", message: "Not today." })
      assert.deepStrictEqual(yield* keys("out/"), [])
    }).pipe(Effect.provide(live)))

  it.effect("expires a job at its timeout, with a part of its output (jobs 29, 39)", () =>
    Effect.gen(function*() {
      const { emulator, get, jobArn, output, over } = yield* struck({ type: "jobExpiry", fraction: 0.3 })
      const halfway = yield* over(jobArn)
      assert.include(halfway, { status: "InProgress", processedRecordCount: 30 })
      yield* emulator.advance("22 hours")
      assert.strictEqual((yield* get(jobArn)).status, "InProgress")
      yield* emulator.advance("2 hours")
      const expired = yield* get(jobArn)
      assert.include(expired, { status: "Expired", totalRecordCount: 100, processedRecordCount: 30 })
      const { manifest, records } = yield* output(jobArn)
      assert.deepStrictEqual(idsOf(records).toSorted(), all.slice(0, 30))
      assert.include(manifest, { totalRecordCount: 100, processedRecordCount: 30, successRecordCount: 30 })
    }).pipe(Effect.provide(live)))

  it.effect("completes a job partially (jobs 29)", () =>
    Effect.gen(function*() {
      const { jobArn, output, over } = yield* struck({ type: "jobPartial", fraction: 0.8 })
      assert.include(yield* over(jobArn), { status: "PartiallyCompleted", processedRecordCount: 80 })
      assert.strictEqual((yield* output(jobArn)).records.length, 80)
    }).pipe(Effect.provide(live)))

  it.effect("stops a job in the middle by itself (jobs 28, 29)", () =>
    Effect.gen(function*() {
      const { jobArn, output, over, stop } = yield* struck({ type: "jobStop" })
      assert.include(yield* over(jobArn), { status: "Stopped", processedRecordCount: 50 })
      assert.strictEqual((yield* output(jobArn)).records.length, 50)
      assert.strictEqual((yield* Effect.flip(stop(jobArn))).name, "ConflictException")
    }).pipe(Effect.provide(live)))

  it.effect("completes a job of which every record failed (jobs 30)", () =>
    Effect.gen(function*() {
      const { jobArn, output, over } = yield* struck({ type: "recordErrors", errorCode: 424, errorMessage: "no" })
      assert.include(yield* over(jobArn), { status: "Completed", successRecordCount: 0, errorRecordCount: 100 })
      const { records } = yield* output(jobArn)
      assert.deepStrictEqual(records[0].error, { errorCode: 424, errorMessage: "no" })
      assert.strictEqual(records.length, 100)
    }).pipe(Effect.provide(live)))

  it.effect("fails a share of the records", () =>
    Effect.gen(function*() {
      const { jobArn, over } = yield* struck({ type: "recordErrors", fraction: 0.25 })
      assert.include(yield* over(jobArn), { status: "Completed", successRecordCount: 75, errorRecordCount: 25 })
    }).pipe(Effect.provide(live)))

  it.effect("loses, doubles and invents records, several of these at once (jobs 31)", () =>
    Effect.gen(function*() {
      const { jobArn, output, over } = yield* struck(
        { type: "missingRecords", count: 3 },
        { type: "doubledRecords", count: 2 },
        { type: "foreignRecords" }
      )
      assert.include(yield* over(jobArn), { status: "Completed", successRecordCount: 100 })
      const ids = idsOf((yield* output(jobArn)).records)
      const unknown = ids.filter((id) => !all.includes(id))
      assert.strictEqual(unknown.length, 1)
      const known = ids.filter((id) => all.includes(id))
      assert.strictEqual(known.length, 99)
      assert.strictEqual(new Set(known).size, 97)
    }).pipe(Effect.provide(live)))

  it.effect("spares the faults of a job that is not created, and of one that was created before", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { create, over, put } = yield* Batch.open
      yield* put("in/a.jsonl", Batch.toLines(Batch.records(100)))
      yield* create({ jobName: "before", clientRequestToken: "token" })
      const fault = yield* emulator.inject({ type: "jobFailure" })
      yield* Effect.flip(create({ roleArn: "" }))
      yield* create({ jobName: "before", clientRequestToken: "token" })
      yield* emulator.inject({ type: "throttle", operation: "CreateModelInvocationJob" })
      assert.strictEqual((yield* Effect.flip(create({ jobName: "next" }))).name, "ThrottlingException")
      assert.strictEqual(yield* fault.struck, 0)
      const jobArn = yield* create({ jobName: "next" })
      assert.strictEqual(yield* fault.struck, 1)
      assert.strictEqual((yield* over(jobArn)).status, "Failed")
    }).pipe(Effect.provide(live)))

  it.effect("strikes single operations: throttled polls, a quota, a role without access", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { create, get, over, put } = yield* Batch.open
      yield* put("in/a.jsonl", Batch.toLines(Batch.records(100)))
      yield* emulator.inject({
        type: "exception",
        operation: "CreateModelInvocationJob",
        exception: "ServiceQuotaExceededException"
      })
      assert.strictEqual((yield* Effect.flip(create())).name, "ServiceQuotaExceededException")
      yield* emulator.inject({
        type: "exception",
        operation: "CreateModelInvocationJob",
        exception: "AccessDeniedException"
      })
      assert.deepInclude(yield* Effect.flip(create()), { name: "AccessDeniedException", status: 403 })
      const jobArn = yield* create()
      yield* emulator.inject({ type: "throttle", operation: "GetModelInvocationJob", times: 2 })
      for (const _ of [1, 2]) assert.deepInclude(yield* Effect.flip(get(jobArn)), { name: "ThrottlingException" })
      assert.strictEqual((yield* over(jobArn)).status, "Completed")
    }).pipe(Effect.provide(live)))
})

describe("Batch time", () => {
  const slow = Fixture.emulator({
    s3: { buckets: ["data"] },
    batch: {
      submitted: "10 minutes",
      validating: "10 minutes",
      scheduled: "40 minutes",
      processing: "2 hours",
      stopping: "1 minute"
    }
  })

  const begun = Effect.gen(function*() {
    const batch = yield* Batch.open
    yield* batch.put("in/a.jsonl", Batch.toLines(Batch.records(100)))
    const jobArn = yield* batch.create()
    const status = Effect.map(batch.get(jobArn), ({ status }) => status)
    return { ...batch, jobArn, status }
  })

  it.effect("passes hours as the test moves its own clock", () =>
    Effect.gen(function*() {
      const { get, jobArn, status } = yield* begun
      assert.strictEqual(yield* status, "Submitted")
      yield* TestClock.adjust("11 minutes")
      assert.strictEqual(yield* status, "Validating")
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* Fixture.eventually(status, (status) => status !== "Validating"), "Scheduled")
      yield* TestClock.adjust("40 minutes")
      const counts = Effect.map(get(jobArn), ({ processedRecordCount = 0 }) => processedRecordCount)
      yield* Fixture.eventually(counts, (count) => count === 5)
      for (let step = 0; step < 24; step++) {
        yield* TestClock.adjust("6 minutes")
        yield* Fixture.eventually(counts, (count) => count === Math.min(100, 5 * (step + 2)))
      }
      assert.strictEqual(yield* Fixture.eventually(status, (status) => status !== "InProgress"), "Completed")
    }).pipe(Effect.provide(slow)))

  it.effect("moves the emulator's clock, in the process and over HTTP", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { get, jobArn, status } = yield* begun
      yield* emulator.advance("15 minutes")
      assert.strictEqual(yield* status, "Validating")
      const post = (body: unknown) =>
        Fixture.attempt(() =>
          fetch(`${emulator.url}/_strata/clock`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body)
          })
        )
      assert.strictEqual((yield* post({ advance: "106 minutes" })).status, 200)
      assert.include(yield* get(jobArn), { status: "InProgress", processedRecordCount: 55 })
      for (const advance of ["soon", "-1 hour", "Infinity", "2000 days", null]) {
        assert.strictEqual((yield* post({ advance })).status, 400)
      }
      assert.include((yield* Effect.flip(emulator.advance(-1))).message, "advance")
      yield* emulator.advance("2 hours")
      assert.strictEqual(yield* status, "Completed")
    }).pipe(Effect.provide(slow)))

  it.effect("stops a job that waits, and one in progress with what it has done (jobs 28, 29)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { create, get, jobArn, keys, output, status, stop } = yield* begun
      yield* stop(jobArn)
      yield* stop(jobArn)
      assert.strictEqual(yield* status, "Stopping")
      yield* emulator.advance("2 minutes")
      assert.strictEqual(yield* status, "Stopped")
      assert.deepStrictEqual(yield* keys("out/"), [])
      const second = yield* create({ jobName: "second" })
      yield* emulator.advance("2 hours")
      yield* stop(second)
      yield* emulator.advance("2 minutes")
      assert.include(yield* get(second), { status: "Stopped", processedRecordCount: 55 })
      const { manifest, records } = yield* output(second)
      assert.strictEqual(records.length, 55)
      assert.strictEqual(manifest.successRecordCount, 55)
    }).pipe(Effect.provide(slow)))

  it.effect("stops a job whose model does not answer (jobs 28)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { create, get, put, stop } = yield* Batch.open
      const answered = { messages: [{ role: "user", content: [{ text: "Hi" }] }] }
      yield* put("in/a.jsonl", Batch.toLines(Batch.records(100, () => answered)))
      const jobArn = yield* create({ modelId: Fixture.modelId, modelInvocationType: "Converse" })
      yield* Effect.forkChild(emulator.advance("1 hour"))
      yield* Fixture.eventually(get(jobArn), ({ status }) => status === "InProgress")
      yield* stop(jobArn)
      yield* emulator.advance("1 hour")
      assert.include(yield* get(jobArn), { status: "Stopped", processedRecordCount: 0 })
    }).pipe(Effect.provide(Fixture.emulator(
      { s3: { buckets: ["data"] } },
      Layer.merge(Fixture.chat({ generate: () => Effect.never }), Fixture.embedding())
    ))))

  it.effect("ends the jobs that run when the emulator stops", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const asked = yield* Deferred.make<void>()
      const generate = () =>
        Effect.andThen(Deferred.succeed(asked, undefined), Effect.never).pipe(
          Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
        )
      yield* Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const { create, put } = yield* Batch.open
        const body = { messages: [{ role: "user", content: [{ text: "Hi" }] }] }
        yield* put("in/a.jsonl", Batch.toLines(Batch.records(100, () => body)))
        yield* create({ modelId: Fixture.modelId, modelInvocationType: "Converse" })
        yield* Effect.forkChild(emulator.advance("1 hour"))
        yield* Deferred.await(asked)
        assert.isFalse(Deferred.isDoneUnsafe(interrupted))
      }).pipe(
        Effect.scoped,
        Effect.provide(Fixture.emulator(
          { s3: { buckets: ["data"] } },
          Layer.merge(Fixture.chat({ generate }), Fixture.embedding())
        ))
      )
      assert.isTrue(Deferred.isDoneUnsafe(interrupted))
    }))

  it.effect("expires a job whose work takes longer than its timeout (jobs 29, 39)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { get, jobArn, output } = yield* begun
      const { jobExpirationTime, submitTime } = yield* get(jobArn)
      assert.strictEqual(Number(jobExpirationTime) - Number(submitTime), 24 * 3_600_000)
      yield* emulator.advance("3 days")
      assert.strictEqual((yield* get(jobArn)).status, "Expired")
      assert.strictEqual((yield* output(jobArn)).records.length, 50)
    }).pipe(Effect.provide(Fixture.emulator({ s3: { buckets: ["data"] }, batch: { processing: "48 hours" } }))))

  it.effect("lists jobs and buckets for other processes", () =>
    Effect.gen(function*() {
      const { url } = yield* Emulator.Emulator
      const { jobArn, over } = yield* begun
      yield* over(jobArn)
      const read = (path: string) =>
        Fixture.attempt(async () => JSON.parse(await (await fetch(`${url}/_strata/${path}`)).text()))
      assert.deepInclude((yield* read("batches"))[0], { jobArn, jobName: "job" })
      assert.deepInclude((yield* read("objects"))[0], {
        name: "data",
        region: "us-east-1",
        objects: 1,
        uploads: 0,
        keys: ["in/a.jsonl"]
      })
      assert.match((yield* read("clock")).now, /^1970-01-01T01:00/)
    }).pipe(Effect.provide(slow)))
})

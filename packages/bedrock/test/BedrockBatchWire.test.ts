import { assert, describe, it } from "@effect/vitest"
import * as Batch from "@strata/core/batch/Batch"
import * as BatchService from "@strata/core/batch/BatchService"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as BedrockBatch from "../src/BedrockBatch.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import { collected, ids, live, options, polling, requestsOf, submit, texts } from "./support/EmulatedBatch.ts"

describe("A batch job, by the SDK's clients", () => {
  it.live("says by its counts that all failed, though it is completed (jobs 30)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "recordErrors", errorMessage: "a field is missing" })
      const { job } = yield* submit("failing", texts(100))
      const { counts, state } = yield* BatchService.wait(job.id, { polling })
      assert.deepInclude({ state, ...counts }, { state: "completed", succeeded: 0, failed: 100 })
      const { failures } = yield* collected(job.id)
      assert.lengthOf(failures, 100)
      assert.include(failures[0]?.message, "a field is missing")
    }).pipe(Effect.provide(live())))

  it.live.each(
    [
      { fault: { type: "jobExpiry", fraction: 0.4 }, state: "expired" },
      { fault: { type: "jobPartial", fraction: 0.4 }, state: "partially-completed" },
      { fault: { type: "jobStop", fraction: 0.4 }, state: "stopped" }
    ] as const
  )("gives what was answered before it was $state (jobs 29, 39)", ({ fault, state }) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject(fault)
      const { job } = yield* submit("cut-off", texts(100))
      yield* emulator.advance("25 hours")
      const over = yield* BatchService.wait(job.id, { polling })
      assert.strictEqual(over.state, state)
      const { ids: found, succeeded } = yield* collected(job.id)
      assert.lengthOf(succeeded, 40)
      const missing = ids(100).filter((id) => !found.includes(id))
      assert.lengthOf(missing, 60)
    }).pipe(Effect.provide(live())))

  it.live("has a typed failure when it failed (jobs 34)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "jobFailure", message: "The service role lacks s3:GetObject permissions" })
      const { job } = yield* submit("failed", texts(100))
      const over = yield* BatchService.wait(job.id, { polling })
      assert.deepInclude([over.state, over.failure?._tag], "failed")
      assert.strictEqual(over.failure?._tag, "PermissionDeniedError")
      assert.lengthOf((yield* collected(job.id)).results, 0)
    }).pipe(Effect.provide(live())))

  it.live("says that it has to wait, when its failure is a quota of jobs (jobs 38)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "jobFailure", message: "Too many jobs are queued: the quota is exceeded" })
      const { job } = yield* submit("queued", texts(100))
      assert.strictEqual((yield* BatchService.wait(job.id, { polling })).failure?._tag, "QueueFullError")
    }).pipe(Effect.provide(live())))

  it.live("passes shuffled, doubled and foreign ids on, and misses what is missing (jobs 31)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "doubledRecords", count: 2 })
      yield* emulator.inject({ type: "foreignRecords", count: 3 })
      const { job } = yield* submit("odd", texts(100))
      yield* BatchService.wait(job.id, { polling })
      const { ids: found } = yield* collected(job.id)
      assert.lengthOf(found, 105)
      assert.lengthOf(found.filter((id) => !ids(100).includes(id)), 3)
      assert.lengthOf(new Set(found), 103)
    }).pipe(Effect.provide(live())))

  it.live("fails at the end when answers are missing from the output, which the counts tell (jobs 31, 32)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "missingRecords", count: 5 })
      const { job } = yield* submit("missing", texts(100))
      yield* BatchService.wait(job.id, { polling })
      const seen: Array<string | undefined> = []
      const error = yield* Effect.flip(
        Stream.runForEach(BatchService.results(job.id), ({ recordId }) => Effect.sync(() => seen.push(recordId)))
      )
      assert.strictEqual(error._tag, "MalformedResponseError")
      assert.lengthOf(seen, 95)
    }).pipe(Effect.provide(live())))

  it.live("is one, when the answer to its creation is lost (jobs 27)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.inject({ type: "reset", operation: "CreateModelInvocationJob", afterBytes: 0 })
      const { job, outcome } = yield* submit("lost", texts(100))
      assert.strictEqual(outcome, "existing")
      assert.strictEqual(yield* requestsOf("CreateModelInvocationJob"), 1)
      // From another process, at any time.
      const again = yield* submit("lost", texts(100))
      assert.deepStrictEqual([again.outcome, again.job.id], ["existing", job.id])
      yield* BatchService.wait(job.id, { polling })
      assert.lengthOf((yield* collected(job.id)).results, 100)
    }).pipe(Effect.provide(live())))

  it.live("waits in line: too many open jobs are no failure, and it is created when one is over (jobs 38)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* submit("first", texts(100))
      const refused = yield* Effect.flip(submit("second", texts(100)))
      assert.strictEqual(refused._tag, "QueueFullError")
      yield* emulator.advance("1 minute")
      assert.strictEqual((yield* submit("second", texts(100))).outcome, "created")
    }).pipe(Effect.provide(live({ batch: { maxQueued: 1, submitted: "30 seconds" } }))))

  it.live("is stopped: what was processed until then is given, and a job that is over is a success (jobs 28)", () =>
    Effect.gen(function*() {
      const { job } = yield* submit("stopping", texts(100))
      assert.include(["stopping", "stopped"], (yield* BatchService.stop(job.id)).state)
      assert.strictEqual((yield* BatchService.wait(job.id, { polling })).state, "stopped")
      assert.strictEqual((yield* BatchService.stop(job.id)).state, "stopped")
      yield* collected(job.id)
    }).pipe(Effect.provide(live({ batch: { submitted: "10 seconds" } }))))

  it.live("is found by its very name, among those that contain it", () =>
    Effect.gen(function*() {
      const { job } = yield* submit("name", texts(100))
      yield* submit("name-2", texts(100))
      assert.strictEqual((yield* BatchService.find("name"))?.id, job.id)
      assert.isUndefined(yield* BatchService.find("nam"))
      const unknown = yield* Effect.flip(BatchService.status(job.id.replace(/.{12}$/, "abcdefghijkl")))
      assert.deepInclude(unknown, { _tag: "InvalidRequestError", field: "id" })
    }).pipe(Effect.provide(live())))

  it.live(
    "uploads in parts what is large, and reads it in ranges; faults on the way change nothing (jobs 32, 41)",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const records = ids(120).map((recordId): Batch.BatchRecord => ({
          recordId,
          embedding: `${recordId} ${"x".repeat(90_000)}`,
          options: { truncate: "end" }
        }))
        const large = records.map((record) => ({ ...record, embedding: `${record.recordId} ${"y".repeat(49_000)}` }))
        yield* emulator.inject({ type: "reset", operation: "UploadPart", times: 1 })
        yield* emulator.inject({ type: "half", operation: "GetObject", times: 2 })
        const { job } = yield* submit("large", [
          ...large,
          ...texts(200).map((record) => ({ ...record, recordId: `T${record.recordId}` }))
        ])
        yield* BatchService.wait(job.id, { polling })
        const { ids: found } = yield* collected(job.id)
        assert.lengthOf(new Set(found), 320)
        assert.lengthOf(found, 320)
      }).pipe(Effect.provide(live())),
    30_000
  )

  it.live("finds before the upload what would fail: buckets that are missing, elsewhere, or not accessible (jobs 34)", () => {
    const s3 = {
      buckets: ["data", { name: "secret", access: "denied" as const }, { name: "elsewhere", region: "us-west-2" }]
    }
    const obstacles = (input: string) =>
      Effect.provide(BatchService.preflight(), live({ s3 }, { input }), { local: true })
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* obstacles("s3://data/in/"), [])
      const secret = yield* obstacles("s3://secret/in/")
      assert.include(secret[0]?.statement, "arn:aws:s3:::secret")
      assert.isNotEmpty(yield* obstacles("s3://nowhere/in/"))
      const elsewhere = yield* obstacles("s3://elsewhere/in/")
      assert.include(JSON.stringify(elsewhere), "us-east-1")
    })
  })

  it.live("goes on after credentials expired, from another process with new ones (jobs 40)", () =>
    Effect.gen(function*() {
      const { client } = yield* Emulator.Emulator
      const { job } = yield* submit("paused", texts(100))
      const expired = { accessKeyId: "AKIDEXPIRED", secretAccessKey: Redacted.make("an-old-secret-access-key") }
      const { endpoint } = client
      const sdk = yield* BedrockClient.make({ ...client, credentials: expired })
      const old = yield* Effect.provideService(
        BedrockBatch.make({ ...options, endpoint, s3: { endpoint, forcePathStyle: true } }),
        BedrockClient.BedrockClient,
        sdk
      )
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(old.watch(job.id))))._tag, "AuthenticationError")
      assert.strictEqual((yield* Effect.flip(old.preflight()))._tag, "AuthenticationError")
      yield* BatchService.wait(job.id, { polling })
      assert.lengthOf((yield* collected(job.id)).results, 100)
    }).pipe(Effect.provide(live())))
})

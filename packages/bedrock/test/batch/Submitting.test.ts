import { assert, describe, it } from "@effect/vitest"
import type * as Batch from "@strata/core/batch/Batch"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as BatchDouble from "../support/BatchDouble.ts"
import { lost } from "../support/MemoryStorage.ts"

const records = (count: number): Stream.Stream<Uint8Array> =>
  Stream.map(Stream.range(1, count), (number) => new TextEncoder().encode(`{"recordId":"A${number}","modelInput":{}}`))

const submission = (more: Partial<Batch.Submission> = {}): Batch.Submission => ({
  name: "reviews-1",
  kind: "embedding",
  lines: records(3),
  ...more
})

const uri = "s3://the-bucket/in/reviews-1.jsonl"

const saying = (exception: string, providerMessage: string) => ({
  provider: "aws.bedrock",
  message: providerMessage,
  exception,
  providerMessage
})

const full = new ProviderError.QuotaExceededError(
  saying("ServiceQuotaExceededException", "Too many submitted or in-progress batch jobs")
)

const conflict = new ProviderError.InvalidRequestError(saying("ConflictException", "A job with this name exists"))

describe("Submitting a job", () => {
  it.effect("uploads one file, named like the job, and creates the job with it", () =>
    Effect.gen(function*() {
      const { control, memory, service } = yield* BatchDouble.make()
      const { job, outcome } = yield* service.submit(submission({ token: "chunk-7", timeout: "30 hours" }))
      assert.strictEqual(outcome, "created")
      assert.deepInclude(job, { name: "reviews-1", state: "submitted", model: "amazon.titan-embed-text-v2:0" })
      assert.strictEqual(memory.text(uri)?.split("\n").length, 4)
      assert.deepInclude(control.created[0]!.creation, {
        name: "reviews-1",
        token: "chunk-7",
        roleArn: BatchDouble.roleArn,
        input: { bucket: "the-bucket", key: "in/reviews-1.jsonl" },
        output: { bucket: "the-bucket", key: "out/" },
        timeoutHours: 30
      })
    }))

  it.effect("has the token for the name: one that the service takes", () =>
    Effect.gen(function*() {
      const { control, service } = yield* BatchDouble.make()
      for (const name of ["a-b", "a.b", "a+b"]) yield* service.submit(submission({ name }))
      const tokens = control.created.map(({ token }) => token)
      assert.strictEqual(tokens[0], "a-b")
      assert.lengthOf(new Set(tokens), 3)
      for (const token of tokens) assert.match(token, /^[a-zA-Z0-9]+(-*[a-zA-Z0-9])*$/)
    }))

  it.effect("adopts the job of the name, whatever its state, and uploads nothing (jobs 27)", () =>
    Effect.gen(function*() {
      const { control, memory, service } = yield* BatchDouble.make()
      const { job } = yield* service.submit(submission())
      control.change(job.id, { state: "stopped" })
      const before = memory.calls.length
      const again = yield* service.submit(submission({ lines: Stream.die("read") }))
      assert.deepStrictEqual([again.outcome, again.job.id, again.job.state], ["existing", job.id, "stopped"])
      assert.lengthOf(memory.calls, before)
      assert.lengthOf(control.created, 1)
    }))

  it.effect("refuses the name of a job for another model, or of another kind (jobs 12)", () =>
    Effect.gen(function*() {
      const { control, service } = yield* BatchDouble.make()
      const { job } = yield* service.submit(submission({ model: "us.amazon.nova-lite-v1:0", kind: "chat" }))
      for (
        const other of [{ kind: "chat", model: "us.amazon.nova-pro-v1:0" }, {
          model: "us.amazon.nova-lite-v1:0"
        }] as const
      ) {
        const error = yield* Effect.flip(service.submit(submission(other)))
        assert.deepInclude(error, { _tag: "InvalidRequestError", field: "name" })
      }
      // As the service may write the same model.
      control.change(job.id, { model: "amazon.nova-lite-v1:0" })
      const again = yield* service.submit(submission({ model: "us.amazon.nova-lite-v1:0", kind: "chat" }))
      assert.strictEqual(again.outcome, "existing")
      assert.lengthOf(control.created, 1)
    }))

  it.effect("finds the job whose creation was not answered: one job (jobs 27)", () =>
    Effect.gen(function*() {
      const { control, service } = yield* BatchDouble.make({
        jobs: (call, count) => call === "create" && count === 0 ? { error: lost, lost: true } : undefined
      })
      const { job, outcome } = yield* service.submit(submission())
      assert.strictEqual(outcome, "existing")
      assert.strictEqual(job.name, "reviews-1")
      assert.lengthOf(control.created, 1)
      assert.deepStrictEqual(control.calls, ["find", "create", "find"])
    }))

  it.effect("creates it again where there is none, with the same token (jobs 27)", () =>
    Effect.gen(function*() {
      const { control, service } = yield* BatchDouble.make({
        jobs: (call, count) => call === "create" && count < 2 ? { error: lost } : undefined
      })
      assert.strictEqual((yield* service.submit(submission())).outcome, "created")
      assert.deepStrictEqual(control.calls, ["find", "create", "find", "create", "find", "create", "get"])
    }))

  it.effect("creates one job by its token when the lookup does not show the first yet (jobs 27)", () =>
    Effect.gen(function*() {
      const { control, service } = yield* BatchDouble.make({
        jobs: (call, count) =>
          call === "create" && count === 0
            ? { error: lost, lost: true }
            : call === "find" && count === 1
            ? { error: lost }
            : undefined
      })
      yield* service.submit(submission())
      assert.lengthOf(control.created, 1)
    }))

  it.effect("adopts the job of another process that was faster (jobs 27)", () =>
    Effect.gen(function*() {
      const { control, service } = yield* BatchDouble.make({
        jobs: (call) => call === "create" ? { error: conflict, lost: true } : undefined
      })
      assert.strictEqual((yield* service.submit(submission())).outcome, "existing")
      assert.lengthOf(control.created, 1)
    }))

  it.effect("succeeds with what it knows when a new job cannot be described yet", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchDouble.make({ jobs: (call) => call === "get" ? { error: lost } : undefined })
      const { job, outcome } = yield* service.submit(submission())
      assert.deepInclude({ ...job, outcome }, { name: "reviews-1", state: "submitted", outcome: "created" })
    }))

  it.effect("fails with QueueFullError, at once, when too many jobs are open: it is to wait for (jobs 38)", () =>
    Effect.gen(function*() {
      const { control, service } = yield* BatchDouble.make({
        jobs: (call, count) => call === "create" && count === 0 ? { error: full } : undefined
      })
      const error = yield* Effect.flip(service.submit(submission()))
      assert.strictEqual(error._tag, "QueueFullError")
      assert.isTrue(ProviderError.isTransient(error))
      assert.include(error.message, "Wait until one of the jobs is over")
      assert.deepStrictEqual(control.calls, ["find", "create"])
      // Later it is a matter of asking again.
      assert.strictEqual((yield* service.submit(submission())).outcome, "created")
    }))

  it.effect("refuses fewer records than the minimum, with what to do, and leaves nothing (jobs 35, 41)", () =>
    Effect.gen(function*() {
      const { control, memory, service } = yield* BatchDouble.make({
        limits: { "*": { minRecords: 100 } },
        partSize: 50
      })
      const error = yield* Effect.flip(service.submit(submission({ lines: records(99) })))
      assert.deepInclude(error, { _tag: "InvalidRequestError", field: "lines" })
      assert.include(error.message, "there are 99")
      assert.include(error.message, "send them as single calls")
      assert.lengthOf(control.created, 0)
      assert.strictEqual(memory.openUploads(), 0)
      assert.deepStrictEqual(memory.uris(), [])
    }))

  it.effect("creates no job after an upload that failed (jobs 41)", () =>
    Effect.gen(function*() {
      const { control, service } = yield* BatchDouble.make({
        storage: { fault: (call) => call === "put" ? lost : undefined },
        partSize: 10_000
      })
      assert.strictEqual((yield* Effect.flip(service.submit(submission())))._tag, "ConnectionError")
      assert.deepStrictEqual(control.calls, ["find"])
    }))

  it.effect.each(["", "-a", "a b", "a/b", "ü", "a-", "x".repeat(64)])(
    "refuses the name \"%s\" before anything else",
    (name) =>
      Effect.gen(function*() {
        const { control, memory, service } = yield* BatchDouble.make()
        const error = yield* Effect.flip(service.submit(submission({ name })))
        assert.deepInclude(error, { _tag: "InvalidRequestError", field: "name" })
        assert.lengthOf([...control.calls, ...memory.calls], 0)
      })
  )

  it.effect("has the limits of a model: defaults, overrides for all and for one, also by its profile", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchDouble.make({
        limits: {
          "*": { minRecords: 10 },
          "amazon.nova-lite-v1:0": { minRecords: 1_000, maxTimeout: Duration.hours(48) }
        }
      })
      assert.deepInclude(service.limits("amazon.nova-pro-v1:0"), { minRecords: 10, maxRecords: 50_000 })
      const { maxTimeout, minRecords } = service.limits("us.amazon.nova-lite-v1:0")
      assert.deepStrictEqual([minRecords, Duration.toHours(maxTimeout)], [1_000, 48])
    }))
})

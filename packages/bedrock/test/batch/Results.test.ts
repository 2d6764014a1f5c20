import { assert, describe, it } from "@effect/vitest"
import * as Batch from "@strata/core/batch/Batch"
import * as Cost from "@strata/core/Cost"
import * as Pricing from "@strata/core/policy/Pricing"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as BatchDouble from "../support/BatchDouble.ts"

const folder = "s3://the-bucket/out/job0/"

const answered = (recordId: string, inputTextTokenCount = 1_000) =>
  JSON.stringify({
    recordId,
    modelInput: { inputText: "U+2028 is \u2028" },
    modelOutput: { embedding: Array.from({ length: 1_024 }, () => 0.5), inputTextTokenCount }
  })

const failed = (recordId: string, errorCode: number) =>
  JSON.stringify({ recordId, modelInput: {}, error: { errorCode, errorMessage: "it went wrong" } })

const manifest = (processedRecordCount: number) => JSON.stringify({ totalRecordCount: 3, processedRecordCount })

const lines = Stream.make(...["A1", "A2", "A3"].map((id) => new TextEncoder().encode(`{"recordId":"${id}"}`)))

/** A job that is over, with these files below its folder. */
const finished = Effect.fnUntraced(function*(
  files: Readonly<Record<string, string>>,
  { changes = {}, ...options }: BatchDouble.Options & { readonly changes?: Partial<Batch.Job> } = {}
) {
  const double = yield* BatchDouble.make(options)
  const { job } = yield* double.service.submit({ name: "reviews", kind: "embedding", lines })
  double.control.change(job.id, { state: "completed", ...changes })
  for (const [name, text] of Object.entries(files)) {
    double.memory.write(name.startsWith("s3:") ? name : `${folder}${name}`, text)
  }
  return {
    ...double,
    results: Effect.map(Stream.runCollect(double.service.results(job.id)), Array.from<Batch.BatchResult>),
    id: job.id
  }
})

const idsOf = (results: ReadonlyArray<Batch.BatchResult>) => results.map(({ recordId }) => recordId)

describe("The results of a job", () => {
  it.effect("are all lines of all output files below the job's own folder, without the manifest (jobs 32)", () =>
    Effect.gen(function*() {
      const { results } = yield* finished({
        "1.jsonl.out": `${answered("A2")}\n${failed("A1", 400)}\n`,
        "part/2.jsonl.out": answered("A3"),
        "manifest.json.out": manifest(3),
        "notes.txt": "not a result",
        "s3://the-bucket/out/1.jsonl.out": answered("elsewhere"),
        "s3://the-bucket/out/job01/1.jsonl.out": answered("another")
      })
      const found = yield* results
      assert.deepStrictEqual(idsOf(found), ["A2", "A1", "A3"])
      assert.deepStrictEqual(found.map((result) => Batch.failureOf(result)?._tag), [
        undefined,
        "InvalidRequestError",
        undefined
      ])
    }))

  it.effect("are matched by id alone: shuffled, missing, doubled and foreign ones come as they are (jobs 31)", () =>
    Effect.gen(function*() {
      const ids = ["A3", "foreign", "A1", "A3"]
      const { results } = yield* finished({ "1.jsonl.out": ids.map((id) => answered(id)).join("\n") })
      assert.deepStrictEqual(idsOf(yield* results), ids)
    }))

  it.effect.each(["completed", "partially-completed", "expired", "failed", "stopped"] as const)(
    "are read when the job is %s, as far as it came (jobs 29)",
    (state) =>
      Effect.gen(function*() {
        const { results } = yield* finished({ "1.jsonl.out": answered("A1") }, { changes: { state } })
        assert.deepStrictEqual(idsOf(yield* results), ["A1"])
      })
  )

  it.effect("are none when the job failed before it began", () =>
    Effect.gen(function*() {
      const { results } = yield* finished({}, { changes: { state: "failed" } })
      assert.deepStrictEqual(yield* results, [])
    }))

  it.effect("fail at the end when there are fewer than the manifest or the job counted (jobs 32)", () =>
    Effect.gen(function*() {
      const output = { "1.jsonl.out": `${answered("A1")}\n${answered("A2")}\n` }
      const { id, service } = yield* finished({ ...output, "manifest.json.out": manifest(3) })
      const seen: Array<string | undefined> = []
      const error = yield* Effect.flip(
        Stream.runForEach(service.results(id), ({ recordId }) => Effect.sync(() => seen.push(recordId)))
      )
      assert.strictEqual(error._tag, "MalformedResponseError")
      assert.include(error.message, "has 2 results, and the job \"reviews\" processed 3 records")
      assert.deepStrictEqual(seen, ["A1", "A2"])
      const counted = yield* finished(output, { changes: { counts: { processed: 3 } } })
      assert.strictEqual((yield* Effect.flip(counted.results))._tag, "MalformedResponseError")
      const whole = yield* finished({ ...output, "manifest.json.out": manifest(2) })
      assert.lengthOf(yield* whole.results, 2)
      const unreadable = yield* finished({ ...output, "manifest.json.out": "{" })
      assert.lengthOf(yield* unreadable.results, 2)
    }))

  it.effect("survive connections that are lost on the way, each once (jobs 32)", () =>
    Effect.gen(function*() {
      const ids = Array.from({ length: 10 }, (_, index) => `A${index}`)
      const { memory, results } = yield* finished(
        { "1.jsonl.out": ids.map((id) => answered(id)).join("\n") },
        { storage: { cutAfter: (count) => count % 3 === 0 ? 10 + count : undefined } }
      )
      assert.deepStrictEqual(idsOf(yield* results), ids)
      assert.isAbove(memory.reads.length, 20)
    }))

  it.effect("cost half, by the tokens of each; three collects give the same sum (jobs 33)", () =>
    Effect.gen(function*() {
      const output = `${answered("A1", 1_000_000)}\n${failed("A2", 500)}\n${answered("A3", 3_000_000)}\n`
      const { results } = yield* finished({ "1.jsonl.out": output })
      const sums = yield* Effect.forEach(
        [1, 2, 3],
        () =>
          Effect.map(
            results,
            (all) => Cost.sum(all.filter(({ usage }) => usage !== undefined).map(({ cost }) => cost))?.total
          )
      )
      assert.deepStrictEqual(sums, [4, 4, 4])
    }).pipe(Effect.provide(Pricing.layer([{ model: "*titan-embed-text-v2:0", price: { input: 2, batch: 0.5 } }]))))

  it.effect("of chat have the answers of Converse", () =>
    Effect.gen(function*() {
      const double = yield* BatchDouble.make()
      const { job } = yield* double.service.submit({
        name: "chats",
        model: "us.amazon.nova-lite-v1:0",
        kind: "chat",
        lines
      })
      double.control.change(job.id, { state: "completed" })
      const modelOutput = {
        output: { message: { role: "assistant", content: [{ text: "Hi" }] } },
        stopReason: "end_turn",
        usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 }
      }
      double.memory.write(`${folder}1.jsonl.out`, JSON.stringify({ recordId: "A1", modelOutput }))
      const [result] = yield* Stream.runCollect(double.service.results(job.id))
      assert(result?.kind === "chat")
      assert.deepInclude(Result.getOrThrow(result.result), { text: "Hi", provider: "aws.bedrock" })
      assert.strictEqual(result.usage?.totalTokens, 2)
    }))

  it.effect("fail for a model whose family is not known", () =>
    Effect.gen(function*() {
      const { results } = yield* finished({ "1.jsonl.out": answered("A1") }, {
        changes: { model: "vendor.unknown-v1" }
      })
      assert.deepInclude(yield* Effect.flip(results), { _tag: "InvalidRequestError", field: "model" })
    }))
})

describe("The totals of a job", () => {
  it.effect("are those of its manifest, and else the counts of the job (jobs 33)", () =>
    Effect.gen(function*() {
      const summary = {
        totalRecordCount: 3,
        processedRecordCount: 2,
        successRecordCount: 1,
        errorRecordCount: 1,
        inputTokenCount: 1_000_000,
        outputTokenCount: 0
      }
      const { id, service } = yield* finished({ "manifest.json.out": JSON.stringify(summary) })
      const { cost, counts, usage } = yield* service.totals(id)
      assert.deepStrictEqual(counts, { total: 3, processed: 2, succeeded: 1, failed: 1 })
      assert.deepStrictEqual([usage?.inputTokens, cost?.total], [1_000_000, 1])
      const changes = { counts: { total: 3, processed: 1 } }
      for (const files of [{}, { "manifest.json.out": "{" }, { "manifest.json.out": "{\"inputTokenCount\":\"7\"}" }]) {
        const other = yield* finished(files, { changes })
        assert.deepStrictEqual(yield* other.service.totals(other.id), changes)
      }
    }).pipe(Effect.provide(Pricing.layer([{ model: "*", price: { input: 2, batch: 0.5 } }]))))
})

describe("Waiting for a job", () => {
  it.effect("asks once at each poll, and goes on when that is throttled; a question for the status is repeated", () =>
    Effect.gen(function*() {
      const throttled = new ProviderError.RateLimitError({ provider: "aws.bedrock", message: "too many requests" })
      const { control, id, service } = yield* finished({}, {
        jobs: (call, count) => call === "get" && count > 0 && count < 4 ? { error: throttled } : undefined
      })
      const before = control.calls.length
      const jobs = yield* Stream.runCollect(service.watch(id, { polling: Schedule.recurs(2) }))
      assert.deepStrictEqual([jobs.length, control.calls.length - before], [0, 3])
      assert.strictEqual((yield* service.status(id)).state, "completed")
      const other = yield* finished({}, {
        jobs: (call, count) => call === "get" && count > 0 && count < 4 ? { error: throttled } : undefined
      })
      assert.strictEqual((yield* other.service.status(other.id)).state, "completed")
    }))
})

describe("Stopping a job", () => {
  it.effect("asks for its end, and gives the job as it is then (jobs 28)", () =>
    Effect.gen(function*() {
      const { control, id, service } = yield* finished({}, { changes: { state: "running" } })
      assert.strictEqual((yield* service.stop(id)).state, "stopping")
      assert.include(control.calls, "stop")
    }))
})

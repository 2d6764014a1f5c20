import { GetModelInvocationJobCommand, ListModelInvocationJobsCommand } from "@aws-sdk/client-bedrock"
import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Batch from "./BatchFixture.ts"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator({ s3: { buckets: ["data"] } })

describe("Batch", () => {
  it.live("passes through its statuses by itself", () =>
    Effect.gen(function*() {
      const { create, get, put } = yield* Batch.open
      yield* put("in/a.jsonl", Batch.toLines(Batch.records(100)))
      const jobArn = yield* create()
      const seen: Array<string | undefined> = []
      yield* Effect.repeat(get(jobArn), {
        schedule: Schedule.spaced("10 millis"),
        until: ({ endTime, status }) => {
          if (seen.at(-1) !== status) seen.push(status)
          return endTime !== undefined
        }
      })
      const order = ["Submitted", "Validating", "Scheduled", "InProgress", "Completed"]
      assert.deepStrictEqual(seen, order.filter((status) => seen.includes(status)))
      assert.isAtLeast(seen.length, 2)
    }).pipe(Effect.provide(Fixture.emulator({
      s3: { buckets: ["data"] },
      batch: { submitted: "100 millis", validating: "100 millis", scheduled: "100 millis", processing: "100 millis" }
    }))))

  it.effect("answers 1,000 records of InvokeModel in another order (jobs 31)", () =>
    Effect.gen(function*() {
      const { create, get, keys, output, over, put } = yield* Batch.open
      const records = Batch.records(1_000)
      yield* put("in/a.jsonl", Batch.toLines(records))
      const jobArn = yield* create()
      assert.match(jobArn, /^arn:aws:bedrock:us-east-1:123456789012:model-invocation-job\/[a-z0-9]{12}$/)
      const job = yield* over(jobArn)
      assert.deepInclude(job, {
        jobArn,
        status: "Completed",
        modelId: Batch.titan,
        roleArn: Batch.roleArn,
        timeoutDurationInHours: 24,
        modelInvocationType: "InvokeModel",
        totalRecordCount: 1_000,
        processedRecordCount: 1_000,
        successRecordCount: 1_000,
        errorRecordCount: 0
      })
      assert.instanceOf(job.jobExpirationTime, Date)
      assert.strictEqual((yield* get(jobArn.slice(-12))).jobArn, jobArn)
      const { manifest, records: lines } = yield* output(jobArn)
      const ids = lines.map(({ recordId }) => recordId)
      const asked = records.map(({ recordId }) => recordId)
      assert.notDeepEqual(ids, asked)
      assert.deepStrictEqual(ids.toSorted(), asked)
      for (const { modelInput, modelOutput, recordId } of lines) {
        const index = Number(recordId.slice(1))
        assert.deepStrictEqual(modelInput, Batch.embeddingOf(index))
        assert.strictEqual(modelOutput.embedding.length, 256)
        assert.strictEqual(modelOutput.inputTextTokenCount, modelInput.inputText.length)
      }
      assert.deepStrictEqual(manifest, {
        totalRecordCount: 1_000,
        processedRecordCount: 1_000,
        successRecordCount: 1_000,
        errorRecordCount: 0,
        inputTokenCount: lines.reduce((sum, { modelInput }) => sum + modelInput.inputText.length, 0),
        outputTokenCount: 0
      })
      assert.deepStrictEqual(yield* keys("out/"), [
        `out/${jobArn.slice(-12)}/a.jsonl.out`,
        `out/${jobArn.slice(-12)}/manifest.json.out`
      ])
    }).pipe(Effect.provide(live)))

  it.effect("answers 1,000 records of Converse, and refuses those with tools (jobs 36)", () =>
    Effect.gen(function*() {
      const { create, output, over, put } = yield* Batch.open
      const messages = [{ role: "user", content: [{ text: "Hi" }] }]
      const toolConfig = { tools: [{ toolSpec: { name: "f", inputSchema: { json: { type: "object" } } } }] }
      const records = Batch.records(1_000, (index) =>
        index % 10 === 0
          ? { messages, toolConfig }
          : index % 10 === 1
          ? { messages: [] }
          : { messages, inferenceConfig: { maxTokens: 10 } })
      yield* put("in/a.jsonl", Batch.toLines(records))
      const jobArn = yield* create({ modelId: Fixture.modelId, modelInvocationType: "Converse" })
      assert.include(yield* over(jobArn), { status: "Completed", successRecordCount: 800, errorRecordCount: 200 })
      const { manifest, records: lines } = yield* output(jobArn)
      assert.include(manifest, { inputTokenCount: 5_600, outputTokenCount: 2_400 })
      const by = (digit: string) => lines.filter(({ recordId }) => recordId.endsWith(digit))
      assert.strictEqual(by("5")[0].modelOutput.output.message.content[0].text, "Hello")
      for (const { error, modelOutput } of by("0")) {
        assert.strictEqual(error.errorCode, 400)
        assert.include(error.errorMessage, "toolConfig")
        assert.isUndefined(modelOutput)
      }
      assert.strictEqual(by("1")[0].error.errorCode, 400)
    }).pipe(Effect.provide(live)))

  it.effect("reads all files of a folder, and gives ids to records without one", () =>
    Effect.gen(function*() {
      const { create, keys, output, over, put } = yield* Batch.open
      yield* put("in/a.jsonl", Batch.toLines(Batch.records(60).map(({ modelInput }) => ({ modelInput }))))
      yield* put("in/b.jsonl", `\n${Batch.toLines(Batch.records(60)).replaceAll("\n", "\r\n\n").trimEnd()}`)
      yield* put("in/more/b.jsonl", Batch.toLines([{ modelInput: Batch.embeddingOf(0) }]))
      yield* put("in/notes.txt", "no records")
      const jobArn = yield* create({ inputDataConfig: { s3InputDataConfig: { s3Uri: "s3://data/in/" } } })
      assert.include(yield* over(jobArn), { status: "Completed", totalRecordCount: 121 })
      const folder = `out/${jobArn.slice(-12)}/`
      assert.deepStrictEqual(
        yield* keys("out/"),
        ["a.jsonl.out", "b.jsonl.out", "manifest.json.out", "more/b.jsonl.out"].map((name) => folder + name)
      )
      const { records } = yield* output(jobArn)
      assert.strictEqual(new Set(records.map(({ recordId }) => recordId)).size, 60)
      assert.match(records[0].recordId, /^[A-Z0-9]{11}$/)
      assert.strictEqual((yield* output(jobArn, "b.jsonl")).records.length, 60)
    }).pipe(Effect.provide(live)))

  it.effect("keeps line separators that JSON allows inside a text (jobs 43)", () =>
    Effect.gen(function*() {
      const { create, output, over, put } = yield* Batch.open
      const inputText = "a\u2028b\u2029c\u0085d"
      yield* put("in/a.jsonl", Batch.toLines(Batch.records(100, () => ({ inputText }))))
      const jobArn = yield* create()
      assert.include(yield* over(jobArn), { status: "Completed", successRecordCount: 100 })
      const { records } = yield* output(jobArn)
      assert.strictEqual(records.length, 100)
      assert.isTrue(records.every(({ modelInput }) => modelInput.inputText === inputText))
    }).pipe(Effect.provide(live)))

  it.effect("fails what its validation finds, and says where (jobs 35, 37)", () =>
    Effect.gen(function*() {
      const { create, over, put } = yield* Batch.open
      const lines = Batch.records(100).map((record) => JSON.stringify(record))
      const replaced = (index: number, line: string) => lines.with(index, line).join("\n")
      const cases: ReadonlyArray<readonly [string, RegExp]> = [
        [lines.slice(1).join("\n"), /99 records.*at least 100/],
        [replaced(41, "{"), /line 42 of in\/\d+\.jsonl.*not JSON/],
        [replaced(41, "[]"), /line 42.*not an object/],
        [replaced(41, `{"recordId":"x"}`), /line 42.*modelInput/],
        [replaced(41, `{"recordId":7,"modelInput":{}}`), /line 42.*recordId/],
        [replaced(41, JSON.stringify({ recordId: Batch.recordIdOf(0), modelInput: {} })), /line 42.*R0000000000/],
        [replaced(41, JSON.stringify({ modelInput: { inputText: "x".repeat(10_000) } })), /longer than 10000 bytes/],
        [[...lines, ...lines.map((line) => line.replace("R0", "Q0")), lines[0]].join("\n"), /more than 200 records/]
      ]
      for (const [index, [text, message]] of cases.entries()) {
        yield* put(`in/${index}.jsonl`, text)
        const jobArn = yield* create({
          jobName: `job-${index}`,
          inputDataConfig: { s3InputDataConfig: { s3Uri: `s3://data/in/${index}.jsonl` } }
        })
        const job = yield* over(jobArn)
        assert.strictEqual(job.status, "Failed")
        assert.match(job.message ?? "", index === 7 ? /more than 200|earlier/ : message)
      }
    }).pipe(
      Effect.provide(
        Fixture.emulator({ s3: { buckets: ["data"] }, batch: { maxRecords: 200, maxRecordBytes: 10_000 } })
      )
    ))

  it.effect("fails when a bucket or a file is missing, elsewhere or not accessible (jobs 34)", () =>
    Effect.gen(function*() {
      const { create, over, put } = yield* Batch.open
      yield* put("in/a.jsonl", Batch.toLines(Batch.records(100)))
      yield* put("in/large.jsonl", "x".repeat(60_000))
      const from = (s3Uri: string, s3BucketOwner?: string) => ({
        inputDataConfig: { s3InputDataConfig: { s3Uri, s3BucketOwner } }
      })
      const to = (s3Uri: string) => ({ outputDataConfig: { s3OutputDataConfig: { s3Uri } } })
      const cases = [
        [from("s3://nowhere/a.jsonl"), "does not exist: nowhere"],
        [from("s3://secret/a.jsonl"), "GetObject permissions"],
        [to("s3://secret/out/"), "PutObject permissions"],
        [from("s3://elsewhere/a.jsonl"), "us-west-2"],
        [from("s3://data/in/a.jsonl", "999999999999"), "another account"],
        [from("s3://data/none/"), "no .jsonl file"],
        [from("s3://data/in/large.jsonl"), "60000 bytes"]
      ] as const
      for (const [index, [given, message]] of cases.entries()) {
        const job = yield* over(yield* create({ jobName: `job-${index}`, ...given }))
        assert.strictEqual(job.status, "Failed")
        assert.include(job.message, message)
      }
    }).pipe(Effect.provide(Fixture.emulator({
      regions: ["us-east-1", "us-west-2"],
      batch: { maxFileBytes: 50_000 },
      s3: { buckets: ["data", { name: "secret", access: "denied" }, { name: "elsewhere", region: "us-west-2" }] }
    }))))

  it.effect("refuses invalid requests, with the field (jobs 39)", () =>
    Effect.gen(function*() {
      const { create, get, list, stop } = yield* Batch.open
      const s3 = (s3Uri: string) => ({ inputDataConfig: { s3InputDataConfig: { s3Uri } } })
      const cases = [
        [{ jobName: "-a" }, "jobName"],
        [{ jobName: "a".repeat(64) }, "jobName"],
        [{ jobName: `a${"-".repeat(60)}_` }, "jobName"],
        [{ roleArn: "role" }, "roleArn"],
        [{ timeoutDurationInHours: 23 }, "timeoutDurationInHours"],
        [{ timeoutDurationInHours: 169 }, "timeoutDurationInHours"],
        [{ clientRequestToken: "a_b" }, "clientRequestToken"],
        [s3("https://data/in"), "s3Uri"],
        [s3("s3://d/in"), "s3Uri"],
        [{ modelId: "no.such-model" }, "model identifier"]
      ] as const
      for (const [given, field] of cases) {
        const refused = yield* Effect.flip(create(given))
        assert.deepInclude(refused, { name: "ValidationException", status: 400 })
        assert.include(refused.message, field)
      }
      assert.include((yield* Effect.flip(get("x"))).message, "jobIdentifier")
      assert.strictEqual((yield* Effect.flip(get("abcdefghijkl"))).name, "ResourceNotFoundException")
      assert.strictEqual((yield* Effect.flip(stop("abcdefghijkl"))).name, "ResourceNotFoundException")
      assert.strictEqual((yield* Effect.flip(list({ nextToken: "x" }))).name, "ValidationException")
      assert.strictEqual((yield* Effect.flip(list({ maxResults: 1001 }))).name, "ValidationException")
      assert.deepStrictEqual((yield* list()).invocationJobSummaries, [])
    }).pipe(Effect.provide(live)))

  it.effect("gives the same job for the same token, from any client, also when it is over (jobs 27)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { create, list, over, put } = yield* Batch.open
      yield* put("in/a.jsonl", Batch.toLines(Batch.records(100)))
      const clientRequestToken = "chunk-1-attempt-1"
      yield* emulator.inject({ type: "reset", operation: "CreateModelInvocationJob", afterBytes: 0 })
      yield* Effect.flip(create({ clientRequestToken }))
      const found = (yield* list({ nameContains: "job" })).invocationJobSummaries ?? []
      assert.strictEqual(found.length, 1)
      const { create: again } = yield* Batch.open
      assert.strictEqual(yield* again({ clientRequestToken }), found[0]?.jobArn)
      yield* over(found[0]?.jobArn ?? "")
      assert.strictEqual(yield* again({ clientRequestToken }), found[0]?.jobArn)
      const other = yield* Effect.flip(create({ clientRequestToken, timeoutDurationInHours: 48 }))
      assert.strictEqual(other.name, "ConflictException")
      const named = yield* Effect.flip(create({ clientRequestToken: "another" }))
      assert.strictEqual(named.name, "ConflictException")
      assert.strictEqual((yield* list()).invocationJobSummaries?.length, 1)
    }).pipe(Effect.provide(live)))

  it.effect("lists jobs by status, name and time, page by page", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { create, list, stop } = yield* Batch.open
      const names = ["a-1", "a-2", "b-3", "b-4", "b-5"]
      for (const jobName of names) {
        yield* create({ jobName })
        yield* emulator.advance("1 second")
      }
      yield* stop(yield* create({ jobName: "last" }))
      const namesOf = (page: Effect.Success<ReturnType<typeof list>>) =>
        (page.invocationJobSummaries ?? []).map(({ jobName }) => jobName)
      const first = yield* list({ maxResults: 2 })
      assert.deepStrictEqual(namesOf(first), ["last", "b-5"])
      yield* create({ jobName: "newer" })
      const second = yield* list({ maxResults: 2, nextToken: first.nextToken })
      assert.deepStrictEqual(namesOf(second), ["b-4", "b-3"])
      const third = yield* list({ maxResults: 2, nextToken: second.nextToken })
      assert.deepStrictEqual(namesOf(third), ["a-2", "a-1"])
      assert.isUndefined(third.nextToken)
      assert.deepStrictEqual(namesOf(yield* list({ nameContains: "a-", sortOrder: "Ascending" })), ["a-1", "a-2"])
      assert.deepStrictEqual(namesOf(yield* list({ statusEquals: "Stopping" })), ["last"])
      // the file is missing
      assert.strictEqual((yield* list({ statusEquals: "Failed" })).invocationJobSummaries?.length, 5)
      const [, middle] = (yield* list({ nameContains: "b-" })).invocationJobSummaries ?? []
      assert.deepStrictEqual(namesOf(yield* list({ submitTimeAfter: middle?.submitTime, nameContains: "b-" })), ["b-5"])
    }).pipe(Effect.provide(live)))

  it.effect("refuses more open jobs than the quota, and takes more when one is over (jobs 38)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { create } = yield* Batch.open
      for (const jobName of ["a", "b"]) yield* create({ jobName })
      const refused = yield* Effect.flip(create({ jobName: "c" }))
      assert.deepInclude(refused, { name: "ServiceQuotaExceededException", status: 400 })
      yield* emulator.advance("1 minute")
      yield* create({ jobName: "c" })
    }).pipe(Effect.provide(Fixture.emulator({ s3: { buckets: ["data"] }, batch: { maxQueued: 2 } }))))

  it.effect("keeps jobs and buckets of two regions apart", () =>
    Effect.gen(function*() {
      const east = yield* Batch.open
      const west = yield* Batch.control({ region: "us-west-2" })
      const jobArn = yield* east.create()
      const list = yield* Fixture.attempt(() => west.send(new ListModelInvocationJobsCommand({})))
      assert.deepStrictEqual(list.invocationJobSummaries, [])
      const get = Fixture.attempt(() =>
        west.send(new GetModelInvocationJobCommand({ jobIdentifier: jobArn.slice(-12) }))
      )
      assert.strictEqual((yield* Effect.flip(get)).name, "ResourceNotFoundException")
    }).pipe(Effect.provide(Fixture.emulator({ regions: ["us-east-1", "us-west-2"], s3: { buckets: ["data"] } }))))

  it.effect("writes its output to files, where there is a directory, and leaves none of a job that fails", () =>
    Effect.gen(function*() {
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "strata-batch-"))),
        (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
      )
      yield* Effect.gen(function*() {
        const { create, output, over, put } = yield* Batch.open
        yield* put("in/a.jsonl", Batch.toLines(Batch.records(100)))
        const jobArn = yield* create()
        assert.include(yield* over(jobArn), { status: "Completed" })
        assert.strictEqual((yield* output(jobArn)).records.length, 100)
        yield* put("in/b.jsonl", Batch.toLines(Batch.records(2_000)))
        const input = { inputDataConfig: { s3InputDataConfig: { s3Uri: "s3://data/in/b.jsonl" } } }
        const full = yield* over(yield* create({ ...input, jobName: "full" }))
        assert.strictEqual(full.status, "Failed")
        assert.include(full.message, "s3.maxBytes")
        const files = yield* Effect.promise(() => Fs.readdir(Path.join(directory, "data")))
        // the two inputs, the output and the manifest
        assert.strictEqual(files.filter((name) => name.endsWith(".bin")).length, 4)
      }).pipe(Effect.provide(Fixture.emulator({ s3: { directory, buckets: ["data"], maxBytes: 2_000_000 } })))
    }))
})

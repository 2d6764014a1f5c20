import { assert, describe, it } from "@effect/vitest"
import { BedrockBatch, BedrockClient } from "@strata/bedrock"
import { ChatRequest, Message, Retry } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Service from "../src/batch/Service.ts"
import * as Shutdown from "../src/process/Shutdown.ts"
import * as Folder from "./support/Folder.ts"
import * as InProcess from "./support/InProcess.ts"

/** An emulated Bedrock with S3, which answers what it is asked. */
const emulator = (options: Emulator.Options["batch"] = {}) =>
  Emulator.layer({ s3: { buckets: ["data"] }, batch: { minRecords: 10, maxRecords: 40, ...options } }).pipe(
    Layer.provide(Layer.merge(
      TestChat.layer((request) => {
        const last = ChatRequest.messagesOf(request).at(-1)
        return `about ${last === undefined ? "" : Message.textOf(last)}`
      }, { model: "echo" }),
      TestEmbedding.layer()
    )),
    Layer.orDie
  )

const batch = Effect.fnUntraced(function*(args: ReadonlyArray<string>, options: InProcess.Options = {}) {
  const { client } = yield* Emulator.Emulator
  const { endpoint } = client
  const source: Effect.Success<typeof Service.Source> = ({ input, output, roleArn }, model) =>
    BedrockBatch.layer({
      model,
      input,
      output,
      roleArn,
      endpoint,
      s3: { endpoint, forcePathStyle: true },
      retry: Retry.never,
      limits: { "*": { minRecords: 10, maxRecords: 40 } }
    }).pipe(Layer.provide(BedrockClient.layer(client)))
  return yield* Effect.provideService(InProcess.run(["batch", ...args], options), Service.Source, source)
})

const rows = (count: number) => Array.from({ length: count }, (_, index) => `{"n":${index + 1}}`).join("\n")

const place = [
  "--s3-input",
  "s3://data/in/",
  "--s3-output",
  "s3://data/out/",
  "--role",
  "arn:aws:iam::123456789012:role/batch"
]

const submit = (root: string, ...args: ReadonlyArray<string>) =>
  batch(["submit", `${root}/rows.jsonl`, "-p", "{{n}}", "--yes", ...place, ...args])

const file = (root: string) => `${root}/rows.jsonl.batch.json`

const requestsOf = (operation: string) =>
  Effect.map(
    Effect.flatMap(Emulator.Emulator, ({ requests }) => requests),
    (requests) => requests.filter((request) => request.operation === operation).length
  )

describe("strata batch", () => {
  it.live(
    "submits rows as few jobs as the limits allow, once, waits, and puts answers beside their rows (jobs 31, 35, 37)",
    () =>
      Effect.gen(function*() {
        const root = yield* Folder.make({ "rows.jsonl": rows(85) })
        const submitted = yield* submit(root)
        assert.deepStrictEqual([submitted.code, submitted.out], [0, `${file(root)}\n`], submitted.error)
        const { parts } = JSON.parse(Fs.readFileSync(file(root), "utf8"))
        // The last one would have 5, of which there must be 10.
        assert.deepStrictEqual(parts.map((part: { records: number }) => part.records), [40, 35, 10])
        const again = yield* submit(root)
        assert.include(again.error, "is there already")
        assert.strictEqual(yield* requestsOf("CreateModelInvocationJob"), 3)

        yield* Effect.flatMap(Emulator.Emulator, ({ advance }) => advance("2 hours"))
        const waited = yield* batch(["wait", file(root), "-q"])
        assert.strictEqual(waited.code, 0, waited.error)
        assert.match(waited.out, /^(strata-rows-jsonl-[0-9a-f]{12}-[123]: completed, \d+ of \d+ records\n){3}$/)
        const collected = yield* batch(["collect", file(root), "-o", `${root}/out.jsonl`])
        assert.deepStrictEqual([collected.code, collected.error], [0, "85 rows answered\n"])
        assert.strictEqual(
          Fs.readFileSync(`${root}/out.jsonl`, "utf8"),
          rows(85).split("\n").map((row, index) => `${row.slice(0, -1)},"answer":"about ${index + 1}"}\n`).join("")
        )
      }).pipe(Effect.provide(emulator())),
    60_000
  )

  it.live(
    "collects what was answered of jobs that ended early, and keeps the other rows to ask again (jobs 29, 30)",
    () =>
      Effect.gen(function*() {
        const { advance, inject } = yield* Emulator.Emulator
        yield* inject({ type: "jobExpiry", fraction: 0.4 })
        const root = yield* Folder.make({ "rows.jsonl": rows(30) })
        yield* submit(root)
        yield* advance("25 hours")
        const collected = yield* batch(["collect", file(root), "--failed", `${root}/rest.jsonl`])
        assert.strictEqual(collected.code, 3)
        assert.include(collected.error, "12 rows answered, 18 without an answer")
        const answered = collected.out.trimEnd().split("\n").map((line) => JSON.parse(line).n)
        const rest = Fs.readFileSync(`${root}/rest.jsonl`, "utf8").trimEnd().split("\n").map((line) =>
          JSON.parse(line).n
        )
        assert.deepStrictEqual(
          [...answered, ...rest].toSorted((a, b) => a - b),
          Array.from({ length: 30 }, (_, index) => index + 1)
        )
      }).pipe(Effect.provide(emulator())),
    60_000
  )

  it.live("fails where no record was answered, and says why most often (jobs 30)", () =>
    Effect.gen(function*() {
      const { advance, inject } = yield* Emulator.Emulator
      yield* inject({ type: "recordErrors", errorMessage: "a field is missing" })
      const root = yield* Folder.make({ "rows.jsonl": rows(12) })
      yield* submit(root)
      yield* advance("2 hours")
      const collected = yield* batch(["collect", file(root)])
      assert.deepStrictEqual([collected.code, collected.out], [1, ""])
      assert.match(collected.error, /No row has answer, most often because: .*a field is missing/)
    }).pipe(Effect.provide(emulator())), 60_000)

  it.live(
    "is no longer sure of answers with foreign ids, of rows that changed, and before the jobs are over (jobs 31)",
    () =>
      Effect.gen(function*() {
        const { advance, inject } = yield* Emulator.Emulator
        yield* inject({ type: "doubledRecords", count: 2 })
        yield* inject({ type: "foreignRecords", count: 3 })
        const root = yield* Folder.make({ "rows.jsonl": rows(12) })
        yield* submit(root)
        yield* advance("2 hours")
        const collected = yield* batch(["collect", file(root)])
        assert.strictEqual(collected.code, 1)
        assert.include(collected.error, "3 answers are of no row of this batch")
        assert.strictEqual(collected.out.trimEnd().split("\n").length, 12)
        Folder.write(root, { "rows.jsonl": rows(13) })
        assert.include((yield* batch(["collect", file(root)])).error, "is not what it was when the batch was submitted")
        yield* submit(root)
        const early = yield* batch(["collect", file(root)])
        assert.include(early.error, "is not over, but")
      }).pipe(Effect.provide(emulator({ processing: "1 hour" }))),
    60_000
  )

  it.live(
    "ends waiting at a signal and says that the jobs go on; stops them when asked (jobs 28, 51)",
    () =>
      Effect.gen(function*() {
        const root = yield* Folder.make({ "rows.jsonl": rows(12) })
        yield* submit(root)
        const control = yield* Shutdown.make
        const waiting = yield* Effect.forkChild(batch(["wait", file(root)], { control }))
        yield* Effect.sleep("300 millis")
        control.signal("SIGINT")
        const waited = yield* Fiber.join(waiting)
        assert.strictEqual(waited.code, 130)
        assert.include(waited.error, `The jobs go on: \`strata batch wait ${file(root)}\` waits again`)
        const status = yield* batch(["status", file(root), "--json"])
        assert.include(["submitted", "validating", "scheduled", "running"], JSON.parse(status.out).state)
        const stopped = yield* batch(["stop", file(root), "--json"])
        assert.include(["stopping", "stopped"], JSON.parse(stopped.out).state)
      }).pipe(Effect.provide(emulator({ processing: "1 hour" }))),
    60_000
  )

  it.live(
    "submits nothing when something is wrong: too few rows, a bucket that is not there, a bad file (jobs 34, 35)",
    () =>
      Effect.gen(function*() {
        const root = yield* Folder.make({ "rows.jsonl": rows(9), "many.jsonl": rows(12) })
        const few = yield* submit(root)
        assert.deepStrictEqual([few.code, Fs.existsSync(file(root))], [2, false])
        assert.include(few.error, "A batch job has 10 records at least, and there are 9: use `strata map`")
        const nowhere = yield* batch([
          "submit",
          `${root}/many.jsonl`,
          "-p",
          "{{n}}",
          "--yes",
          "--s3-input",
          "s3://nowhere/in/",
          "--s3-output",
          "s3://data/out/",
          "--role",
          "arn:aws:iam::123456789012:role/batch"
        ])
        assert.strictEqual(nowhere.code, 1)
        assert.include(nowhere.error, "nowhere")
        const broken = yield* batch(["wait", `${root}/many.jsonl`])
        assert.deepStrictEqual(broken.code, 2)
        assert.include(broken.error, "is no batch")
        assert.strictEqual(yield* requestsOf("CreateModelInvocationJob"), 0)
      }).pipe(Effect.provide(emulator())),
    60_000
  )
})

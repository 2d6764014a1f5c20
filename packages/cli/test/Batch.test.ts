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

/** Runs `strata batch` in a folder, by an emulated Bedrock for batch jobs and a double for single calls. */
const batch = Effect.fnUntraced(
  function*(root: string, args: ReadonlyArray<string>, options: InProcess.Options & { readonly bucket?: string } = {}) {
    const { client } = yield* Emulator.Emulator
    const { endpoint } = client
    const asked: Array<string> = []
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
    const services = InProcess.answering((request) => {
      const last = ChatRequest.messagesOf(request).at(-1)
      asked.push(last === undefined ? "" : Message.textOf(last))
      return `called about ${asked.at(-1)}`
    })
    const given = [
      "batch",
      `${root}/rows.jsonl`,
      "-p",
      "{{n}}",
      "--yes",
      "--poll-seconds",
      "0.02",
      "--store",
      `${root}/store.db`
    ]
    const ended = yield* Effect.provideService(
      InProcess.run([...given, ...place(options.bucket ?? "data"), ...args], { ...options, services }),
      Service.Source,
      source
    )
    return { ...ended, asked }
  }
)

const rows = (count: number) => Array.from({ length: count }, (_, index) => `{"n":${index + 1}}`).join("\n")

const place = (bucket: string) => [
  "--s3-input",
  `s3://${bucket}/in/`,
  "--s3-output",
  `s3://${bucket}/out/`,
  "--role",
  "arn:aws:iam::123456789012:role/batch"
]

/** Jobs that were created. */
const created = Effect.map(
  Effect.flatMap(Emulator.Emulator, ({ requests }) => requests),
  (requests) =>
    requests.filter(({ operation, status = 0 }) =>
      operation === "CreateModelInvocationJob" && status < 300 && status > 0
    ).length
)

const answers = (root: string) =>
  Fs.readFileSync(`${root}/out.jsonl`, "utf8").trimEnd().split("\n").map((line): { n: number; answer: string } =>
    JSON.parse(line)
  )

describe("strata batch", () => {
  it.live(
    "answers rows by batch jobs, in order, and those that are too few for one by single calls (jobs 31, 35)",
    () =>
      Effect.gen(function*() {
        const root = yield* Folder.make({ "rows.jsonl": rows(85) })
        const ended = yield* batch(root, ["-o", `${root}/out.jsonl`])
        assert.strictEqual(ended.code, 0, ended.error)
        assert.include(ended.error, "85 rows by batch jobs: ")
        assert.deepStrictEqual(answers(root).map(({ n }) => n), Array.from({ length: 85 }, (_, index) => index + 1))
        const called = answers(root).filter(({ answer }) => answer.startsWith("called"))
        assert.strictEqual(called.length, ended.asked.length)
        assert.isBelow(called.length, 10)
        assert.isAbove(yield* created, 1)
        const again = yield* batch(root, ["-o", `${root}/out.jsonl`])
        assert.deepStrictEqual([again.code, again.asked], [0, []])
      }).pipe(Effect.provide(emulator())),
    60_000
  )

  it.live(
    "lets batch jobs go on at a signal, says so, and collects them in the next run (jobs 27, 51)",
    () =>
      Effect.gen(function*() {
        const { advance } = yield* Emulator.Emulator
        const root = yield* Folder.make({ "rows.jsonl": rows(20) })
        const control = yield* Shutdown.make
        const args = ["-o", `${root}/out.jsonl`, "--job", "numbers"]
        const waiting = yield* Effect.forkChild(batch(root, args, { control }))
        while ((yield* created) === 0) yield* Effect.sleep("20 millis")
        yield* Effect.sleep("100 millis")
        control.signal("SIGINT")
        const first = yield* Fiber.join(waiting)
        assert.strictEqual(first.code, 130)
        assert.include(first.error, "Batch jobs go on at the provider. Run the same command again")
        assert.include(first.error, "strata jobs cancel \"numbers\"")
        yield* advance("2 hours")
        const second = yield* batch(root, args)
        assert.strictEqual(second.code, 0, second.error)
        assert.strictEqual(yield* created, 1)
        assert.strictEqual(answers(root).length, 20)
      }).pipe(Effect.provide(emulator({ processing: "1 hour" }))),
    60_000
  )

  it.live(
    "submits nothing when something is wrong: a bucket that is not there, too few rows (jobs 34, 35)",
    () =>
      Effect.gen(function*() {
        const root = yield* Folder.make({ "rows.jsonl": rows(12) })
        const nowhere = yield* batch(root, [], { bucket: "nowhere" })
        assert.strictEqual(nowhere.code, 1)
        assert.match(nowhere.error, /Jobs would fail, so none was submitted:\n[^]*nowhere/)
        Folder.write(root, { "rows.jsonl": rows(9) })
        const few = yield* batch(root, ["--only-batch"])
        assert.deepStrictEqual([few.code, few.asked], [2, []])
        assert.include(few.error, "A batch job has 10 records at least, and there are 9 rows")
        const live = yield* batch(root, ["-q"])
        assert.deepStrictEqual([live.code, live.asked.length], [0, 9])
        assert.strictEqual(yield* created, 0)
      }).pipe(Effect.provide(emulator())),
    60_000
  )

  it.live("shows the batch price of the rows before it begins (jobs 33, 49)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({
        "rows.jsonl": rows(20),
        "prices.json": "[{\"model\":\"*\",\"price\":{\"input\":1,\"output\":1000,\"batch\":0.5}}]"
      })
      const dry = yield* batch(root, ["--prices", `${root}/prices.json`, "--dry-run", "--max-tokens", "100"])
      assert.match(dry.out, /^20 rows by batch jobs: .* 20 to 2,000 tokens out, 0\.01\d* USD to 1\.00 USD\n$/)
      assert.strictEqual(yield* created, 0)
    }).pipe(Effect.provide(emulator())), 60_000)
})

import { assert, describe, it } from "@effect/vitest"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as Storage from "../src/storage/Storage.ts"
import * as BatchProgram from "./support/BatchProgram.ts"
import * as Environment from "./support/Environment.ts"
import * as KilledProgram from "./support/KilledProgram.ts"
import * as WireServer from "./support/WireServer.ts"

const live = Emulator.layer({ s3: { buckets: ["data", "my-bucket"] }, batch: { submitted: "1 hour" } }).pipe(
  Layer.provide(
    Layer.merge(TestChat.layer(), TestEmbedding.layer({ dimensions: 1_024, limits: { maxLength: 100_000 } }))
  )
)

const file = { bucket: "data", key: "in/killed.jsonl" }

/** What is in S3, and how to kill a program that submits a job when it has sent a request. */
const open = Effect.gen(function*() {
  const emulator = yield* Emulator.Emulator
  const { client } = emulator
  const secret = Redacted.value(client.credentials.secretAccessKey)
  const sdk = yield* BedrockClient.make(client)
  const storage = yield* Storage.make(sdk, { endpoint: client.endpoint, forcePathStyle: true }, {}, "a test")
  const arrived = (operation: string) =>
    Effect.map(emulator.requests, (requests) => requests.filter((request) => request.operation === operation).length)
  return {
    emulator,
    storage,
    submit: KilledProgram.submit(client.endpoint, secret),
    killedAt: Effect.fnUntraced(function*(isThere: Effect.Effect<boolean>) {
      const child = yield* KilledProgram.start(client.endpoint, secret)
      yield* Effect.repeat(Effect.delay(isThere, "20 millis"), { until: (there) => there })
      child.kill("SIGKILL")
      yield* WireServer.eventually(() => child.exitCode !== null || child.signalCode !== null)
      assert.strictEqual(child.signalCode, "SIGKILL")
    }),
    arrived
  }
})

describe("A program that submits a batch job and is killed", () => {
  it.live(
    "in the middle of the upload leaves one object and no open upload, once it is started again (jobs 41)",
    () =>
      Effect.gen(function*() {
        const { arrived, emulator, killedAt, storage, submit } = yield* open
        // The second part never gets its answer.
        yield* emulator.inject({ type: "stall", operation: "UploadPart", skip: 1 })
        yield* killedAt(Effect.map(storage.uploads(file), (uploads) => uploads.length > 0).pipe(Effect.orDie))
        assert.lengthOf(yield* storage.uploads(file), 1)
        assert.strictEqual(yield* arrived("CreateModelInvocationJob"), 0)
        yield* emulator.clearFaults
        assert.strictEqual((yield* submit).outcome, "created")
        assert.lengthOf(yield* storage.uploads(file), 0)
        const objects = yield* Stream.runCollect(storage.list({ bucket: "data", key: "" }))
        assert.deepStrictEqual(objects.map(({ key }) => key), [file.key])
      }).pipe(Effect.provide(live)),
    60_000
  )

  it.live(
    "between the creation of the job and its answer has made one job, which it finds again (jobs 27)",
    () =>
      Effect.gen(function*() {
        const { arrived, emulator, killedAt, submit } = yield* open
        yield* emulator.inject({ type: "latency", operation: "CreateModelInvocationJob", duration: "10 minutes" })
        yield* killedAt(Effect.map(arrived("CreateModelInvocationJob"), (count) => count > 0))
        yield* emulator.clearFaults
        const first = yield* submit
        const second = yield* submit
        assert.deepStrictEqual([first.outcome, second.outcome], ["existing", "existing"])
        assert.strictEqual(second.job.id, first.job.id)
      }).pipe(Effect.provide(live)),
    60_000
  )
})

describe("The program of the README", () => {
  it.live("embeds what it is given", () =>
    Effect.gen(function*() {
      const text = Fs.readFileSync(new URL("support/BatchProgram.ts", import.meta.url), "utf8")
      const program = text.slice(text.indexOf("export const Batches")).trim()
      assert.include(Fs.readFileSync(new URL("../README.md", import.meta.url), "utf8"), program)
      const { client, advance } = yield* Emulator.Emulator
      yield* Environment.ofProcess({
        AWS_ENDPOINT_URL: client.endpoint,
        AWS_ACCESS_KEY_ID: client.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: Redacted.value(client.credentials.secretAccessKey)
      })
      yield* Effect.forkChild(Effect.delay(advance("2 hours"), "2 seconds"))
      const rows = Stream.map(Stream.range(100, 250), (number) => ({ id: `R${number}`, text: `row ${number}` }))
      const results = yield* BatchProgram.embedAll(rows).pipe(
        Effect.provide(BatchProgram.Batches),
        Effect.provideService(Clock.Clock, hurried)
      )
      assert.lengthOf(results, 151)
    }).pipe(Effect.provide(live)), 60_000)
})

/** Minutes between polls pass in seconds. */
const hurried: Clock.Clock = Object.assign(Object.create(Clock.Clock.defaultValue()), {
  sleep: (duration: Duration.Duration) =>
    Clock.Clock.defaultValue().sleep(Duration.millis(Duration.toMillis(duration) / 60))
})

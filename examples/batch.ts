/**
 * 200 questions as one batch job of Bedrock, at half the price of single calls and within hours: submitted, left alone, and
 * collected by a later run.
 *
 * On Bedrock, `BATCH_INPUT` and `BATCH_OUTPUT` name folders in S3 (`s3://bucket/folder/`), and `BATCH_ROLE_ARN` a role that
 * may read and write there. Stop it with Ctrl-C when it waits, and run it again when you like.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { BedrockBatch, BedrockChat, BedrockClient } from "@strata/bedrock"
import { Message, Pricing } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator, EmulatorClient } from "@strata/emulator"
import { Job, Sink, Work } from "@strata/jobs"
import { Config, Console, Effect, Layer, Path, Schedule, Schema, Stream } from "effect"
import * as Data from "./src/Data.ts"
import * as Progress from "./src/Progress.ts"
import * as Provider from "./src/Provider.ts"

const Sum = Schema.Struct({ id: Schema.String, a: Schema.Int, b: Schema.Int })

const sums = Stream.map(Stream.range(1, 200), (index) => ({ id: `sum-${index}`, a: index, b: index * 37 % 101 }))

const job = (directory: string) =>
  Job.make(
    { name: "sums", item: Sum, source: sums, id: ({ id }) => id },
    Work.chat({ request: ({ a, b }) => ({ messages: `${a} + ${b} = ? Only the number, please.`, maxTokens: 20 }) }),
    Sink.jsonl({ directory, line: ({ id, item, output }) => ({ id, right: Number(output.text) === item.a + item.b }) })
  )

/** Submits, waits and collects, or whichever of these is left to do. */
const program = Effect.gen(function*() {
  const path = yield* Path.Path
  const directory = path.join(yield* Data.folder("batch"), "sums")
  const polling = (yield* Provider.name) === "local" ? "100 millis" : "30 seconds"
  const { cost, done, usage } = yield* Progress.job(
    "Asking",
    "sums",
    Job.run(job(directory), { engine: "batch", polling })
  ).pipe(Effect.onInterrupt(() => Console.log("Bedrock goes on with what is submitted.")))
  yield* Console.log(
    `${done} answers, ${usage.totalTokens} tokens, $${cost?.total.toFixed(6)} at a batch price that is made up`
  )
})

/** Made up, for the sake of a figure: of a million tokens, in dollars. A batch costs half of it. */
const Prices = Pricing.layer([{ model: "*", price: { input: 1, output: 4, batch: 0.5 } }])

const services = (
  client: Parameters<typeof BedrockClient.layer>[0],
  batch: Omit<BedrockBatch.ConfigOptions, "model">
) => {
  const model = Config.map(Provider.models, ({ chat }) => chat)
  return Layer.merge(BedrockChat.layerConfig({ model }), BedrockBatch.layerConfig({ model, ...batch })).pipe(
    Layer.provide([BedrockClient.layer(client), Prices])
  )
}

const Bedrock = services({}, {
  input: Config.String("BATCH_INPUT"),
  output: Config.String("BATCH_OUTPUT"),
  roleArn: Config.String("BATCH_ROLE_ARN")
})

/** Offline, Bedrock and S3 are in this process, and are gone with it. */
const Emulated = EmulatorClient.layer((client) =>
  services(client, {
    input: "s3://batch/in/",
    output: "s3://batch/out/",
    roleArn: "arn:aws:iam::123456789012:role/batch",
    endpoint: client.endpoint,
    s3: { endpoint: client.endpoint, forcePathStyle: true }
  }), { s3: { buckets: ["batch"] }, batch: { processing: "1 second" } }).pipe(
    Layer.provide([TestChat.layer((request) => add(Message.textOf(request.messages[0]!))), TestEmbedding.layer()])
  )

/** Offline, this is the model. */
const add = (question: string) => `${(question.match(/\d+/g) ?? []).reduce((sum, digits) => sum + Number(digits), 0)}`

/** So the program is stopped once Bedrock has the batch job, and run again, within it. */
const twice = Effect.gen(function*() {
  const { requests } = yield* Emulator.Emulator
  const submitted = Effect.repeat(requests, {
    until: (requests) => requests.some(({ operation }) => operation === "CreateModelInvocationJob"),
    schedule: Schedule.spaced("50 millis")
  })
  const isStopped = yield* Effect.raceFirst(Effect.as(submitted, true), Effect.as(program, false))
  if (isStopped) yield* program
})

export const main = Effect.flatMap(
  Provider.name,
  (name) => name === "bedrock" ? Effect.provide(program, Bedrock) : Effect.provide(twice, Emulated)
).pipe(Effect.provide(Data.jobs("batch")))

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)

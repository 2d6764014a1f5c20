/** Batch jobs over the emulator, by the SDK's clients. */
import * as Batch from "@strata/core/batch/Batch"
import * as BatchService from "@strata/core/batch/BatchService"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Retry from "@strata/core/policy/Retry"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as BedrockBatch from "../../src/BedrockBatch.ts"
import * as BedrockClient from "../../src/BedrockClient.ts"

export const titan = "amazon.titan-embed-text-v2:0"
export const cohere = "cohere.embed-v4:0"
export const nova = "us.amazon.nova-lite-v1:0"

const answers = Array.from({ length: 1_000 }, () => "An answer")

export const options = {
  model: titan,
  input: "s3://data/in/",
  output: "s3://data/out",
  roleArn: "arn:aws:iam::123456789012:role/batch",
  retry: Retry.exponential({ base: "10 millis", rateLimitBase: "10 millis", times: 4 })
} satisfies BedrockBatch.Options

/** The service over an emulator, which answers with so many dimensions. */
export const live = (
  { batch, dimensions = 1_024, s3 = { buckets: ["data"] } }: Pick<Emulator.Options, "batch" | "s3"> & {
    readonly dimensions?: number
  } = {},
  more: Partial<BedrockBatch.Options> = {}
) =>
  Layer.effect(
    BatchService.BatchService,
    Effect.gen(function*() {
      const { client } = yield* Emulator.Emulator
      const { endpoint } = client
      const sdk = yield* BedrockClient.make(client)
      const batch = BedrockBatch.make({ ...options, endpoint, s3: { endpoint, forcePathStyle: true }, ...more })
      return yield* Effect.provideService(batch, BedrockClient.BedrockClient, sdk)
    })
  ).pipe(
    Layer.provideMerge(Emulator.layer({ s3, batch })),
    Layer.provide(
      Layer.merge(TestChat.layer(answers), TestEmbedding.layer({ dimensions, limits: { maxLength: 100_000 } }))
    )
  )

export const polling = Schedule.spaced("20 millis")

export const idOf = (index: number) => `R${String(index).padStart(10, "0")}`

export const ids = (count: number) => Array.from({ length: count }, (_, index) => idOf(index))

const linesOf = (records: ReadonlyArray<Batch.BatchRecord>) =>
  Stream.map(Stream.mapEffect(Stream.fromIterable(records), BatchService.prepare), ({ line }) => line)

export const texts = (count: number, options?: Batch.EmbeddingRecord["options"]) =>
  ids(count).map((recordId): Batch.BatchRecord => ({ recordId, embedding: `text of ${recordId} \u2028`, options }))

export const submit = Effect.fnUntraced(function*(
  name: string,
  records: ReadonlyArray<Batch.BatchRecord>,
  more: Partial<Batch.Submission> = {}
) {
  const kind = records[0] !== undefined && "chat" in records[0] ? "chat" : "embedding"
  return yield* BatchService.submit({ name, kind, lines: linesOf(records), ...more })
})

/** All results of a job, when it is over. */
export const collected = Effect.fnUntraced(function*(id: string, options?: Batch.ResultOptions) {
  const results = yield* Stream.runCollect(BatchService.results(id, options))
  return {
    results,
    ids: results.map(({ recordId }) => recordId ?? ""),
    succeeded: results.filter(({ result }) => Result.isSuccess(result as Result.Result<unknown, unknown>)),
    failures: results.flatMap((result) => Batch.failureOf(result) ?? [])
  }
})

export const sorted = (values: ReadonlyArray<string>) => [...values].sort()

export const requestsOf = (operation: string) =>
  Effect.map(
    Effect.flatMap(Emulator.Emulator, ({ requests }) => requests),
    (requests) => requests.filter((request) => request.operation === operation).length
  )

export const prices = Pricing.layer([{ model: "*", price: { input: 2, output: 10, batch: 0.5 } }])

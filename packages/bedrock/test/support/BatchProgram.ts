/** The program of the section "Batch jobs" of the README. */
import { BatchService } from "@strata/core"
import { Effect, Layer, Stream } from "effect"
import { BedrockBatch, BedrockClient } from "../../src/index.ts"

export const Batches = BedrockBatch.layer({
  model: "amazon.titan-embed-text-v2:0",
  input: "s3://my-bucket/batch/in/",
  output: "s3://my-bucket/batch/out/",
  roleArn: "arn:aws:iam::123456789012:role/my-batch-role"
}).pipe(Layer.provide(BedrockClient.layer({ region: "us-east-1" })))

export const embedAll = (rows: Stream.Stream<{ readonly id: string; readonly text: string }>) =>
  Effect.gen(function*() {
    const records = Stream.mapEffect(rows, ({ id, text }) => BatchService.prepare({ recordId: id, embedding: text }))
    const lines = Stream.map(records, ({ line }) => line)
    const { job } = yield* BatchService.submit({ name: "reviews-2026-01", kind: "embedding", lines })
    // Or leave, and come back with BatchService.find("reviews-2026-01").
    yield* BatchService.wait(job.id)
    return yield* Stream.runCollect(BatchService.results(job.id))
  })

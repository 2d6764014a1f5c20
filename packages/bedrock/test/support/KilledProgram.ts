/**
 * A program that submits a batch job to the emulator at its argument. Imported, it is run as a process of its own, which a
 * test kills.
 */
import * as BatchService from "@strata/core/batch/BatchService"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as ChildProcess from "node:child_process"
import * as BedrockBatch from "../../src/BedrockBatch.ts"
import * as BedrockClient from "../../src/BedrockClient.ts"

/** 120 records of 80 kB: two parts. */
const records = Stream.map(Stream.range(1, 120), (number) => ({
  recordId: `R${String(number).padStart(10, "0")}`,
  embedding: "x".repeat(80_000),
  options: { model: "cohere.embed-v4:0" }
}))

export const submit = (endpoint: string, secret: string) => {
  const lines = Stream.map(Stream.mapEffect(records, BatchService.prepare), ({ line }) => line)
  const layer = BedrockBatch.layer({
    model: "cohere.embed-v4:0",
    input: "s3://data/in/",
    output: "s3://data/out/",
    roleArn: "arn:aws:iam::123456789012:role/batch",
    endpoint,
    s3: { endpoint, forcePathStyle: true }
  })
  const client = BedrockClient.layer({
    region: "us-east-1",
    endpoint,
    credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: Redacted.make(secret) }
  })
  return BatchService.submit({ name: "killed", kind: "embedding", lines }).pipe(
    Effect.provide(Layer.provide(layer, client))
  )
}

/** The process; killed with the scope, if not before. */
export const start = (endpoint: string, secret: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn(process.execPath, [import.meta.filename, endpoint, secret], { stdio: "inherit" })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

if (import.meta.main) {
  const [, , endpoint = "", secret = ""] = process.argv
  await Effect.runPromise(submit(endpoint, secret))
}

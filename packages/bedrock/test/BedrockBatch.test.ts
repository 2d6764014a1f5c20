import { assert, describe, it } from "@effect/vitest"
import * as BatchService from "@strata/core/batch/BatchService"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BedrockBatch from "../src/BedrockBatch.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import { credentials } from "./support/Client.ts"

const options: BedrockBatch.Options = {
  model: "amazon.titan-embed-text-v2:0",
  input: "s3://the-bucket/in/",
  output: "s3://the-bucket/out/",
  roleArn: "arn:aws:iam::123456789012:role/batch"
}

const client = BedrockClient.layer({ region: "us-east-1", credentials })

const limitsOf = (more: Partial<BedrockBatch.Options>, model?: string) =>
  Effect.provide(BatchService.limits(model), Layer.provide(BedrockBatch.layer({ ...options, ...more }), client))

describe("BedrockBatch", () => {
  it.live("has limits that options override, for all models or for one (jobs 35, 39)", () =>
    Effect.gen(function*() {
      const standard = yield* limitsOf({})
      assert.deepInclude(standard, { minRecords: 100, maxRecords: 50_000, maxOpenJobs: 20 })
      const hours = ({ maxTimeout, minTimeout, timeout }: typeof standard) =>
        [minTimeout, timeout, maxTimeout].map(Duration.toHours)
      assert.deepStrictEqual(hours(standard), [24, 24, 168])
      const own = {
        timeout: "72 hours",
        maxOpenJobs: 3,
        limits: { "*": { maxRecords: 10_000 }, "amazon.nova-lite-v1:0": { minRecords: 1_000, maxTimeout: "48 hours" } }
      } as const
      const titan = yield* limitsOf(own)
      assert.deepInclude(titan, { minRecords: 100, maxRecords: 10_000, maxOpenJobs: 3 })
      assert.deepStrictEqual(hours(titan), [24, 72, 168])
      assert.deepInclude(yield* limitsOf(own, "eu.amazon.nova-lite-v1:0"), { minRecords: 1_000, maxRecords: 10_000 })
    }))

  it.live.each<readonly [field: string, options: object]>([
    ["input", { input: "the-bucket/in" }],
    ["input", { input: "s3://B/in" }],
    ["output", { output: 7 }],
    ["roleArn", { roleArn: "arn:aws:iam::123:role/x" }],
    ["roleArn", { roleArn: undefined }],
    ["bucketOwner", { bucketOwner: "me" }],
    ["tags.team", { tags: { team: 7 } }],
    ["timeout", { timeout: "soon" }],
    ["limits.*.minRecords", { limits: { "*": { minRecords: 0 } } }],
    ["limits.*.minRecord", { limits: { "*": { minRecord: 1 } } }],
    ["allow.tools", { allow: { tools: "yes" } }],
    ["retry", { retry: 3 }],
    ["endpoint", { endpoint: "localhost:4599" }],
    ["endpoint", { s3: { endpoint: "nowhere" } }],
    ["s3.region", { s3: { region: "US East" } }],
    ["bucket", { bucket: "the-bucket" }]
  ])("refuses options that cannot be right: %s, %j (jobs 34)", ([field, more]) =>
    Effect.gen(function*() {
      // Any value may come from JavaScript.
      const error = yield* Effect.flip(limitsOf(more as Partial<BedrockBatch.Options>))
      assert.deepInclude(error, { _tag: "InvalidRequestError", provider: "aws.bedrock" })
      assert.strictEqual(error.field?.replace(/^limits\["\*"\]/, "limits.*"), field)
      assert.isNotEmpty(error.remedy)
    }))

  it.live("takes options from the configuration", () =>
    Effect.gen(function*() {
      const { line, model } = yield* BatchService.prepare({ recordId: "A1", embedding: "Hi" })
      assert.strictEqual(model, "amazon.titan-embed-text-v1")
      assert.strictEqual(new TextDecoder().decode(line), "{\"recordId\":\"A1\",\"modelInput\":{\"inputText\":\"Hi\"}}")
    }).pipe(
      Effect.provide(Layer.provide(
        BedrockBatch.layerConfig({ ...options, model: Config.String("MODEL"), roleArn: Config.String("ROLE") }),
        client
      )),
      Effect.provideService(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromUnknown({ MODEL: "amazon.titan-embed-text-v1", ROLE: options.roleArn })
      )
    ))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { vi } from "vitest"
import * as BedrockBatch from "../src/BedrockBatch.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import { credentials } from "./support/Client.ts"

vi.mock("@aws-sdk/client-s3", () => {
  throw new Error("Cannot find package '@aws-sdk/client-s3'")
})

describe("BedrockBatch without @aws-sdk/client-s3", () => {
  it.live("names the missing package and how to install it", () =>
    Effect.gen(function*() {
      const layer = BedrockBatch.layer({
        input: "s3://the-bucket/in/",
        output: "s3://the-bucket/out/",
        roleArn: "arn:aws:iam::123456789012:role/batch"
      })
      const client = BedrockClient.layer({ region: "us-east-1", credentials })
      const error = yield* Effect.flip(Layer.build(Layer.provide(layer, client)))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.include(error.message, "`@aws-sdk/client-s3`")
      assert.include(error.remedy, "npm install @aws-sdk/client-s3")
    }))
})

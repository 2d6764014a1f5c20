import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { vi } from "vitest"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as InferenceProfile from "../src/InferenceProfile.ts"
import { credentials } from "./support/Client.ts"

vi.mock("@aws-sdk/client-bedrock", () => {
  throw new Error("Cannot find package '@aws-sdk/client-bedrock'")
})

describe("InferenceProfile without @aws-sdk/client-bedrock", () => {
  it.live("names the missing package and the alternative", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        InferenceProfile.modelOf("arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123")
      )
      assert(error._tag === "InvalidRequestError")
      assert.strictEqual(error.field, "model")
      assert.include(error.message, "@aws-sdk/client-bedrock")
      assert.include(error.remedy, "family")
    }).pipe(Effect.provide(
      InferenceProfile.layer().pipe(Layer.provide(BedrockClient.layer({ region: "us-east-1", credentials })))
    )))
})

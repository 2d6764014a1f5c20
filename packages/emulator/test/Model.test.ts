import { assert, describe, it } from "@effect/vitest"
import { Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"

const sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0"
const account = "arn:aws:bedrock:us-east-1:123456789012"
const application = `${account}:application-inference-profile/abc123`

const live = Fixture.emulator({
  models: [Model.chat("secret.model-v1", { access: "denied" })],
  applicationProfiles: { [application]: `us.${sonnet}`, def456: Fixture.modelId }
})

describe("Model", () => {
  it.effect.each([
    "anthropic.claude-3-haiku-20240307-v1:0",
    "us.anthropic.claude-3-haiku-20240307-v1:0",
    `global.${sonnet}`,
    `arn:aws:bedrock:us-east-1::foundation-model/${Fixture.modelId}`,
    `${account}:inference-profile/us.${sonnet}`,
    application,
    `${account}:application-inference-profile/def456`
  ])("answers %s", (modelId) =>
    Effect.gen(function*() {
      const { status, text } = yield* Fixture.converse(Fixture.hello, modelId)
      assert.strictEqual(status, 200, text)
    }).pipe(Effect.provide(live)))

  const invalid = "The provided model identifier is invalid."

  it.effect.each<readonly [modelId: string, status: number, exception: string, message: string]>([
    ["anthropic.claude-99", 400, "ValidationException", invalid],
    [`mars.${sonnet}`, 400, "ValidationException", invalid],
    ["us.amazon.titan-text-express-v1", 400, "ValidationException", invalid],
    [`eu.${sonnet}`, 400, "ValidationException", invalid],
    [`arn:aws:bedrock:eu-west-1::foundation-model/${Fixture.modelId}`, 400, "ValidationException", invalid],
    [`${account}:application-inference-profile/unknown`, 400, "ValidationException", invalid],
    [`${account}:inference-profile/${sonnet}`, 400, "ValidationException", invalid],
    [
      sonnet,
      400,
      "ValidationException",
      `Invocation of model ID ${sonnet} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.`
    ],
    [
      "anthropic.claude-3-5-sonnet-20240620-v1:0",
      404,
      "ResourceNotFoundException",
      "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
    ],
    [
      "secret.model-v1",
      403,
      "AccessDeniedException",
      "You don't have access to the model with the specified model ID."
    ]
  ])("refuses %s", ([modelId, status, exception, message]) =>
    Effect.gen(function*() {
      const answer = yield* Fixture.converse(Fixture.hello, modelId)
      assert.deepStrictEqual([answer.status, JSON.parse(answer.text)], [status, { message }])
      assert.include(answer.headers["x-amzn-errortype"], exception)
    }).pipe(Effect.provide(live)))
})

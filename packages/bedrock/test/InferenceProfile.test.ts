import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as InferenceProfile from "../src/InferenceProfile.ts"
import { connect, credentials } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123"

const profile = (...models: ReadonlyArray<string>): WireServer.Handler => (_, answer) => {
  answer.head(200, { "content-type": "application/json" })
  answer.end(JSON.stringify({
    inferenceProfileName: "team-a",
    inferenceProfileArn: arn,
    inferenceProfileId: "abc123",
    status: "ACTIVE",
    type: "APPLICATION",
    models: models.map((modelArn) => ({ modelArn }))
  }))
}

const nova = profile(
  "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0",
  "arn:aws:bedrock:eu-west-3::foundation-model/amazon.nova-pro-v1:0"
)

/** The lookup of a layer whose control plane is this server. */
const open = Effect.fnUntraced(function*(handler: WireServer.Handler, options: BedrockClient.Options = {}) {
  const server = yield* WireServer.http1(handler)
  const client = Layer.effect(BedrockClient.BedrockClient, connect(server, options))
  const context = yield* Layer.build(Layer.provide(InferenceProfile.layer({ endpoint: server.url }), client))
  return {
    server,
    modelOf: (id: string) => Effect.provide(InferenceProfile.modelOf(id), context)
  }
})

describe("InferenceProfile", () => {
  it.effect("finds nothing without its layer", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* InferenceProfile.modelOf(arn))
    }))

  it.live("finds the model of a profile, with the client's credentials, in the region of the ARN", () =>
    Effect.gen(function*() {
      const { modelOf, server } = yield* open(nova)
      assert.strictEqual(yield* modelOf(arn), "amazon.nova-pro-v1:0")
      const [received] = server.received
      assert.strictEqual(received?.path, `/inference-profiles/${encodeURIComponent(arn)}`)
      assert.match(received?.headers.authorization ?? "", /Credential=AKIDEXAMPLE\/\d+\/eu-west-1\/bedrock\//)
    }))

  it.live("sends the client's API key", () =>
    Effect.gen(function*() {
      const { modelOf, server } = yield* open(nova, { credentials: undefined, apiKey: Redacted.make("key-1") })
      yield* modelOf(arn)
      assert.strictEqual(server.received[0]?.headers.authorization, "Bearer key-1")
    }))

  it.live.each<readonly [string, WireServer.Handler, (key: () => string) => BedrockClient.Options]>([
    [
      "credentials",
      WireServer.failing(403, "ExpiredTokenException", "The security token included in the request is expired"),
      (key) => ({ credentials: Effect.sync(() => ({ ...credentials, accessKeyId: key() })) })
    ],
    [
      "an API key",
      WireServer.failing(
        403,
        "AccessDeniedException",
        "Authentication failed: Please make sure your API Key is valid."
      ),
      (key) => ({ credentials: undefined, apiKey: Effect.sync(() => Redacted.make(key())) })
    ]
  ])("renews %s that the control plane refuses", ([_, refuse, options]) =>
    Effect.gen(function*() {
      let asked = 0
      const { modelOf, server } = yield* open(
        (received, answer) => (/key-2/.test(received.headers.authorization ?? "") ? nova : refuse)(received, answer),
        options(() => `key-${++asked}`)
      )
      assert.strictEqual(yield* modelOf(arn), "amazon.nova-pro-v1:0")
      assert.strictEqual(asked, 2)
      assert.lengthOf(server.received, 2)
    }))

  it.live("asks once for each profile, however many ask at once", () =>
    Effect.gen(function*() {
      const { modelOf, server } = yield* open(nova)
      const models = yield* Effect.all(Array.from({ length: 20 }, () => modelOf(arn)), { concurrency: "unbounded" })
      assert.deepStrictEqual(new Set(models), new Set(["amazon.nova-pro-v1:0"]))
      assert.lengthOf(server.received, 1)
      yield* modelOf(`${arn}4`)
      assert.lengthOf(server.received, 2)
    }))

  it.live("remembers that a profile does not tell", () =>
    Effect.gen(function*() {
      const { modelOf, server } = yield* open(profile())
      assert.isUndefined(yield* modelOf(arn))
      assert.isUndefined(yield* modelOf(arn))
      assert.lengthOf(server.received, 1)
    }))

  it.live("asks again after a failure, which is typed", () =>
    Effect.gen(function*() {
      const denied = WireServer.failing(403, "AccessDeniedException", "not authorized to perform this action")
      let calls = 0
      const { modelOf, server } = yield* open((received, answer) => (calls++ === 0 ? denied : nova)(received, answer))
      const error = yield* Effect.flip(modelOf(arn))
      assert.strictEqual(error._tag, "PermissionDeniedError")
      assert.strictEqual(error.model, arn)
      assert.lengthOf(server.received, 1)
      assert.strictEqual(yield* modelOf(arn), "amazon.nova-pro-v1:0")
    }))

  it.live("does not ask about ids that tell, or that are no such profile", () =>
    Effect.gen(function*() {
      const { modelOf, server } = yield* open(nova)
      for (
        const id of [
          "us.amazon.nova-pro-v1:0",
          "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0",
          "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abc123"
        ]
      ) assert.isUndefined(yield* modelOf(id))
      assert.lengthOf(server.received, 0)
    }))
})

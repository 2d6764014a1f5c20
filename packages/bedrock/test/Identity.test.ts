import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as BedrockChat from "../src/BedrockChat.ts"
import * as BedrockClient from "../src/BedrockClient.ts"

const credentials = { accessKeyId: "AKIA1", secretAccessKey: Redacted.make("secret-1") }

const identityOf = (
  options: BedrockClient.Options,
  environment: Record<string, string> = {},
  chat: BedrockChat.Options = {}
) =>
  Effect.map(ChatService.ChatService, ({ identity }) => JSON.stringify(identity)).pipe(
    Effect.provide(Layer.provide(BedrockChat.layer(chat), BedrockClient.layer({ region: "us-east-1", ...options }))),
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromUnknown(environment)
    )
  )

describe("The identity of a service of Bedrock", () => {
  it.effect("tells accounts, regions, endpoints and options apart, and holds no secret", () =>
    Effect.gen(function*() {
      const all = [
        yield* identityOf({ credentials }),
        yield* identityOf({ credentials: { ...credentials, accessKeyId: "AKIA2" } }),
        yield* identityOf({ credentials, account: "production" }),
        yield* identityOf({ credentials, region: "eu-central-1" }),
        yield* identityOf({ credentials, endpoint: "http://127.0.0.1:1" }),
        yield* identityOf({ credentials }, { AWS_ENDPOINT_URL_BEDROCK_RUNTIME: "http://127.0.0.1:2" }),
        yield* identityOf({ credentials }, {}, { history: "strict" }),
        yield* identityOf({ apiKey: Redacted.make("secret-2") }),
        yield* identityOf({ apiKey: Redacted.make("secret-3") }),
        yield* identityOf({ profile: "a" }),
        yield* identityOf({ credentials, assumeRole: { roleArn: "arn:aws:iam::1:role/a" } }),
        yield* identityOf({}),
        yield* identityOf({}, { AWS_ACCESS_KEY_ID: "AKIA3" }),
        yield* identityOf({}, { AWS_PROFILE: "b" }),
        yield* identityOf({}, { AWS_ROLE_ARN: "arn:aws:iam::1:role/b" }),
        yield* identityOf({}, { AWS_BEARER_TOKEN_BEDROCK: "secret-4" })
      ]
      assert.strictEqual(new Set(all).size, all.length)
      assert.notInclude(all.join(), "secret")
      assert.strictEqual(yield* identityOf({ apiKey: Redacted.make("secret-4") }), all.at(-1))
      assert.strictEqual(yield* identityOf({ credentials }), all[0])
    }))
})

import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BedrockClient } from "../src/BedrockClient.ts"
import * as BedrockTokens from "../src/BedrockTokens.ts"
import * as InferenceProfile from "../src/InferenceProfile.ts"
import { connect } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const counting = (inputTokens: number | undefined): WireServer.Handler => (_, answer) => {
  answer.head(200, { "content-type": "application/json" })
  answer.end(JSON.stringify({ inputTokens }))
}

/** Counts over the wire, and gives what the server saw. */
const count = Effect.fnUntraced(function*(
  input: ChatRequest.Input,
  options?: BedrockTokens.Options,
  handler = counting(42)
) {
  const server = yield* WireServer.http1(handler)
  const client = yield* connect(server)
  const result = yield* Effect.result(Effect.provideService(BedrockTokens.count(input, options), BedrockClient, client))
  const [received] = server.received
  return { result, received, sent: received === undefined ? undefined : JSON.parse(received.body).input.converse }
})

const model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

describe("BedrockTokens", () => {
  it.live("counts the encoded request: messages, system prompt, tools, fields of the model", () =>
    Effect.gen(function*() {
      const { result, sent } = yield* count({
        model,
        messages: [Message.system("Be brief."), Message.user("2 + 2?")],
        maxTokens: 4000,
        tools: [{ name: "add", inputSchema: { type: "object" } }],
        reasoning: { budgetTokens: 2000 }
      })
      assert.deepInclude(result, { success: 42 })
      assert.deepStrictEqual(sent, {
        messages: [{ role: "user", content: [{ text: "2 + 2?" }] }],
        system: [{ text: "Be brief." }],
        toolConfig: { tools: [{ toolSpec: { name: "add", inputSchema: { json: { type: "object" } } } }] },
        additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2000 } }
      })
    }))

  it.live("accepts a string, with the model in the options", () =>
    Effect.gen(function*() {
      const { received, sent } = yield* count("Hello", { model: "amazon.nova-lite-v1:0" })
      assert.strictEqual(received?.path, "/model/amazon.nova-lite-v1%3A0/count-tokens")
      assert.deepStrictEqual(sent, { messages: [{ role: "user", content: [{ text: "Hello" }] }] })
    }))

  it.live.each<readonly [string, string]>([
    [model, "anthropic.claude-sonnet-4-5-20250929-v1:0"],
    [
      "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0",
      "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"
    ],
    [
      "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc",
      "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
    ]
  ])("asks for %s as %s", ([id, asked]) =>
    Effect.gen(function*() {
      const { received } = yield* count({ model: id, messages: "Hello" })
      assert.strictEqual(received?.path, `/model/${encodeURIComponent(asked)}/count-tokens`)
    }))

  it.live("asks for the model in an application inference profile where it can be looked up", () =>
    Effect.gen(function*() {
      const { received } = yield* count({
        model: "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc",
        messages: "Hello"
      })
      const asked = "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0"
      assert.strictEqual(received?.path, `/model/${encodeURIComponent(asked)}/count-tokens`)
    }).pipe(
      Effect.provide(Layer.succeed(InferenceProfile.InferenceProfile, () => Effect.succeed("amazon.nova-pro-v1:0")))
    ))

  it.live("reports a model whose tokens are not counted", () =>
    Effect.gen(function*() {
      const { result } = yield* count(
        { model: "meta.llama3-8b-instruct-v1:0", messages: "Hello" },
        {},
        WireServer.failing(400, "ValidationException", "The provided model doesn't support counting tokens.")
      )
      assert(result._tag === "Failure" && result.failure._tag === "UnsupportedFeatureError")
      assert.strictEqual(result.failure.feature, "counting tokens")
    }))

  it.live("refuses invalid requests before sending", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [ChatRequest.Input, string]> = [
        ["Hello", "model"],
        [{ model, messages: [] }, "messages"],
        [{ model, messages: "Hello", temperature: 1.5 }, "temperature"]
      ]
      for (const [input, field] of wrong) {
        const { received, result } = yield* count(input)
        assert(result._tag === "Failure" && result.failure._tag === "InvalidRequestError")
        assert.strictEqual(result.failure.field, field)
        assert.isUndefined(received)
      }
    }))

  it.live("refuses an answer without a count", () =>
    Effect.gen(function*() {
      const { result } = yield* count({ model, messages: "Hello" }, {}, counting(undefined))
      assert(result._tag === "Failure")
      assert.strictEqual(result.failure._tag, "MalformedResponseError")
    }))
  describe("countBody", () => {
    const countBody = Effect.fnUntraced(function*(request: unknown, handler: WireServer.Handler = counting(42)) {
      const server = yield* WireServer.http1(handler)
      const client = yield* connect(server)
      const counted = BedrockTokens.countBody(request as Parameters<typeof BedrockTokens.countBody>[0]) // from JavaScript
      const result = yield* Effect.result(Effect.provideService(counted, BedrockClient, client))
      return { result, received: server.received[0] }
    })

    it.live("counts a body for InvokeModel, text or bytes, by the model in a profile", () =>
      Effect.gen(function*() {
        const body = JSON.stringify({ messages: [{ role: "user", content: "2 + 2, né?" }] })
        for (const given of [body, new TextEncoder().encode(body)]) {
          const { received, result } = yield* countBody({ model, body: given })
          assert.deepInclude(result, { success: 42 })
          assert.strictEqual(
            received?.path,
            `/model/${encodeURIComponent("anthropic.claude-sonnet-4-5-20250929-v1:0")}/count-tokens`
          )
          assert.deepStrictEqual(JSON.parse(received?.body ?? ""), {
            input: { invokeModel: { body: Buffer.from(body).toString("base64") } }
          })
        }
      }))

    it.live.each<readonly [field: string, request: unknown]>([
      ["request", undefined],
      ["request", "a body"],
      ["model", { body: "{}" }],
      ["model", { model: 5, body: "{}" }],
      ["body", { model }],
      ["body", { model, body: { inputText: "a" } }]
    ])("refuses what is wrong in %s: %j", ([field, request]) =>
      Effect.gen(function*() {
        const { received, result } = yield* countBody(request)
        assert(result._tag === "Failure" && result.failure._tag === "InvalidRequestError")
        assert.strictEqual(result.failure.field, field)
        assert.isUndefined(received)
      }))

    it.live("refuses an answer that is no count", () =>
      Effect.gen(function*() {
        for (const body of ["{}", `{"inputTokens":-1}`, `{"inputTokens":"7"}`, `{"inputTokens":1e999}`]) {
          const { result } = yield* countBody({ model, body: "{}" }, (_, answer) => {
            answer.head(200)
            answer.end(body)
          })
          assert(result._tag === "Failure")
          assert.strictEqual(result.failure._tag, "MalformedResponseError")
        }
      }))
  })
})

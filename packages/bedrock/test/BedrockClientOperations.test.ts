import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { connect } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const json = (body: unknown): WireServer.Handler => (_, answer) => {
  answer.head(200, { "content-type": "application/json", "x-amzn-requestid": "request-5" })
  answer.end(JSON.stringify(body))
}

const question = {
  modelId: "amazon.nova-lite-v1:0",
  input: { converse: { messages: [{ role: "user" as const, content: [{ text: "a confidential prompt" }] }] } }
}

const content = {
  guardrailIdentifier: "gr1",
  guardrailVersion: "1",
  source: "INPUT" as const,
  content: [{ text: { text: "a confidential prompt" } }]
}

/** The region a request was signed for. */
const regionOf = (received: WireServer.Received | undefined) =>
  /Credential=[^/]+\/\d+\/([^/]+)\/bedrock\//.exec(received?.headers.authorization ?? "")?.[1]

describe("BedrockClient", () => {
  describe("countTokens", () => {
    it.live("sends the request and gives the count", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(json({ inputTokens: 7 }))
        const client = yield* connect(server)
        const output = yield* client.countTokens(question)
        assert.strictEqual(output.inputTokens, 7)
        assert.strictEqual(output.$metadata.requestId, "request-5")
        assert.strictEqual(server.received[0]?.path, "/model/amazon.nova-lite-v1%3A0/count-tokens")
        assert.deepStrictEqual(JSON.parse(server.received[0]?.body ?? ""), { input: question.input })
      }))

    it.live("fails with typed errors that name the model and hold no prompt", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.failing(429, "ThrottlingException", "slow down"))
        const client = yield* connect(server)
        const error = yield* Effect.flip(client.countTokens(question))
        assert.strictEqual(error._tag, "RateLimitError")
        assert.strictEqual(error.model, question.modelId)
        assert.strictEqual(error.requestId, "request-2")
        assert.notInclude(JSON.stringify(error), "confidential")
        assert.lengthOf(server.received, 1)
      }))

    it.live("requires a model", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(json({ inputTokens: 7 }))
        const client = yield* connect(server)
        const error = yield* Effect.flip(client.countTokens({ ...question, modelId: "" }))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, "model")
        assert.lengthOf(server.received, 0)
      }))
  })

  describe("applyGuardrail", () => {
    it.live("sends the content and gives the verdict", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(json({ action: "NONE", outputs: [], assessments: [], usage: {} }))
        const client = yield* connect(server)
        const output = yield* client.applyGuardrail(content)
        assert.strictEqual(output.action, "NONE")
        const [received] = server.received
        assert.strictEqual(received?.path, "/guardrail/gr1/version/1/apply")
        assert.deepStrictEqual(JSON.parse(received?.body ?? ""), { source: "INPUT", content: content.content })
      }))

    it.live("calls a guardrail in the region of its ARN", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(json({ action: "NONE" }))
        const client = yield* connect(server)
        yield* client.applyGuardrail(content)
        yield* client.applyGuardrail({
          ...content,
          guardrailIdentifier: "arn:aws:bedrock:eu-west-1:123456789012:guardrail/gr1"
        })
        assert.deepStrictEqual(server.received.map(regionOf), ["us-east-1", "eu-west-1"])
      }))

    it.live("fails with typed errors that name no model", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(
          WireServer.failing(404, "ResourceNotFoundException", "The guardrail identifier or version does not exist.")
        )
        const client = yield* connect(server)
        const error = yield* Effect.flip(client.applyGuardrail(content))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, "guardrailConfig")
        assert.isUndefined(error.model)
        const unnamed = yield* Effect.flip(client.applyGuardrail({ ...content, guardrailIdentifier: "" }))
        assert(unnamed._tag === "InvalidRequestError")
        assert.strictEqual(unnamed.field, "guardrail.id")
      }))
  })

  it.live("closes the connection of a count and of a guardrail that are interrupted", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(() => {})
      const client = yield* connect(server)
      const calls = [Effect.asVoid(client.countTokens(question)), Effect.asVoid(client.applyGuardrail(content))]
      for (const call of calls) {
        const fiber = yield* Effect.forkChild(call)
        yield* WireServer.eventually(() => server.running() === 1)
        yield* Fiber.interrupt(fiber)
        yield* WireServer.eventually(() => server.running() === 0)
      }
    }))
})

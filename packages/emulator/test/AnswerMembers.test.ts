/**
 * The members of answers that recordings of the service have and its model does not.
 */
import { assert, layer } from "@effect/vitest"
import { EventStreamCodec } from "@smithy/eventstream-codec"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"
import * as Invoking from "./invokeChat/Invoking.ts"

const haiku3 = "anthropic.claude-3-haiku-20240307-v1:0"
const sonnet4 = "us.anthropic.claude-sonnet-4-20250514-v1:0"
const sonnet45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const nova2 = "us.amazon.nova-2-lite-v1:0"
const stage = Fixture.stage()

const messages = [{ role: "user", content: [{ text: "Hi" }] }]
const call = { type: "tool-call", id: "tooluse_1", name: "weather", params: { city: "Oslo" } } as const

const whole = (modelId: string, body: object = { messages }) =>
  Effect.map(Fixture.converse(body, modelId), ({ text }) => JSON.parse(text))

/** The events of a stream: name and payload of each. */
const events = Effect.fnUntraced(function*(modelId: string, body: object = { messages }) {
  const { bytes } = yield* Fixture.post(`/model/${encodeURIComponent(modelId)}/converse-stream`, JSON.stringify(body))
  const codec = new EventStreamCodec(
    (bytes) => new TextDecoder().decode(bytes),
    (text) => new TextEncoder().encode(text)
  )
  const found: Array<readonly [type: string, payload: any]> = []
  for (let at = 0; at < bytes.length;) {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0)
    const { body, headers } = codec.decode(bytes.subarray(at, at + length))
    const { p, ...payload } = JSON.parse(new TextDecoder().decode(body))
    assert.isString(p)
    found.push([String(headers[":event-type"]?.value), payload])
    at += length
  }
  return found
})

const streamedCall: ReadonlyArray<ChatEvent.ChatEvent> = [
  { type: "tool-params-start", index: 0, id: call.id, name: call.name },
  { type: "tool-params-delta", index: 0, id: call.id, delta: `{"city":"Oslo"}` },
  { ...call, index: 0 },
  { ...Fixture.finish, finishReason: "tool-calls" }
]

layer(Fixture.emulator({ guardrails: [{ id: "abc123", version: "1", words: ["secret"] }] }, stage.layer))(
  "The members of answers",
  (it) => {
    it.effect.each(
      [
        [sonnet45, { type: "tool_use" }],
        ["us.anthropic.claude-sonnet-4-6", { type: "tool_use" }],
        ["global.anthropic.claude-sonnet-5", { type: "tool_use" }],
        [haiku3, {}],
        [nova2, {}]
      ] as const
    )("%s calls tools with the type %j", ([modelId, type]) =>
      Effect.gen(function*() {
        yield* stage.says(Fixture.response([call], { finishReason: "tool-calls" }))
        const { output } = yield* whole(modelId)
        assert.deepStrictEqual(output.message.content, [
          { toolUse: { toolUseId: call.id, name: call.name, input: call.params, ...type } }
        ])
        yield* stage.says(streamedCall)
        assert.deepInclude(yield* events(modelId), [
          "contentBlockStart",
          { contentBlockIndex: 0, start: { toolUse: { toolUseId: call.id, name: call.name, ...type } } }
        ])
        yield* stage.says([{ type: "part", index: 0, part: call }, Fixture.finish])
        assert.deepInclude(yield* events(modelId), [
          "contentBlockStart",
          { contentBlockIndex: 0, start: { toolUse: { toolUseId: call.id, name: call.name, ...type } } }
        ])
      }))

    it.effect("a provider tool has its type and status", () =>
      Effect.gen(function*() {
        const parts = [
          { ...call, providerExecuted: true },
          {
            type: "tool-result",
            id: call.id,
            result: [{ text: "found" }],
            providerExecuted: true,
            providerType: "nova_grounding_result",
            isFailure: false
          },
          { type: "text", text: "", citations: [{ location: { type: "web", url: "https://a.example" } }] }
        ] as const
        yield* stage.says(Fixture.response(parts))
        const { output } = yield* whole(nova2)
        const head = { toolUseId: call.id, type: "nova_grounding_result", status: "success" }
        const citation = { location: { web: { url: "https://a.example" } } }
        assert.deepStrictEqual(output.message.content, [
          { toolUse: { toolUseId: call.id, name: call.name, input: call.params, type: "server_tool_use" } },
          { toolResult: { content: [{ text: "found" }], ...head } },
          { citationsContent: { citations: [citation] } }
        ])
        yield* stage.says([
          ...parts.map((part, index): ChatEvent.ChatEvent => ({ type: "part", index, part })),
          Fixture.finish
        ])
        const streamed = yield* events(nova2)
        assert.deepInclude(streamed, ["contentBlockStart", { contentBlockIndex: 1, start: { toolResult: head } }])
        assert.deepStrictEqual(
          streamed.filter(([type, { contentBlockIndex }]) => type === "contentBlockDelta" && contentBlockIndex === 2),
          [["contentBlockDelta", { contentBlockIndex: 2, delta: { citation } }]]
        )
      }))

    it.effect("whole answers of Claude count the cache whether it was used or not, its streams and others if it was", () =>
      Effect.gen(function*() {
        const cache = [
          "cacheReadInputTokenCount",
          "cacheReadInputTokens",
          "cacheWriteInputTokenCount",
          "cacheWriteInputTokens"
        ]
        const usual = ["inputTokens", "outputTokens", "serverToolUsage", "totalTokens"]
        yield* stage.says(Fixture.deltas("Hello"))
        assert.sameMembers(Object.keys((yield* whole(sonnet45)).usage), [...cache, ...usual])
        for (const modelId of [haiku3, nova2]) {
          assert.sameMembers(Object.keys((yield* whole(modelId)).usage), usual, modelId)
        }
        const [type, { usage }] = (yield* events(sonnet45)).at(-1) ?? ["", {}]
        assert.strictEqual(type, "metadata")
        assert.sameMembers(Object.keys(usage), usual)
      }))

    it.effect("bodies of Claude 4.5 include times to live, and empty stop details", () =>
      Effect.gen(function*() {
        yield* stage.says([
          ...Fixture.deltas("Hello").slice(0, -1),
          { ...Fixture.finish, usage: Usage.make({ inputTokens: 2001, outputTokens: 3 }) }
        ])
        const body = Invoking.claude({
          system: [{ type: "text", text: "y".repeat(8000), cache_control: { type: "ephemeral", ttl: "1h" } }]
        })
        const { body: answer } = yield* Invoking.whole("1.1", sonnet45, body)
        assert.deepInclude(answer, { stop_reason: "end_turn", stop_sequence: null, stop_details: null })
        assert.deepStrictEqual(answer.usage.cache_creation, {
          ephemeral_5m_input_tokens: 0,
          ephemeral_1h_input_tokens: 2000
        })
        const { pieces } = yield* Invoking.pieces("1.1", sonnet45, body)
        assert.deepInclude(pieces[0].message, { stop_details: null })
        assert.property(pieces[0].message.usage, "cache_creation")
        assert.deepStrictEqual(pieces.at(-2), {
          type: "message_delta",
          delta: { stop_reason: "end_turn", stop_sequence: null, stop_details: null },
          usage: {
            input_tokens: 1,
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: 2000,
            output_tokens: 3
          }
        })
        const older = yield* Invoking.whole("1.1", sonnet4, Invoking.claude())
        assert.notProperty(older.body, "stop_details")
        assert.notProperty(older.body.usage, "cache_creation")
      }))

    it.effect("the metrics of Claude's streams count a cache that was used", () =>
      Effect.gen(function*() {
        yield* stage.says(Fixture.deltas("Hello"))
        const { pieces } = yield* Invoking.pieces("1.1", sonnet45, Invoking.claude())
        assert.notProperty(pieces.at(-1)["amazon-bedrock-invocationMetrics"], "cacheReadInputTokenCount")
      }))

    it.effect("Titan has the completion reason beside its last text", () =>
      Effect.gen(function*() {
        yield* stage.says(Fixture.deltas("Hel", "lo"))
        const { pieces } = yield* Invoking.pieces("1.1", "amazon.titan-text-express-v1", { inputText: "Hi" })
        assert.deepStrictEqual(
          pieces.map(({ completionReason, outputText, totalOutputTextTokenCount }) => [
            outputText,
            completionReason,
            totalOutputTextTokenCount
          ]),
          [["Hel", null, null], ["lo", "FINISH", 3]]
        )
      }))

    it.effect("Nova accepts a cache point in the block before it", () =>
      Effect.gen(function*() {
        yield* stage.says(Fixture.deltas("Hello"))
        const body = {
          system: [{ text: "z".repeat(400), cachePoint: { type: "default" } }],
          messages: [{ role: "user", content: [{ text: "Hi", cachePoint: { type: "default" } }] }]
        }
        yield* Invoking.whole("1.1", "us.amazon.nova-lite-v1:0", body)
        const { messages } = stage.asked()
        assert.deepStrictEqual(messages[1].content, [{ type: "text", text: "Hi", cache: true }])
        assert.deepInclude(messages[0].content[0], { cache: true })
      }))

    it.effect("ApplyGuardrail includes null policies", () =>
      Effect.gen(function*() {
        const path = "/guardrail/abc123/version/1/apply"
        const apply = (text: string) =>
          Effect.map(
            Fixture.post(path, JSON.stringify({ source: "INPUT", content: [{ text: { text } }] })),
            ({ text }) => JSON.parse(text)
          )
        const none = yield* apply("Hello")
        const policies = {
          automatedReasoningPolicy: null,
          contentPolicy: null,
          contextualGroundingPolicy: null,
          sensitiveInformationPolicy: null,
          topicPolicy: null,
          wordPolicy: null
        }
        assert.deepInclude(none, { action: "NONE", blockedResponse: null, output: [], outputs: [] })
        assert.deepInclude(none.assessments[0], policies)
        assert.isNull(none.assessments[0].invocationMetrics.guardrailCoverage.images)
        const blocked = yield* apply("a secret")
        const output = [{ text: blocked.blockedResponse }]
        assert.deepInclude(blocked, { action: "GUARDRAIL_INTERVENED", output, outputs: output })
        assert.deepStrictEqual(blocked.assessments[0].wordPolicy, {
          customWords: [{ action: "BLOCKED", detected: true, match: "secret" }]
        })
      }))
  }
)

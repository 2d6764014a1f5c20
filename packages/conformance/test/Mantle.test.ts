import { assert, describe, layer } from "@effect/vitest"
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { ChatService, Policy } from "@strata/core"
import { OpenAiBedrock, OpenAiChat } from "@strata/openai"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Mantle from "../src/mantle/Mantle.ts"
import type { Recording } from "../src/Recording.ts"
import * as Report from "../src/Report.ts"
import * as Product from "../src/subject/Product.ts"
import * as Wire from "../src/subject/Wire.ts"

const model = "openai.gpt-oss-20b"

const exchange = (id: string, op: string, request: object | undefined, body: string): Recording => ({
  id,
  op,
  model: "",
  status: 200,
  request: request === undefined ? "" : JSON.stringify(request),
  headers: { "content-type": body.startsWith("data:") ? "text/event-stream" : "application/json" },
  body: Buffer.from(body)
})

const reasoning = { type: "reasoning", id: "msg_1", summary: [], content: [{ type: "reasoning_text", text: "Hm" }] }

const message = {
  type: "message",
  id: "msg_2",
  role: "assistant",
  content: [{ type: "output_text", text: "Warm", annotations: [] }]
}

const call = {
  type: "function_call",
  item_id: "fc_1",
  call_id: "c1",
  name: "weather",
  arguments: "{\"city\":\"Berlin\"}"
}

const response = (...output: ReadonlyArray<object>) => ({
  id: "resp_1",
  object: "response",
  status: "completed",
  output,
  usage: { input_tokens: 30, input_tokens_details: { cached_tokens: 10 }, output_tokens: 5, total_tokens: 35 }
})

const asked = { model, input: [{ role: "user", content: "How warm is it?" }], stream: false, store: false }

const tools = [{
  type: "function",
  name: "weather",
  description: "The weather",
  parameters: { type: "object", properties: { city: { type: "string" } } },
  strict: false
}]

const streamed = [
  { type: "response.created", response: response() },
  { type: "response.output_item.added", output_index: 0, item: { ...reasoning, content: undefined } },
  { type: "response.reasoning_text.delta", output_index: 0, item_id: "msg_1", content_index: 0, delta: "Hm" },
  { type: "response.output_item.done", output_index: 0, item: reasoning },
  { type: "response.output_item.added", output_index: 1, item: { ...message, content: [] } },
  { type: "response.output_text.delta", output_index: 1, item_id: "msg_2", content_index: 1, delta: "Warm" },
  { type: "response.output_item.done", output_index: 1, item: message },
  { type: "response.completed", response: response(reasoning, message) }
].map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")

const exchanges: ReadonlyArray<Recording> = [
  exchange("a call", "mantle:/v1/responses", { ...asked, tools }, JSON.stringify(response(reasoning, call))),
  exchange(
    "the result of a call",
    "mantle:/v1/responses",
    {
      ...asked,
      input: [
        ...asked.input,
        { type: "function_call", call_id: "c1", name: "weather", arguments: "{\"city\":\"Berlin\"}" },
        { type: "function_call_output", call_id: "c1", output: "21" }
      ],
      tools
    },
    JSON.stringify(response(reasoning, message))
  ),
  exchange("a stream", "mantle:/v1/responses", { ...asked, stream: true }, streamed),
  exchange(
    "a recording",
    "mantle:/v1/chat/completions",
    {
      model,
      messages: [{
        role: "user",
        content: [
          { type: "text", text: "What is said?" },
          { type: "input_audio", input_audio: { data: "AQID", format: "mp3" } }
        ]
      }]
    },
    JSON.stringify({
      id: "chatcmpl-1",
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hi" } }],
      usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 }
    })
  ),
  exchange(
    "models",
    "mantle:/v1/models",
    undefined,
    JSON.stringify({ data: [{ id: "openai.gpt-5.4" }, { id: model }, { id: "acme.new" }] })
  )
]

const directions = { decode: Mantle.decode, encode: Mantle.encode, "round trip": Mantle.roundTrip }

describe("Mantle", () => {
  layer(Wire.layer, { excludeTestServices: true })("exchanges", (it) => {
    for (const recording of exchanges) {
      for (const [direction, check] of Object.entries(directions)) {
        it.effect(`${direction}: ${recording.id}`, () =>
          Effect.map(Product.quietly(check(recording)), (finding) => {
            const failed = finding?.differences.filter(({ path }) => path !== "include") ?? []
            assert.deepStrictEqual(failed.map(Report.describe), [])
          }))
      }
    }

    it.effect("tells an answer from another one, and a body from another one", () =>
      Effect.gen(function*() {
        const [recording] = exchanges
        const decoded = yield* Mantle.decode({
          ...recording!,
          body: Buffer.from(JSON.stringify({ ...response(call), id: 7 }))
        })
        assert.deepStrictEqual(decoded?.differences, [])
        const wrong = yield* Mantle.encode({ ...recording!, request: JSON.stringify({ ...asked, invented: 1 }) })
        assert.includeMembers(wrong?.differences.map(({ path }) => path) ?? [], ["invented"])
        const path = yield* Mantle.encode({ ...recording!, op: "mantle:/openai/v1/responses" })
        assert.includeMembers(path?.differences.map(({ path }) => path) ?? [], ["(path)"])
      }))
  })
})

describe("A second pool", () => {
  layer(Wire.layer, { excludeTestServices: true })("over the wire", (it) => {
    it.effect("mantle answers when Converse is throttled", () =>
      Effect.gen(function*() {
        const { answering, url } = yield* Wire.Wire
        const converse = BedrockChat.layer({ model: "openai.gpt-oss-20b-1:0", policy: Policy.none }).pipe(
          Layer.provide(BedrockClient.layer({
            region: "us-east-1",
            apiKey: Redacted.make("key"),
            endpoint: url,
            inferenceProfile: "never"
          }))
        )
        const mantle = OpenAiChat.layer({ model, api: "responses", policy: Policy.none }).pipe(
          Layer.provide(OpenAiBedrock.layer({ endpoint: "mantle", region: "us-east-1", apiKey: "key", baseUrl: url }))
        )
        const both = converse.pipe(ChatService.withFallback(mantle))
        const { received, result } = yield* answering((path) =>
          path.endsWith("/converse")
            ? {
              status: 429,
              headers: { "content-type": "application/json", "x-amzn-errortype": "ThrottlingException" },
              body: Buffer.from("{\"message\":\"Too many tokens, please wait before trying again.\"}")
            }
            : {
              status: 200,
              headers: { "content-type": "application/json" },
              body: Buffer.from(JSON.stringify(response(message)))
            }
        )(ChatService.generate("How warm is it?").pipe(Effect.provide(both)))
        assert.strictEqual(result.text, "Warm")
        assert.deepStrictEqual(result.fallback?.map(({ error, provider }) => [error, provider]), [
          ["RateLimitError", "aws.bedrock"]
        ])
        assert.deepStrictEqual(received.map(({ path }) => path), [
          "/model/openai.gpt-oss-20b-1%3A0/converse",
          "/v1/responses"
        ])
      }))
  })
})

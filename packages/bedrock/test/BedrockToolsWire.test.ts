import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Policy from "@strata/core/policy/Policy"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../src/BedrockChat.ts"
import { BedrockClient } from "../src/BedrockClient.ts"
import { connect } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const nova = "us.amazon.nova-lite-v1:0"

const request = { messages: "x", maxTokens: 100 }
const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 }

/** Frames of a stream; a start, a delta and a stop of a call, under one index. */
const streamed = (stopReason: string, ...frames: ReadonlyArray<Uint8Array>) => [
  WireServer.event("messageStart", { role: "assistant" }),
  ...frames,
  WireServer.event("messageStop", { stopReason }),
  WireServer.event("metadata", { usage, metrics: { latencyMs: 1 } })
]
const stop = WireServer.event("contentBlockStop", { contentBlockIndex: 0 })
const called = (toolUse: object, input: string) => [
  WireServer.event("contentBlockStart", { contentBlockIndex: 0, start: { toolUse } }),
  WireServer.event("contentBlockDelta", { contentBlockIndex: 0, delta: { toolUse: { input } } }),
  stop
]
const done = streamed("end_turn", WireServer.delta("done"), stop)

const whole = (content: ReadonlyArray<unknown>, stopReason: string) =>
  JSON.stringify({ output: { message: { role: "assistant", content } }, stopReason, usage, metrics: { latencyMs: 1 } })

/** Runs a program against a server that gives these answers in turn; gives its result and the messages that were sent. */
const against = <A, E>(
  model: string,
  replies: ReadonlyArray<string | ReadonlyArray<Uint8Array>>,
  program: Effect.Effect<A, E, ChatService.ChatService>
) =>
  Effect.scoped(Effect.gen(function*() {
    const sent: Array<ReadonlyArray<{ readonly role: string; readonly content: ReadonlyArray<unknown> }>> = []
    const server = yield* WireServer.http1((request, answer) => {
      sent.push(JSON.parse(request.body).messages)
      const reply = replies[sent.length - 1] ?? ""
      if (typeof reply !== "string") return WireServer.streaming(reply)(request, answer)
      answer.head(200, { "content-type": "application/json" })
      answer.end(reply)
    })
    const client = yield* connect(server)
    const chat = yield* Effect.provideService(BedrockChat.make({ model, policy: Policy.none }), BedrockClient, client)
    const result = yield* Effect.provideService(program, ChatService.ChatService, chat)
    return { result, sent }
  }))

const weather = Tool.make("get_weather", {
  input: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) => Effect.succeed(`sunny in ${city}`)
})
const oslo = { toolUseId: "a", name: "get_weather", input: { city: "Oslo" } }
const rome = { toolUseId: "b", name: "get_weather", input: { city: "Rome" } }

describe("Tools over Bedrock's wire", () => {
  it.live("runs the calls of a model that writes a type on each of them, and sends them back as they came", () =>
    Effect.gen(function*() {
      const ask = { toolUse: { ...oslo, type: "tool_use" } }
      const { type, toolUseId, name } = ask.toolUse
      const { result, sent } = yield* against(
        claude,
        [whole([ask], "tool_use"), whole([{ text: "done" }], "end_turn")],
        ToolLoop.run(request, { tools: [weather] })
      )
      assert.strictEqual(result.steps, 2)
      assert.deepStrictEqual(sent[1]?.[1]?.content, [ask])
      assert.deepStrictEqual(sent[1]?.[2]?.content, [
        { toolResult: { toolUseId: "a", content: [{ text: "sunny in Oslo" }] } }
      ])
      const stream = yield* against(
        claude,
        [streamed("tool_use", ...called({ type, toolUseId, name }, "{\"city\":\"Oslo\"}")), done],
        Stream.runDrain(ToolLoop.stream(request, { tools: [weather] }))
      )
      assert.deepStrictEqual(stream.sent[1], sent[1])
    }))

  it.live("runs every call of a stream whose blocks share an index, beside the text under it", () =>
    Effect.gen(function*() {
      const frames = [oslo, rome].flatMap(({ input, ...start }) => called(start, JSON.stringify(input)))
      const { sent } = yield* against(
        nova,
        [streamed("tool_use", WireServer.delta("Let me look"), stop, ...frames), done],
        Stream.runDrain(ToolLoop.stream(request, { tools: [weather] }))
      )
      assert.deepStrictEqual(sent[1]?.[1]?.content, [{ text: "Let me look" }, { toolUse: oslo }, { toolUse: rome }])
      assert.deepStrictEqual(sent[1]?.[2]?.content, [
        { toolResult: { toolUseId: "a", content: [{ text: "sunny in Oslo" }] } },
        { toolResult: { toolUseId: "b", content: [{ text: "sunny in Rome" }] } }
      ])
    }))

  it.live("tells calls with one id apart", () =>
    Effect.gen(function*() {
      const frames = [oslo, rome].flatMap(({ input, name }) => called({ toolUseId: "a", name }, JSON.stringify(input)))
      const { sent } = yield* against(
        nova,
        [streamed("tool_use", ...frames), done],
        Stream.runDrain(ToolLoop.stream(request, { tools: [weather] }))
      )
      assert.deepStrictEqual(sent[1]?.[2]?.content, [
        { toolResult: { toolUseId: "a", content: [{ text: "sunny in Oslo" }] } },
        { toolResult: { toolUseId: "a-2", content: [{ text: "sunny in Rome" }] } }
      ])
    }))

  it.live("hands on an identifier of 64 bits unchanged, to the handler and in the history", () =>
    Effect.gen(function*() {
      const ids: Array<bigint> = []
      const lookup = Tool.make("lookup", {
        input: Schema.Struct({ id: Schema.BigInt }),
        handler: ({ id }) =>
          Effect.sync(() => {
            ids.push(id)
            return { id }
          })
      })
      const { sent } = yield* against(
        claude,
        [streamed("tool_use", ...called({ toolUseId: "a", name: "lookup" }, "{\"id\":2512292042121000001}")), done],
        Stream.runDrain(ToolLoop.stream(request, { tools: [lookup] }))
      )
      assert.deepStrictEqual(ids, [2512292042121000001n])
      const id = "2512292042121000001"
      assert.deepStrictEqual(sent[1]?.[1]?.content, [{ toolUse: { toolUseId: "a", name: "lookup", input: { id } } }])
      assert.deepStrictEqual(sent[1]?.[2]?.content, [{ toolResult: { toolUseId: "a", content: [{ json: { id } }] } }])
    }))

  it.live("finds a structured answer in a call that has a type", () =>
    Effect.gen(function*() {
      const Answer = Schema.Struct({ age: Schema.Int })
      const start = { toolUseId: "a", name: "answer", type: "tool_use" }
      const { result } = yield* against(
        nova,
        [whole([{ toolUse: { ...start, input: { age: 36 } } }], "tool_use")],
        ChatService.object(Answer, request)
      )
      assert.deepStrictEqual(result.value, { age: 36 })
      const stream = yield* against(
        nova,
        [streamed("tool_use", WireServer.delta("Well"), ...called(start, "{\"age\":36}"))],
        Stream.runCollect(ChatService.objectStream(Answer, request))
      )
      const last = stream.result.at(-1)
      assert(last?.type === "object")
      assert.deepStrictEqual(last.value, { age: 36 })
    }))
})

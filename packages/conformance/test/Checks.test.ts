import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ChatResponse, Message, Usage } from "@strata/core"
import { Recording as EmulatorRecording } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as ChatAnswer from "../src/decode/ChatAnswer.ts"
import { compare, OneOf } from "../src/Difference.ts"
import * as Shape from "../src/emulator/Shape.ts"
import * as Changes from "../src/encode/Changes.ts"
import * as ChatRequest from "../src/encode/ChatRequest.ts"
import * as Recording from "../src/Recording.ts"
import { type ConverseAnswer, fromStream } from "../src/wire/ConverseAnswer.ts"

const paths = (differences: ReadonlyArray<{ readonly path: string }>) => differences.map(({ path }) => path)

describe("Difference", () => {
  it("names the place of what is missing, unexpected or different", () => {
    assert.deepStrictEqual(compare({ a: [1, 2], b: 1 }, { a: [1, 3], c: 1 }, "exact"), [
      { path: "a[1]", problem: "different", expected: 2, actual: 3 },
      { path: "b", problem: "missing", expected: 1 },
      { path: "c", problem: "unexpected", actual: 1 }
    ])
    assert.deepStrictEqual(compare({ a: 1 }, { a: 1, c: 1 }, "at least"), [])
    assert.deepStrictEqual(paths(compare({ a: undefined }, { a: 1 }, "at least")), ["a"])
    assert.deepStrictEqual(compare(new OneOf(1, undefined), undefined, "at least"), [])
  })

  it("takes a large whole number as its text, and neither rounded nor as a bigint", () => {
    const expected = { n: 9007199254740993n }
    assert.deepStrictEqual(compare(expected, { n: "9007199254740993" }, "at least"), [])
    assert.deepStrictEqual(compare(expected, `{"n":9007199254740993}`, "at least"), [])
    assert.deepStrictEqual(paths(compare(expected, { n: 9007199254740992 }, "at least")), ["n"])
    assert.deepStrictEqual(paths(compare(expected, { n: 9007199254740993n }, "at least")), ["n"])
  })
})

describe("ChatAnswer", () => {
  const answer: ConverseAnswer = {
    blocks: [
      { text: "I look." },
      { toolUse: { toolUseId: "a", name: "find", input: { n: 1 }, type: "tool_use" } }
    ],
    end: { stopReason: "tool_use", usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 } }
  }
  const recording = { model: "m", headers: {} }
  const response = (parts: ReadonlyArray<Message.AssistantPart>) =>
    ChatResponse.make(parts, {
      finishReason: "tool-calls",
      usage: Usage.make({ inputTokens: 3, outputTokens: 2 }),
      model: "m",
      providerMetadata: { bedrock: { stopReason: "tool_use" } }
    })
  const call: Message.ToolCallPart = { type: "tool-call", id: "a", name: "find", params: { n: 1 } }

  it("passes the answer, and misses a call that was lost or given to the provider", () => {
    assert.deepStrictEqual(ChatAnswer.check(response([Message.text("I look."), call]), answer, recording), [])
    const lost = ChatAnswer.check(response([Message.text("I look.")]), answer, recording)
    assert.includeMembers(paths(lost), ["message.content[1]", "toolCalls[0]"])
    const given = ChatAnswer.check(
      response([Message.text("I look."), { ...call, providerExecuted: true }]),
      answer,
      recording
    )
    assert.includeMembers(paths(given), ["message.content[1].providerExecuted", "toolCalls[0]"])
  })
})

describe("Changes", () => {
  const body = { messages: [{ role: "user", content: [{ text: "a " }] }, { role: "user", content: [{ text: "b" }] }] }
  const change = (field: string) => [{ type: "joined-message" as const, field, message: "joined" }]

  it("explains differences in the message that a change names, and no others", () => {
    const joined = { messages: [{ role: "user", content: [{ text: "a " }, { text: "b" }] }] }
    const trimmed = { messages: [{ role: "user", content: [{ text: "a" }, { text: "b" }] }] }
    assert.isAbove(Changes.unexplained(body, joined, [], [0, 1]).length, 0)
    assert.deepStrictEqual(Changes.unexplained(body, joined, change("messages[1]"), [0, 1]), [])
    assert.deepStrictEqual(
      paths(Changes.unexplained(
        { messages: [...body.messages, { role: "assistant", content: [{ text: "c" }] }] },
        { messages: [...trimmed.messages, { role: "assistant", content: [{ text: "d" }] }] },
        change("messages[1]"),
        [0, 1, 2]
      )),
      ["messages[1].content[0].text"]
    )
  })
})

describe("ChatRequest", () => {
  it("goes back from a body to messages, tools and options, and names what it cannot say", () => {
    const { places, request, unsupported } = ChatRequest.reverse("m", {
      system: [{ text: "s" }, { cachePoint: { type: "default", ttl: "1h" } }],
      messages: [
        { role: "user", content: [{ text: "u" }] },
        { role: "assistant", content: [{ toolUse: { toolUseId: "a", name: "f", input: {} } }] },
        { role: "user", content: [{ toolResult: { toolUseId: "a", content: [{ text: "r" }] } }, { text: "go on" }] }
      ],
      inferenceConfig: { maxTokens: 5, topP: 0.5 },
      toolConfig: { tools: [{ toolSpec: { name: "f", inputSchema: { json: {} } } }], toolChoice: { auto: {} } },
      serviceTier: { type: "flex" }
    })
    assert.deepStrictEqual(places, [-1, 0, 1, 2, 2])
    assert.deepStrictEqual(unsupported, ["toolConfig.toolChoice.auto"])
    assert.deepStrictEqual(request, {
      model: "m",
      messages: [
        Message.system([Message.text("s", { cache: { ttl: "1h" } })]),
        Message.user([Message.text("u")]),
        Message.assistant([{ type: "tool-call", id: "a", name: "f", params: {} }]),
        Message.tool([{ type: "tool-result", id: "a", result: "r" }]),
        Message.user([Message.text("go on")])
      ],
      maxTokens: 5,
      topP: 0.5,
      tools: [{ name: "f", inputSchema: {} }],
      toolChoice: "auto",
      providerOptions: { bedrock: { serviceTier: { type: "flex" } } }
    })
  })
})

describe("Shape", () => {
  it("sees members and the order of events, whatever they hold and however often they come", () => {
    const told = [["start", { a: 1 }], ["delta", { d: "x" }], ["delta", { d: "yy" }], ["stop", {}]] as const
    assert.deepStrictEqual(Shape.compareEvents(told, [told[0], told[1], told[3]]), [])
    assert.deepStrictEqual(paths(Shape.compareEvents(told, [told[0], told[3], told[1]])), ["(events)"])
    assert.deepStrictEqual(paths(Shape.compareEvents(told, [["start", { b: 1 }], told[1], told[3]])), [
      "start.a",
      "start.b"
    ])
  })
})

describe("Recording", () => {
  it("reads one JSON a line, and names the lines it cannot read", () => {
    const line = {
      id: "a#0",
      op: "converse",
      model: "us.amazon.nova-lite-v1%3A0",
      status: 200,
      request: `{"kind":"json","value":{"messages":[]}}`,
      headers: { "X-Amzn-RequestId": "r" },
      body: "e30="
    }
    const { recordings, unreadable } = Recording.fromLines("f", `${JSON.stringify(line)}\n\n{"id":1}\n`)
    assert.deepStrictEqual(recordings.map(({ headers, model, request }) => ({ headers, model, request })), [
      { headers: { "x-amzn-requestid": "r" }, model: "us.amazon.nova-lite-v1:0", request: `{"messages":[]}` }
    ])
    assert.match(unreadable[0] ?? "", /^line 3: /)
  })

  it.effect("reads what the emulator recorded, and leaves other JSON alone", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const folder = yield* fileSystem.makeTempDirectoryScoped()
      const exchange: EmulatorRecording.Exchange = {
        request: {
          method: "POST",
          path: "/model/us.amazon.nova-lite-v1%3A0/converse-stream",
          headers: {},
          body: { messages: [] }
        },
        response: {
          status: 200,
          at: 0,
          headers: { "content-type": "application/vnd.amazon.eventstream" },
          events: [
            { at: 1, event: "messageStart", payload: { role: "assistant" } },
            { at: 2, event: "contentBlockDelta", payload: { contentBlockIndex: 0, delta: { text: "Hi" } } },
            { at: 3, exception: "throttlingException", payload: { message: "slow down" } }
          ]
        }
      }
      yield* fileSystem.writeFileString(`${folder}/mine.json`, EmulatorRecording.toText([exchange]))
      yield* fileSystem.writeFileString(`${folder}/package.json`, "{}")
      const files = yield* Recording.readFolder(folder)
      const [recording] = files[0]?.recordings ?? []
      assert.deepStrictEqual(files.map(({ name }) => name), ["mine.json"])
      assert.deepStrictEqual(
        [recording?.op, recording?.model, recording?.request],
        ["converse-stream", "us.amazon.nova-lite-v1:0", `{"messages":[]}`]
      )
      const answer = fromStream(recording?.body ?? new Uint8Array())
      assert.deepStrictEqual(answer.blocks, [{ text: "Hi" }])
      assert.strictEqual(answer.failure?.exception, "throttlingException")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})

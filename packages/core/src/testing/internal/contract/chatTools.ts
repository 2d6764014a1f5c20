/** Tools: definitions, calls and results reach the other side, whole and in order. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Message from "../../../chat/Message.ts"
import type * as ToolDefinition from "../../../chat/ToolDefinition.ts"
import * as Tool from "../../../tool/Tool.ts"
import * as ToolLoop from "../../../tool/ToolLoop.ts"
import type * as TestChat from "../../TestChat.ts"
import { type Test, test } from "./chatModel.ts"
import { holds, same } from "./expect.ts"
import * as Media from "./media.ts"

const weather: ToolDefinition.ToolDefinition = {
  name: "get_weather",
  description: "The weather in a city",
  inputSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
}

const clock: ToolDefinition.ToolDefinition = {
  name: "get-time",
  description: "The time",
  inputSchema: { type: "object", properties: {} }
}

const call = (id: string, params: unknown): Message.ToolCallPart => ({
  type: "tool-call",
  id,
  name: "get_weather",
  params
})

const oslo = call("call_1", { city: "Oslo \"æøå\"", days: [1, 2], deep: { yes: true, none: null } })

const rome = call("call_2", { city: "Rome" })

const asks = (...calls: ReadonlyArray<Message.ToolCallPart>): TestChat.Answer => ({ content: calls })

const request = { messages: "The weather?", tools: [weather, clock] }

const resultsIn = (messages: ReadonlyArray<Message.Message>) =>
  messages.flatMap(Message.parts).flatMap((part) => part.type === "tool-result" ? [part] : [])

/** The text of a result, however it was sent. */
const textOf = ({ parts, result }: Message.ToolResultPart): string =>
  parts === undefined
    ? typeof result === "string" ? result : JSON.stringify(result)
    : parts.map((part) => part.type === "text" ? part.text : part.type === "json" ? JSON.stringify(part.value) : "")
      .join("")

const lastOutcome = <E, R>(events: Stream.Stream<ToolLoop.Event, E, R>) =>
  Effect.map(Stream.runCollect(events), (all) => {
    const last = all.at(-1)
    return last?.type === "outcome" ? last.outcome : undefined
  })

export const tests: ReadonlyArray<Test> = [
  test("sends the definitions of tools", ["script", "tools"], ["Fine"], (chat, model) =>
    Effect.gen(function*() {
      yield* chat.generate(request)
      const { tools = [] } = yield* model.only
      const seen = tools.flatMap((tool) => "inputSchema" in tool ? [[tool.name, tool.description]] : [])
      yield* same(seen, [["get_weather", "The weather in a city"], ["get-time", "The time"]], "the tools")
      const [first] = tools
      const schema = first !== undefined && "inputSchema" in first ? first.inputSchema : {}
      yield* same(schema["properties"], weather.inputSchema["properties"], "the properties of the first")
    })),

  test("gives a call with its arguments", ["script", "tools"], [asks(oslo)], (chat) =>
    Effect.gen(function*() {
      const response = yield* chat.generate(request)
      yield* same(response.finishReason, "tool-calls", "the finish reason")
      yield* same(response.toolCalls.map(({ name, params }) => ({ name, params })), [
        { name: oslo.name, params: oslo.params }
      ], "the calls")
      yield* holds((response.toolCalls[0]?.id ?? "").length > 0, "the call should have an id")
    })),

  test(
    "sends the result of a call back to it",
    ["script", "tools"],
    [asks(oslo), "Sunny"],
    (chat, model) =>
      Effect.gen(function*() {
        const first = yield* chat.generate(request)
        const [asked] = first.toolCalls
        const result = Message.tool([{ type: "tool-result", id: asked?.id ?? "", result: "sunny, 21 °C" }])
        const second = yield* chat.generate({ ...request, messages: [Message.user("?"), first.message, result] })
        yield* same(second.text, "Sunny", "the answer")
        const [, { messages } = { messages: [] }] = yield* model.requests
        const calls = messages.flatMap(Message.parts).flatMap((part) => part.type === "tool-call" ? [part] : [])
        const results = resultsIn(messages)
        yield* same(calls.map(({ params }) => params), [oslo.params], "the arguments that are sent back")
        yield* same(results.map(textOf), ["sunny, 21 °C"], "the result that reaches the model")
        yield* same(results[0]?.id, calls[0]?.id, "the id of the result")
      })
  ),

  test(
    "sends a result that is JSON",
    ["script", "tools"],
    [asks(oslo), "Sunny"],
    (chat, model) =>
      Effect.gen(function*() {
        const first = yield* chat.generate(request)
        const result = { degrees: 21.5, sky: ["blue", "é"] }
        const back = Message.tool([{ type: "tool-result", id: first.toolCalls[0]?.id ?? "", result }])
        yield* chat.generate({ ...request, messages: [Message.user("?"), first.message, back] })
        const [, second] = yield* model.requests
        const [sent = ""] = resultsIn(second?.messages ?? []).map(textOf)
        // Text that is no JSON is as wrong as other JSON.
        yield* same(yield* Effect.try(() => JSON.parse(sent)), result, "the result that reaches the model")
      })
  ),

  test(
    "marks a failed result",
    ["script", "tools", "toolFailures"],
    [asks(oslo), "Sorry"],
    (chat, model) =>
      Effect.gen(function*() {
        const first = yield* chat.generate(request)
        const id = first.toolCalls[0]?.id ?? ""
        const back = Message.tool([{ type: "tool-result", id, result: "no such city", isFailure: true }])
        yield* chat.generate({ ...request, messages: [Message.user("?"), first.message, back] })
        const [, second] = yield* model.requests
        const [sent] = resultsIn(second?.messages ?? [])
        yield* same(
          [sent?.isFailure, sent && textOf(sent)],
          [true, "no such city"],
          "the result that reaches the model"
        )
      })
  ),

  test(
    "sends an image in a result",
    ["script", "tools", "toolImages"],
    [asks(oslo), "A pixel"],
    (chat, model) =>
      Effect.gen(function*() {
        const first = yield* chat.generate(request)
        const id = first.toolCalls[0]?.id ?? ""
        const back = Message.tool([{ type: "tool-result", id, parts: [Message.text("Here:"), Media.image] }])
        yield* chat.generate({ ...request, messages: [Message.user("?"), first.message, back] })
        const [, second] = yield* model.requests
        const images = (second?.messages ?? []).flatMap(Message.parts)
          .flatMap((part): ReadonlyArray<Message.Part> => part.type === "tool-result" ? part.parts ?? [] : [part])
          .flatMap((part) => part.type === "image" ? [part.source] : [])
        yield* same(images, [Media.image.source], "the images that reach the model")
      })
  ),

  test("gives several calls in order, under ids of their own", ["script", "tools", "parallelTools"], [
    asks(oslo, rome),
    "Both are sunny"
  ], (chat, model) =>
    Effect.gen(function*() {
      const first = yield* chat.generate(request)
      const ids = first.toolCalls.map(({ id }) => id)
      yield* same(first.toolCalls.map(({ params }) => params), [oslo.params, rome.params], "the arguments")
      yield* holds(new Set(ids).size === 2, "the ids should differ")
      const back = Message.tool(ids.map((id, index) => ({ type: "tool-result", id, result: `result ${index}` })))
      yield* chat.generate({ ...request, messages: [Message.user("?"), first.message, back] })
      const [, second] = yield* model.requests
      yield* same(resultsIn(second?.messages ?? []).map(textOf), ["result 0", "result 1"], "the results, in order")
    })),

  ...(["any", "auto", { name: "get_weather" }] as const).map((toolChoice) =>
    test(`sends the tool choice ${JSON.stringify(toolChoice)}`, ["script", "tools", "toolChoice"], [asks(oslo)], (
      chat,
      model
    ) =>
      Effect.gen(function*() {
        yield* chat.generate({ ...request, toolChoice })
        yield* same((yield* model.only).toolChoice ?? "auto", toolChoice, "the tool choice")
      }))
  ),

  test(
    "takes history with calls where no tool is offered any more",
    ["script", "tools"],
    ["Fine"],
    (chat) =>
      Effect.gen(function*() {
        const answered = Message.tool([{ type: "tool-result", id: "call_1", result: "sunny" }])
        const messages = [Message.user("?"), Message.assistant([oslo]), answered, Message.user("Thanks")]
        yield* same((yield* chat.generate({ messages })).text, "Fine", "the answer")
      })
  ),

  test(
    "runs a tool loop, whole and as a stream, to the same end",
    ["script", "tools", "parallelTools"],
    (request) => resultsIn(request.messages).length < 2 ? asks(oslo, rome) : "Sunny everywhere",
    () =>
      Effect.gen(function*() {
        const tool = Tool.make("get_weather", {
          input: Schema.Struct({ city: Schema.String }),
          handler: ({ city }) => Effect.succeed(`sunny in ${city}`)
        })
        const whole = yield* ToolLoop.run("The weather?", { tools: [tool] })
        const streamed = yield* ToolLoop.stream("The weather?", { tools: [tool] }).pipe(lastOutcome)
        yield* same(whole.response.text, "Sunny everywhere", "the answer")
        yield* same(whole.steps, 2, "the number of steps")
        yield* same(streamed?.response.text, whole.response.text, "the answer of the stream")
        yield* same(streamed?.steps, whole.steps, "the number of steps of the stream")
        yield* same(streamed?.messages.length, whole.messages.length, "the number of messages of the stream")
      })
  )
]

import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as ExactJson from "@strata/core/ExactJson"
import * as Telemetry from "@strata/core/Telemetry"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { watched } from "./ChatFixture.ts"
import { asks, call, echo } from "./ToolFixture.ts"

const right = call("9", "echo", { text: "a" })

const wrong = (id: string) => call(id, "echo", { txt: "a" })

const run = (...replies: ReadonlyArray<TestChat.Reply>) =>
  Effect.provide(
    Effect.all({ end: Effect.exit(ToolLoop.run("?", { tools: [echo] })), requests }),
    TestChat.layer(replies)
  )

const requests = Effect.flatMap(TestChat.TestChat, (double) => double.requests)

/** What the model was told of the calls of its first answer. */
const told = (answer: TestChat.Answer) =>
  Effect.map(run(answer, "sorry"), ({ requests }) => {
    const message = requests[1]?.messages[2]
    return message?.role === "tool" ? message.content : []
  })

describe("ToolLoop: invalid calls", () => {
  it.effect("returns the issue of invalid arguments to the model once", () =>
    Effect.gen(function*() {
      const [first, second] = yield* told(asks(wrong("1"), right))
      assert.isTrue(first?.isFailure)
      assert.include(String(first?.result), `at ["text"]`)
      assert.deepStrictEqual(second, { type: "tool-result", id: "9", result: "a" })
    }))

  it.effect("explains that a number is too large for the schema, to the model and in the error", () =>
    Effect.gen(function*() {
      const ids: Array<unknown> = []
      const lookup = (id: Schema.ConstraintDecoder<unknown, unknown>) =>
        Tool.make("lookup", {
          input: Schema.Struct({ id }),
          handler: ({ id }) => Effect.sync(() => void ids.push(id))
        })
      const params = ExactJson.params(`{"id": 2512292042121000001}`)
      const loop = (id: Schema.ConstraintDecoder<unknown, unknown>) =>
        Effect.provide(
          Effect.all({ end: Effect.exit(ToolLoop.run("?", { tools: [lookup(id)] })), requests }),
          TestChat.layer([asks(call("1", "lookup", params)), asks(call("2", "lookup", params)), "done"])
        )
      for (const id of [Schema.Finite, Schema.Number, Schema.Int, Schema.optional(Schema.Number)]) {
        const { end, requests } = yield* loop(id)
        const result = requests[1]?.messages[2]
        assert(result?.role === "tool")
        assert.include(String(result.content[0]?.result), "2512292042121000001 at [\"id\"] is more than a number")
        assert.include(String(result.content[0]?.result), "Schema.BigInt")
        assert.deepStrictEqual(requests[1]?.messages[1], Message.assistant([call("1", "lookup", params)]))
        const error = yield* Effect.flip(end)
        assert(error._tag === "ToolCallError")
        assert.include(error.issue, "Schema.BigInt")
      }
      for (const id of [Schema.BigInt, Schema.String]) yield* Effect.flatMap(loop(id), ({ end }) => end)
      assert.deepStrictEqual(ids, [
        2512292042121000001n,
        2512292042121000001n,
        "2512292042121000001",
        "2512292042121000001"
      ])
    }))

  it.effect("returns the names of the tools for an unknown one once", () =>
    Effect.gen(function*() {
      const [first] = yield* told(asks(call("1", "shout")))
      assert.isTrue(first?.isFailure)
      assert.strictEqual(first?.result, `There is no tool "shout". The tools are: echo`)
    }))

  it.effect("fails for another invalid call of the tool in the next step, before any handler runs", () =>
    Effect.gen(function*() {
      let handled = 0
      const count = Tool.make("count", { handler: () => Effect.sync(() => ++handled) })
      const error = yield* ToolLoop.run("?", { tools: [echo, count] }).pipe(
        Effect.flip,
        Effect.provide(TestChat.layer([asks(wrong("1"), wrong("2")), asks(call("3", "count"), wrong("4"))]))
      )
      assert.isTrue(error._tag === "ToolCallError")
      if (error._tag !== "ToolCallError") return
      assert.strictEqual(error.reason, "invalid-arguments")
      assert.strictEqual(error.tool, "echo")
      assert.strictEqual(error.callId, "4")
      assert.deepStrictEqual(error.params, { txt: "a" })
      assert.include(error.issue, `at ["text"]`)
      assert.include(error.message, error.issue)
      assert.strictEqual(handled, 0)
    }))

  it.effect("fails when an unknown tool is called again", () =>
    Effect.gen(function*() {
      const { end } = yield* run(asks(call("1", "shout")), asks(call("2", "shout")))
      const error = yield* Effect.flip(end)
      assert.strictEqual(error._tag === "ToolCallError" && error.reason, "unknown-tool")
    }))

  it.effect("does not fail when the tool was called correctly, or not at all, in between", () =>
    Effect.gen(function*() {
      const { end } = yield* run(asks(wrong("1")), asks(right), asks(wrong("2")), asks(call("3", "shout")), "done")
      assert.strictEqual((yield* end).steps, 5)
    }))

  it.effect("sends arguments that are not an object back in one, and explains that they were cut", () =>
    Effect.gen(function*() {
      const cut: TestChat.Answer = { ...asks(call("1", "echo", `{"text": "a`)), finishReason: "length" }
      const sent = (answer: TestChat.Answer) =>
        Effect.map(run(answer, "sorry"), ({ requests }) => requests[1]?.messages[1])
      assert.deepStrictEqual(yield* sent(cut), Message.assistant([call("1", "echo", { INVALID_JSON: `{"text": "a` })]))
      for (const [params, shown] of [[["a"], { value: ["a"] }], [7, { value: 7 }], [null, {}]] as const) {
        assert.deepStrictEqual(
          yield* sent(asks(call("1", "echo", params))),
          Message.assistant([call("1", "echo", shown)])
        )
      }
      assert.deepStrictEqual(yield* sent(asks(wrong("1"))), Message.assistant([wrong("1")]))
      assert.include(String((yield* told(cut))[0]?.result), "limit of tokens")
      assert.include(String((yield* told({ ...cut, finishReason: "tool-calls" }))[0]?.result), `{"text": "a`)
      assert.include(String((yield* told(asks(call("1", "echo", ["a"]))))[0]?.result), `["a"]`)
    }))

  it.effect("reads missing params as none", () =>
    Effect.gen(function*() {
      const tool = Tool.make("now", { handler: () => Effect.succeed("noon") })
      const outcome = yield* Effect.provide(
        ToolLoop.run("?", { tools: [tool] }),
        TestChat.layer([asks(call("1", "now", null)), "done"])
      )
      assert.deepStrictEqual(outcome.messages.slice(0, 2), [
        Message.assistant([call("1", "now", {})]),
        Message.tool([{ type: "tool-result", id: "1", result: "noon" }])
      ])
    }))

  it.effect("makes the ids of calls unique in the conversation", () =>
    Effect.gen(function*() {
      const say = (id: string, text: string) => call(id, "echo", { text })
      const long = "x".repeat(64)
      const { end } = yield* run(
        asks(say("1", "a"), say("1", "b"), say("", "c")),
        asks(say("1", "d"), say(long, "e"), say(long, "f")),
        "done"
      )
      const outcome = yield* end
      const calls = outcome.messages.flatMap((message) => Message.parts(message).filter((p) => p.type === "tool-call"))
      const results = outcome.messages.flatMap((message) => message.role === "tool" ? message.content : [])
      assert.deepStrictEqual(calls.map(({ id }) => id), ["1", "1-2", "call", "1-3", long, `${"x".repeat(56)}-2`])
      assert.deepStrictEqual(results.map(({ id }) => id), calls.map(({ id }) => id))
      assert.deepStrictEqual(results.map(({ result }) => result), ["a", "b", "c", "d", "e", "f"])
    }))

  it.effect("keeps the ids of calls that the provider ran", () =>
    Effect.gen(function*() {
      const ran = { ...call("9", "search"), providerExecuted: true }
      const answered = { type: "tool-result" as const, id: "9", result: "found", providerExecuted: true }
      const { end } = yield* run(asks(ran, answered, right), asks(ran, answered, right), "done")
      const calls = (yield* end).messages.flatMap((message) =>
        Message.parts(message).flatMap((part) => part.type === "tool-call" ? [[part.name, part.id]] : [])
      )
      assert.deepStrictEqual(calls, [["search", "9"], ["echo", "9-2"], ["search", "9"], ["echo", "9-3"]])
    }))

  // In time that grows with their square this would take longer than a test may.
  it.effect("makes the ids of thousands of calls with one id unique", () =>
    Effect.gen(function*() {
      const calls = Array.from({ length: 16_000 }, () => call("1", "echo"))
      const outcome = yield* Effect.provide(
        ToolLoop.run("?", { tools: [echo], maxSteps: 1 }),
        TestChat.layer([asks(...calls)])
      )
      assert.strictEqual(new Set(outcome.response.toolCalls.map(({ id }) => id)).size, 16_000)
    }))

  it.effect("does not use an id of the history", () =>
    Effect.gen(function*() {
      const history = [
        Message.user("?"),
        Message.assistant([right]),
        Message.tool([{ type: "tool-result", id: "9", result: "a" }])
      ]
      const outcome = yield* Effect.provide(
        ToolLoop.run(history, { tools: [echo] }),
        TestChat.layer([asks(right), "done"])
      )
      assert.deepStrictEqual(outcome.messages[0], Message.assistant([{ ...right, id: "9-2" }]))
    }))
})

describe("ToolLoop: spans", () => {
  const failing = Tool.make("failing", { handler: () => Effect.fail({ _tag: "Refused", message: "no" }) })
  const erring = Tool.make("erring", { failureMode: "error", handler: () => Effect.fail<unknown>(new TypeError("no")) })

  const spans = watched(({ spans }) =>
    ToolLoop.run("?", { tools: [echo, failing, erring] }).pipe(
      Effect.provide(TestChat.layer([asks(right), asks(call("2", "failing"), call("3", "erring"))])),
      Effect.ignore,
      Effect.map(() => spans.filter(({ name }) => name.startsWith("execute_tool")))
    )
  )

  it.effect("has one for each call that runs, without its content", () =>
    Effect.gen(function*() {
      const [first, second, third] = yield* spans
      assert.strictEqual(first?.name, "execute_tool echo")
      assert.deepStrictEqual(
        first?.attributes,
        new Map([
          ["gen_ai.operation.name", "execute_tool"],
          ["gen_ai.tool.name", "echo"],
          ["gen_ai.tool.type", "function"],
          ["gen_ai.tool.call.id", "9"]
        ])
      )
      assert.strictEqual(second?.attributes.get("error.type"), "Refused")
      assert.strictEqual(third?.attributes.get("error.type"), "TypeError")
    }))

  it.effect("records arguments and results where content is captured", () =>
    Effect.gen(function*() {
      const [first] = yield* Effect.provideService(spans, Telemetry.CaptureContent, true)
      assert.strictEqual(first?.attributes.get("gen_ai.tool.call.arguments"), `{"text":"a"}`)
      assert.strictEqual(first?.attributes.get("gen_ai.tool.call.result"), `"a"`)
    }))
})

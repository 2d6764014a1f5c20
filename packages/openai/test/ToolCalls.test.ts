import { assert, describe, it } from "@effect/vitest"
import { type ChatRequest, Message } from "@strata/core"
import { Effect, Result, Schema } from "effect"
import * as Assembled from "../src/chat/answer/ToolCalls.ts"
import * as Asking from "./support/Asking.ts"
import { chunk, completion, events, json } from "./support/FakeServer.ts"

const tool = (name: string) => ({ name, inputSchema: { type: "object", properties: {} } })

const request: ChatRequest.ChatRequest = { messages: "Hello", tools: [tool("look"), tool("find")] }

const called = (response: Asking.Response) => response.toolCalls.map(({ name, params }) => [name, params])

const pieces = (
  ...calls: ReadonlyArray<object>
) => [...calls.map((call) => chunk({ tool_calls: [call] })), chunk({}, "stop")]

const streamed = (...calls: ReadonlyArray<object>) => Asking.collect(events(...pieces(...calls), "[DONE]"), request)

const whole = (tool_calls: ReadonlyArray<object>, reason: string | null = "stop") =>
  Asking.generate(json(completion({ content: null, tool_calls }, reason)), request)

describe("tool calls", () => {
  it.live("case 3: a new id at a used index opens a new call", () =>
    Effect.gen(function*() {
      const response = yield* streamed(
        { index: 0, id: "a", function: { name: "look", arguments: "{\"a\":1}" } },
        { index: 0, id: "b", function: { name: "look", arguments: "{\"b\":" } },
        { index: 0, function: { arguments: "2}" } },
        { index: 0, id: "a", function: { arguments: " " } }
      )
      assert.deepStrictEqual(called(response), [["look", { a: 1 }], ["look", { b: 2 }]])
    }))

  it.live("case 3: whole calls at one index without ids are calls of their own", () =>
    Effect.gen(function*() {
      const response = yield* streamed(
        { index: 0, function: { name: "look", arguments: "{\"a\":1}" } },
        { index: 0, function: { name: "look", arguments: "{\"b\":2}" } },
        { index: 0, function: { name: "find", arguments: "{}" } }
      )
      assert.deepStrictEqual(called(response), [["look", { a: 1 }], ["look", { b: 2 }], ["find", {}]])
      assert.strictEqual(new Set(response.toolCalls.map(({ id }) => id)).size, 3)
    }))

  it.prop("case 3: pieces of calls come together, however they are interleaved", [
    Schema.NonEmptyArray(Schema.Record(Schema.String, Schema.Natural)),
    Schema.Boolean,
    Schema.NonEmptyArray(Schema.Natural)
  ], ([params, sameIndex, choices]) => {
    let at = 0
    const next = () => choices[at++ % choices.length]! + at
    const queues = params.map((value, at) => {
      const text = JSON.stringify(value)
      const middle = next() % (text.length + 1)
      const index = sameIndex ? 0 : at
      return [
        { index, id: `c${at}`, function: { name: `t${at}`, arguments: "" } },
        // The id leads back where the index does not.
        { index, id: `c${at}`, function: { arguments: text.slice(0, middle) } },
        { index, ...(sameIndex && { id: `c${at}` }), function: { arguments: text.slice(middle) } }
      ]
    })
    const calls = Assembled.make("seed")
    for (;;) {
      const open = queues.filter((queue) => queue.length > 0)
      if (open.length === 0) break
      calls.add(open[next() % open.length]!.shift())
    }
    const found = Object.fromEntries(calls.all.map((call) => [call.name, JSON.parse(call.arguments)]))
    // JSON has no -0.
    const sent = params.map((value, at) => [`t${at}`, JSON.parse(JSON.stringify(value))])
    assert.deepStrictEqual(found, Object.fromEntries(sent))
  }, { arbitrary: { runs: 300 } })

  it.live("case 4: a call may have no id, a number as id, no index, or another index for its arguments", () =>
    Effect.gen(function*() {
      const shapes = [
        [{ index: 0, function: { name: "look", arguments: "{\"a\"" } }, { index: 0, function: { arguments: ":1}" } }],
        [{ index: 0, id: 7, function: { name: "look", arguments: "{\"a\"" } }, {
          index: 0,
          function: { arguments: ":1}" }
        }],
        [{ id: "x", function: { name: "look", arguments: "{\"a\"" } }, { function: { arguments: ":1}" } }],
        [{ id: "x", function: { name: "look", arguments: "{\"a\"" } }, { id: "x", function: { arguments: ":1}" } }],
        [{ index: 0, id: "x", function: { name: "look" } }, { index: 1, function: { arguments: "{\"a\":1}" } }],
        [{ index: 0, id: "x" }, { index: 0, function: { name: "look" } }, {
          index: 0,
          function: { arguments: "{\"a\":1}" }
        }],
        [{ function: { name: "look", arguments: "{\"a\"" } }, { function: { name: "look", arguments: ":1}" } }]
      ]
      for (const shape of shapes) {
        const { events: given, exit } = yield* Asking.stream(events(...pieces(...shape)), request)
        assert.isTrue(Result.isSuccess(exit))
        const calls = given.filter((event) => event.type === "tool-call")
        assert.deepStrictEqual(
          calls.map(({ name, params }) => [name, params]),
          [["look", { a: 1 }]],
          JSON.stringify(shape)
        )
        const ids = given.flatMap((event) => "id" in event && typeof event.id === "string" ? [event.id] : [])
        assert.strictEqual(new Set(ids).size, 1)
        assert.match(ids[0]!, /^[a-zA-Z0-9_-]{1,40}$/)
      }
    }))

  it.live("case 4: a call without an id has one in a whole answer, too", () =>
    Effect.gen(function*() {
      const response = yield* whole([{ function: { name: "look", arguments: "{}" } }, {
        id: 3,
        function: { name: "find" }
      }])
      assert.deepStrictEqual(called(response), [["look", {}], ["find", {}]])
      assert.match(response.toolCalls[0]!.id, /^call_/)
      assert.strictEqual(response.toolCalls[1]!.id, "3")
    }))

  it.live("case 5: arguments may be an object, and are sent back as text", () =>
    Effect.gen(function*() {
      const calls = [{ id: "a", function: { name: "look", arguments: { where: "Paris" } } }]
      for (const response of [yield* whole(calls), yield* streamed(...calls)]) {
        assert.deepStrictEqual(called(response), [["look", { where: "Paris" }]])
        const [body] = yield* Asking.sent([
          Message.user("Hello"),
          response.message,
          Message.tool([{ type: "tool-result", id: "a", result: { degrees: 7 } }])
        ])
        assert.strictEqual(body.messages[1].tool_calls[0].function.arguments, "{\"where\":\"Paris\"}")
        assert.deepStrictEqual(body.messages[2], { role: "tool", tool_call_id: "a", content: "{\"degrees\":7}" })
      }
    }))

  it.live("case 5: arguments that do not parse stay what they are", () =>
    Effect.gen(function*() {
      const calls = [
        { id: "a", function: { name: "look", arguments: "{where: Paris}" } },
        { id: "b", function: { name: "look", arguments: "{}" } }
      ]
      for (const response of [yield* whole(calls), yield* streamed(...calls)]) {
        assert.deepStrictEqual(called(response), [["look", "{where: Paris}"], ["look", {}]])
        assert.strictEqual(response.finishReason, "tool-calls")
      }
    }))

  it.live("case 6: calls decide, not the finish reason", () =>
    Effect.gen(function*() {
      const full = [{ id: "a", function: { name: "look", arguments: "{}" } }]
      const cut = [{ id: "a", function: { name: "look", arguments: "{\"where\":\"Par" } }]
      for (const reason of ["stop", "tool_calls", "function_call", null]) {
        assert.strictEqual((yield* whole(full, reason)).finishReason, "tool-calls")
        assert.strictEqual((yield* whole(cut, reason)).finishReason, "length")
        const end = [chunk({}, reason), "[DONE]"]
        const pieces = yield* Asking.collect(events(chunk({ tool_calls: full }), ...end), request)
        assert.strictEqual(pieces.finishReason, "tool-calls")
        const broken = yield* Asking.collect(events(chunk({ tool_calls: cut }), ...end), request)
        assert.strictEqual(broken.finishReason, "length")
      }
      assert.strictEqual((yield* whole([], "tool_calls")).finishReason, "stop")
      const empty = [{ id: "a", function: { name: "look", arguments: "" } }]
      assert.strictEqual((yield* whole(empty, "length")).finishReason, "length")
      assert.deepStrictEqual(called(yield* whole(empty, "tool_calls")), [["look", {}]])
    }))

  it.live("case 10: a required call that is missing is a failure", () =>
    Effect.gen(function*() {
      const asked = { ...request, toolChoice: "any" as const }
      const text = "I would call look."
      const error = yield* Effect.flip(Asking.generate(json(completion({ content: text })), asked))
      assert.strictEqual(error._tag, "ModelFailedError")
      const { events: given, exit } = yield* Asking.stream(events(chunk({ content: text }, "stop"), "[DONE]"), asked)
      assert.isTrue(given.some((event) => event.type === "text-delta" && event.delta === text))
      assert.isTrue(
        Result.isFailure(exit) && (exit.failure.cause as { readonly _tag: string })._tag === "ModelFailedError"
      )
      const cut = yield* Asking.generate(json(completion({ content: text }, "length")), asked)
      assert.strictEqual(cut.finishReason, "length")
    }))

  it.live("case 10: calls in the text are calls where the profile says so, and the whole text is calls of the tools", () =>
    Effect.gen(function*() {
      const both = Effect.fnUntraced(function*(content: string, recoverToolCalls = true) {
        const options = { profile: { recoverToolCalls } }
        const answer = yield* Asking.generate(json(completion({ content })), request, options)
        const middle = Math.floor(content.length / 2)
        const parts = [chunk({ content: content.slice(0, middle) }), chunk({ content: content.slice(middle) }, "stop")]
        const pieces = yield* Asking.collect(events(...parts, "[DONE]"), request, options)
        assert.deepStrictEqual(called(pieces), called(answer))
        assert.strictEqual(pieces.text, answer.text)
        return answer
      })
      const one = "{\"name\": \"look\", \"arguments\": {\"a\": 1}}"
      const texts = [
        one,
        `\n[${one}]`,
        `\`\`\`json\n${one}\n\`\`\``,
        `<tool_call>\n${one}\n</tool_call>`,
        `[TOOL_CALLS][${one}]`,
        "{\"function\": {\"name\": \"look\", \"parameters\": \"{\\\"a\\\":1}\"}}"
      ]
      for (const text of texts) {
        const response = yield* both(text)
        assert.deepStrictEqual(called(response), [["look", { a: 1 }]], text)
        assert.strictEqual(response.text, "")
        assert.strictEqual(response.finishReason, "tool-calls")
        assert.deepStrictEqual(called(yield* both(text, false)), [])
      }
      const two = yield* both(`<tool_call>${one}</tool_call>\n<tool_call>{"name":"find"}</tool_call>`)
      assert.deepStrictEqual(called(two), [["look", { a: 1 }], ["find", {}]])
      for (
        const text of [`Here: ${one}`, "{\"name\": \"drop\", \"arguments\": {}}", "{\"a\": 1}", `${one} I think`, "[]"]
      ) {
        const response = yield* both(text)
        assert.deepStrictEqual(called(response), [])
        assert.strictEqual(response.text, text)
      }
    }))
})

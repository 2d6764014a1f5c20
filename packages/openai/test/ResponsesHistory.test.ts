import { assert, describe, it } from "@effect/vitest"
import { ChatResponse, ChatService, Message } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fake from "./support/FakeResponses.ts"

const tools = [{ name: "weather", inputSchema: { type: "object", properties: { city: { type: "string" } } } }]

/** An answer to a question, and what is sent with the next message. */
const twoTurns = (output: ReadonlyArray<Fake.Json>, options?: Parameters<typeof Fake.chat>[1]) =>
  Effect.gen(function*() {
    const server = Fake.make(Fake.json(Fake.response(output)), Fake.said)
    const opening = [Message.user("What is the weather?")]
    const first = yield* ChatService.generate({ messages: opening, tools }).pipe(
      Effect.provide(Fake.chat(server, options))
    )
    // A history is stored between turns.
    const stored = Schema.toCodecJson(ChatResponse.ChatResponse)
    const loaded = yield* Schema.decodeUnknownEffect(stored)(
      JSON.parse(JSON.stringify(yield* Schema.encodeEffect(stored)(first)))
    )
    const results = loaded.toolCalls.map(({ id }) => ({ type: "tool-result" as const, id, result: { id } }))
    const next = results.length === 0 ? Message.user("Thanks") : Message.tool(results)
    const second = yield* ChatService.generate({ messages: [...opening, loaded.message, next], tools }).pipe(
      Effect.provide(Fake.chat(server, options))
    )
    return { first, input: server.received[1]?.body["input"], warnings: second.providerMetadata.openai?.warnings ?? [] }
  })

const question = { type: "message", role: "user", content: [{ type: "input_text", text: "What is the weather?" }] }

const kept = (id: string) => ({ type: "reasoning", summary: [], encrypted_content: `sealed-${id}` })

const asked = (id: string, city: string) => ({
  type: "function_call",
  call_id: id,
  name: "weather",
  arguments: `{"city":"${city}"}`
})

const answered = (id: string) => ({ type: "function_call_output", call_id: id, output: `{"id":"${id}"}` })

describe("Responses: history", () => {
  it.effect("case 12: a second turn without a call", () =>
    Effect.gen(function*() {
      const { first, input, warnings } = yield* twoTurns([Fake.reasoning("rs_1"), Fake.message("Rain")])
      assert.strictEqual(first.text, "Rain")
      assert.deepStrictEqual(input, [
        question,
        kept("rs_1"),
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "Rain", annotations: [] }] },
        { type: "message", role: "user", content: [{ type: "input_text", text: "Thanks" }] }
      ])
      assert.deepStrictEqual(warnings, [])
    }))

  it.effect("case 12: a second turn with a call", () =>
    Effect.gen(function*() {
      const { input } = yield* twoTurns([Fake.reasoning("rs_1"), Fake.call("c1", "weather", { city: "Berlin" })])
      assert.deepStrictEqual(input, [question, kept("rs_1"), asked("c1", "Berlin"), answered("c1")])
    }))

  it.effect("case 12: a second turn with two calls, both after their own reasoning", () =>
    Effect.gen(function*() {
      const { input } = yield* twoTurns([
        Fake.reasoning("rs_1"),
        Fake.call("c1", "weather", { city: "Berlin" }),
        Fake.reasoning("rs_2", { summary: [{ type: "summary_text", text: "Rome, too" }] }),
        Fake.call("c2", "weather", { city: "Rome" })
      ])
      assert.deepStrictEqual(input, [
        question,
        kept("rs_1"),
        asked("c1", "Berlin"),
        { ...kept("rs_2"), summary: [{ type: "summary_text", text: "Rome, too" }] },
        asked("c2", "Rome"),
        answered("c1"),
        answered("c2")
      ])
    }))

  it.effect("case 12: leaves out reasoning that is not encrypted, and reasoning that nothing follows", () =>
    Effect.gen(function*() {
      const open = { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Hm" }] }
      const { first, input, warnings } = yield* twoTurns([open, Fake.message("Rain"), Fake.reasoning("rs_2")])
      assert.deepStrictEqual((input as ReadonlyArray<Fake.Json>).map(({ type }) => type), [
        "message",
        "message",
        "message"
      ])
      assert.deepStrictEqual(first.message.content[0], { type: "reasoning", text: "Hm" })
      assert.deepStrictEqual(warnings.map(({ type }) => type), ["omitted", "omitted"])
    }))

  it.effect("sends back whole what it does not know, and all of a message", () =>
    Effect.gen(function*() {
      const search = {
        type: "web_search_call",
        id: "ws_1",
        status: "completed",
        action: { type: "search", query: "rain" }
      }
      const annotation = {
        type: "url_citation",
        url: "https://example.com",
        title: "Rain",
        start_index: 0,
        end_index: 4
      }
      const { first, input } = yield* twoTurns([
        search,
        Fake.message("", {
          phase: "final_answer",
          content: [
            { type: "output_text", text: "Rain", annotations: [annotation] },
            { type: "refusal", refusal: "No more" }
          ]
        })
      ])
      assert.deepStrictEqual((input as ReadonlyArray<unknown>).slice(1, -1), [
        { type: "web_search_call", status: "completed", action: { type: "search", query: "rain" } },
        {
          type: "message",
          role: "assistant",
          phase: "final_answer",
          content: [
            { type: "output_text", text: "Rain", annotations: [annotation] },
            { type: "refusal", refusal: "No more" }
          ]
        }
      ])
      const [, text] = first.message.content
      assert.deepStrictEqual(typeof text === "object" && text.type === "text" ? text.citations : [], [
        { title: "Rain", source: "https://example.com", location: { type: "web", url: "https://example.com" } }
      ])
      assert.strictEqual(first.finishReason, "refusal")
    }))

  it.effect("case 67: what a server or a model encrypted goes to no other", () =>
    Effect.gen(function*() {
      const server = Fake.make(Fake.json(Fake.response([Fake.reasoning("rs_1"), Fake.message("Rain")])), Fake.said)
      const first = yield* ChatService.generate("Hi").pipe(Effect.provide(Fake.chat(server)))
      const messages = [Message.user("Hi"), first.message, Message.user("Thanks")]
      const typesFor = (options?: Parameters<typeof Fake.chat>[1]) =>
        Effect.map(Fake.bodyOf(messages, options), ({ body }) =>
          (body["input"] as ReadonlyArray<Fake.Json>).map(({ type }) => type))
      assert.deepStrictEqual(yield* typesFor(), ["message", "reasoning", "message", "message"])
      assert.deepStrictEqual(yield* typesFor({ model: "gpt-5.5" }), ["message", "message", "message"])
      assert.deepStrictEqual(yield* typesFor({ client: { baseUrl: "http://localhost:1234" } }), [
        "message",
        "message",
        "message"
      ])
    }))

  it.effect("case 67: signatures, blocks and calls of other providers are never sent, their results neither", () =>
    Effect.gen(function*() {
      const { body, warnings } = yield* Fake.bodyOf([
        Message.user("Hi"),
        Message.assistant([
          { type: "reasoning", text: "Hm", signature: "signed-by-claude" },
          { type: "reasoning", text: "", redacted: Uint8Array.of(1, 2) },
          { type: "provider", provider: "aws.bedrock", value: { secret: "block" } },
          { type: "tool-call", id: "s1", name: "web_search", params: {}, providerExecuted: true },
          { type: "tool-result", id: "s1", result: {}, providerExecuted: true },
          { type: "tool-call", id: "tooluse:ä/1", name: "weather", params: {} }
        ]),
        Message.tool([{ type: "tool-result", id: "tooluse:ä/1", result: "Rain", isFailure: true }])
      ])
      const text = JSON.stringify(body)
      for (const secret of ["signed-by-claude", "block", "web_search"]) assert.notInclude(text, secret)
      const [, call, result] = body["input"] as ReadonlyArray<Fake.Json>
      assert.match(String(call?.["call_id"]), /^tooluse___1_\w+$/)
      assert.strictEqual(result?.["call_id"], call?.["call_id"])
      assert.strictEqual(result?.["output"], "Error: Rain")
      assert.deepStrictEqual(
        warnings.map(({ field }) => field),
        [0, 1, 2, 3, 5].map((at) => `messages[1].content[${at}]`)
      )
    }))

  it.effect("gives every call one result, and sends no result without its call", () =>
    Effect.gen(function*() {
      const call = (id: string) => ({ type: "tool-call" as const, id, name: "weather", params: {} })
      const result = (id: string) => ({ type: "tool-result" as const, id, result: id })
      const { body, warnings } = yield* Fake.bodyOf([
        Message.user("Hi"),
        Message.assistant([call("c1"), call("c2")]),
        Message.tool([result("c2"), result("c2"), result("c9")]),
        Message.user("Go on")
      ])
      assert.deepStrictEqual(
        (body["input"] as ReadonlyArray<Fake.Json>).map(({ call_id, type }) => `${String(type)} ${String(call_id)}`),
        [
          "message undefined",
          "function_call c1",
          "function_call c2",
          "function_call_output c1",
          "function_call_output c2",
          "message undefined"
        ]
      )
      assert.deepStrictEqual(warnings.map(({ type }) => type), ["translated", "omitted", "omitted"])
    }))
})

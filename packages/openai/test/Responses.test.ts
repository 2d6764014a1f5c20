import { assert, describe, it } from "@effect/vitest"
import { ChatRequest, ChatResponse, ChatService, Message } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fake from "./support/FakeResponses.ts"

const tools = [{ name: "weather", inputSchema: { type: "object", properties: { city: { type: "string" } } } }]

const said = Fake.json(Fake.response([Fake.message("Hi")]))

const called = Fake.json(Fake.response([Fake.call("c1", "weather")]))

/** The body that a request becomes. */
const bodyOf = (input: ChatRequest.Input, options?: Parameters<typeof Fake.chat>[1]) =>
  Effect.gen(function*() {
    const server = Fake.make(called)
    const answer = yield* ChatService.generate(input).pipe(Effect.provide(Fake.chat(server, options)))
    return { body: server.received[0]?.body ?? {}, warnings: answer.providerMetadata.openai?.warnings ?? [] }
  })

/** An answer to a question, and what is sent with the next message. */
const twoTurns = (output: ReadonlyArray<Fake.Json>, options?: Parameters<typeof Fake.chat>[1]) =>
  Effect.gen(function*() {
    const server = Fake.make(Fake.json(Fake.response(output)), said)
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

describe("Responses: requests", () => {
  it.effect("stores nothing, and asks for encrypted reasoning", () =>
    Effect.gen(function*() {
      const { body } = yield* bodyOf("Hello")
      assert.deepStrictEqual(body, {
        model: "gpt-5.4",
        input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] }],
        include: ["reasoning.encrypted_content"],
        store: false,
        stream: false
      })
    }))

  it.effect("sends options by their names in the API; those in its own format win", () =>
    Effect.gen(function*() {
      const { body } = yield* bodyOf({
        messages: "Hello",
        maxTokens: 100,
        temperature: 0.5,
        topP: 0.9,
        tools,
        toolChoice: { name: "weather" },
        parallelToolCalls: false,
        reasoning: { effort: "high", display: "summarized" },
        providerOptions: { openai: { service_tier: "flex", top_p: undefined, store: true } }
      })
      assert.strictEqual(body["max_output_tokens"], 100)
      assert.strictEqual(body["temperature"], 0.5)
      assert.notProperty(body, "top_p")
      assert.deepStrictEqual(body["tool_choice"], { type: "function", name: "weather" })
      assert.strictEqual(body["parallel_tool_calls"], false)
      assert.deepStrictEqual(body["reasoning"], { effort: "high", summary: "auto" })
      assert.strictEqual(body["service_tier"], "flex")
      assert.strictEqual(body["store"], true)
    }))

  it.effect("translates what the API has under another name, and says so", () =>
    Effect.gen(function*() {
      for (
        const [reasoning, sent] of [
          [false, { effort: "none" }],
          [{}, {}],
          [{ effort: "xhigh" }, { effort: "xhigh" }],
          [{ effort: "max" }, { effort: "xhigh" }],
          [{ budgetTokens: 1024 }, { effort: "low" }],
          [{ budgetTokens: 8000 }, { effort: "medium" }],
          [{ budgetTokens: 30000 }, { effort: "xhigh" }]
        ] as const
      ) {
        const { body, warnings } = yield* bodyOf({ messages: "Hello", reasoning })
        assert.deepStrictEqual(body["reasoning"], sent)
        const isTranslated = reasoning !== false && ("budgetTokens" in reasoning || reasoning.effort === "max")
        assert.deepStrictEqual(warnings.map(({ type }) => type), isTranslated ? ["translated"] : [])
      }
      for (const [toolChoice, sent] of [["any", "required"], ["auto", "auto"], ["none", "none"]] as const) {
        assert.strictEqual((yield* bodyOf({ messages: "Hello", tools, toolChoice })).body["tool_choice"], sent)
      }
      assert.notProperty((yield* bodyOf({ messages: "Hello", model: "gpt-4o" })).body, "include")
    }))

  it.effect("sends instructions first, and later ones with the role of the server", () =>
    Effect.gen(function*() {
      const messages = [
        Message.system("Be brief."),
        Message.system([Message.text("Be kind."), Message.text("Be exact.")]),
        Message.user("Hello"),
        Message.system("Now be long.")
      ]
      const later = (role: string) => ({
        type: "message",
        role,
        content: [{ type: "input_text", text: "Now be long." }]
      })
      const { body } = yield* bodyOf(messages)
      assert.strictEqual(body["instructions"], "Be brief.\n\nBe kind.\n\nBe exact.")
      assert.deepStrictEqual((body["input"] as ReadonlyArray<unknown>)[1], later("developer"))
      const elsewhere = yield* bodyOf(messages, { client: { baseUrl: "http://localhost:1234" } })
      assert.deepStrictEqual((elsewhere.body["input"] as ReadonlyArray<unknown>)[1], later("system"))
    }))

  it.effect("sends images and files, in messages and in results of tools", () =>
    Effect.gen(function*() {
      const bytes = Uint8Array.of(1, 2, 3)
      const image = { type: "image", mediaType: "image/png", source: { bytes } } as const
      const pdf = { type: "document", mediaType: "application/pdf", name: "report", source: { bytes } } as const
      const { body } = yield* bodyOf([
        Message.user([
          Message.text("Look"),
          image,
          { ...image, source: { uri: "https://example.com/a.png" } },
          pdf,
          { ...pdf, source: { uri: "https://example.com/a.pdf" } },
          { ...pdf, mediaType: "text/plain", name: "notes", source: { text: "Rain" }, context: "Of May" }
        ]),
        Message.assistant([{ type: "tool-call", id: "c1", name: "weather", params: {} }]),
        Message.tool([{ type: "tool-result", id: "c1", parts: [{ type: "json", value: { a: 1 } }, image, pdf] }])
      ])
      const sentImage = { type: "input_image", detail: "auto", image_url: "data:image/png;base64,AQID" }
      const sentFile = { type: "input_file", filename: "report.pdf", file_data: "data:application/pdf;base64,AQID" }
      assert.deepStrictEqual(body["input"], [
        {
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "Look" },
            sentImage,
            { ...sentImage, image_url: "https://example.com/a.png" },
            sentFile,
            { type: "input_file", file_url: "https://example.com/a.pdf" },
            { type: "input_text", text: "notes\nOf May\n\nRain" }
          ]
        },
        { type: "function_call", call_id: "c1", name: "weather", arguments: "{}" },
        {
          type: "function_call_output",
          call_id: "c1",
          output: [{ type: "input_text", text: "{\"a\":1}" }, sentImage, sentFile]
        }
      ])
    }))

  it.effect("refuses what the API cannot take before anything is sent, with its place", () =>
    Effect.gen(function*() {
      const bytes = Uint8Array.of(1)
      const image = { type: "image", mediaType: "image/png", source: { uri: "s3://bucket/a.png" } } as const
      const cases: ReadonlyArray<readonly [ChatRequest.Input, tag: string, field: string]> = [
        [{ messages: "Hi", stopSequences: ["END"] }, "UnsupportedFeatureError", "stopSequences"],
        [
          [Message.user([{ type: "audio", mediaType: "audio/mpeg", source: { bytes } }])],
          "UnsupportedFeatureError",
          "messages[0].content[0]"
        ],
        [
          [Message.user([Message.text("Hi"), { type: "video", mediaType: "video/mp4", source: { bytes } }])],
          "UnsupportedFeatureError",
          "messages[0].content[1]"
        ],
        [[Message.user([image])], "InvalidRequestError", "messages[0].content[0].source.uri"],
        [
          { messages: "Hi", tools: [{ type: "provider", provider: "aws.bedrock", name: "nova_grounding" }] },
          "UnsupportedFeatureError",
          "tools[0]"
        ]
      ]
      for (const [input, tag, field] of cases) {
        const server = Fake.make(said)
        const error = yield* Effect.flip(ChatService.generate(input).pipe(Effect.provide(Fake.chat(server))))
        assert.strictEqual(error._tag, tag)
        assert.strictEqual("field" in error ? error.field : undefined, field)
        assert.deepStrictEqual(server.received, [])
      }
    }))

  it.effect("case 10: an answer without the call that was demanded is a failure, whole and in pieces", () =>
    Effect.gen(function*() {
      const answer = Fake.response([Fake.message("I will call the weather tool.")])
      for (const toolChoice of ["any", { name: "weather" }] as const) {
        const server = Fake.make(Fake.json(answer), Fake.sse(Fake.text(Fake.events(answer))))
        const layer = Fake.chat(server)
        const request = { messages: "Hi", tools, toolChoice }
        const error = yield* Effect.flip(ChatService.generate(request).pipe(Effect.provide(layer)))
        assert.strictEqual(error._tag, "ModelFailedError")
        const late = yield* Effect.flip(Fake.collect(ChatService.stream(request)).pipe(Effect.provide(layer)))
        assert.strictEqual(late._tag, "StreamInterruptedError")
      }
    }))

  it.effect("case 5: always sends arguments as JSON text", () =>
    Effect.gen(function*() {
      const calls = [{ city: "Berlin" }, "{\"city\":\"Berlin\"}", "{\"city\":\"Ber", undefined].map((
        params,
        index
      ) => ({
        type: "tool-call" as const,
        id: `c${index}`,
        name: "weather",
        params
      }))
      const results = calls.map(({ id }) => ({ type: "tool-result" as const, id, result: "ok" }))
      const { body } = yield* bodyOf([Message.user("Hi"), Message.assistant(calls), Message.tool(results)])
      const sent = (body["input"] as ReadonlyArray<Fake.Json>).flatMap(({ arguments: text }) =>
        text === undefined ? [] : [text]
      )
      assert.deepStrictEqual(sent, [
        "{\"city\":\"Berlin\"}",
        "{\"city\":\"Berlin\"}",
        "\"{\\\"city\\\":\\\"Ber\"",
        "{}"
      ])
      for (const text of sent) assert.doesNotThrow(() => JSON.parse(String(text)))
    }))

  it.effect("case 14: is strict only where a schema can be turned into the dialect and back", () =>
    Effect.gen(function*() {
      const optional = {
        type: "object",
        properties: { city: { type: "string" }, unit: { type: "string" } },
        required: ["city"],
        additionalProperties: false
      }
      const record = { type: "object", additionalProperties: { type: "string" } }
      const server = Fake.make(
        Fake.json(
          Fake.response([Fake.call("c1", "one", { city: "Berlin", unit: null }), Fake.call("c2", "two", { a: null })])
        )
      )
      const answer = yield* ChatService.generate({
        messages: "Hi",
        tools: [
          { name: "one", inputSchema: optional, strict: true },
          { name: "two", inputSchema: record, strict: true },
          { name: "three", inputSchema: optional }
        ]
      }).pipe(Effect.provide(Fake.chat(server)))
      const sent = server.received[0]?.body["tools"] as ReadonlyArray<Fake.Json>
      assert.deepStrictEqual(sent.map(({ strict }) => strict), [true, false, false])
      assert.deepStrictEqual((sent[0]?.["parameters"] as Fake.Json)["required"], ["city", "unit"])
      assert.deepStrictEqual(sent[1]?.["parameters"], record)
      assert.deepStrictEqual(sent[2]?.["parameters"], optional)
      assert.deepStrictEqual(answer.toolCalls.map(({ params }) => params), [{ city: "Berlin" }, { a: null }])
      assert.deepStrictEqual(answer.providerMetadata.openai?.warnings?.map(({ field, type }) => [type, field]), [
        ["not-strict", "tools[1]"]
      ])
    }))

  it.effect("case 14: takes the nulls of optional members out of a structured answer, whole and in pieces", () =>
    Effect.gen(function*() {
      const Recipe = Schema.Struct({ name: Schema.String, note: Schema.optionalKey(Schema.String) })
      const answer = Fake.response([Fake.message("{\"name\":\"Soup\",\"note\":null}")])
      const server = Fake.make(Fake.json(answer), Fake.sse(Fake.text(Fake.events(answer))))
      const { value } = yield* ChatService.object(Recipe, "A soup").pipe(Effect.provide(Fake.chat(server)))
      assert.deepStrictEqual(value, { name: "Soup" })
      const format = (server.received[0]?.body["text"] as Fake.Json)["format"] as Fake.Json
      assert.strictEqual(format["strict"], true)
      const streamed = yield* ChatService.objectStream(Recipe, "A soup").pipe(
        (events) => Effect.provide(Fake.collect(events), Fake.chat(server))
      )
      const last = streamed.at(-1)
      assert.deepStrictEqual(last?.type === "object" ? last.value : undefined, { name: "Soup" })
    }))
})

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
      const server = Fake.make(Fake.json(Fake.response([Fake.reasoning("rs_1"), Fake.message("Rain")])), said)
      const first = yield* ChatService.generate("Hi").pipe(Effect.provide(Fake.chat(server)))
      const messages = [Message.user("Hi"), first.message, Message.user("Thanks")]
      const typesFor = (options?: Parameters<typeof Fake.chat>[1]) =>
        Effect.map(bodyOf(messages, options), ({ body }) =>
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
      const { body, warnings } = yield* bodyOf([
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
      const { body, warnings } = yield* bodyOf([
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

import { assert, describe, it } from "@effect/vitest"
import { type ChatRequest, ChatService, Message } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fake from "./support/FakeResponses.ts"

const tools = [{ name: "weather", inputSchema: { type: "object", properties: { city: { type: "string" } } } }]

describe("Responses: requests", () => {
  it.effect("stores nothing, and asks for encrypted reasoning", () =>
    Effect.gen(function*() {
      const { body } = yield* Fake.bodyOf("Hello")
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
      const { body } = yield* Fake.bodyOf({
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
        const { body, warnings } = yield* Fake.bodyOf({ messages: "Hello", reasoning })
        assert.deepStrictEqual(body["reasoning"], sent)
        const isTranslated = reasoning !== false && ("budgetTokens" in reasoning || reasoning.effort === "max")
        assert.deepStrictEqual(warnings.map(({ type }) => type), isTranslated ? ["translated"] : [])
      }
      for (const [toolChoice, sent] of [["any", "required"], ["auto", "auto"], ["none", "none"]] as const) {
        assert.strictEqual((yield* Fake.bodyOf({ messages: "Hello", tools, toolChoice })).body["tool_choice"], sent)
      }
      assert.notProperty((yield* Fake.bodyOf({ messages: "Hello", model: "gpt-4o" })).body, "include")
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
      const { body } = yield* Fake.bodyOf(messages)
      assert.strictEqual(body["instructions"], "Be brief.\n\nBe kind.\n\nBe exact.")
      assert.deepStrictEqual((body["input"] as ReadonlyArray<unknown>)[1], later("developer"))
      const elsewhere = yield* Fake.bodyOf(messages, { client: { baseUrl: "http://localhost:1234" } })
      assert.deepStrictEqual((elsewhere.body["input"] as ReadonlyArray<unknown>)[1], later("system"))
    }))

  it.effect("sends images and files, in messages and in results of tools", () =>
    Effect.gen(function*() {
      const bytes = Uint8Array.of(1, 2, 3)
      const image = { type: "image", mediaType: "image/png", source: { bytes } } as const
      const pdf = { type: "document", mediaType: "application/pdf", name: "report", source: { bytes } } as const
      const { body } = yield* Fake.bodyOf([
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
        const server = Fake.make(Fake.said)
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
      const { body } = yield* Fake.bodyOf([Message.user("Hi"), Message.assistant(calls), Message.tool(results)])
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
      assert.deepStrictEqual(sent[0]?.["parameters"], {
        ...optional,
        properties: { ...optional.properties, unit: { type: ["string", "null"] } },
        required: ["city", "unit"]
      })
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
      assert.include(JSON.stringify(server.received[0]?.body["text"]), "\"strict\":true")
      const streamed = yield* ChatService.objectStream(Recipe, "A soup").pipe(
        (events) => Effect.provide(Fake.collect(events), Fake.chat(server))
      )
      const last = streamed.at(-1)
      assert.deepStrictEqual(last?.type === "object" ? last.value : undefined, { name: "Soup" })
    }))
})

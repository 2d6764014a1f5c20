import { assert, layer } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fixture from "./Fixture.ts"
import * as OpenAi from "./OpenAiFixture.ts"

const stage = Fixture.stage()

const encrypted = { include: ["reasoning.encrypted_content"], store: false }

const thinks = Fixture.response([{ type: "reasoning", text: "Hm", signature: "sig" }, { type: "text", text: "Hello" }])

const calls = (...cities: ReadonlyArray<string>) =>
  Fixture.response([
    { type: "reasoning", text: "Which?", signature: "sig" },
    ...cities.map((city) => ({ type: "tool-call", id: `call_${city}`, name: "get_weather", params: { city } }) as const)
  ], { finishReason: cities.length === 0 ? "stop" : "tool-calls" })

const output = (id: string) => ({ type: "function_call_output", call_id: id, output: "20" })

layer(Emulator.layer().pipe(Layer.provide(stage.layer)))("Responses", (it) => {
  it.effect("answers in one piece, and says what was asked", () =>
    Effect.gen(function*() {
      yield* stage.says(thinks)
      const { json, status } = yield* OpenAi.respond({ instructions: "Be brief", max_output_tokens: 50, ...encrypted })
      assert.strictEqual(status, 200)
      assert.deepInclude(json, {
        object: "response",
        status: "completed",
        instructions: "Be brief",
        max_output_tokens: 50,
        store: false,
        error: null,
        incomplete_details: null,
        usage: {
          input_tokens: 7,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: 3,
          output_tokens_details: { reasoning_tokens: 1 },
          total_tokens: 10
        }
      })
      const [reasoning, message] = json.output
      assert.deepInclude(reasoning, { type: "reasoning", summary: [] })
      assert.match(reasoning.id, /^rs_/)
      assert.notInclude(reasoning.encrypted_content, "Hm")
      assert.deepInclude(message, {
        type: "message",
        role: "assistant",
        status: "completed",
        content: [{ type: "output_text", annotations: [], logprobs: [], text: "Hello" }]
      })
      assert.deepStrictEqual(
        stage.asked().messages,
        [
          { role: "system", content: "Be brief" },
          { role: "user", content: "Hi" }
        ].map(({ content, role }) =>
          role === "system" ? { role, content } : { role, content: [{ type: "text", text: content }] }
        )
      )
    }))

  it.effect("streams events in the service's order, numbered from 0", () =>
    Effect.gen(function*() {
      yield* stage.says(calls("Paris"))
      const { text } = yield* OpenAi.respond({
        stream: true,
        tools: [OpenAi.weatherTool],
        reasoning: { summary: "auto" }
      })
      const events = OpenAi.events(text)
      assert.deepStrictEqual(events.map(({ data }) => data.sequence_number), events.map((_, index) => index))
      assert.deepStrictEqual(events.map(({ name }) => name), events.map(({ data }) => data.type))
      assert.deepStrictEqual(events.map(({ name }) => name), [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed"
      ])
      const { response } = events.at(-1)?.data ?? {}
      assert.deepStrictEqual(response.output[1], events.at(-2)?.data.item)
      assert.deepInclude(response.output[1], {
        type: "function_call",
        call_id: "call_Paris",
        name: "get_weather",
        arguments: JSON.stringify({ city: "Paris" }),
        status: "completed"
      })
    }))

  it.effect("streams the events of Bedrock's own models as they were recorded", () =>
    Effect.gen(function*() {
      yield* stage.says(thinks)
      const { text } = yield* OpenAi.respond({ model: "openai.gpt-oss-20b", stream: true, store: false }, "mantle/v1")
      const events = OpenAi.events(text)
      assert.deepStrictEqual(
        events.map(({ data, name }) => [name, data.type, data.output_index, data.content_index]),
        [
          ["", "response.created", undefined, undefined],
          ["", "response.in_progress", undefined, undefined],
          ["", "response.output_item.added", 0, undefined],
          ["", "response.reasoning_part.added", 0, 0],
          ["", "response.reasoning_text.delta", 0, 0],
          ["", "response.reasoning_text.done", 0, 0],
          ["", "response.reasoning_part.done", 0, 0],
          ["", "response.output_item.done", 0, undefined],
          ["", "response.output_item.added", 1, undefined],
          ["", "response.content_part.added", 1, 1],
          ["", "response.output_text.delta", 1, 1],
          ["", "response.output_text.done", 1, 1],
          ["", "response.content_part.done", 1, 1],
          ["", "response.output_item.done", 1, undefined],
          ["", "response.completed", undefined, undefined]
        ]
      )
      const { output, service_tier: tier } = events.at(-1)?.data.response ?? {}
      assert.strictEqual(tier, "auto")
      assert.match(output[0].id, /^msg_[0-9a-f]{16}$/)
      assert.deepStrictEqual(output[0].content, [{ text: "Hm", type: "reasoning_text" }])
      assert.deepStrictEqual(output[1].content, [{ annotations: [], text: "Hello", type: "output_text" }])
    }))

  it.effect("gives calls of Bedrock's own models as they were recorded", () =>
    Effect.gen(function*() {
      yield* stage.says(calls("Berlin"))
      const body = { model: "openai.gpt-oss-20b", tools: [{ ...OpenAi.weatherTool, strict: false }], store: false }
      const { json } = yield* OpenAi.respond(body, "mantle/v1")
      const [, call] = json.output
      const { item_id: id, ...rest } = call
      assert.match(id, /^fc_[0-9a-f]{16}$/)
      assert.deepStrictEqual(rest, {
        arguments: "{\"city\":\"Berlin\"}",
        call_id: "call_Berlin",
        name: "get_weather",
        output_index: 1,
        status: "completed",
        type: "function_call"
      })
    }))

  it.effect("streams what it answers in one piece", () =>
    Effect.gen(function*() {
      const response = Fixture.response([
        { type: "text", text: "One" },
        { type: "tool-call", id: "call_1", name: "get_weather", params: { city: "Oslo" } },
        { type: "text", text: "Two" },
        { type: "tool-call", id: "call_2", name: "get_weather", params: {} }
      ])
      const body = { tools: [OpenAi.weatherTool] }
      const strip = (output: ReadonlyArray<{ readonly id: string }>) => output.map(({ id: _, ...item }) => item)
      yield* stage.says(response)
      const { json } = yield* OpenAi.respond(body)
      for (const script of [response, ChatEvent.fromResponse(response)]) {
        yield* stage.says(script)
        const { text } = yield* OpenAi.respond({ ...body, stream: true })
        assert.deepStrictEqual(strip(OpenAi.lastOf(text).response.output), strip(json.output))
      }
    }))

  it.effect("is incomplete when the limit of tokens or a filter cut it", () =>
    Effect.gen(function*() {
      for (
        const [finishReason, reason] of [["length", "max_output_tokens"], ["content-filter", "content_filter"]] as const
      ) {
        yield* stage.says(Fixture.response([{ type: "text", text: "Hel" }], { finishReason }))
        const { json } = yield* OpenAi.respond({})
        assert.deepInclude(json, { status: "incomplete", incomplete_details: { reason } })
        assert.strictEqual(json.output[0].status, "incomplete")
        const { text } = yield* OpenAi.respond({ stream: true })
        assert.strictEqual(OpenAi.events(text).at(-1)?.name, "response.incomplete")
      }
    }))

  for (const cities of [[], ["Paris"], ["Paris", "Rome"]]) {
    it.effect(`case 12: goes on after a turn with ${cities.length} calls, its items sent back without ids`, () =>
      Effect.gen(function*() {
        const tools = [OpenAi.weatherTool]
        yield* stage.says(cities.length === 0 ? thinks : calls(...cities))
        const first = yield* OpenAi.respond({ tools, ...encrypted })
        const items = first.json.output.map(({ id: _, ...item }: { readonly id: string }) => item)
        yield* stage.says(thinks)
        const { json, status } = yield* OpenAi.respond({
          tools,
          ...encrypted,
          input: [{ role: "user", content: "Hi" }, ...items, ...cities.map((city) => output(`call_${city}`)), {
            role: "user",
            content: "And now?"
          }]
        })
        assert.strictEqual(status, 200, JSON.stringify(json))
        const [, assistant] = stage.asked().messages
        assert.deepInclude(assistant.content[0], { type: "reasoning", signature: "sig" })
        assert.strictEqual(assistant.content.length, 1 + Math.max(1, cities.length))
      }))
  }

  it.effect("case 12: opens the reasoning that it sealed, and nothing else", () =>
    Effect.gen(function*() {
      yield* stage.says(thinks)
      const first = yield* OpenAi.respond(encrypted)
      const [reasoning, message] = first.json.output
      const sealed: string = reasoning.encrypted_content
      for (const wrong of [sealed.slice(0, -8), `${sealed.slice(0, 30)}AAAA${sealed.slice(34)}`, "gAAAAA", "opaque"]) {
        const { json, status } = yield* OpenAi.respond({
          ...encrypted,
          input: [{ ...reasoning, encrypted_content: wrong }, message]
        })
        assert.strictEqual(status, 400)
        assert.deepInclude(json.error, { code: "invalid_encrypted_content", param: "input[0].encrypted_content" })
      }
      assert.strictEqual((yield* OpenAi.respond({ ...encrypted, input: [reasoning, message] })).status, 200)
    }))

  it.effect("case 12: knows no item of an answer that was not stored", () =>
    Effect.gen(function*() {
      yield* stage.says(thinks)
      const { json: { output: [reasoning, message] } } = yield* OpenAi.respond({ store: false })
      const { json, status } = yield* OpenAi.respond({ input: [reasoning, message] })
      assert.strictEqual(status, 404)
      assert.include(json.error.message, `Item with id '${reasoning.id}' not found.`)
      assert.strictEqual((yield* OpenAi.respond({ input: [{ type: "item_reference", id: message.id }] })).status, 404)
    }))

  it.effect("case 12: refuses reasoning without its follower, and a stored item without its reasoning", () =>
    Effect.gen(function*() {
      yield* stage.says(thinks)
      const { json: { output: [reasoning, message] } } = yield* OpenAi.respond({})
      const alone = yield* OpenAi.respond({ input: [reasoning, { role: "user", content: "Hi" }] })
      assert.include(alone.json.error.message, "without its required following item")
      const headless = yield* OpenAi.respond({ input: [message, { role: "user", content: "Hi" }] })
      assert.include(headless.json.error.message, `without its required 'reasoning' item: '${reasoning.id}'`)
      assert.strictEqual((yield* OpenAi.respond({ input: [reasoning, message] })).status, 200)
    }))

  it.effect("keeps an answer, for the next one, for references, and until it is deleted", () =>
    Effect.gen(function*() {
      yield* stage.says(thinks)
      const { json } = yield* OpenAi.respond({ instructions: "Once" })
      const kept = yield* OpenAi.send("GET", "baseUrl", `responses/${json.id}`)
      assert.deepStrictEqual(kept.json, json)
      const next = yield* OpenAi.respond({ input: "And?", previous_response_id: json.id })
      assert.strictEqual(next.status, 200)
      const { messages } = stage.asked()
      assert.deepStrictEqual(messages.map(({ role }: { readonly role: string }) => role), ["user", "assistant", "user"])
      const referring = yield* OpenAi.respond({
        input: [...json.output.map(({ id }: { readonly id: string }) => ({ type: "item_reference", id })), {
          role: "user",
          content: "And?"
        }]
      })
      assert.strictEqual(referring.status, 200, referring.text)
      assert.deepInclude((yield* OpenAi.send("DELETE", "baseUrl", `responses/${json.id}`)).json, { deleted: true })
      assert.strictEqual((yield* OpenAi.send("GET", "baseUrl", `responses/${json.id}`)).status, 404)
      const gone = yield* OpenAi.respond({ previous_response_id: json.id })
      assert.deepInclude(gone.json.error, {
        code: "previous_response_not_found",
        param: "previous_response_id"
      })
    }))

  it.effect("goes on from a stored streamed answer with the result of its call", () =>
    Effect.gen(function*() {
      const tools = [OpenAi.weatherTool]
      yield* stage.says(calls("Paris"))
      const { text } = yield* OpenAi.respond({ tools, stream: true })
      const { id } = OpenAi.lastOf(text).response ?? {}
      const forgotten = yield* OpenAi.respond({ tools, previous_response_id: id, input: "And?" })
      assert.include(forgotten.json.error.message, "No tool output found for function call call_Paris")
      const next = yield* OpenAi.respond({ tools, previous_response_id: id, input: [output("call_Paris")] })
      assert.strictEqual(next.status, 200)
    }))

  const refusals: ReadonlyArray<readonly [what: string, body: object, param: string | null, code: string | null]> = [
    ["no input", { input: undefined }, "input", "missing_required_parameter"],
    ["empty input", { input: [] }, "input", "empty_array"],
    ["messages", { messages: [] }, "messages", "unknown_parameter"],
    ["an unknown item", { input: [{ type: "thought" }] }, "input[0].type", "invalid_value"],
    ["an unknown role", { input: [{ role: "tool", content: "20" }] }, "input[0].role", "invalid_value"],
    ["an output without its call", { input: [output("call_1")] }, "input", null],
    ["a tool of Chat Completions", { tools: [OpenAi.weather] }, "tools[0].name", "missing_required_parameter"],
    ["max_output_tokens of 15", { max_output_tokens: 15 }, "max_output_tokens", "integer_below_min_value"],
    ["an unknown include", { include: ["everything"] }, "include[0]", "invalid_value"],
    [
      "case 14: an open object, strict",
      {
        tools: [{ ...OpenAi.weatherTool, parameters: { type: "object", properties: {} } }]
      },
      "tools[0].parameters",
      "invalid_function_parameters"
    ],
    [
      "case 14: an open schema of the answer, strict",
      {
        text: { format: { type: "json_schema", name: "a", strict: true, schema: { type: "object" } } }
      },
      "text.format",
      "invalid_json_schema"
    ],
    ["case 15: a temperature of a model that reasons", { temperature: 0.5 }, "temperature", "unsupported_parameter"],
    ["encrypted reasoning of a model without any", { model: "gpt-4o", ...encrypted }, "include", null],
    [
      "effort of a model that does not reason",
      { model: "gpt-4o", reasoning: { effort: "low" } },
      "reasoning.effort",
      "unsupported_parameter"
    ],
    ["a response in the background", { background: true }, "background", "unsupported_parameter"],
    [
      "the text of an answer from a user",
      { input: [{ role: "user", content: [{ type: "output_text", text: "Hi" }] }] },
      "input[0].content[0].type",
      "invalid_value"
    ]
  ]

  for (const [what, body, param, code] of refusals) {
    it.effect(`case 75: refuses ${what}`, () =>
      Effect.gen(function*() {
        for (const stream of [undefined, true]) {
          const { json, status } = yield* OpenAi.respond({ stream, ...body })
          assert.strictEqual(status, 400)
          assert.deepInclude(json.error, { type: "invalid_request_error", param, code })
        }
      }))
  }

  it.effect("takes a schema for the answer, images, files, and outputs of several parts", () =>
    Effect.gen(function*() {
      yield* stage.says(thinks)
      const png = "data:image/png;base64,iVBORw0KGgo="
      const { json, status } = yield* OpenAi.respond({
        input: [
          {
            role: "user",
            content: [
              { type: "input_text", text: "Look" },
              { type: "input_image", image_url: png, detail: "high" },
              { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" }
            ]
          },
          { type: "function_call", call_id: "c", name: "get_weather", arguments: "{}" },
          {
            type: "function_call_output",
            call_id: "c",
            output: [{ type: "input_text", text: "20" }, { type: "input_image", image_url: png }]
          }
        ],
        text: {
          format: { type: "json_schema", name: "place", strict: true, schema: OpenAi.weather.function.parameters },
          verbosity: "low"
        }
      })
      assert.strictEqual(status, 200, JSON.stringify(json))
      const { messages, responseFormat } = stage.asked()
      assert.deepInclude(responseFormat, { type: "json", name: "place" })
      assert.deepStrictEqual(messages[0].content.map(({ type }: { readonly type: string }) => type), [
        "text",
        "image",
        "document"
      ])
      assert.strictEqual(messages[2].content[0].parts.length, 2)
    }))
})

import { assert, layer } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fixture from "./Fixture.ts"
import * as OpenAi from "./OpenAiFixture.ts"

const user = { role: "user", content: "Hi" }

const calling = { role: "assistant", content: null, tool_calls: [OpenAi.call("a", "Paris"), OpenAi.call("b", "Rome")] }

const result = (id: string) => ({ role: "tool", tool_call_id: id, content: "20" })

const tool = (fields: object) => ({
  tools: [{ type: "function", function: { ...OpenAi.weather.function, ...fields } }]
})

const schema = (fields: object) => tool({ parameters: { ...OpenAi.weather.function.parameters, ...fields } })

/** What is refused, with the parameter and the code of the error. */
const refusals: ReadonlyArray<readonly [what: string, body: object, param: string | null, code: string | null]> = [
  ["no messages", { messages: [] }, "messages", "empty_array"],
  ["messages that are a text", { messages: "Hi" }, "messages", "invalid_type"],
  ["a body without messages", { messages: undefined }, "messages", "missing_required_parameter"],
  ["an unknown role", { messages: [{ role: "human", content: "Hi" }] }, "messages[0].role", "invalid_value"],
  ["a message without a role", { messages: [{ content: "Hi" }] }, "messages[0].role", "missing_required_parameter"],
  ["a user without content", { messages: [{ role: "user", content: null }] }, "messages[0].content", "invalid_type"],
  [
    "an unknown part",
    { messages: [{ role: "user", content: [{ type: "tekst" }] }] },
    "messages[0].content[0].type",
    "invalid_value"
  ],
  ["an unknown member of a message", { messages: [{ ...user, foo: 1 }] }, "messages[0].foo", "unknown_parameter"],
  ["a result without a call", { messages: [user, result("a")] }, "messages.[1].role", null],
  [
    "a result of another call",
    { messages: [user, calling, result("a"), result("c"), result("b")] },
    "messages.[3].tool_call_id",
    null
  ],
  ["a call without its result", { messages: [user, calling, result("a"), user] }, "messages.[3].role", null],
  ["a call at the end", { messages: [user, calling] }, "messages.[2].role", null],
  [
    "case 16: null without calls",
    { messages: [user, { role: "assistant", content: null }] },
    "messages.[1].content",
    null
  ],
  [
    "empty calls",
    { messages: [user, { role: "assistant", content: "", tool_calls: [] }] },
    "messages[1].tool_calls",
    "empty_array"
  ],
  [
    "an id of more than 40 characters",
    { messages: [user, { ...calling, tool_calls: [OpenAi.call("x".repeat(41), "Oslo")] }] },
    "messages[1].tool_calls[0].id",
    "string_above_max_length"
  ],
  [
    "arguments that are an object",
    {
      messages: [user, {
        ...calling,
        tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: {} } }]
      }]
    },
    "messages[1].tool_calls[0].function.arguments",
    "invalid_type"
  ],
  ["a tool name with a dot", tool({ name: "a.b" }), "tools[0].function.name", "invalid_value"],
  ["a tool name of 65 characters", tool({ name: "a".repeat(65) }), "tools[0].function.name", "string_above_max_length"],
  ["two tools of one name", { tools: [OpenAi.weather, OpenAi.weather] }, "tools[1].function.name", "invalid_value"],
  ["a tool of another type", { tools: [{ type: "retrieval" }] }, "tools[0].type", "invalid_value"],
  [
    "parameters that are no object",
    tool({ strict: false, parameters: { type: "string" } }),
    "tools[0].function.parameters",
    "invalid_function_parameters"
  ],
  [
    "case 14: an open object, strict",
    schema({ additionalProperties: true }),
    "tools[0].function.parameters",
    "invalid_function_parameters"
  ],
  [
    "case 14: an optional key, strict",
    schema({ required: [] }),
    "tools[0].function.parameters",
    "invalid_function_parameters"
  ],
  [
    "case 14: a record, strict",
    schema({ properties: { city: { type: "object" } } }),
    "tools[0].function.parameters",
    "invalid_function_parameters"
  ],
  [
    "case 14: oneOf, strict",
    schema({ properties: { city: { oneOf: [] } } }),
    "tools[0].function.parameters",
    "invalid_function_parameters"
  ],
  ["a choice without tools", { tool_choice: "required" }, "tool_choice", null],
  [
    "a choice of a tool that is not there",
    { tools: [OpenAi.weather], tool_choice: { type: "function", function: { name: "f" } } },
    "tool_choice",
    null
  ],
  ["an unknown choice", { tools: [OpenAi.weather], tool_choice: "any" }, "tool_choice", "invalid_value"],
  ["parallel_tool_calls without tools", { parallel_tool_calls: true }, "parallel_tool_calls", null],
  ["an unknown parameter", { top_k: 5 }, null, null],
  ["a temperature of 3", { temperature: 3 }, "temperature", "decimal_above_max_value"],
  ["a temperature that is a text", { temperature: "hot" }, "temperature", "invalid_type"],
  ["max_tokens of 0", { max_tokens: 0 }, "max_tokens", "integer_below_min_value"],
  ["max_tokens of 1.5", { max_tokens: 1.5 }, "max_tokens", "invalid_type"],
  ["both limits of tokens", { max_tokens: 5, max_completion_tokens: 5 }, null, "invalid_parameter_combination"],
  ["five stops", { stop: ["a", "b", "c", "d", "e"] }, "stop", "array_above_max_length"],
  [
    "stream_options without a stream",
    { stream: false, stream_options: { include_usage: true } },
    "stream_options",
    null
  ],
  [
    "a schema without a name",
    { response_format: { type: "json_schema", json_schema: { schema: {} } } },
    "response_format.json_schema.name",
    "missing_required_parameter"
  ],
  [
    "case 14: an open schema of the answer, strict",
    { response_format: { type: "json_schema", json_schema: { name: "a", strict: true, schema: { type: "object" } } } },
    "response_format",
    "invalid_json_schema"
  ],
  ["JSON that the prompt does not mention", { response_format: { type: "json_object" } }, "messages", null],
  ["an unknown response format", { response_format: { type: "yaml" } }, "response_format.type", "invalid_value"],
  [
    "an image that is not base64",
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,***" } }] }] },
    "messages[0].content[0].image_url.url",
    "invalid_base64"
  ],
  [
    "an image of another type",
    {
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:image/tiff;base64,AAAA" } }] }]
    },
    "messages[0].content[0].image_url.url",
    "invalid_image_format"
  ],
  [
    "a file by its id",
    { messages: [{ role: "user", content: [{ type: "file", file: { file_id: "file-1" } }] }] },
    "messages[0].content[0].file.file_id",
    null
  ],
  [
    "case 15: max_tokens of a model that reasons",
    { model: "o3", max_tokens: 5 },
    "max_tokens",
    "unsupported_parameter"
  ],
  [
    "case 15: a temperature of a model that reasons",
    { model: "gpt-5", temperature: 0.5 },
    "temperature",
    "unsupported_value"
  ],
  ["case 15: reasoning_effort of a model that does not reason", { reasoning_effort: "low" }, null, null]
]

layer(Fixture.emulator())("case 75: Chat Completions refuse", (it) => {
  for (const [what, body, param, code] of refusals) {
    it.effect(what, () =>
      Effect.gen(function*() {
        for (const stream of [undefined, true]) {
          const { json, status } = yield* OpenAi.chat({ stream, ...body })
          assert.strictEqual(status, 400)
          assert.deepStrictEqual(Object.keys(json), ["error"])
          assert.deepStrictEqual(Object.keys(json.error), ["message", "type", "param", "code"])
          assert.deepInclude(json.error, { type: "invalid_request_error", param, code })
          assert.isNotEmpty(json.error.message)
        }
      }))
  }

  it.effect("a body that is not JSON", () =>
    Effect.gen(function*() {
      const { json, status } = yield* OpenAi.post("chat/completions", `{"model": "gpt-4o"`)
      assert.strictEqual(status, 400)
      assert.strictEqual(json.error.type, "invalid_request_error")
    }))

  it.effect("a path without an operation, and another method", () =>
    Effect.gen(function*() {
      for (const [method, path] of [["POST", "completions"], ["GET", "chat/completions"]] as const) {
        const { json, status } = yield* OpenAi.send(method, "baseUrl", path)
        assert.strictEqual(status, 404)
        assert.deepInclude(json.error, {
          message: `Invalid URL (${method} /v1/${path})`,
          type: "invalid_request_error",
          code: null
        })
      }
    }))

  it.effect("a missing and a wrong key: 401", () =>
    Effect.gen(function*() {
      const wrong = yield* OpenAi.send("POST", "baseUrl", "chat/completions", OpenAi.hello, {
        authorization: "Bearer sk-secret-key-0123456789"
      })
      assert.strictEqual(wrong.status, 401)
      assert.deepInclude(wrong.json.error, { type: "invalid_request_error", code: "invalid_api_key", param: null })
      assert.notInclude(wrong.text, "secret")
      const none = yield* OpenAi.send("POST", "baseUrl", "chat/completions", OpenAi.hello, { authorization: "" })
      assert.strictEqual(none.status, 401)
    }))
})

layer(Fixture.emulator())("Chat Completions take", (it) => {
  it.effect("what the service takes", () =>
    Effect.gen(function*() {
      const taken: ReadonlyArray<object> = [
        { messages: [{ role: "system", content: [{ type: "text", text: "Be" }], name: "me" }, user] },
        { messages: [user, calling, result("b"), result("a"), { role: "assistant", content: "" }, user] },
        { messages: [user, { role: "assistant", refusal: "No", content: null }, user] },
        { ...tool({ parameters: undefined, strict: undefined }), tool_choice: "auto", parallel_tool_calls: true },
        { tools: [], tool_choice: "none" },
        {
          ...tool({ strict: null }),
          tool_choice: null,
          temperature: null,
          stop: null,
          response_format: { type: "text" }
        },
        schema({ properties: { city: { anyOf: [{ type: "string" }, { type: "null" }] } }, $defs: {} }),
        schema({ properties: { city: { $ref: "#/$defs/city" } }, $defs: { city: { type: "string", enum: ["Oslo"] } } }),
        { metadata: { a: "b" }, store: true, seed: 1, user: "me", service_tier: "auto", logprobs: false, n: 1 },
        { response_format: { type: "json_object" }, messages: [{ role: "user", content: "As JSON" }] },
        { model: "gpt-5", temperature: 1, reasoning_effort: "minimal", verbosity: "low" }
      ]
      for (const body of taken) {
        const { status, text } = yield* OpenAi.chat(body)
        assert.strictEqual(status, 200, `${JSON.stringify(body)}: ${text}`)
      }
    }))
})

/** Bodies that are nearly right, with any value in the place of some members, and bodies that are any value. */
const bodiesLike = (whole: object) =>
  Arbitrary.map(
    Arbitrary.schema(Schema.Struct({
      changes: Schema.Array(Schema.Tuple([Schema.Literals(Object.keys(whole)), Schema.Json])).check(
        Schema.isMaxLength(3)
      ),
      stream: Schema.Boolean,
      instead: Schema.Union([Schema.Undefined, Schema.Undefined, Schema.Undefined, Schema.Json])
    })),
    ({ changes, instead, stream }): unknown =>
      instead === undefined ? { ...whole, ...Object.fromEntries(changes), stream } : instead
  )

layer(Fixture.emulator())("Any body", (it) => {
  const wholes: ReadonlyArray<readonly [path: string, whole: object]> = [
    ["chat/completions", {
      ...OpenAi.hello,
      tools: [OpenAi.weather],
      tool_choice: "auto",
      response_format: { type: "text" },
      stop: [],
      stream_options: {},
      temperature: 1,
      max_tokens: 5
    }],
    ["responses", {
      model: "gpt-5-mini",
      input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] }],
      tools: [OpenAi.weatherTool],
      text: {},
      reasoning: {},
      include: [],
      previous_response_id: null,
      instructions: "Be"
    }],
    ["embeddings", { model: "text-embedding-3-small", input: ["a"], dimensions: 3, encoding_format: "base64" }]
  ]
  for (const [path, whole] of wholes) {
    it.effect(`of ${path} is answered, or refused with OpenAI's body`, () =>
      Effect.gen(function*() {
        const bodies = yield* Arbitrary.sampleEffect(bodiesLike(whole), { count: Number(process.env["RUNS"] ?? 60) })
        for (const body of bodies) {
          const { json, status, text } = yield* OpenAi.post(path, body)
          if (status === 200) continue
          assert.include([400, 404], status, `${JSON.stringify(body)}: ${text}`)
          assert.deepStrictEqual(Object.keys(json.error), ["message", "type", "param", "code"])
        }
      }))
  }
})

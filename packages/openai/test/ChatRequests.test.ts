import { assert, describe, it } from "@effect/vitest"
import { type ChatRequest, ChatService, Message } from "@strata/core"
import { OpenAiProfile } from "@strata/openai"
import { Effect, Schema } from "effect"
import * as Asking from "./support/Asking.ts"
import { chunk, completion, events, json } from "./support/FakeServer.ts"
import * as FakeServer from "./support/FakeServer.ts"

const body = (request: ChatRequest.Input, profile?: OpenAiProfile.Input) =>
  Effect.map(Asking.sent(request, profile === undefined ? {} : { profile }), ([first]) => first)

const warned = (request: ChatRequest.Input, profile?: OpenAiProfile.Input) =>
  Effect.map(
    Asking.generate(json(completion({ content: "ok" })), request, profile === undefined ? {} : { profile }),
    ({ providerMetadata }) => providerMetadata.openai?.warnings ?? []
  )

/** The error of a request, of which nothing was sent. */
const unsent = Effect.fnUntraced(function*(request: ChatRequest.Input, profile?: OpenAiProfile.Input) {
  const server = yield* FakeServer.make
  server.reply(json(completion({ content: "ok" })))
  const error = yield* ChatService.generate(request).pipe(
    Effect.provide(Asking.chat(server, profile === undefined ? {} : { profile })),
    Effect.flip
  )
  assert.deepStrictEqual(server.requests, [])
  return error
}, Effect.scoped)

const bytes = new Uint8Array([1, 2, 3])

describe("names that differ by server", () => {
  it.live(
    "case 15: a foreign server gets `system` and `max_tokens`, OpenAI `developer` and `max_completion_tokens`",
    () =>
      Effect.gen(function*() {
        const request = { messages: [Message.system("Short."), Message.user("Hello")], maxTokens: 7 }
        const names = (sent: any) => [sent.messages[0].role, sent.max_tokens, sent.max_completion_tokens]
        assert.deepStrictEqual(names(yield* body(request)), ["system", 7, undefined])
        assert.deepStrictEqual(names(yield* body(request, "openai")), ["developer", undefined, 7])
        for (const instructions of ["system", "developer"] as const) {
          for (const limit of ["max_tokens", "max_completion_tokens"] as const) {
            for (const kind of OpenAiProfile.kinds.filter((kind) => kind !== "azure")) {
              const sent = yield* body(request, { kind, instructions, limit })
              assert.strictEqual(sent.messages[0].role, instructions)
              assert.strictEqual(sent[limit], 7)
              assert.strictEqual("max_tokens" in sent && "max_completion_tokens" in sent, false)
            }
          }
        }
      }),
    30_000
  )

  it.live("case 15: a limit in the options of the request is the only one", () =>
    Effect.gen(function*() {
      const sent = yield* body({
        messages: "Hello",
        maxTokens: 7,
        providerOptions: { openai: { max_completion_tokens: 5 } }
      })
      assert.deepStrictEqual([sent.max_tokens, sent.max_completion_tokens], [undefined, 5])
    }))

  it.live("case 16: an assistant message always has its content, `null` or empty beside calls only", () =>
    Effect.gen(function*() {
      const call: Message.ToolCallPart = { type: "tool-call", id: "c1", name: "look", params: {} }
      const history = (...content: ReadonlyArray<Message.AssistantPart>) => [
        Message.user("Hello"),
        Message.assistant(content),
        Message.tool([{ type: "tool-result", id: "c1", result: "ok" }])
      ]
      const content = (content: ReadonlyArray<Message.AssistantPart>, callsOnly: "null" | "empty") =>
        Effect.map(body(history(...content), { callsOnly }), ({ messages }) => messages[1])
      for (const [name, empty] of [["null", null], ["empty", ""]] as const) {
        assert.strictEqual((yield* content([call], name)).content, empty)
        assert.strictEqual((yield* content([{ type: "text", text: "Hm" }, call], name)).content, "Hm")
        const alone = yield* content([], name)
        assert.strictEqual(alone.content, "")
        assert.isFalse("tool_calls" in alone)
      }
    }))

  it.live("case 74: a model's name decides nothing: what is asked for is sent", () =>
    Effect.gen(function*() {
      const request: ChatRequest.ChatRequest = {
        messages: "Hello",
        temperature: 0.5,
        topP: 0.9,
        stopSequences: ["END"],
        reasoning: { effort: "high" },
        providerOptions: { openai: { seed: 7, service_tier: undefined } }
      }
      for (const model of ["gpt-4o", "o3", "o1-mini", "claude", "renamed"]) {
        const sent = yield* body({ ...request, model })
        assert.deepStrictEqual(sent, {
          model,
          messages: [{ role: "user", content: "Hello" }],
          temperature: 0.5,
          top_p: 0.9,
          stop: ["END"],
          reasoning_effort: "high",
          seed: 7
        })
      }
    }))

  it.live("case 74: what has no place is told", () =>
    Effect.gen(function*() {
      const warnings = yield* warned({
        messages: [
          Message.user("Hello"),
          Message.assistant([{ type: "text", text: "Hm", citations: [{ source: "a" }] }]),
          Message.user([{ type: "text", text: "Go on", guard: true }])
        ],
        reasoning: { budgetTokens: 5000, display: "summarized" }
      })
      assert.deepStrictEqual(warnings.map(({ field, type }) => [type, field]), [
        ["omitted", "messages[1].content[0].citations"],
        ["omitted", "messages[2].content[0].guard"],
        ["omitted", "reasoning.display"],
        ["translated", "reasoning.budgetTokens"]
      ])
    }))
})

describe("content", () => {
  it.live("images, documents and recordings are sent as the format has them", () =>
    Effect.gen(function*() {
      const sent = yield* body([Message.user([
        { type: "text", text: "See:" },
        { type: "image", mediaType: "image/png", source: { bytes } },
        { type: "image", mediaType: "image/*", source: { uri: "https://a.example/b.png" } },
        { type: "document", mediaType: "application/pdf", name: "a.pdf", source: { bytes } },
        { type: "document", mediaType: "text/plain", name: "b.txt", source: { text: "All of it" } },
        { type: "audio", mediaType: "audio/mpeg", source: { bytes } },
        { type: "video", mediaType: "video/mp4", source: { uri: "https://a.example/c.mp4" } }
      ])])
      assert.deepStrictEqual(sent.messages, [{
        role: "user",
        content: [
          { type: "text", text: "See:" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
          { type: "image_url", image_url: { url: "https://a.example/b.png" } },
          { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AQID" } },
          { type: "text", text: "b.txt\n\nAll of it" },
          { type: "input_audio", input_audio: { data: "AQID", format: "mp3" } },
          { type: "video_url", video_url: { url: "https://a.example/c.mp4" } }
        ]
      }])
    }))

  it.live("images in the result of a tool follow it in a message of the user", () =>
    Effect.gen(function*() {
      const messages = [
        Message.user("Hello"),
        Message.assistant([{ type: "tool-call", id: "c1", name: "look", params: {} }]),
        Message.tool([{
          type: "tool-result",
          id: "c1",
          parts: [{ type: "json", value: { ok: true } }, { type: "image", mediaType: "image/png", source: { bytes } }]
        }])
      ]
      const sent = yield* body(messages)
      assert.deepStrictEqual(sent.messages.slice(2), [
        { role: "tool", tool_call_id: "c1", content: "{\"ok\":true}\nSee the next message." },
        {
          role: "user",
          content: [
            { type: "text", text: "From the result of c1:" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } }
          ]
        }
      ])
      assert.deepStrictEqual((yield* warned(messages)).map(({ type }) => type), ["moved"])
    }))

  it.live("a failed result says so in words", () =>
    Effect.gen(function*() {
      const result = (result: unknown, isFailure: boolean) =>
        Effect.map(
          body([
            Message.user("Hello"),
            Message.assistant([{ type: "tool-call", id: "c1", name: "look", params: {} }]),
            Message.tool([{ type: "tool-result", id: "c1", result, isFailure }])
          ]),
          ({ messages }) => messages[2].content
        )
      assert.strictEqual(yield* result("no such city", true), "Error: no such city")
      assert.strictEqual(yield* result({ error: 5 }, true), "{\"error\":5}")
      assert.strictEqual(yield* result("no such city", false), "no such city")
    }))

  it.live("what a server does not take is refused with its place before anything is sent", () =>
    Effect.gen(function*() {
      const user = (part: Message.UserPart) => [Message.user([{ type: "text", text: "See" }, part])]
      const cases: ReadonlyArray<readonly [ChatRequest.Input, OpenAiProfile.Input, string]> = [
        [user({ type: "video", mediaType: "video/mp4", source: { bytes } }), "openai", "messages[0].content[1]"],
        [user({ type: "audio", mediaType: "audio/wav", source: { bytes } }), "ollama", "messages[0].content[1]"],
        [
          user({ type: "audio", mediaType: "audio/x", source: { bytes } }),
          "openai",
          "messages[0].content[1].mediaType"
        ],
        [
          user({ type: "image", mediaType: "image/png", source: { uri: "s3://b/k" } }),
          "openai",
          "messages[0].content[1].source.uri"
        ],
        [
          user({ type: "document", mediaType: "application/pdf", name: "a", source: { bytes }, citations: true }),
          "openai",
          "messages[0].content[1].citations"
        ],
        [user({ type: "provider", provider: "aws.bedrock", value: {} }), "openai", "messages[0].content[1]"],
        [
          [{ role: "system", content: [{ type: "tool-removal", name: "look" }] }, Message.user("Hi")],
          "openai",
          "messages[0].content[0]"
        ],
        [{ messages: "Hi", tools: [{ type: "provider", provider: "aws.bedrock", name: "nova" }] }, "openai", "tools[0]"]
      ]
      for (const [request, profile, field] of cases) {
        const error = yield* unsent(request, profile)
        assert.isTrue(error._tag === "UnsupportedFeatureError")
        assert.strictEqual((error as { readonly field?: string }).field, field)
      }
    }))

  it.live("lone surrogates are replaced, since JSON cannot hold them", () =>
    Effect.gen(function*() {
      const sent = yield* body("half: \ud83d!")
      assert.strictEqual(sent.messages[0].content, "half: \ufffd!")
    }))

  it.live("case 67: what belongs to another provider is not sent, and ids are rewritten on call and result alike", () =>
    Effect.gen(function*() {
      const id = "tooluse:1/é."
      const long = "x".repeat(64)
      const messages: ReadonlyArray<Message.Message> = [
        Message.user("Hello"),
        Message.assistant([
          { type: "reasoning", text: "Hm", signature: "sig", providerFields: { "aws.bedrock": { a: 1 } } },
          { type: "reasoning", text: "", redacted: bytes },
          { type: "provider", provider: "aws.bedrock", value: { x: 1 } },
          { type: "tool-call", id: "s1", name: "nova", params: {}, providerExecuted: true },
          { type: "tool-result", id: "s1", result: [], providerExecuted: true },
          { type: "text", text: "Looking.", providerFields: { "aws.bedrock": { a: 1 } } },
          { type: "tool-call", id, name: "look", params: { a: 1 } },
          { type: "tool-call", id: long, name: "look", params: {} }
        ]),
        Message.tool([{ type: "tool-result", id: long, result: "1" }, { type: "tool-result", id, result: "2" }])
      ]
      const [first, second] = [yield* body(messages), yield* body([...messages, Message.user("Go on")])]
      const [, assistant, one, two] = first.messages
      const ids = assistant.tool_calls.map(({ id }: { id: string }) => id)
      assert.isFalse(/sig|bedrock|reasoning|nova/.test(JSON.stringify(first)))
      for (const id of ids) assert.match(id, /^[a-zA-Z0-9_-]{1,40}$/)
      assert.deepStrictEqual([one.tool_call_id, two.tool_call_id], ids.toReversed())
      assert.deepStrictEqual(second.messages.slice(0, 4), first.messages)
      const warnings = yield* warned(messages)
      assert.deepStrictEqual(
        warnings.map(({ field }) => field),
        [0, 1, 2, 3, 4].map((at) => `messages[1].content[${at}]`)
      )
    }))
})

describe("tools and structured output", () => {
  const schema = {
    type: "object",
    properties: { a: { type: "string" }, b: { type: "number" } },
    required: ["a"],
    additionalProperties: false
  }
  const record = { type: "object", properties: { a: { type: "object", additionalProperties: { type: "string" } } } }

  it.live("tools, the choice among them and parallel calls are sent; a choice without tools is not", () =>
    Effect.gen(function*() {
      const tools = [{ name: "look", description: "Looks.", inputSchema: schema }]
      const sent = yield* body({ messages: "Hello", tools, toolChoice: "auto", parallelToolCalls: false })
      assert.deepStrictEqual(sent.tools, [
        { type: "function", function: { name: "look", description: "Looks.", parameters: schema } }
      ])
      assert.deepStrictEqual([sent.tool_choice, sent.parallel_tool_calls], ["auto", false])
      const none = yield* body({ messages: "Hello", toolChoice: "none", parallelToolCalls: false })
      assert.isFalse("tool_choice" in none || "parallel_tool_calls" in none)
    }))

  it.live("case 14: `strict` is sent only for a schema that can be turned into the dialect", () =>
    Effect.gen(function*() {
      const tools = [
        { name: "look", inputSchema: schema, strict: true },
        { name: "find", inputSchema: record, strict: true },
        { name: "open", inputSchema: schema }
      ]
      const sent = yield* body({ messages: "Hello", tools }, "openai")
      const [look, find, open] = sent.tools.map((tool: any) => tool.function)
      assert.isTrue(look.strict)
      assert.deepStrictEqual(look.parameters, {
        type: "object",
        properties: { a: { type: "string" }, b: { type: ["number", "null"] } },
        required: ["a", "b"],
        additionalProperties: false
      })
      assert.isFalse(find.strict)
      assert.deepStrictEqual(find.parameters, record)
      assert.isUndefined(open.strict)
      const other = yield* body({ messages: "Hello", tools }, "ollama")
      assert.isTrue(other.tools.every((tool: any) => !("strict" in tool.function)))
    }))

  it.live("case 14: a `null` that stands for a missing argument is taken out again", () =>
    Effect.gen(function*() {
      const tools = [{ name: "look", inputSchema: schema, strict: true }]
      const call = { index: 0, id: "c1", function: { name: "look", arguments: "{\"a\":\"x\",\"b\":null}" } }
      const request = { messages: "Hello", tools }
      const options = { profile: "openai" as const }
      const whole = yield* Asking.generate(json(completion({ content: null, tool_calls: [call] })), request, options)
      const pieces = yield* Asking.collect(events(chunk({ tool_calls: [call] }), "[DONE]"), request, options)
      for (const { toolCalls } of [whole, pieces]) assert.deepStrictEqual(toolCalls[0]?.params, { a: "x" })
    }))

  const Recipe = Schema.Struct({
    title: Schema.String,
    minutes: Schema.optionalKey(Schema.Int),
    note: Schema.NullOr(Schema.String)
  })

  it.live("case 14: a value with optional members is decoded, whole and streamed", () =>
    Effect.gen(function*() {
      const text = "{\"title\":\"Soup\", \"minutes\":null , \"note\":null}"
      const layer = (server: FakeServer.FakeServer) => Asking.chat(server, { profile: "openai" })
      const server = yield* FakeServer.make
      server.reply(
        json(completion({ content: text })),
        events(...[...text].map((content) => chunk({ content })), chunk({}, "stop"), "[DONE]")
      )
      const { value } = yield* ChatService.object(Recipe, "A soup").pipe(Effect.provide(layer(server)))
      assert.deepStrictEqual(value, { title: "Soup", note: null })
      const answer = yield* Asking.collect(
        events(...[...text].map((content) => chunk({ content })), chunk({}, "stop"), "[DONE]"),
        { messages: "A soup", responseFormat: { type: "json", schema } },
        { profile: "openai" }
      )
      assert.isString(answer.text)
      const { response_format } = server.requests[0]!.body
      assert.isTrue(response_format.json_schema.strict)
      assert.deepStrictEqual(response_format.json_schema.schema.required, ["title", "minutes", "note"])
    }))

  it.live("case 17: `response_format` is left out unless a schema is asked for", () =>
    Effect.gen(function*() {
      for (const kind of OpenAiProfile.kinds.filter((kind) => kind !== "azure")) {
        assert.isFalse("response_format" in (yield* body("Hello", kind)))
        assert.isFalse(
          "response_format" in (yield* body({ messages: "Hello", responseFormat: { type: "text" } }, kind))
        )
      }
    }), 30_000)

  it.live("case 17: JSON is asked for as the profile says, and read back", () =>
    Effect.gen(function*() {
      const value = { title: "Soup", note: null }
      const text = JSON.stringify(value)
      const fenced = `Here:\n\`\`\`json\n${text}\n\`\`\``
      const call = { id: "c1", function: { name: "answer", arguments: text } }
      const answers = {
        schema: completion({ content: text }),
        object: completion({ content: text }),
        prompt: completion({ content: fenced }),
        tool: completion({ content: "Let me answer.", tool_calls: [call] }, "tool_calls")
      }
      for (const structuredOutput of ["schema", "object", "prompt", "tool"] as const) {
        const server = yield* FakeServer.make
        server.reply(json(answers[structuredOutput]))
        const response = yield* ChatService.object(Recipe, "A soup").pipe(
          Effect.provide(Asking.chat(server, { profile: { structuredOutput } }))
        )
        assert.deepStrictEqual(response.value, value)
        assert.deepStrictEqual(response.toolCalls, [])
        assert.strictEqual(response.finishReason, "stop")
        const { messages, response_format, tool_choice, tools } = server.requests[0]!.body
        assert.strictEqual(
          response_format?.type,
          { schema: "json_schema", object: "json_object" }[structuredOutput as string]
        )
        assert.strictEqual(messages.length, structuredOutput === "object" || structuredOutput === "prompt" ? 2 : 1)
        assert.deepStrictEqual(
          tool_choice,
          structuredOutput === "tool" ? { type: "function", function: { name: "answer" } } : undefined
        )
        assert.strictEqual(tools?.length, structuredOutput === "tool" ? 1 : undefined)
      }
    }))

  it.live("case 17: the answer tool gives its text as it is written, beside other tools", () =>
    Effect.gen(function*() {
      const request: ChatRequest.ChatRequest = {
        messages: "A soup",
        tools: [{ name: "answer", inputSchema: schema }],
        responseFormat: { type: "json", schema }
      }
      const options = { profile: { structuredOutput: "tool" as const } }
      const [sent] = yield* Asking.sent(request, options)
      assert.deepStrictEqual(sent.tools.map((tool: any) => tool.function.name), ["answer", "answer_2"])
      assert.strictEqual(sent.tool_choice, "required")
      const call = (text: string) =>
        chunk({ tool_calls: [{ index: 0, id: "c", function: { name: "answer_2", arguments: text } }] })
      const { events: given } = yield* Asking.stream(
        events(chunk({ content: "Well: " }), call("{\"a\""), call(":\"x\"}"), chunk({}, "tool_calls"), "[DONE]"),
        request,
        options
      )
      assert.deepStrictEqual(given.flatMap((event) => event.type === "text-delta" ? [event.delta] : []), [
        "{\"a\"",
        ":\"x\"}"
      ])
      const text = yield* Asking.collect(events(chunk({ content: "{\"a\":\"y\"}" }, "stop")), request, options)
      assert.strictEqual(text.text, "{\"a\":\"y\"}")
    }))

  it.live("case 17: an answer that does not fit is a typed error with its text", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      server.reply(json(completion({ content: "{\"title\": 7}" })))
      const error = yield* ChatService.object(Recipe, "A soup").pipe(Effect.provide(Asking.chat(server)), Effect.flip)
      assert.isTrue(error._tag === "StructuredOutputError" && error.text === "{\"title\": 7}")
    }))
})

import { assert, layer } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Fixture from "./Fixture.ts"
import * as OpenAi from "./OpenAiFixture.ts"

const stage = Fixture.stage()

const png = "data:image/png;base64,iVBORw0KGgo="

layer(Emulator.layer().pipe(Layer.provide(stage.layer)))("Chat Completions", (it) => {
  const says = (...parts: Parameters<typeof Fixture.response>[0]) => stage.says(Fixture.response(parts))

  it.effect("answers in one piece, with the usage", () =>
    Effect.gen(function*() {
      yield* says({ type: "text", text: "Hello" })
      const { headers, json, status } = yield* OpenAi.chat({})
      assert.strictEqual(status, 200)
      assert.deepInclude(json, { object: "chat.completion", model: OpenAi.model })
      assert.match(json.id, /^chatcmpl-/)
      assert.strictEqual(json.id, `chatcmpl-${headers["x-request-id"]}`)
      assert.deepStrictEqual(json.choices, [{
        index: 0,
        message: { role: "assistant", content: "Hello", refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: "stop"
      }])
      assert.deepInclude(json.usage, { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 })
    }))

  it.effect("streams chunks: the role, the text, the reason, the usage that was asked for, and [DONE]", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.deltas("Hel", "lo"))
      const { headers, text } = yield* OpenAi.chat({ stream: true, stream_options: { include_usage: true } })
      assert.match(headers["content-type"] ?? "", /^text\/event-stream/)
      const events = OpenAi.events(text).map(({ data }) => data)
      assert.deepStrictEqual(
        events.slice(0, -2).map(({ choices: [choice], usage }) => [choice.delta, choice.finish_reason, usage]),
        [
          [{ role: "assistant", content: "", refusal: null }, null, null],
          [{ content: "Hel" }, null, null],
          [{ content: "lo" }, null, null],
          [{}, "stop", null]
        ]
      )
      assert.deepStrictEqual(events.at(-2).choices, [])
      assert.deepInclude(events.at(-2).usage, { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 })
      assert.strictEqual(events.at(-1), "[DONE]")
      assert.strictEqual(new Set(events.slice(0, -1).map(({ id }) => id)).size, 1)
    }))

  it.effect("streams no usage that was not asked for", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.deltas("Hello"))
      const { text } = yield* OpenAi.chat({ stream: true })
      assert.notInclude(text, "usage")
    }))

  it.effect("calls tools, at once and in pieces", () =>
    Effect.gen(function*() {
      const content = ["Paris", "Rome"].map((city, index) =>
        ({ type: "tool-call", id: `call_${index}`, name: "get_weather", params: { city } }) as const
      )
      yield* stage.says(Fixture.response(content, { finishReason: "tool-calls" }))
      const { json } = yield* OpenAi.chat({ tools: [OpenAi.weather] })
      const calls = [OpenAi.call("call_0", "Paris"), OpenAi.call("call_1", "Rome")]
      assert.deepStrictEqual(json.choices[0], {
        index: 0,
        message: { role: "assistant", content: null, refusal: null, tool_calls: calls, annotations: [] },
        logprobs: null,
        finish_reason: "tool_calls"
      })
      const { text } = yield* OpenAi.chat({ tools: [OpenAi.weather], stream: true })
      const pieces = OpenAi.events(text).flatMap(({ data }) => data.choices?.[0]?.delta.tool_calls ?? [])
      assert.deepStrictEqual(
        pieces,
        calls.flatMap(({ function: { arguments: text, name }, id, type }, index) => [
          { index, id, type, function: { name, arguments: "" } },
          { index, function: { arguments: text } }
        ])
      )
    }))

  it.effect("passes a conversation on, with instructions, calls, results and reasoning effort", () =>
    Effect.gen(function*() {
      yield* says({ type: "text", text: "20 degrees" })
      const { status } = yield* OpenAi.chat({
        model: "gpt-5-mini",
        messages: [
          { role: "developer", content: "Be brief" },
          {
            role: "user",
            content: [{ type: "text", text: "How is it?" }, { type: "image_url", image_url: { url: png } }]
          },
          { role: "assistant", content: null, tool_calls: [OpenAi.call("a", "Paris"), OpenAi.call("b", "Rome")] },
          { role: "tool", tool_call_id: "b", content: "21" },
          { role: "tool", tool_call_id: "a", content: [{ type: "text", text: "20" }] }
        ],
        tools: [OpenAi.weather],
        tool_choice: { type: "function", function: { name: "get_weather" } },
        parallel_tool_calls: false,
        max_completion_tokens: 50,
        reasoning_effort: "high"
      })
      assert.strictEqual(status, 200)
      const asked = stage.asked()
      assert.deepStrictEqual(asked.messages.map(({ role }: { readonly role: string }) => role), [
        "system",
        "user",
        "assistant",
        "tool"
      ])
      assert.deepStrictEqual(asked.messages[2].content.map(({ id }: { readonly id: string }) => id), ["a", "b"])
      assert.deepStrictEqual(asked.messages[3].content, [
        { type: "tool-result", id: "b", result: "21" },
        { type: "tool-result", id: "a", result: "20" }
      ])
      assert.deepStrictEqual(
        [asked.maxTokens, asked.reasoning, asked.toolChoice, asked.parallelToolCalls, asked.tools[0].strict],
        [50, { effort: "high" }, { name: "get_weather" }, false, true]
      )
    }))

  it.effect("takes images, files and recordings", () =>
    Effect.gen(function*() {
      yield* says({ type: "text", text: "I see" })
      const { status } = yield* OpenAi.chat({
        messages: [{
          role: "user",
          content: [
            { type: "image_url", image_url: { url: png, detail: "low" } },
            { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" } },
            { type: "input_audio", input_audio: { data: "UklGRg==", format: "wav" } }
          ]
        }]
      })
      assert.strictEqual(status, 200)
      const [{ content }] = stage.asked().messages
      assert.deepStrictEqual(
        content.map(({ mediaType, type }: { readonly mediaType: string; readonly type: string }) => [type, mediaType]),
        [["image", "image/png"], ["document", "application/pdf"], ["audio", "audio/wav"]]
      )
    }))

  it.effect("passes the schema of the answer, the sampling and the stops on", () =>
    Effect.gen(function*() {
      yield* says({ type: "text", text: "{}" })
      const schema = OpenAi.weather.function.parameters
      yield* OpenAi.chat({
        response_format: { type: "json_schema", json_schema: { name: "place", schema, strict: true } },
        temperature: 0.5,
        top_p: 0.9,
        stop: "END",
        max_tokens: 20
      })
      const { maxTokens, responseFormat, stopSequences, temperature, topP } = stage.asked()
      assert.deepStrictEqual(responseFormat, { type: "json", schema, name: "place" })
      assert.deepStrictEqual([maxTokens, stopSequences, temperature, topP], [20, ["END"], 0.5, 0.9])
    }))

  it.effect("says why an answer ended", () =>
    Effect.gen(function*() {
      for (
        const [finishReason, expected] of [
          ["length", "length"],
          ["content-filter", "content_filter"],
          ["guardrail", "content_filter"],
          ["stop-sequence", "stop"]
        ] as const
      ) {
        yield* stage.says(Fixture.response([{ type: "text", text: "Hel" }], { finishReason }))
        assert.strictEqual((yield* OpenAi.chat({})).json.choices[0].finish_reason, expected)
        const { text } = yield* OpenAi.chat({ stream: true })
        assert.strictEqual(OpenAi.events(text).at(-2)?.data.choices[0].finish_reason, expected)
      }
    }))

  it.effect("gives a refusal apart from the content", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([{ type: "text", text: "I will not" }], { finishReason: "refusal" }))
      const { json } = yield* OpenAi.chat({})
      assert.deepInclude(json.choices[0].message, { content: null, refusal: "I will not" })
    }))

  it.effect("counts the reasoning that OpenAI keeps for itself, which Bedrock's endpoints show", () =>
    Effect.gen(function*() {
      yield* says({ type: "reasoning", text: "Hm, well" }, { type: "text", text: "Hello" })
      const openai = yield* OpenAi.chat({ model: "gpt-5-mini" })
      assert.notInclude(openai.text, "Hm")
      assert.strictEqual(openai.json.usage.completion_tokens_details.reasoning_tokens, 2)
      const mantle = yield* OpenAi.chat({ model: "openai.gpt-oss-20b" }, "mantle/v1")
      assert.deepInclude(mantle.json.choices[0].message, { content: "Hello", reasoning: "Hm, well" })
      const runtime = yield* OpenAi.chat({ model: "openai.gpt-oss-20b-1:0" }, "runtimeUrl")
      assert.strictEqual(runtime.json.choices[0].message.content, "<reasoning>Hm, well</reasoning>\nHello")
      const streamed = yield* OpenAi.chat({ model: "openai.gpt-oss-20b-1:0", stream: true }, "runtimeUrl")
      const said = OpenAi.events(streamed.text).map(({ data }) => data.choices?.[0]?.delta.content ?? "").join("")
      assert.strictEqual(said, "<reasoning>Hm, well</reasoning>\nHello")
      const thought = yield* OpenAi.chat({ model: "openai.gpt-oss-20b", stream: true }, "mantle/v1")
      assert.deepStrictEqual(
        OpenAi.events(thought.text).map(({ data }) => data.choices?.[0]?.delta.reasoning ?? "").join(""),
        "Hm, well"
      )
    }))

  it.effect("reports what a provider caches by itself: prefixes of 1024 tokens, in steps of 128", () =>
    Effect.gen(function*() {
      yield* says({ type: "text", text: "Hello" })
      const long = { messages: [{ role: "user", content: "word ".repeat(1000) }] }
      const cachedIn = (answer: OpenAi.Answer) => answer.json.usage.prompt_tokens_details.cached_tokens
      assert.strictEqual(cachedIn(yield* OpenAi.chat(long)), 0)
      assert.isAbove(cachedIn(yield* OpenAi.chat(long)), 0)
      const short = { messages: [{ role: "user", content: "word ".repeat(600) }] }
      for (const _ of [1, 2]) assert.strictEqual(cachedIn(yield* OpenAi.chat(short)), 0)
    }))

  it.effect("ends a stream that the service does not finish with an error", () =>
    Effect.gen(function*() {
      yield* stage.says([{ type: "text-delta", index: 0, delta: "Hel" }])
      const { status, text } = yield* OpenAi.chat({ stream: true })
      assert.strictEqual(status, 200)
      assert.deepInclude(OpenAi.lastOf(text).error, { type: "server_error" })
      assert.notInclude(text, "[DONE]")
    }))

  it.effect("streams the same text, calls and reason that it answers in one piece", () =>
    Effect.gen(function*() {
      const response = Fixture.response([
        { type: "reasoning", text: "Hm" },
        { type: "text", text: "Let me see" },
        { type: "tool-call", id: "call_1", name: "get_weather", params: { city: "Paris" } },
        { type: "tool-call", id: "call_2", name: "get_weather", params: {} }
      ], { finishReason: "tool-calls" })
      yield* stage.says(response)
      const body = { tools: [OpenAi.weather], model: "openai.gpt-oss-20b" }
      const { json } = yield* OpenAi.chat(body, "mantle/v1")
      for (const script of [ChatEvent.fromResponse(response), response]) {
        yield* stage.says(script)
        const { text } = yield* OpenAi.chat({ ...body, stream: true }, "mantle/v1")
        const chunks = OpenAi.events(text).flatMap(({ data }) => data.choices ?? [])
        const join = (key: string) => chunks.map(({ delta }) => delta[key] ?? "").join("")
        const calls: Array<{ id: string; function: { arguments: string } }> = []
        for (const { delta } of chunks) {
          for (const { index, ...piece } of delta.tool_calls ?? []) {
            const known = calls[index]
            if (known === undefined) calls[index] = piece
            else known.function.arguments += piece.function.arguments
          }
        }
        assert.deepStrictEqual(
          { content: join("content"), reasoning: join("reasoning"), tool_calls: calls },
          {
            content: json.choices[0].message.content,
            reasoning: json.choices[0].message.reasoning,
            tool_calls: json.choices[0].message.tool_calls
          }
        )
        assert.strictEqual(chunks.at(-1)?.finish_reason, json.choices[0].finish_reason)
      }
    }))
})

layer(Fixture.emulator(
  { openai: { models: [{ kind: "chat", id: "my-model", contextTokens: 10, maxOutputTokens: 5 }] } },
  Layer.merge(Fixture.chat({ stream: () => Stream.fromIterable(Fixture.deltas("Hi")) }), Fixture.embedding())
))("Models by OpenAI's names", (it) => {
  it.effect("are listed and described, with those of the options", () =>
    Effect.gen(function*() {
      const { json } = yield* OpenAi.send("GET", "baseUrl", "models")
      const ids = json.data.map(({ id }: { readonly id: string }) => id)
      assert.includeMembers(ids, ["gpt-4o", "text-embedding-3-small", "my-model"])
      const one = yield* OpenAi.send("GET", "baseUrl", "models/my-model")
      assert.deepInclude(one.json, { id: "my-model", object: "model" })
    }))

  it.effect("have snapshots, and limits", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* OpenAi.chat({ model: "gpt-4o-2024-08-06" })).json.model, "gpt-4o-2024-08-06")
      const long = yield* OpenAi.chat({ model: "my-model", messages: [{ role: "user", content: "x".repeat(100) }] })
      assert.deepInclude(long.json.error, { code: "context_length_exceeded", param: "messages" })
      const wordy = yield* OpenAi.chat({ model: "my-model", max_tokens: 6 })
      assert.deepInclude(wordy.json.error, { param: "max_tokens" })
    }))

  it.effect("are refused when there is none of that name", () =>
    Effect.gen(function*() {
      const unknown = yield* OpenAi.chat({ model: "gpt-99" })
      assert.strictEqual(unknown.status, 404)
      assert.deepInclude(unknown.json.error, { code: "model_not_found", param: "model", type: "invalid_request_error" })
      assert.deepInclude((yield* OpenAi.post("chat/completions", { messages: [] })).json.error, {
        message: "you must provide a model parameter"
      })
      const wrong = yield* OpenAi.chat({ model: "text-embedding-3-small" })
      assert.strictEqual(wrong.status, 400)
    }))

  it.effect("answer as deployments of Azure, with its header for the key", () =>
    Effect.gen(function*() {
      const { openai } = yield* Emulator.Emulator
      const key = { authorization: "", "api-key": "wrong" }
      const { messages } = OpenAi.hello
      const path = "openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
      const { json, status } = yield* OpenAi.send("POST", "azureUrl", path, { messages })
      assert.deepStrictEqual([status, json.model], [200, "gpt-4o"])
      const refused = yield* Effect.promise(() =>
        fetch(`${openai.azureUrl}/${path}`, { method: "POST", body: "{}", headers: { "api-key": key["api-key"] } })
      )
      assert.strictEqual(refused.status, 401)
      const { requests } = yield* Emulator.Emulator
      assert.notInclude(JSON.stringify(yield* requests), "wrong")
    }))

  it.effect("answer at /openai/v1 too, as on Azure", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* OpenAi.chat({ model: "gpt-4o" }, "runtimeUrl")).status, 200)
    }))
})

import { assert, layer } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as Usage from "@strata/core/Usage"
import { Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ClaudeAnswer from "../../src/invoke/chat/claude/ClaudeAnswer.ts"
import * as Fixture from "../Fixture.ts"
import * as Invoking from "./Invoking.ts"

const stage = Fixture.stage()

const weather = { name: "weather", description: "The weather", input_schema: { type: "object" } }

const call = { type: "tool-call", id: "t1", name: "weather", params: { city: "Bern" } } as const

const thinking = { thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 2048 }

/** Accumulates the events of a stream like Anthropic's client. */
const assemble = (pieces: ReadonlyArray<any>) => {
  const content: Array<any> = []
  const json: Array<string> = []
  for (const { content_block, delta, index, type } of pieces) {
    if (type === "content_block_start") {
      assert.strictEqual(index, content.length, "blocks are numbered as they begin")
      content.push({ ...content_block })
      json.push("")
    }
    if (type !== "content_block_delta") continue
    const block = content[index]
    if (delta.type === "text_delta") block.text += delta.text
    if (delta.type === "citations_delta") block.citations = [...block.citations ?? [], delta.citation]
    if (delta.type === "thinking_delta") block.thinking += delta.thinking
    if (delta.type === "signature_delta") block.signature = delta.signature
    if (delta.type === "input_json_delta") json[index] += delta.partial_json
  }
  return content.map((block, index) => json[index] === "" ? block : { ...block, input: JSON.parse(json[index]!) })
}

layer(Fixture.emulator({}, stage.layer))("Claude's Messages API", (it) => {
  it.effect("streams Anthropic's events", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.deltas("Hel", "lo"))
      const { pieces } = yield* Invoking.pieces("2", Invoking.haiku, Invoking.claude())
      const [start, ...events] = pieces
      const { id, ...message } = start.message
      assert.match(id, /^msg_bdrk_01[0-9a-f]{22}$/)
      assert.deepStrictEqual(message, {
        type: "message",
        role: "assistant",
        model: "claude-3-haiku-20240307",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        // the answering service has not counted the prompt yet
        usage: { input_tokens: 1, output_tokens: 1 }
      })
      const { "amazon-bedrock-invocationMetrics": metrics, ...stop } = events.pop()
      assert.deepInclude(metrics, { inputTokenCount: 7, outputTokenCount: 3 })
      assert.deepStrictEqual([...events, stop], [
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hel" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "lo" } },
        { type: "content_block_stop", index: 0 },
        {
          type: "message_delta",
          delta: { stop_reason: "end_turn", stop_sequence: null },
          usage: { output_tokens: 3 }
        },
        { type: "message_stop" }
      ])
    }))

  it.effect("calls tools, and accepts their results", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([Message.text("Let me see"), call], { finishReason: "tool-calls" }))
      const body = Invoking.claude({ tools: [weather], tool_choice: { type: "tool", name: "weather" } })
      const whole = yield* Invoking.whole("1.1", Invoking.haiku, body)
      const content = [
        { type: "text", text: "Let me see" },
        { type: "tool_use", id: "t1", name: "weather", input: { city: "Bern" } }
      ]
      assert.deepStrictEqual([whole.body.content, whole.body.stop_reason], [content, "tool_use"])
      assert.deepStrictEqual(stage.asked().toolChoice, { name: "weather" })
      assert.deepStrictEqual(stage.asked().tools, [
        { name: "weather", description: "The weather", inputSchema: { type: "object" } }
      ])
      const { pieces } = yield* Invoking.pieces("1.1", Invoking.haiku, body)
      assert.deepStrictEqual(assemble(pieces), content)
      yield* Invoking.whole(
        "1.1",
        Invoking.haiku,
        Invoking.claude({
          tools: [weather],
          tool_choice: { type: "none" },
          messages: [
            { role: "user", content: "Hi" },
            { role: "assistant", content: whole.body.content },
            {
              role: "user",
              content: [
                { type: "tool_result", tool_use_id: "t1", content: "rain", is_error: true },
                { type: "image", source: { type: "base64", media_type: "image/png", data: "AQI=" } },
                { type: "document", source: { type: "text", media_type: "text/plain", data: "a text" }, title: "T" }
              ]
            }
          ]
        })
      )
      const { messages: [, , results, said], toolChoice } = stage.asked()
      assert.strictEqual(toolChoice, "none")
      assert.deepInclude(results.content[0], { type: "tool-result", id: "t1", result: "rain", isFailure: true })
      assert.deepInclude(said.content[0], { type: "image", mediaType: "image/png" })
      assert.deepInclude(said.content[1], { type: "document", name: "T", source: { text: "a text" } })
    }))

  it.effect("keeps interleaved blocks separate", () =>
    Effect.gen(function*() {
      const other = { ...call, id: "t2", params: { city: "Basel" } }
      yield* stage.says([
        { type: "reasoning-end", index: 0, redacted: Uint8Array.of(1) },
        { type: "tool-params-start", index: 1, id: "t1", name: "weather" },
        { type: "tool-params-start", index: 2, id: "t2", name: "weather" },
        { type: "tool-params-delta", index: 1, id: "t1", delta: `{"city":` },
        { type: "text-delta", index: 3, delta: "And" },
        { type: "tool-params-delta", index: 2, id: "t2", delta: `{"city":"Basel"}` },
        { type: "tool-params-delta", index: 1, id: "t1", delta: `"Bern"}` },
        { ...call, index: 1 },
        { ...other, index: 2 },
        { type: "part", index: 4, part: Message.text("so on") },
        { ...Fixture.finish, finishReason: "tool-calls" }
      ])
      const { pieces } = yield* Invoking.pieces("2", Invoking.haiku, Invoking.claude({ tools: [weather] }))
      const stops = pieces.filter(({ type }) => type === "content_block_stop").map(({ index }) => index)
      assert.deepStrictEqual(stops.sort(), [0, 1, 2, 3, 4])
      assert.deepStrictEqual(assemble(pieces), [
        { type: "redacted_thinking", data: "AQ==" },
        { type: "tool_use", id: "t1", name: "weather", input: { city: "Bern" } },
        { type: "tool_use", id: "t2", name: "weather", input: { city: "Basel" } },
        { type: "text", text: "And" },
        { type: "text", text: "so on" }
      ])
    }))

  it.effect("signs reasoning, and accepts it back unchanged", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([{ type: "reasoning", text: "Hm" }, Message.text("Hello")]))
      const whole = yield* Invoking.whole("2", Invoking.sonnet, Invoking.claude(thinking))
      const [thought] = whole.body.content
      assert.deepInclude(thought, { type: "thinking", thinking: "Hm" })
      assert.isNotEmpty(thought.signature)
      assert.deepStrictEqual(stage.asked().reasoning, { budgetTokens: 1024 })
      const { pieces } = yield* Invoking.pieces("2", Invoking.sonnet, Invoking.claude(thinking))
      assert.deepStrictEqual(assemble(pieces), whole.body.content)
      const again = (block: unknown) =>
        Invoking.whole(
          "2",
          Invoking.sonnet,
          Invoking.claude({
            ...thinking,
            messages: [
              { role: "user", content: "Hi" },
              { role: "assistant", content: [block, { type: "text", text: "Hello" }] },
              { role: "user", content: "And?" }
            ]
          })
        )
      yield* again(thought)
      const { message } = yield* Effect.flip(again({ ...thought, thinking: "Aha" }))
      assert.strictEqual(message, "messages.1.content.0: Invalid `signature` in `thinking` block")
    }))

  it.effect("reads and writes the prompt cache, and counts it in body, headers and metrics", () =>
    Effect.gen(function*() {
      yield* stage.says(
        Fixture.response([Message.text("Hello")], { usage: Usage.make({ inputTokens: 2001, outputTokens: 3 }) })
      )
      const body = Invoking.claude({
        system: [{ type: "text", text: "x".repeat(8000), cache_control: { type: "ephemeral" } }]
      })
      const written = yield* Invoking.whole("1.1", Invoking.sonnet, body)
      assert.deepStrictEqual(written.body.usage, {
        input_tokens: 1,
        cache_creation_input_tokens: 2000,
        cache_read_input_tokens: 0,
        cache_creation: { ephemeral_5m_input_tokens: 2000, ephemeral_1h_input_tokens: 0 },
        output_tokens: 3
      })
      const read = yield* Invoking.whole("1.1", Invoking.sonnet, body)
      assert.deepInclude(read.body.usage, { cache_creation_input_tokens: 0, cache_read_input_tokens: 2000 })
      assert.strictEqual(read.headers["x-amzn-bedrock-cache-read-input-token-count"], "2000")
      assert.strictEqual(read.headers["x-amzn-bedrock-cache-write-input-token-count"], "0")
      const { pieces } = yield* Invoking.pieces("1.1", Invoking.sonnet, body)
      assert.deepInclude(pieces[0].message.usage, { input_tokens: 1, cache_read_input_tokens: 2000 })
      assert.deepInclude(pieces.at(-1)["amazon-bedrock-invocationMetrics"], {
        inputTokenCount: 1,
        cacheReadInputTokenCount: 2000,
        cacheWriteInputTokenCount: 0
      })
    }))

  it.effect("encodes citations in Anthropic's format", () =>
    Effect.gen(function*() {
      const passages = ["grass is green"]
      yield* stage.says(Fixture.response([{
        type: "text",
        text: "Green",
        citations: [
          { title: "T", passages, location: { type: "document-char", documentIndex: 0, start: 0, end: 14 } },
          {
            title: "S",
            source: "u",
            passages,
            location: { type: "search-result", searchResultIndex: 1, start: 0, end: 1 }
          }
        ]
      }]))
      const { body } = yield* Invoking.whole("1.1", Invoking.haiku, Invoking.claude())
      assert.deepStrictEqual(body.content[0].citations, [
        {
          type: "char_location",
          cited_text: "grass is green",
          document_index: 0,
          document_title: "T",
          start_char_index: 0,
          end_char_index: 14
        },
        {
          type: "search_result_location",
          cited_text: "grass is green",
          source: "u",
          title: "S",
          search_result_index: 1,
          start_block_index: 0,
          end_block_index: 1
        }
      ])
      const { pieces } = yield* Invoking.pieces("1.1", Invoking.haiku, Invoking.claude())
      assert.deepStrictEqual(assemble(pieces), body.content)
    }))

  it.effect("passes a JSON schema for the answer", () =>
    Effect.gen(function*() {
      const schema = { type: "object", properties: {}, additionalProperties: false }
      const format = { type: "json_schema", schema }
      for (const asked of [{ output_config: { format, effort: "low" } }, { output_format: format }]) {
        yield* Invoking.whole("1.1", Invoking.sonnet, Invoking.claude(asked))
        assert.deepStrictEqual(stage.asked().responseFormat, { type: "json", schema })
      }
    }))

  it.effect("names the stop sequence if there is only one", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([Message.text("Hel")], { finishReason: "stop-sequence" }))
      const { body } = yield* Invoking.whole("1.1", Invoking.haiku, Invoking.claude({ stop_sequences: ["END"] }))
      assert.deepStrictEqual([body.stop_reason, body.stop_sequence], ["stop_sequence", "END"])
    }))

  const Part = Schema.Union([
    Schema.Struct({ type: Schema.tag("text"), text: Schema.NonEmptyString }),
    Schema.Struct({ type: Schema.tag("reasoning"), text: Schema.NonEmptyString, signature: Schema.NonEmptyString }),
    Schema.Struct({
      type: Schema.tag("tool-call"),
      id: Schema.NonEmptyString,
      name: Schema.NonEmptyString,
      params: Schema.Record(Schema.String, Schema.Finite)
    })
  ])

  it.prop("streams the blocks of the whole answer", [Schema.Array(Part)], ([parts]) => {
    const response = ChatResponse.make(parts, Fixture.outcome)
    const envelope = {
      model: Model.chat(Invoking.haiku),
      id: "id",
      now: 0,
      latencyMs: () => 0,
      counted: Fixture.usage,
      byLifetime: (written: number) => ({ "5m": written, "1h": 0 })
    }
    const { content } = ClaudeAnswer.whole(response, envelope, undefined)
    const pieces = ChatEvent.fromResponse(response).flatMap(ClaudeAnswer.pieces(envelope, undefined))
    assert.deepStrictEqual(assemble(JSON.parse(JSON.stringify(pieces))), JSON.parse(JSON.stringify(content)))
  }, { arbitrary: { runs: 100 } })
})

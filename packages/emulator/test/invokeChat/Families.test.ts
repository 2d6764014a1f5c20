import { CountTokensCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, layer } from "@effect/vitest"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Fixture from "../Fixture.ts"
import * as Invoking from "./Invoking.ts"

const stage = Fixture.stage()

interface Example {
  readonly model: string
  readonly body: unknown
  /** The text of an answer, and of one chunk. */
  readonly textOf: (body: any) => string
  readonly pieceOf: (piece: any) => string | undefined
  /** The finish reason, and the counters if the body has any. */
  readonly beside: (body: any) => unknown
  readonly expected: unknown
  /** The request to the chat service. */
  readonly asked: unknown
}

const question = { role: "user", content: [{ type: "text", text: "Hi" }] }
const chat = { messages: [{ role: "system", content: "Be brief" }, { role: "user", content: "Hi" }], max_tokens: 9 }
const briefly = [{ role: "system", content: [{ type: "text", text: "Be brief" }] }, question]

const examples: Record<string, Example> = {
  "Anthropic Claude": {
    model: Invoking.haiku,
    body: Invoking.claude({ system: "Be brief", temperature: 0.5, stop_sequences: ["END"] }),
    textOf: (body) => body.content[0].text,
    pieceOf: (piece) => piece.delta?.text,
    beside: ({ model, role, stop_reason, stop_sequence, type, usage }) => [
      type,
      role,
      model,
      stop_reason,
      stop_sequence,
      usage
    ],
    expected: ["message", "assistant", "claude-3-haiku-20240307", "end_turn", null, {
      input_tokens: 7,
      output_tokens: 3
    }],
    asked: { messages: briefly, maxTokens: 100, temperature: 0.5, stopSequences: ["END"] }
  },
  "Anthropic Claude 2": {
    model: "anthropic.claude-v2:1",
    body: { prompt: "\n\nHuman: Hi\n\nAssistant:", max_tokens_to_sample: 9, stop_sequences: ["END"] },
    textOf: (body) => body.completion,
    pieceOf: (piece) => piece.completion,
    beside: ({ stop, stop_reason, type }) => [type, stop_reason, stop],
    expected: ["completion", "stop_sequence", "\n\nHuman:"],
    asked: { messages: [question], maxTokens: 9, stopSequences: ["END"] }
  },
  "Amazon Nova": {
    model: "us.amazon.nova-lite-v1:0",
    body: {
      schemaVersion: "messages-v1",
      system: [{ text: "Be brief" }],
      messages: [{ role: "user", content: [{ text: "Hi" }] }],
      inferenceConfig: { max_new_tokens: 9, top_p: 0.9, top_k: 20 }
    },
    textOf: (body) => body.output.message.content[0].text,
    pieceOf: (piece) => piece.contentBlockDelta?.delta.text,
    beside: ({ stopReason, usage }) => [stopReason, usage],
    expected: ["end_turn", {
      inputTokens: 7,
      outputTokens: 3,
      totalTokens: 10,
      cacheReadInputTokenCount: 0,
      cacheWriteInputTokenCount: 0
    }],
    asked: { messages: briefly, maxTokens: 9, topP: 0.9 }
  },
  "Amazon Titan Text": {
    model: "amazon.titan-text-express-v1",
    body: { inputText: "User: Hi\nBot:", textGenerationConfig: { maxTokenCount: 9, stopSequences: [] } },
    textOf: (body) => body.results[0].outputText,
    pieceOf: (piece) => piece.outputText,
    beside: ({ inputTextTokenCount, results: [{ completionReason, tokenCount }] }) => [
      inputTextTokenCount,
      tokenCount,
      completionReason
    ],
    expected: [7, 3, "FINISH"],
    asked: { messages: [question], maxTokens: 9, stopSequences: [] }
  },
  "Meta Llama": {
    model: "meta.llama3-8b-instruct-v1:0",
    body: {
      prompt:
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    },
    textOf: (body) => body.generation,
    pieceOf: (piece) => piece.generation,
    beside: ({ generation: _, ...rest }) => rest,
    expected: { prompt_token_count: 7, generation_token_count: 3, stop_reason: "stop" },
    asked: { messages: briefly, maxTokens: 512 }
  },
  "Mistral, a prompt": {
    model: "mistral.mistral-7b-instruct-v0:2",
    body: { prompt: "<s>[INST] Hi [/INST]", max_tokens: 9 },
    textOf: (body) => body.outputs[0].text,
    pieceOf: (piece) => piece.outputs[0].text,
    beside: ({ outputs: [{ stop_reason }] }) => stop_reason,
    expected: "stop",
    asked: { messages: [question], maxTokens: 9 }
  },
  "Mistral Large, messages": {
    model: "mistral.mistral-large-2407-v1:0",
    body: chat,
    textOf: (body) => body.choices[0].message.content,
    pieceOf: (piece) => piece.choices[0].message.content,
    beside: ({ choices: [{ message: _, ...choice }], ...rest }) => [choice, rest],
    expected: [{ index: 0, stop_reason: "stop" }, {}],
    asked: { messages: briefly, maxTokens: 9 }
  },
  "Pixtral, messages": {
    model: "mistral.pixtral-large-2502-v1:0",
    body: chat,
    textOf: (body) => body.choices[0].message.content,
    pieceOf: (piece) => piece.choices[0].delta.content,
    beside: ({ choices: [{ finish_reason }], model, object, usage }) => [finish_reason, object, model, usage],
    expected: ["stop", "chat.completion", "pixtral-large-2502", {
      prompt_tokens: 7,
      completion_tokens: 3,
      total_tokens: 10
    }],
    asked: { messages: briefly, maxTokens: 9 }
  },
  "AI21 Jamba": {
    model: "ai21.jamba-1-5-mini-v1:0",
    body: { ...chat, stop: "END" },
    textOf: (body) => body.choices[0].message.content,
    pieceOf: (piece) => piece.choices?.[0].delta.content,
    beside: ({ choices: [{ finish_reason }], model, usage }) => [finish_reason, model, usage],
    expected: ["stop", "jamba-1.5-mini", { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }],
    asked: { messages: briefly, maxTokens: 9, stopSequences: ["END"] }
  },
  "Cohere Command R": {
    model: "cohere.command-r-v1:0",
    body: { preamble: "Be brief", message: "Hi", p: 0.5, chat_history: [] },
    textOf: (body) => body.text,
    pieceOf: (piece) => piece.event_type === "text-generation" ? piece.text : undefined,
    beside: ({ chat_history, finish_reason }) => [finish_reason, chat_history],
    expected: ["COMPLETE", [{ role: "USER", message: "Hi" }, { role: "CHATBOT", message: "Hello" }]],
    asked: { messages: briefly, topP: 0.5 }
  },
  "Cohere Command": {
    model: "cohere.command-text-v14",
    body: { prompt: "Hi", stream: true, temperature: 3 },
    textOf: (body) => body.generations[0].text,
    pieceOf: (piece) => piece.text,
    beside: ({ generations: [{ finish_reason }], prompt }) => [finish_reason, prompt],
    expected: ["COMPLETE", "Hi"],
    asked: { messages: [question], temperature: 1 }
  },
  "DeepSeek-R1": {
    model: "us.deepseek.r1-v1:0",
    body: { prompt: "<｜begin▁of▁sentence｜>Be brief<｜User｜>Hi<｜Assistant｜><think>\n", max_tokens: 9 },
    textOf: (body) => body.choices[0].text,
    pieceOf: (piece) => piece.choices[0].text,
    beside: ({ choices: [{ stop_reason }] }) => stop_reason,
    expected: "stop",
    asked: { messages: briefly, maxTokens: 9 }
  }
}

const completions = {
  textOf: (body: any) => body.choices[0].message.content,
  pieceOf: (piece: any) => piece.choices[0].delta.content,
  beside: ({ choices: [{ finish_reason }], model, object, usage }: any) => [finish_reason, object, model, usage],
  asked: { messages: briefly, maxTokens: 9 }
}

const standard: Readonly<Record<string, readonly [model: string, name: string]>> = {
  "gpt-oss": ["openai.gpt-oss-20b-1:0", "gpt-oss-20b-1:0"],
  "Qwen": ["qwen.qwen3-32b-v1:0", "qwen3-32b"],
  "DeepSeek V3": ["deepseek.v3.2", "v3.2"],
  "Mistral Large 3": ["mistral.mistral-large-3-675b-instruct", "mistral-large-3-675b-instruct"],
  "Kimi": ["moonshotai.kimi-k2.5", "kimi-k2.5"]
}

for (const [vendor, [model, name]] of Object.entries(standard)) {
  examples[vendor] = {
    ...completions,
    model,
    body: { ...chat, seed: 7, stream: false },
    expected: ["stop", "chat.completion", name, { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }]
  }
}

layer(Fixture.emulator({ models: Invoking.models }, stage.layer))("InvokeModel for chat models", (it) => {
  for (const [name, { asked, beside, body, expected, model, pieceOf, textOf }] of Object.entries(examples)) {
    it.effect(`answers ${name}, whole and as a stream`, () =>
      Effect.gen(function*() {
        yield* stage.says([
          { type: "text-delta", index: 0, delta: "Hel" },
          { type: "text-delta", index: 0, delta: "lo" },
          { ...Fixture.finish, usage: Usage.make({ inputTokens: 7, outputTokens: 3 }) }
        ])
        for (const protocol of Fixture.protocols) {
          const whole = yield* Invoking.whole(protocol, model, body)
          assert.strictEqual(textOf(whole.body), "Hello")
          assert.deepStrictEqual(beside(whole.body), expected)
          assert.deepStrictEqual(stage.asked(), asked)
          assert.strictEqual(whole.contentType, "application/json")
          assert.strictEqual(whole.headers["x-amzn-bedrock-input-token-count"], "7")
          assert.strictEqual(whole.headers["x-amzn-bedrock-output-token-count"], "3")
          assert.match(whole.headers["x-amzn-bedrock-invocation-latency"] ?? "", /^\d+$/)

          const { contentType, pieces } = yield* Invoking.pieces(protocol, model, body)
          assert.strictEqual(contentType, "application/json")
          assert.strictEqual(pieces.map(pieceOf).join(""), "Hello")
          assert.deepStrictEqual(stage.asked(), asked)
          const metrics = pieces.map((piece) => piece["amazon-bedrock-invocationMetrics"])
          assert.isUndefined(metrics.slice(0, -1).find((metric) => metric !== undefined))
          assert.deepInclude(metrics.at(-1), { inputTokenCount: 7, outputTokenCount: 3 })
          assert.containsAllKeys(metrics.at(-1), ["invocationLatency", "firstByteLatency"])
        }
      }))
  }

  it.effect("answers AI21 Jurassic-2, whole only", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.deltas("Hello"))
      const body = { prompt: "Hi", maxTokens: 9, topP: 0.5, countPenalty: { scale: 0 } }
      const { body: answer } = yield* Invoking.whole("1.1", "ai21.j2-mid-v1", body)
      assert.deepStrictEqual(answer.completions, [
        { data: { text: "Hello", tokens: [] }, finishReason: { reason: "endoftext" } }
      ])
      assert.deepStrictEqual(stage.asked(), { messages: [question], maxTokens: 9, topP: 0.5 })
      const { message } = yield* Effect.flip(Invoking.pieces("1.1", "ai21.j2-mid-v1", body))
      assert.strictEqual(message, "The model is unsupported for streaming.")
    }))

  it.effect("answers a prompt that begins with instructions, even for a model without system prompts", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([{ type: "text", text: "Hello" }]))
      yield* Invoking.whole("1.1", "amazon.titan-text-express-v1", { inputText: "Be brief\nUser: Hi\nBot:" })
      yield* Invoking.whole("1.1", "mistral.mistral-7b-instruct-v0:2", {
        prompt: "<s>[INST] <<SYS>>\nBe brief\n<</SYS>>\n\nHi [/INST]"
      })
      assert.deepStrictEqual(stage.asked().messages, [
        { role: "user", content: [{ type: "text", text: "Be brief" }, { type: "text", text: "Hi" }] }
      ])
    }))

  it.effect("reports a truncated answer in each family's format", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([{ type: "text", text: "Hel" }], { finishReason: "length" }))
      const reasons = yield* Effect.forEach(Object.values(examples), ({ beside, body, model }) =>
        Effect.map(Invoking.whole("1.1", model, body), (whole) =>
          JSON.stringify(beside(whole.body))))
      for (const reason of reasons) {
        assert.match(reason, /max_tokens|LENGTH|length|MAX_TOKENS/)
      }
    }))

  it.effect("passes tools and their results, in chat completions", () =>
    Effect.gen(function*() {
      const call = { type: "tool-call", id: "c1", name: "weather", params: { city: "Bern" } } as const
      yield* stage.says(Fixture.response([call], { finishReason: "tool-calls" }))
      const toolCalls = [{ id: "c1", type: "function", function: { name: "weather", arguments: `{"city":"Bern"}` } }]
      const model = "mistral.pixtral-large-2502-v1:0"
      const asked = {
        messages: [
          { role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AQI=" } }] },
          { role: "assistant", content: "", tool_calls: toolCalls },
          { role: "tool", tool_call_id: "c1", content: "sunny" }
        ],
        tools: [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }],
        tool_choice: "none"
      }
      const { body: { choices } } = yield* Invoking.whole("2", model, asked)
      assert.deepInclude(choices[0].message, { tool_calls: toolCalls })
      assert.strictEqual(choices[0].finish_reason, "tool_calls")
      const { messages, toolChoice, tools } = stage.asked()
      assert.deepStrictEqual(messages.map(({ role }: { readonly role: string }) => role), ["user", "assistant", "tool"])
      assert.deepInclude(messages[2].content[0], { id: "c1", result: "sunny" })
      assert.deepStrictEqual([tools[0].name, toolChoice], ["weather", "none"])
      const { pieces } = yield* Invoking.pieces("2", model, asked)
      assert.deepStrictEqual(pieces[0].choices[0].delta.tool_calls, [{ index: 0, ...toolCalls[0] }])
    }))

  it.effect("passes tools and their results, for Command R", () =>
    Effect.gen(function*() {
      const call = { type: "tool-call", id: "c1", name: "weather", params: { city: "Bern" } } as const
      yield* stage.says(Fixture.response([call], { finishReason: "tool-calls" }))
      const calls = [{ name: "weather", parameters: { city: "Bern" } }]
      const asked = {
        message: "And now?",
        chat_history: [{ role: "USER", message: "Hi" }, { role: "CHATBOT", message: "Hello" }],
        tools: [{ name: "weather", parameter_definitions: { city: { type: "str", required: true } } }],
        tool_results: [{ call: calls[0], outputs: [{ sky: "blue" }] }]
      }
      const { body } = yield* Invoking.whole("1.1", "cohere.command-r-v1:0", asked)
      assert.deepStrictEqual(body.tool_calls, calls)
      const { messages, tools } = stage.asked()
      assert.lengthOf(messages, 5)
      assert.deepStrictEqual(messages[4].content[0].result, { sky: "blue" })
      assert.deepStrictEqual(tools[0].inputSchema, {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"]
      })
      const { pieces: [piece] } = yield* Invoking.pieces("1.1", "cohere.command-r-v1:0", asked)
      assert.deepStrictEqual(piece, { is_finished: false, event_type: "tool-calls-generation", tool_calls: calls })
    }))

  it.effect.each(
    [
      [
        "a required key",
        "meta.llama3-8b-instruct-v1:0",
        {},
        "#: required key [prompt] not found"
      ],
      [
        "what another family takes",
        "amazon.nova-lite-v1:0",
        { messages: [{ role: "user", content: [{ text: "Hi" }] }], max_tokens: 9 },
        "#: extraneous key [max_tokens] is not permitted"
      ],
      [
        "too many tokens",
        "amazon.nova-lite-v1:0",
        { messages: [{ role: "user", content: [{ text: "Hi" }] }], inferenceConfig: { maxTokens: 20_000 } },
        "#/inferenceConfig/maxTokens: 20000 is not less or equal to 10000"
      ],
      [
        "a type",
        "amazon.titan-text-express-v1",
        { inputText: 1 },
        "#/inputText: expected type: String, found: Integer"
      ],
      [
        "a range",
        "mistral.mistral-7b-instruct-v0:2",
        { prompt: "Hi", temperature: 2 },
        "#/temperature: 2 is not less or equal to 1"
      ],
      [
        "an enumeration",
        "cohere.command-r-v1:0",
        { message: "Hi", chat_history: [{ role: "user", message: "Hi" }] },
        "#/chat_history/0/role: user is not a valid enum value"
      ]
    ] as const
  )("refuses a body for %s", ([, model, body, finding]) =>
    Effect.gen(function*() {
      const { message, name, status } = yield* Effect.flip(Invoking.whole("1.1", model, body))
      const expected = `Malformed input request: ${finding}, please reformat your input and try again.`
      assert.deepStrictEqual([status, name, message], [400, "ValidationException", expected])
    }))
})

layer(Fixture.emulator({ models: Invoking.models, inputTokens: "counted" }, stage.layer))("CountTokens", (it) => {
  for (const name of ["Anthropic Claude", "Mistral Large, messages", "AI21 Jamba", "Cohere Command"]) {
    it.effect(`counts the body of ${name} as InvokeModel does`, () =>
      Effect.gen(function*() {
        const { body, model: modelId } = examples[name]!
        yield* stage.says(Fixture.deltas("Hello"))
        const { headers } = yield* Invoking.whole("1.1", modelId, body)
        const client = yield* Fixture.connect("1.1")
        const input = { invokeModel: { body: new TextEncoder().encode(JSON.stringify(body)) } }
        const { inputTokens } = yield* Fixture.attempt(() => client.send(new CountTokensCommand({ modelId, input })))
        assert.isAbove(inputTokens ?? 0, 0)
        assert.strictEqual(headers["x-amzn-bedrock-input-token-count"], String(inputTokens))
      }))
  }
})

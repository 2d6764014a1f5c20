/**
 * What the models of today refuse and take, with the emulator's own list of them.
 */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"

const sonnet45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const sonnet46 = "us.anthropic.claude-sonnet-4-6"
const opus47 = "us.anthropic.claude-opus-4-7"
const opus48 = "us.anthropic.claude-opus-4-8"
const opus5 = "us.anthropic.claude-opus-5"
const sonnet5 = "global.anthropic.claude-sonnet-5"
const opus55 = "us.anthropic.claude-opus-5-5"
const fable = "us.anthropic.claude-fable-5"
const nova = "amazon.nova-lite-v1:0"
const nova2 = "us.amazon.nova-2-lite-v1:0"
const deepseek = "us.deepseek.r1-v1:0"
const nemotron = "nvidia.nemotron-super-3-120b"

const user = (...content: ReadonlyArray<unknown>) => ({ role: "user", content })
const assistant = (...content: ReadonlyArray<unknown>) => ({ role: "assistant", content })
const say = (text: string) => ({ text })
const messages = [user(say("Hi"))]
const cachePoint = { cachePoint: { type: "default" } }
const object = { type: "object", properties: {} }
const tool = (json: object, options?: object) => ({ toolSpec: { name: "f", inputSchema: { json }, ...options } })
const tools = (...tools: ReadonlyArray<object>) => ({ messages, toolConfig: { tools } })
const strict = (properties: object) =>
  tools(tool({ type: "object", properties, required: Object.keys(properties), additionalProperties: false }, {
    strict: true
  }))
const force = (choice: object) => ({ messages, toolConfig: { tools: [tool(object)], toolChoice: choice } })
const thinking = (thinking: object) => ({ messages, additionalModelRequestFields: { thinking } })
const toolTurn = (...content: ReadonlyArray<unknown>) => ({
  toolConfig: { tools: [tool(object)] },
  messages: [
    user(say("Hi")),
    assistant({ toolUse: { toolUseId: "t1", name: "f", input: {} } }),
    user({ toolResult: { toolUseId: "t1", content } })
  ]
})
const image = { image: { format: "png", source: { bytes: "AA==" } } }
const thought = (signature?: string) => ({
  reasoningContent: { reasoningText: { text: "hm", ...(signature === undefined ? {} : { signature }) } }
})
const afterThought = (signature?: string, ...between: ReadonlyArray<unknown>) => ({
  messages: [user(say("Hi")), assistant(thought(signature), ...between, say("Hello")), user(say("And?"))]
})
const answerAs = (schema: object) => ({
  messages,
  outputConfig: {
    textFormat: { type: "json_schema", structure: { jsonSchema: { schema: JSON.stringify(schema), name: "answer" } } }
  }
})
const members = (count: number, member: object, required: boolean) => {
  const properties = Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, member]))
  return { type: "object", properties, required: required ? Object.keys(properties) : [], additionalProperties: false }
}
const nullable = { anyOf: [{ type: "string" }, { type: "null" }] }
/** As long as a seal of Anthropic's, with the same two bytes before it. */
const seal = Buffer.from([0x12, 0x50, ...new Uint8Array(0x50)]).toString("base64")

const model = "The model returned the following errors: "
const malformed = (finding: string) =>
  `${model}Malformed input request: ${finding}, please reformat your input and try again.`

type Case = readonly [what: string, model: string, body: object, message?: string]

const refusals: ReadonlyArray<Case> = [
  [
    "a cache point among Nova's tools",
    nova,
    tools(tool(object), cachePoint),
    malformed("#/toolConfig/tools/1: extraneous key [cachePoint] is not permitted")
  ],
  [
    "a lifetime of an hour by Nova",
    nova,
    { messages: [user(say("Hi"), { cachePoint: { type: "default", ttl: "1h" } })] },
    "This model doesn't support the cachePoint.ttl field. Remove cachePoint.ttl and try again."
  ],
  [
    "five cache points by Nova",
    nova,
    { messages: [user(...Array.from({ length: 5 }, () => [say("Hi"), cachePoint]).flat())] },
    `${model}A maximum of 4 blocks with cache_control may be provided. Found 5.`
  ],
  [
    "$schema in a tool of Nova",
    nova2,
    tools(tool({ ...object, $schema: "http://json-schema.org/draft-07/schema#", additionalProperties: false })),
    malformed("#/toolConfig/tools/0/toolSpec/inputSchema/json: extraneous key [$schema] is not permitted")
  ],
  [
    "a tool without a root type",
    sonnet46,
    tools(tool({ properties: {} })),
    "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object."
  ],
  [
    "a choice at the root of a tool of Claude",
    sonnet5,
    tools(tool({ ...object, anyOf: [{ required: ["a"] }, { required: ["b"] }] })),
    `${model}tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level`
  ],
  [
    "bounds in a strict tool",
    sonnet45,
    strict({ n: { type: "integer", minimum: 1, maximum: 5 } }),
    `${model}tools.0.custom: For 'integer' type, properties maximum, minimum are not supported`
  ],
  [
    "a longest list in a strict tool",
    sonnet45,
    strict({ tags: { type: "array", items: { type: "string" }, maxItems: 3 } }),
    `${model}tools.0.custom: For 'array' type, property 'maxItems' is not supported`
  ],
  [
    "a pattern in a strict tool",
    sonnet45,
    strict({ code: { type: "string", pattern: "^a" } }),
    `${model}tools.0.custom: For 'string' type, property 'pattern' is not supported`
  ],
  [
    "an open object in a strict tool",
    sonnet45,
    tools(tool(object, { strict: true })),
    `${model}tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to false`
  ],
  [
    "a choice of one in a strict tool",
    sonnet45,
    strict({ a: { oneOf: [{ type: "string" }, { type: "null" }] } }),
    `${model}tools.0.custom: Schema type 'oneOf' is not supported`
  ],
  [
    "a reference to elsewhere in a strict tool",
    sonnet45,
    strict({ a: { $ref: "https://a.example/schema.json" } }),
    `${model}tools.0.custom: External reference 'https://a.example/schema.json' is not supported`
  ],
  [
    "twenty-five optional members of two strict tools",
    sonnet45,
    {
      messages,
      toolConfig: {
        tools: [12, 13].map((count) => ({
          toolSpec: {
            name: `f${count}`,
            strict: true,
            inputSchema: { json: members(count, { type: "string" }, false) }
          }
        }))
      }
    },
    `${model}Schemas contains too many optional parameters (25), which would make grammar compilation inefficient. Reduce the number of optional parameters in your tool schemas (limit: 24).`
  ],
  [
    "twenty-one strict tools",
    sonnet46,
    tools(...Array.from({ length: 21 }, (_, index) => ({
      toolSpec: {
        name: `f${index}`,
        strict: true,
        inputSchema: { json: { ...object, additionalProperties: false } }
      }
    }))),
    `${model}Too many strict tools (21). The maximum number of strict tools supported is 20.`
  ],
  [
    "strict tools by Opus 5.5",
    opus55,
    strict({}),
    `${model}tools.0.custom.strict: Extra inputs are not permitted`
  ],
  [
    "seventeen unions in a JSON schema",
    sonnet46,
    answerAs(members(17, nullable, true)),
    `${model}Schemas contains too many parameters with union types (17 parameters with type arrays or anyOf). This causes exponential compilation cost. Reduce the number of nullable or union-typed parameters (limit: 16 parameters with unions).`
  ],
  [
    "twenty-five optional members in a JSON schema",
    sonnet46,
    answerAs(members(25, { type: "string" }, false)),
    `${model}Schemas contains too many optional parameters (25), which would make grammar compilation inefficient. Reduce the number of optional parameters in your tool schemas (limit: 24).`
  ],
  [
    "a JSON schema that refers to itself",
    sonnet46,
    answerAs({
      ...members(1, { $ref: "#/$defs/Tree" }, true),
      $defs: { Tree: members(1, { $ref: "#/$defs/Tree" }, true) }
    }),
    `${model}output_config.format.schema: Recursive schemas are not supported`
  ],
  [
    "stop sequences of white space",
    sonnet45,
    { messages, inferenceConfig: { stopSequences: ["END", "\n\n"] } },
    `${model}stop_sequences: each stop sequence must contain non-whitespace`
  ],
  [
    "a prefill of Claude 4.6",
    sonnet46,
    { messages: [...messages, assistant(say("Hello"))] },
    `${model}This model does not support assistant message prefill. The conversation must end with a user message.`
  ],
  [
    "a budget of thoughts for Claude 5",
    opus5,
    thinking({ type: "enabled", budget_tokens: 2048 }),
    `${model}"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`
  ],
  [
    "a budget of thoughts for Claude 5, by its other name",
    sonnet5,
    { messages, additionalModelRequestFields: { reasoning_config: { type: "enabled", budget_tokens: 2048 } } },
    `${model}"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`
  ],
  [
    "Opus 5.5 without thinking",
    opus55,
    thinking({ type: "disabled" }),
    `${model}"thinking.type.disabled" is not supported for this model.`
  ],
  [
    "adaptive thinking by Claude 4.5",
    sonnet45,
    thinking({ type: "adaptive" }),
    `${model}adaptive thinking is not supported on this model`
  ],
  ...[opus55, fable].flatMap((id): ReadonlyArray<Case> =>
    [{ any: {} }, { tool: { name: "f" } }].map((choice) => [
      `the tool choice ${Object.keys(choice)[0]} for ${id}`,
      id,
      force(choice),
      `${model}tool_choice: type "tool" and "any" are not supported for this model.`
    ])
  ),
  [
    "a temperature for Claude 4.7",
    opus47,
    { messages, inferenceConfig: { temperature: 0.2 } },
    `${model}\`temperature\` is deprecated for this model.`
  ],
  [
    "top_k for Claude 5",
    sonnet5,
    { messages, additionalModelRequestFields: { top_k: 10 } },
    `${model}\`top_k\` is deprecated for this model.`
  ],
  [
    "a narrow topP for Claude 4.8",
    opus48,
    { messages, inferenceConfig: { topP: 0.9 } },
    `${model}\`top_p\` is deprecated for this model.`
  ],
  [
    "a JSON schema for Opus 5",
    opus5,
    answerAs(members(1, { type: "string" }, true)),
    `${model}output_config.format: Extra inputs are not permitted`
  ],
  [
    "a thought that Claude redacted by Nova 2",
    nova2,
    {
      messages: [
        user(say("Hi")),
        assistant({ reasoningContent: { redactedContent: "AA==" } }, say("Hello")),
        user(say("And?"))
      ]
    },
    "This model doesn't support the reasoningContent.redactedContent field. Remove reasoningContent.redactedContent and try again."
  ],
  [
    "a thought without a signature",
    sonnet45,
    afterThought(),
    `${model}messages.1.content.0.thinking.signature: Field required`
  ],
  [
    "a thought of another model",
    sonnet5,
    afterThought("c2VhbA=="),
    `${model}messages.1.content.0: Invalid \`signature\` in \`thinking\` block`
  ],
  [
    "any thought by DeepSeek R1",
    deepseek,
    afterThought(),
    "User messages cannot contain reasoning content. Please remove the reasoning content and try again."
  ],
  [
    "a thought by a model that has none",
    "us.meta.llama4-maverick-17b-instruct-v1:0",
    afterThought("s"),
    "This model doesn't support the reasoningContent field for assistant messages. Remove reasoningContent and try again."
  ],
  [
    "a thought of Claude by gpt-oss",
    "openai.gpt-oss-120b-1:0",
    afterThought("s"),
    "This model doesn't support the reasoningContent.reasoningText.signature field. Remove reasoningContent.reasoningText.signature and try again."
  ],
  ...[
    "qwen.qwen3-vl-235b-a22b",
    "us.mistral.pixtral-large-2502-v1:0",
    "moonshotai.kimi-k2.5",
    "global.openai.gpt-5.6-terra"
  ].map((id): Case => [
    `an image from a tool by ${id}`,
    id,
    toolTurn(image),
    "This model doesn't support the toolResult.content.image field. Remove toolResult.content.image and try again."
  ]),
  [
    "a tool that answers nothing to Nova",
    nova2,
    toolTurn(),
    malformed("#/messages/2/content/0/toolResult/content: expected minimum item count: 1, found: 0")
  ],
  [
    "a tool that answers nothing to Nemotron",
    nemotron,
    toolTurn(),
    "The content field at messages.2.content.0.toolResult cannot be empty."
  ],
  [
    "a search that found nothing",
    sonnet45,
    { messages: [user({ searchResult: { source: "s", title: "t", content: [] } })] },
    "messages.0.content.0.search_result.content: List should have at least 1 item after validation, not 0"
  ],
  [
    "a cache point behind a text file of Claude's",
    sonnet46,
    {
      messages: [
        user(say("Read"), { document: { format: "csv", name: "a", source: { bytes: "AA==" } } }, cachePoint)
      ]
    },
    `${model}messages.0.content.2.type: Field required`
  ],
  [
    "a cache point with nothing before it",
    sonnet46,
    { messages: [user(cachePoint, say("Hi"))] },
    "There is nothing available to cache. Please remove the invalid cache point and try again."
  ],
  [
    "a status from Writer's tools",
    "us.writer.palmyra-x5-v1:0",
    {
      toolConfig: { tools: [tool(object)] },
      messages: [
        user(say("Hi")),
        assistant({ toolUse: { toolUseId: "t1", name: "f", input: {} } }),
        user({ toolResult: { toolUseId: "t1", status: "success", content: [say("21")] } })
      ]
    },
    "This model doesn't support the toolResult.status field. Remove toolResult.status and try again."
  ],
  [
    "more than Nova 2 reads",
    nova2,
    { messages: [user(say("x".repeat(4_000_001)))] },
    `${model}Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.`
  ]
]

const accepted: ReadonlyArray<Case> = [
  ["two user turns in a row to Nova", nova, { messages: [user(say("a")), user(say("b"))] }],
  ["an assistant who begins, by Claude", sonnet46, { messages: [assistant(say("Hello")), user(say("Hi"))] }],
  ["a prefill of Claude 4.5", sonnet45, { messages: [...messages, assistant(say("Hello"))] }],
  ["an assistant who has the last word, by Nova 2", nova2, { messages: [...messages, assistant(say("Hello"))] }],
  ["`_` in the name of a document", sonnet45, {
    messages: [user(say("Read"), { document: { format: "pdf", name: "a_b", source: { bytes: "AA==" } } })]
  }],
  ["an id of 31 characters by Pixtral", "us.mistral.pixtral-large-2502-v1:0", {
    toolConfig: { tools: [tool(object)] },
    messages: [
      user(say("Hi")),
      assistant({ toolUse: { toolUseId: "tooluse_1234567890123456789012x", name: "f", input: {} } }),
      user({ toolResult: { toolUseId: "tooluse_1234567890123456789012x", content: [say("21")] } })
    ]
  }],
  ["a blank text that carries a cache point", sonnet45, { messages: [user(say("Hi"), say(" "), cachePoint)] }],
  ["an empty text between thoughts that Anthropic sealed", sonnet45, afterThought(seal, say(""), thought(seal))],
  ["a citation without a text", nova2, {
    messages: [
      user(say("Hi")),
      assistant(say("So"), { citationsContent: { citations: [{ location: { web: { url: "https://a.example" } } }] } }),
      user(say("And?"))
    ]
  }],
  ...["tool_use", "anything"].map((type): Case => [`the type ${type} on an ordinary call`, sonnet46, {
    toolConfig: { tools: [tool(object)] },
    messages: [
      user(say("Hi")),
      assistant({ toolUse: { toolUseId: "t1", name: "f", input: {}, type } }),
      user({ toolResult: { toolUseId: "t1", content: [say("21")] } })
    ]
  }]),
  [
    "a reference that comes to an end",
    sonnet46,
    answerAs({
      ...members(2, { $ref: "#/$defs/Leaf" }, true),
      $defs: { Leaf: members(1, { type: "string" }, true) }
    })
  ],
  [
    "sixteen unions and twenty-four optional members",
    sonnet46,
    answerAs({
      type: "object",
      additionalProperties: false,
      properties: { ...members(16, nullable, true).properties, o: members(7, { type: "string" }, false) },
      required: []
    })
  ],
  ...[
    "google.gemma-3-27b-it",
    "minimax.minimax-m2",
    "nvidia.nemotron-nano-12b-v2",
    "anthropic.claude-3-sonnet-20240229-v1:0"
  ].map((id): Case => [`a JSON schema for ${id}`, id, answerAs(members(1, { type: "string" }, true))]),
  ["additionalProperties in a tool of Nova 2", nova2, tools(tool({ ...object, additionalProperties: false }))],
  ["a pattern in a JSON schema", sonnet46, answerAs(members(1, { type: "string", pattern: "^a" }, true))],
  [
    "a list that is not empty in a strict tool",
    sonnet45,
    strict({ tags: { type: "array", items: { type: "string" }, minItems: 1 } })
  ],
  [
    "a pattern in a tool that is not strict",
    sonnet45,
    tools(tool({
      type: "object",
      properties: { code: { type: "string", pattern: "^a", minLength: 2 } }
    }))
  ],
  ["an image from a tool by Llama 4", "us.meta.llama4-scout-17b-instruct-v1:0", toolTurn(image)],
  ["an image from a tool by Claude", sonnet5, toolTurn(image)],
  ["a tool that answers nothing to Claude", sonnet45, toolTurn()],
  ["a forced tool while Claude 5 thinks", sonnet5, {
    ...force({ any: {} }),
    additionalModelRequestFields: { thinking: { type: "adaptive" } }
  }],
  ["Claude 5 without thinking", opus5, thinking({ type: "disabled" })],
  ["temperature 1 for Claude 4.8", opus48, { messages, inferenceConfig: { temperature: 1 } }],
  ["a budget beyond maxTokens when thoughts are interleaved", sonnet45, {
    messages,
    inferenceConfig: { maxTokens: 2000 },
    additionalModelRequestFields: {
      thinking: { type: "enabled", budget_tokens: 16_000 },
      anthropic_beta: ["interleaved-thinking-2025-05-14"]
    }
  }],
  ["thoughts without a seal by MiniMax", "minimax.minimax-m2", afterThought()],
  ["a cache point behind a PDF", sonnet46, {
    messages: [user(say("Read"), { document: { format: "pdf", name: "a", source: { bytes: "AA==" } } }, cachePoint)]
  }]
]

layer(Fixture.emulator())("The models of today", (it) => {
  it.effect.each(refusals)("refuse %s", ([, modelId, body, message]) =>
    Effect.gen(function*() {
      const { headers, status, text } = yield* Fixture.converse(body, modelId)
      assert.deepStrictEqual([status, JSON.parse(text)], [400, { message }])
      assert.include(headers["x-amzn-errortype"], "ValidationException")
    }))

  it.effect.each(accepted)("take %s", ([, modelId, body]) =>
    Effect.gen(function*() {
      const { status, text } = yield* Fixture.converse(body, modelId)
      assert.strictEqual(status, 200, text)
    }))

  it.effect.each([
    nemotron,
    "minimax.minimax-m2.5",
    "google.gemma-3-4b-it",
    "global.openai.gpt-5.6-terra",
    "qwen.qwen3-32b-v1:0",
    "zai.glm-5",
    "deepseek.v3.2",
    "mistral.mistral-large-3-675b-instruct"
  ])("%s denies a cache point", (modelId) =>
    Effect.gen(function*() {
      const { headers, status, text } = yield* Fixture.converse({
        messages,
        system: [say("Be brief"), cachePoint]
      }, modelId)
      assert.strictEqual(status, 403, text)
      assert.include(headers["x-amzn-errortype"], "AccessDeniedException")
    }))
})

/**
 * What current models refuse, with the emulator's default models.
 */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"
import type { Case } from "./Today.ts"
import {
  afterThought,
  answerAs,
  assistant,
  cachePoint,
  deepseek,
  fable,
  force,
  image,
  members,
  messages,
  nemotron,
  nova,
  nova2,
  nullable,
  object,
  opus47,
  opus48,
  opus5,
  opus55,
  say,
  sonnet45,
  sonnet46,
  sonnet5,
  strict,
  thinking,
  tool,
  tools,
  toolTurn,
  user
} from "./Today.ts"

const model = "The model returned the following errors: "
const malformed = (finding: string) =>
  `${model}Malformed input request: ${finding}, please reformat your input and try again.`

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

layer(Fixture.emulator())("The models of today", (it) => {
  it.effect.each(refusals)("refuse %s", ([, modelId, body, message]) =>
    Effect.gen(function*() {
      const { headers, status, text } = yield* Fixture.converse(body, modelId)
      assert.deepStrictEqual([status, JSON.parse(text)], [400, { message }])
      assert.include(headers["x-amzn-errortype"], "ValidationException")
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
  ])("%s refuses a cache point", (modelId) =>
    Effect.gen(function*() {
      const { headers, status, text } = yield* Fixture.converse({
        messages,
        system: [say("Be brief"), cachePoint]
      }, modelId)
      assert.strictEqual(status, 403, text)
      assert.include(headers["x-amzn-errortype"], "AccessDeniedException")
    }))
})

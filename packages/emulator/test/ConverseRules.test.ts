import { assert, layer } from "@effect/vitest"
import { Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Fixture from "./Fixture.ts"

const able = "strata.able-v1"
const sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const haiku = "anthropic.claude-3-haiku-20240307-v1:0"
const nova = "amazon.nova-lite-v1:0"
const micro = "amazon.nova-micro-v1:0"
const nova2 = "us.amazon.nova-2-lite-v1:0"
const llama = "meta.llama3-1-70b-instruct-v1:0"
const deepseek = "us.deepseek.r1-v1:0"

const user = (...content: ReadonlyArray<unknown>) => ({ role: "user", content })
const assistant = (...content: ReadonlyArray<unknown>) => ({ role: "assistant", content })
const system = (...content: ReadonlyArray<unknown>) => ({ role: "system", content })
const say = (text: string) => ({ text })
const messages = [user(say("Hi"))]
const cachePoint = (ttl?: string) => ({ cachePoint: { type: "default", ttl } })
const toolSpec = (name: string, options?: object) => ({
  toolSpec: { name, inputSchema: { json: { type: "object" } }, ...options }
})
const toolConfig = { tools: [toolSpec("weather")] }
const toolUse = (toolUseId: string) => ({ toolUse: { toolUseId, name: "weather", input: {} } })
const toolResult = (toolUseId: string) => ({ toolResult: { toolUseId, content: [say("21")] } })
const bytes = (length: number) => Base64.encode(new Uint8Array(length))
const image = { image: { format: "png", source: { bytes: "AA==" } } }
const document = (name: string, options?: object) => ({
  document: { format: "pdf", name, source: { bytes: "AA==" }, ...options }
})
const thought = (signature?: string) => ({ reasoningContent: { reasoningText: { text: "hm", signature } } })
const schema = (schema: string) => ({
  textFormat: { type: "json_schema", structure: { jsonSchema: { schema, name: "answer" } } }
})
const outputFormat = (schema: object) => ({
  additionalModelRequestFields: { output_config: { format: { type: "json_schema", schema } } }
})
const thinking = (fields: object) => ({ additionalModelRequestFields: { thinking: fields } })
const enabled = thinking({ type: "enabled", budget_tokens: 1024 })
const model = "The model returned the following errors: "
const one = "1 validation error detected: "

type Refusal = readonly [why: string, body: unknown, message: string, model?: string]

const blocks: ReadonlyArray<Refusal> = [
  [
    "reasoning in a user message",
    { messages: [user(thought())] },
    "User messages cannot contain reasoning content. Please remove the reasoning content and try again."
  ],
  [
    "tools added by the user",
    { toolConfig, messages: [user({ toolAddition: { tool: { name: "weather" } } })] },
    "The toolAddition field at messages.0.content.0 isn't supported for the user role."
  ],
  [
    "an added tool that was not declared",
    { toolConfig, messages: [user(say("Hi")), system({ toolAddition: { tool: { name: "clock" } } })] },
    "The tool clock doesn't exist in toolConfig.tools."
  ],
  [
    "a video from nowhere",
    { messages: [user({ video: { format: "mp4", source: {} } })] },
    "VideoSource object at messages.0.content.0.video.source must set one of the following keys: bytes, s3Location."
  ],
  [
    "an empty image",
    { messages: [user({ image: { format: "png", source: { bytes: "" } } })] },
    `${one}Value at 'messages.1.member.content.1.member.image.source.bytes' failed to satisfy constraint: Member must have length greater than or equal to 1`
  ],
  [
    "a place that is no bucket",
    { messages: [user({ image: { format: "png", source: { s3Location: { uri: "https://a/b.png" } } } })] },
    `${one}Value at 'messages.1.member.content.1.member.image.source.s3Location.uri' failed to satisfy constraint: Member must satisfy regular expression pattern: s3://[a-z0-9][\\.\\-a-z0-9]{1,61}[a-z0-9](/.*)?`
  ],
  [
    "guarded content with nothing in it",
    { messages: [user(say("Hi"), { guardContent: {} })] },
    "GuardrailConverseContentBlock object at messages.0.content.1.guardContent must set one of the following keys: text, image."
  ],
  [
    "a cache point of another lifetime",
    { messages: [user(say("Hi"), cachePoint("2h"))] },
    `${one}Value at 'messages.1.member.content.2.member.cachePoint.ttl' failed to satisfy constraint: Member must satisfy enum value set: [5m, 1h]`
  ],
  [
    "the same tool call twice",
    { toolConfig, messages: [user(say("Hi")), assistant(toolUse("t1"), toolUse("t1"))] },
    "The toolUse blocks at messages.1.content contain duplicate Ids: t1"
  ],
  [
    "the same tool result twice",
    {
      toolConfig,
      messages: [
        user(say("Hi")),
        assistant(toolUse("t1"), toolUse("t2")),
        user(toolResult("t1"), toolResult("t1"))
      ]
    },
    "The toolResult blocks at messages.2.content contain duplicate Ids: t1"
  ],
  [
    "a tool id with a slash",
    { toolConfig, messages: [user(say("Hi")), assistant(toolUse("a/b"))] },
    `${one}Value at 'messages.2.member.content.1.member.toolUse.toolUseId' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+`
  ],
  [
    "two tools of one name",
    { messages, toolConfig: { tools: [toolSpec("weather"), toolSpec("weather")] } },
    "The toolConfig.tools field contains duplicate tool names: weather."
  ],
  [
    "a tool whose schema is no object",
    { messages, toolConfig: { tools: [toolSpec("weather", { inputSchema: { json: "object" } })] } },
    "The format of the value at toolConfig.tools.0.toolSpec.inputSchema.json is invalid. Provide a json object for the field and try again."
  ],
  [
    "a tool without any kind",
    { messages, toolConfig: { tools: [{}] } },
    "Tool object at toolConfig.tools.0 must set one of the following keys: toolSpec, systemTool, cachePoint."
  ]
]

const attachments: ReadonlyArray<Refusal> = [
  [
    "two documents of one name",
    { messages: [user(say("Read"), document("a")), assistant(say("Yes")), user(say("And"), document("a"))] },
    "Messages can't contain duplicate document names. Rename the document and retry your request."
  ],
  [
    "more than five documents",
    { messages: [user(say("Read"), ...["a", "b", "c", "d", "e", "f"].map((name) => document(name)))] },
    "You can't include more than 5 documents in a request."
  ],
  [
    "a document that is too large",
    { messages: [user(say("Read"), document("a", { source: { bytes: bytes(4_500_001) } }))] },
    "The document a exceeds the maximum document size of 4.5 MB."
  ],
  [
    "more than twenty images, those in tool results among them",
    {
      toolConfig,
      messages: [
        user(...Array.from({ length: 20 }, () => image)),
        assistant(toolUse("t1")),
        user({ toolResult: { toolUseId: "t1", content: [image] } })
      ]
    },
    `${model}messages: too many images: 21 > 20`
  ],
  [
    "an image that is too large",
    { messages: [user({ image: { format: "png", source: { bytes: bytes(3_932_161) } } })] },
    `${model}messages.0.content.0.image.source.bytes: image exceeds 5 MB maximum: 5242884 bytes > 5242880 bytes`
  ]
]

const features: ReadonlyArray<Refusal> = [
  [
    "images for a model that sees none",
    { messages: [user(image)] },
    "This model doesn't support the image field for user messages. Remove image and try again.",
    micro
  ],
  [
    "documents for a model that reads none",
    { messages: [user(say("Read"), document("a"))] },
    "This model doesn't support the document field for user messages. Remove document and try again.",
    micro
  ],
  [
    "search results for a model that cites none",
    { messages: [user({ searchResult: { source: "s", title: "t", content: [say("hit")] } })] },
    "This model doesn't support the searchResult field for user messages. Remove searchResult and try again.",
    nova
  ],
  [
    "audio for a model that hears nothing",
    { messages: [user({ audio: { format: "mp3", source: { bytes: "AA==" } } })] },
    "This model doesn't support the audio field for user messages. Remove audio and try again.",
    nova
  ],
  [
    "a system message in the middle for a model that takes none there",
    { messages: [user(say("Hi")), system(say("Be brief"))] },
    "This model doesn't support the system role. Remove the messages with the system role and try again.",
    nova
  ],
  [
    "thoughts for a model that has none",
    { messages: [user(say("Hi")), assistant(thought())] },
    "This model doesn't support the reasoningContent field for assistant messages. Remove reasoningContent and try again.",
    nova
  ],
  [
    "a signature for a model that signs nothing",
    { messages: [user(say("Hi")), assistant(thought("sig"))] },
    "This model doesn't support the reasoningContent.reasoningText.signature field. Remove reasoningContent.reasoningText.signature and try again.",
    nova2
  ],
  [
    "any thought for DeepSeek R1",
    { messages: [user(say("Hi")), assistant(thought(), say("Hello")), user(say("And?"))] },
    "User messages cannot contain reasoning content. Please remove the reasoning content and try again.",
    deepseek
  ],
  [
    "a forced tool for a model that chooses itself",
    { messages, toolConfig: { ...toolConfig, toolChoice: { any: {} } } },
    "This model doesn't support the toolConfig.toolChoice.any field. Remove toolConfig.toolChoice.any and try again.",
    llama
  ],
  [
    "strict tools for a model without them",
    { messages, toolConfig: { tools: [toolSpec("weather", { strict: true })] } },
    "This model doesn't support the strict field. Remove strict and try again.",
    nova
  ],
  [
    "a JSON schema for a model that takes none",
    { messages, outputConfig: schema("{}") },
    "This model doesn't support the outputConfig field. Remove outputConfig and try again.",
    nova
  ],
  [
    "a JSON schema the way Claude takes it, for one that takes none",
    { messages, ...outputFormat({ type: "object", additionalProperties: false }) },
    `${model}output_config.format: Extra inputs are not permitted`,
    "us.anthropic.claude-sonnet-4-20250514-v1:0"
  ],
  [
    "more tokens than the model writes",
    { messages, inferenceConfig: { maxTokens: 4097 } },
    "The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value that is lower than 4096.",
    haiku
  ],
  [
    "temperature together with topP",
    { messages, inferenceConfig: { temperature: 0.5, topP: 0.5 } },
    `${model}\`temperature\` and \`top_p\` cannot both be specified for this model. Please use only one.`,
    sonnet
  ],
  [
    "a cache point behind a thought",
    { messages: [user(say("Hi")), assistant(thought("sig"), cachePoint())] },
    "Cache point cannot be inserted after reasoning block. Please remove the invalid cache point and try again.",
    sonnet
  ],
  [
    "a fifth cache point",
    { messages: [user(...Array.from({ length: 5 }, () => [say("Hi"), cachePoint()]).flat())] },
    `${model}A maximum of 4 blocks with cache_control may be provided. Found 5.`,
    sonnet
  ],
  [
    "a long lifetime behind a short one",
    { system: [say("Be brief"), cachePoint()], messages: [user(say("Hi"), cachePoint("1h"))] },
    `${model}a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: \`tools\`, \`system\`, \`messages\`.`,
    sonnet
  ]
]

const output: ReadonlyArray<Refusal> = [
  [
    "a JSON schema that is no JSON",
    { messages, outputConfig: schema("{") },
    "The format of the value at outputConfig.textFormat.structure.jsonSchema.schema is invalid. Provide a json object for the field and try again."
  ],
  [
    "an open object in the schema of Claude",
    {
      messages,
      outputConfig: schema(
        `{"type":"object","additionalProperties":false,"properties":{"a":{"type":"object","properties":{}}}}`
      )
    },
    `${model}output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false`,
    sonnet
  ],
  [
    "an open object in the schema, the way Claude takes it",
    { messages, ...outputFormat({ type: "object" }) },
    `${model}output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false`,
    sonnet
  ],
  [
    "an effort nobody makes",
    { messages, outputConfig: { effort: "heroic" } },
    `${model}output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'`
  ],
  [
    "a pointer that is none",
    { messages, additionalModelResponseFieldPaths: ["stop_sequence"] },
    "The JSON Pointer stop_sequence in additionalModelResponseFieldPaths is invalid. Provide a valid JSON Pointer and try again."
  ],
  [
    "additional fields that are no object",
    { messages, additionalModelRequestFields: ["thinking"] },
    "The format of the value at additionalModelRequestFields is invalid. Provide a json object for the field and try again."
  ],
  [
    "a service tier that is not sold",
    { messages, serviceTier: { type: "gold" } },
    `${one}Value 'gold' at 'serviceTier.type' failed to satisfy constraint: Member must satisfy enum value set: [priority, default, flex, reserved]`
  ],
  [
    "metadata of seventeen entries, without repeating it",
    {
      messages,
      requestMetadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`key${index}`, "secret"]))
    },
    `${one}Value at 'requestMetadata' failed to satisfy constraint: Member must have length less than or equal to 16`
  ],
  [
    "a metadata value with a control character, without repeating it",
    { messages, requestMetadata: { key: "secret\u0000" } },
    `${one}Value at 'requestMetadata.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9\\s:_@$#=/+,-.]{0,256}`
  ],
  [
    "a guardrail that cannot exist",
    { messages, guardrailConfig: { guardrailIdentifier: "NO", guardrailVersion: "1" } },
    `${one}Value 'NO' at 'guardrailConfig.guardrailIdentifier' failed to satisfy constraint: Member must satisfy regular expression pattern: (|([a-z0-9]+)|(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+))`
  ]
]

const thoughts: ReadonlyArray<Refusal> = [
  [
    "thinking by a model that cannot",
    { messages, ...enabled },
    `${model}thinking: Extra inputs are not permitted`,
    haiku
  ],
  [
    "too small a budget",
    { messages, ...thinking({ type: "enabled", budget_tokens: 1023 }) },
    `${model}thinking.enabled.budget_tokens: Input should be greater than or equal to 1024`,
    sonnet
  ],
  [
    "no budget",
    { messages, ...thinking({ type: "enabled" }) },
    `${model}thinking.enabled.budget_tokens: Field required`,
    sonnet
  ],
  [
    "a budget that leaves nothing for the answer",
    { messages, ...enabled, inferenceConfig: { maxTokens: 1024 } },
    `${model}\`max_tokens\` must be greater than \`thinking.budget_tokens\`.`,
    sonnet
  ],
  [
    "a temperature while thinking",
    { messages, ...enabled, inferenceConfig: { maxTokens: 2048, temperature: 0 } },
    `${model}\`temperature\` may only be set to 1 when thinking is enabled`,
    sonnet
  ],
  [
    "a narrow topP while thinking",
    { messages, ...enabled, inferenceConfig: { maxTokens: 2048, topP: 0.5 } },
    `${model}\`top_p\` must be greater than or equal to 0.95 or unset when thinking is enabled`,
    sonnet
  ],
  ...[{ any: {} }, { tool: { name: "weather" } }].map((toolChoice): Refusal => [
    `the tool choice ${Object.keys(toolChoice)[0]} while thinking`,
    { messages, ...enabled, toolConfig: { ...toolConfig, toolChoice } },
    `${model}Thinking may not be enabled when tool_choice forces tool use.`,
    sonnet
  ]),
  [
    "a tool turn that forgot its thoughts",
    { messages: [user(say("Hi")), assistant(toolUse("t1")), user(toolResult("t1"))], toolConfig, ...enabled },
    `${model}messages.1.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`tool_use\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks). We recommend you include thinking blocks from previous turns. To avoid this requirement, disable \`thinking\`.`,
    sonnet
  ]
]

layer(Fixture.emulator({ models: [Model.chat(able)] }))("ConverseRules", (it) => {
  for (const refusals of [blocks, attachments, features, output, thoughts]) {
    it.effect.each(refusals)("refuses %s", ([, body, message, modelId]) =>
      Effect.gen(function*() {
        const { headers, status, text } = yield* Fixture.converse(body, modelId ?? able)
        assert.deepStrictEqual([status, JSON.parse(text)], [400, { message }])
        assert.include(headers["x-amzn-errortype"], "ValidationException")
      }))
  }

  it.effect("refuses a cache point for a model without caching", () =>
    Effect.gen(function*() {
      const { headers, status, text } = yield* Fixture.converse({ messages: [user(say("Hi"), cachePoint())] }, haiku)
      assert.deepStrictEqual([status, JSON.parse(text)], [403, {
        message: "You invoked an unsupported model or your request did not allow prompt caching."
      }])
      assert.include(headers["x-amzn-errortype"], "AccessDeniedException")
    }))
})

import { assert, layer } from "@effect/vitest"
import { Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"

const user = (...content: ReadonlyArray<unknown>) => ({ role: "user", content })
const assistant = (...content: ReadonlyArray<unknown>) => ({ role: "assistant", content })
const say = (text: string) => ({ text })
const toolConfig = { tools: [{ toolSpec: { name: "weather", inputSchema: { json: { type: "object" } } } }] }
const toolUse = (toolUseId: string) => ({ toolUse: { toolUseId, name: "weather", input: {} } })
const toolResult = (toolUseId: string) => ({ toolResult: { toolUseId, content: [say("21")] } })
const messages = [user(say("Hi"))]

const refusals: ReadonlyArray<readonly [why: string, body: unknown, message: string, model?: string]> = [
  [
    "a blank text",
    { messages: [user(say(" \n"))] },
    "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and try again."
  ],
  [
    "a message without content",
    { messages: [user(say("Hi")), assistant()] },
    "The content field in the Message object at messages.1 is empty. Add a ContentBlock object to the content field and try again."
  ],
  [
    "a block it does not know",
    { messages: [user({ riddle: {} })] },
    "ContentBlock object at messages.0.content.0 must set one of the following keys: text, image, document, video, audio, toolUse, toolResult, guardContent, cachePoint, reasoningContent, citationsContent, searchResult."
  ],
  [
    "no message at all",
    {},
    "A conversation must start with a user message. Try again with a conversation that starts with a user message."
  ],
  [
    "a conversation the assistant starts",
    { messages: [assistant(say("Hi"))] },
    "A conversation must start with a user message. Try again with a conversation that starts with a user message."
  ],
  [
    "two turns of the same role",
    { messages: [user(say("a")), user(say("b"))] },
    "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.",
    "meta.llama3-8b-instruct-v1:0"
  ],
  [
    "tool blocks without tools",
    { messages: [user(say("Hi")), assistant(toolUse("t1")), user(toolResult("t1"))] },
    "The toolConfig field must be defined when using toolUse and toolResult content blocks."
  ],
  [
    "a tool call nobody answered",
    { toolConfig, messages: [user(say("Hi")), assistant(toolUse("t1"), toolUse("t2")), user(toolResult("t1"))] },
    "Expected toolResult blocks at messages.2.content for the following Ids: t2"
  ],
  [
    "a tool result nobody asked for",
    { toolConfig, messages: [user(toolResult("t1"))] },
    "The number of toolResult blocks at messages.0.content exceeds the number of toolUse blocks of previous turn."
  ],
  [
    "tool parameters that are no object",
    { toolConfig, messages: [user({ toolUse: { toolUseId: "t", name: "weather", input: "x" } })] },
    "The format of the value at messages.0.content.0.toolUse.input is invalid. Provide a json object for the field and try again."
  ],
  [
    "a tool result that is no JSON object",
    {
      toolConfig,
      messages: [
        user(say("Hi")),
        assistant(toolUse("t1")),
        user({ toolResult: { toolUseId: "t1", content: [{ json: [1] }] } })
      ]
    },
    "The format of the value at messages.2.content.0.toolResult.content.0.json is invalid. Provide a json object for the field and try again."
  ],
  [
    "a failed tool that says nothing",
    {
      toolConfig,
      messages: [
        user(say("Hi")),
        assistant(toolUse("t1")),
        user({ toolResult: { toolUseId: "t1", content: [], status: "error" } })
      ]
    },
    "The content field at messages.2.content.0.toolResult cannot be empty when status value is error."
  ],
  [
    "a document name with a dot",
    { messages: [user(say("Read"), { document: { format: "pdf", name: "a.pdf", source: { bytes: "AA==" } } })] },
    "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. Check that the file name conforms to these restrictions and retry your request."
  ],
  [
    "a document without a text",
    { messages: [user({ document: { format: "pdf", name: "a", source: { bytes: "AA==" } } })] },
    "A text block must be included when using documents."
  ],
  [
    "maxTokens below 1",
    { messages, inferenceConfig: { maxTokens: 0 } },
    "1 validation error detected: Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1"
  ],
  [
    "several values out of range at once",
    { messages, inferenceConfig: { temperature: 1.5, topP: -1, stopSequences: [""] } },
    "3 validation errors detected: Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1; Value '-1' at 'inferenceConfig.topP' failed to satisfy constraint: Member must have value greater than or equal to 0; Value '' at 'inferenceConfig.stopSequences.1.member' failed to satisfy constraint: Member must have length greater than or equal to 1"
  ],
  [
    "an empty list of tools",
    { messages, toolConfig: { tools: [] } },
    "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1"
  ],
  [
    "a tool name with a blank",
    { messages, toolConfig: { tools: [{ toolSpec: { name: "a b", inputSchema: { json: {} } } }] } },
    "1 validation error detected: Value 'a b' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
  ],
  [
    "an unknown role",
    { messages: [{ role: "robot", content: [say("Hi")] }] },
    "1 validation error detected: Value at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant, system]"
  ],
  [
    "a member that must be there",
    { messages: [{ content: [say("Hi")] }] },
    "1 validation error detected: Value null at 'messages.1.member.role' failed to satisfy constraint: Member must not be null"
  ],
  [
    "a system prompt for a model without one",
    { messages, system: [say("Be brief")] },
    "This model doesn't support system messages. Try again without a system message or use a model that supports system messages.",
    "amazon.titan-text-express-v1"
  ],
  [
    "tools for a model without them",
    { messages, toolConfig },
    "This model doesn't support tool use.",
    "amazon.titan-text-express-v1"
  ],
  [
    "a trailing blank at the end of what Claude is to continue",
    { messages: [user(say("Hi")), assistant(say("Hello "))] },
    "The model returned the following errors: messages: final assistant content cannot end with trailing whitespace",
    "anthropic.claude-3-haiku-20240307-v1:0"
  ],
  [
    "more text than fits",
    { messages: [user(say("x".repeat(40_000)))] },
    "Input is too long for requested model.",
    "small"
  ],
  [
    "a model that only embeds",
    { messages },
    "This action doesn't support the model that you provided. Try again with a supported text or chat model",
    "cohere.embed-english-v3"
  ]
]

const able = "strata.able-v1"
const sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const thinking = (fields: object) => ({ additionalModelRequestFields: { thinking: fields } })
const enabled = thinking({ type: "enabled", budget_tokens: 1024 })

const accepted: ReadonlyArray<readonly [what: string, body: unknown, model?: string]> = [
  [
    "null for a member that is missing",
    {
      system: null,
      inferenceConfig: { maxTokens: null, temperature: null },
      messages: [{ role: "user", content: [{ text: "Hi", image: null, cachePoint: null }] }],
      toolConfig: null,
      guardrailConfig: null
    }
  ],
  ["null inside what a tool is called with", {
    toolConfig,
    messages: [user(say("Hi")), assistant({ toolUse: { toolUseId: "t1", name: "weather", input: { city: null } } })]
  }],
  ["a tool the service ran itself, answered in the same turn", {
    toolConfig: { tools: [{ systemTool: { name: "nova_grounding" } }] },
    messages: [
      user(say("Hi")),
      assistant(
        { toolUse: { toolUseId: "t1", name: "nova_grounding", input: {}, type: "server_tool_use" } },
        { toolResult: { toolUseId: "t1", type: "nova_grounding_result", content: [{ json: { hits: [] } }] } },
        say("Hello")
      ),
      user(say("Thanks"))
    ]
  }],
  ["a system message between the others", {
    toolConfig: { tools: [...toolConfig.tools, { cachePoint: { type: "default", ttl: "1h" } }] },
    messages: [
      user(say("Hi")),
      { role: "system", content: [say("Now be brief"), { toolRemoval: { tool: { name: "weather" } } }] },
      assistant(say("Hello"))
    ]
  }],
  ["everything that can be asked of the answer", {
    messages,
    outputConfig: {
      textFormat: {
        type: "json_schema",
        structure: { jsonSchema: { schema: `{"type":"object","additionalProperties":false}`, name: "answer" } }
      },
      effort: "high"
    },
    additionalModelResponseFieldPaths: ["/stop_sequence", "/a~1b/0"],
    requestMetadata: { "team name": "a@b" },
    promptVariables: { who: { text: "me" } },
    performanceConfig: { latency: "optimized" },
    serviceTier: { type: "flex" }
  }],
  [
    "thinking with temperature 1",
    { messages, ...enabled, inferenceConfig: { maxTokens: 2048, temperature: 1 } },
    sonnet
  ],
  [
    "adaptive thinking",
    { messages, ...thinking({ type: "adaptive" }), outputConfig: { effort: "max" } },
    "us.anthropic.claude-sonnet-4-6"
  ],
  ["thinking switched off, and a temperature", {
    messages,
    ...thinking({ type: "disabled" }),
    inferenceConfig: { temperature: 0 }
  }, sonnet],
  [
    "the members of thinking for a model with other rules",
    { messages, ...thinking({ type: "enabled" }) },
    Fixture.modelId
  ]
]

layer(Fixture.emulator({ models: [Model.chat(able), Model.chat("small", { contextTokens: 1000 })] }))(
  "Validation",
  (it) => {
    it.effect.each(refusals)("refuses %s", ([, body, message, model]) =>
      Effect.gen(function*() {
        const { headers, status, text } = yield* Fixture.converse(body, model ?? Fixture.modelId)
        assert.deepStrictEqual([status, JSON.parse(text)], [400, { message }])
        assert.strictEqual(
          headers["x-amzn-errortype"],
          "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"
        )
        assert.match(
          headers["x-amzn-requestid"] ?? "",
          /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
        )
      }))

    it.effect("refuses tools in a stream for a model with tools in whole answers only", () =>
      Effect.gen(function*() {
        const model = "us.meta.llama4-maverick-17b-instruct-v1:0"
        const body = JSON.stringify({ messages, toolConfig })
        const streamed = yield* Fixture.post(`/model/${encodeURIComponent(model)}/converse-stream`, body)
        assert.strictEqual(
          streamed.text,
          `{"message":"This model doesn't support tool use in streaming mode."}`
        )
        const whole = yield* Fixture.post(`/model/${encodeURIComponent(model)}/converse`, body)
        assert.strictEqual(whole.status, 200)
      }))

    it.effect.each(
      [
        ["JSON that is none", "{\"messages\""],
        ["a value of the wrong type", `{"messages":"Hi"}`],
        ["a list for a body", "[]"]
      ] as const
    )("cannot read %s", ([, body]) =>
      Effect.gen(function*() {
        const { headers, status } = yield* Fixture.post(`/model/${Fixture.modelId}/converse`, body)
        assert.strictEqual(status, 400)
        assert.include(headers["x-amzn-errortype"], "SerializationException")
      }))

    it.effect("accepts a valid conversation with every kind of block", () =>
      Effect.gen(function*() {
        const { status } = yield* Fixture.converse({
          system: [say("Be brief"), { cachePoint: { type: "default" } }],
          toolConfig,
          messages: [
            user(say("Hi"), { document: { format: "pdf", name: "A report (1) [final]", source: { bytes: "AA==" } } }),
            assistant(say("One moment"), toolUse("t1"), toolUse("t2")),
            user(toolResult("t2"), toolResult("t1"), { cachePoint: { type: "default", ttl: "5m" } })
          ],
          inferenceConfig: { maxTokens: 1, temperature: 0, topP: 1, stopSequences: ["x"] },
          requestMetadata: { unknown: "members pass" }
        })
        assert.strictEqual(status, 200)
      }))

    it.effect.each(accepted)("accepts %s", ([, body, modelId]) =>
      Effect.gen(function*() {
        const { status, text } = yield* Fixture.converse(body, modelId ?? able)
        assert.strictEqual(status, 200, text)
      }))
  }
)

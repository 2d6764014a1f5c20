import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fixture from "../Fixture.ts"
import * as Invoking from "./Invoking.ts"

const weather = { name: "weather", input_schema: { type: "object" } }

const thinking = { thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 2048 }

layer(Fixture.emulator())("What Claude refuses", (it) => {
  const malformed = (finding: string) =>
    `Malformed input request: ${finding}, please reformat your input and try again.`

  const conversation = (...messages: ReadonlyArray<unknown>) => Invoking.claude({ messages, tools: [weather] })
  const hi = { role: "user", content: "Hi" }
  const use = { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "weather", input: {} }] }

  it.effect.each(
    [
      [
        "an empty body",
        Invoking.haiku,
        {},
        malformed(
          `#: subject must not be valid against schema {"required":["messages"]}#: required key [max_tokens] not found#: required key [anthropic_version] not found`
        )
      ],
      [
        "no max_tokens",
        Invoking.sonnet,
        Invoking.claude({ max_tokens: undefined }),
        malformed("#: required key [max_tokens] not found")
      ],
      [
        "another version",
        Invoking.sonnet,
        Invoking.claude({ anthropic_version: "2023-06-01" }),
        malformed("#/anthropic_version: 2023-06-01 is not a valid enum value")
      ],
      [
        "a key Claude 3 does not know",
        Invoking.haiku,
        Invoking.claude({ stream: true }),
        malformed("#: extraneous key [stream] is not permitted")
      ],
      [
        "a key later ones do not know",
        Invoking.sonnet,
        Invoking.claude({ context_management: {} }),
        "context_management: Extra inputs are not permitted"
      ],
      [
        "more tokens than it writes",
        Invoking.haiku,
        Invoking.claude({ max_tokens: 5000 }),
        "max_tokens: 5000 > 4096, which is the maximum allowed number of output tokens for claude-3-haiku-20240307"
      ],
      ["no messages", Invoking.haiku, conversation(), "messages: at least one message is required"],
      [
        "a message that says nothing",
        Invoking.haiku,
        conversation({ role: "user", content: "" }),
        "messages.0: all messages must have non-empty content except for the optional final assistant message"
      ],
      [
        "an odd role",
        Invoking.haiku,
        conversation({ role: "robot", content: "Hi" }),
        "messages.0.role: Input should be 'user' or 'assistant'"
      ],
      [
        "a text block without text",
        Invoking.haiku,
        conversation({ role: "user", content: [{ type: "text" }] }),
        "messages.0.content.0.text.text: Field required"
      ],
      [
        "an unknown block",
        Invoking.haiku,
        conversation({ role: "user", content: [{ type: "video" }] }),
        "messages.0.content.0: Input tag 'video' found using 'type' does not match any of the expected tags: 'document', 'image', 'redacted_thinking', 'search_result', 'text', 'thinking', 'tool_result', 'tool_use'"
      ],
      [
        "a call nobody answered",
        Invoking.haiku,
        conversation(hi, use, hi),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
      ],
      [
        "an answer nobody called for",
        Invoking.haiku,
        conversation({ role: "user", content: [{ type: "tool_result", tool_use_id: "t2" }] }),
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t2. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
      ],
      [
        "a tool that says too much",
        Invoking.haiku,
        Invoking.claude({ tools: [{ ...weather, input_examples: [] }] }),
        "tools.0.custom.input_examples: Extra inputs are not permitted"
      ],
      [
        "a prefill that ends with a blank",
        Invoking.haiku,
        conversation(hi, { role: "assistant", content: "So " }),
        "messages: final assistant content cannot end with trailing whitespace"
      ],
      [
        "thinking at a temperature",
        Invoking.sonnet,
        Invoking.claude({ ...thinking, temperature: 0.5 }),
        "`temperature` may only be set to 1 when thinking is enabled"
      ],
      [
        "a schema that is open",
        Invoking.sonnet,
        Invoking.claude({ output_config: { format: { type: "json_schema", schema: { type: "object" } } } }),
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
      ],
      [
        "an image that is none",
        Invoking.haiku,
        conversation({
          role: "user",
          content: [{ type: "image", source: { type: "url", media_type: "image/png", data: "AQI=" } }]
        }),
        "messages.0.content.0.image.source.type: Input should be 'base64'"
      ],
      [
        "thinking where there is none",
        Invoking.haiku,
        Invoking.claude(thinking),
        "thinking: Extra inputs are not permitted"
      ],
      [
        "too long a prompt",
        Invoking.haiku,
        conversation({ role: "user", content: "x".repeat(800_001) }),
        "Input is too long for requested model."
      ]
    ] as const
  )("refuses %s", ([, model, body, expected]) =>
    Effect.gen(function*() {
      const { message, name, status } = yield* Effect.flip(Invoking.whole("1.1", model, body))
      assert.deepStrictEqual([status, name, message], [400, "ValidationException", expected])
    }))
})

/**
 * What current models accept, with the emulator's default models.
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
  force,
  image,
  members,
  messages,
  nova,
  nova2,
  nullable,
  object,
  opus48,
  opus5,
  say,
  seal,
  sonnet45,
  sonnet46,
  sonnet5,
  strict,
  thinking,
  thought,
  tool,
  tools,
  toolTurn,
  user
} from "./Today.ts"

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
  it.effect.each(accepted)("take %s", ([, modelId, body]) =>
    Effect.gen(function*() {
      const { status, text } = yield* Fixture.converse(body, modelId)
      assert.strictEqual(status, 200, text)
    }))
})

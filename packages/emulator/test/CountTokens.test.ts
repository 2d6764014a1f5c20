import { ConverseCommand, CountTokensCommand } from "@aws-sdk/client-bedrock-runtime"
import type { ConverseTokensRequest, CountTokensInput } from "@aws-sdk/client-bedrock-runtime"
import { assert, layer } from "@effect/vitest"
import * as Usage from "@strata/core/Usage"
import { Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"

const able = "strata.able-v1"
const sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0"
const stage = Fixture.stage()

const count = Effect.fnUntraced(function*(protocol: Fixture.Protocol, modelId: string, input: CountTokensInput) {
  const client = yield* Fixture.connect(protocol)
  const { inputTokens } = yield* Fixture.attempt(() => client.send(new CountTokensCommand({ modelId, input })))
  return inputTokens
})

const post = (body: unknown) => Fixture.post(`/model/${able}/count-tokens`, JSON.stringify(body))

const tool = { toolSpec: { name: "look", inputSchema: { json: { type: "object" } } } }

const prompts: ReadonlyArray<readonly [what: string, prompt: ConverseTokensRequest]> = [
  ["a text", { messages: [{ role: "user", content: [{ text: "How many tokens is this?" }] }] }],
  ["a system prompt, tools and a cache point", {
    system: [{ text: "Be brief" }, { cachePoint: { type: "default" } }],
    toolConfig: { tools: [tool] },
    messages: Fixture.hello.messages
  }],
  ["a conversation with every kind of content", {
    toolConfig: { tools: [tool] },
    messages: [
      {
        role: "user",
        content: [
          { text: "Look" },
          { image: { format: "png", source: { bytes: new Uint8Array(1000) } } },
          { document: { format: "txt", name: "a", source: { text: "words and words" }, context: "old" } },
          { document: { format: "md", name: "b", source: { content: [{ text: "piece" }] } } },
          { document: { format: "pdf", name: "c", source: { s3Location: { uri: "s3://bucket/c.pdf" } } } },
          { video: { format: "mp4", source: { bytes: new Uint8Array(1000) } } },
          { searchResult: { source: "s", title: "title", content: [{ text: "hit" }] } },
          { guardContent: { text: { text: "guarded" } } }
        ]
      },
      {
        role: "assistant",
        content: [
          { reasoningContent: { reasoningText: { text: "let me see" } } },
          { citationsContent: { content: [{ text: "cited" }] } },
          { toolUse: { toolUseId: "t1", name: "look", input: { at: "it" } } }
        ]
      },
      { role: "user", content: [{ toolResult: { toolUseId: "t1", content: [{ text: "a" }, { json: { b: "c" } }] } }] }
    ]
  }]
]

layer(Fixture.emulator({ models: [Model.chat(able)], inputTokens: "counted" }, stage.layer))("CountTokens", (it) => {
  for (const protocol of Fixture.protocols) {
    it.effect.each(prompts)(
      `counts %s as Converse does, over HTTP/${protocol}`,
      ([, converse]) =>
        Effect.gen(function*() {
          yield* stage.says(Fixture.response([], { usage: Usage.make({ inputTokens: 999_999, outputTokens: 1 }) }))
          const client = yield* Fixture.connect(protocol)
          const { usage } = yield* Fixture.attempt(() =>
            client.send(new ConverseCommand({ modelId: able, ...converse }))
          )
          const { cacheReadInputTokens = 0, cacheWriteInputTokens = 0, inputTokens = 0 } = usage ?? {}
          const counted = yield* count(protocol, able, { converse })
          assert.strictEqual(counted, inputTokens + cacheReadInputTokens + cacheWriteInputTokens)
          assert.isAbove(counted ?? 0, 0)
        })
    )
  }

  it.effect("counts more tokens for longer input", () =>
    Effect.gen(function*() {
      const of = (text: string) =>
        count("1.1", able, { converse: { messages: [{ role: "user", content: [{ text }] }] } })
      assert.deepStrictEqual([yield* of("four"), yield* of("five!"), yield* of("x".repeat(400))], [1, 2, 100])
    }))

  it.effect("counts the prompt in a body of InvokeModel", () =>
    Effect.gen(function*() {
      const body = new TextEncoder().encode(JSON.stringify({
        anthropic_version: "bedrock-2023-05-31",
        max_tokens: 10,
        messages: [{ role: "user", content: [{ type: "text", text: "x".repeat(40) }] }]
      }))
      assert.strictEqual(yield* count("2", sonnet, { invokeModel: { body } }), 10)
    }))

  it.effect("accepts the plain model id, even if only an inference profile can be called", () =>
    Effect.gen(function*() {
      const input = { converse: { messages: Fixture.hello.messages } }
      assert.strictEqual(yield* count("1.1", sonnet, input), 1)
      for (const modelId of [`us.${sonnet}`, `global.${sonnet}`, Fixture.modelId, "cohere.embed-english-v3"]) {
        const { message, name, status } = yield* Effect.flip(count("1.1", modelId, input))
        assert.deepStrictEqual(
          [status, name, message],
          [400, "ValidationException", "The provided model doesn't support counting tokens."]
        )
      }
      const unknown = yield* Effect.flip(count("1.1", "nobody.knows-v1", input))
      assert.strictEqual(unknown.message, "The provided model identifier is invalid.")
    }))

  it.effect.each(
    [
      [
        "nothing",
        {},
        "1 validation error detected: Value null at 'input' failed to satisfy constraint: Member must not be null"
      ],
      [
        "neither kind",
        { input: {} },
        "CountTokensInput object at input must set one of the following keys: invokeModel, converse."
      ],
      [
        "a body that is no JSON",
        { input: { invokeModel: { body: "AAAA" } } },
        "Malformed input request: the body is not a JSON object, please reformat your input and try again."
      ],
      [
        "an odd role",
        { input: { converse: { messages: [{ role: "robot", content: [] }] } } },
        "1 validation error detected: Value at 'input.converse.messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant, system]"
      ],
      [
        "a conversation Converse would refuse",
        { input: { converse: { messages: [{ role: "assistant", content: [{ text: "Hi" }] }] } } },
        "A conversation must start with a user message. Try again with a conversation that starts with a user message."
      ]
    ] as const
  )("refuses %s", ([, body, message]) =>
    Effect.gen(function*() {
      const { status, text } = yield* post(body)
      assert.deepStrictEqual([status, JSON.parse(text)], [400, { message }])
    }))
})

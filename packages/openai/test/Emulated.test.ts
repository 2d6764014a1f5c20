import { assert, describe, it } from "@effect/vitest"
import { ChatService, EmbeddingService, Message, Policy, Tool, ToolLoop } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator, type OpenAi } from "@strata/emulator"
import { OpenAiChat, OpenAiClient, OpenAiEmbedding, type OpenAiProfile } from "@strata/openai"
import { Effect, Layer, Schema, Stream } from "effect"
import * as Context from "effect/Context"

/** Chat and embeddings over the wire, of a server with these quirks, whose model answers by a script. */
const served = (
  script: TestChat.Script,
  quirks: ReadonlyArray<OpenAi.Quirk>,
  profile?: OpenAiProfile.Input
) =>
  Layer.unwrap(Effect.map(Emulator.Emulator, ({ openai: { apiKey, baseUrl } }) =>
    Layer.merge(
      OpenAiChat.layer({ model: "gpt-4o", policy: Policy.none }),
      OpenAiEmbedding.layer({ model: "text-embedding-3-small", policy: Policy.none })
    ).pipe(Layer.provideMerge(OpenAiClient.layer({ apiKey, baseUrl, profile }))))).pipe(
      Layer.provideMerge(Emulator.layer({ openai: { models: "any", quirks } })),
      Layer.provide(Layer.merge(TestChat.layer(script), TestEmbedding.layer()))
    )

const weather = Tool.make("get_weather", {
  description: "The weather of a city.",
  input: Schema.Struct({ city: Schema.String, unit: Schema.optionalKey(Schema.Literals(["C", "F"])) }),
  handler: ({ city, unit = "C" }) => Effect.succeed({ city, degrees: unit === "C" ? 7 : 45 })
})

const calls: TestChat.Script = [
  {
    content: [
      { type: "text", text: "Let me look." },
      { type: "tool-call", id: "c1", name: "get_weather", params: { city: "Paris" } },
      { type: "tool-call", id: "c2", name: "get_weather", params: { city: "Oslo", unit: "F" } }
    ]
  },
  "It is 7 degrees in Paris and 45 in Oslo."
]

/** A tool loop, whole and streamed, which comes to the same end. */
const loop = Effect.fnUntraced(function*(
  quirks: ReadonlyArray<OpenAi.Quirk>,
  profile?: OpenAiProfile.Input
) {
  const whole = yield* ToolLoop.run("How is it?", { tools: [weather] }).pipe(
    Effect.provide(served(calls, quirks, profile))
  )
  const events = yield* Stream.runCollect(ToolLoop.stream("How is it?", { tools: [weather] })).pipe(
    Effect.provide(served(calls, quirks, profile))
  )
  const outcome = events.flatMap((event) => event.type === "outcome" ? [event.outcome] : [])[0]
  assert.strictEqual(outcome?.response.text, whole.response.text)
  return whole
})

const resultsOf = ({ messages }: ToolLoop.Outcome) =>
  messages.flatMap((message) => message.role === "tool" ? message.content.map(({ result }) => result) : [])

describe("over the wire of the emulator", () => {
  const servers: Record<string, readonly [ReadonlyArray<OpenAi.Quirk>, OpenAiProfile.Input?]> = {
    "OpenAI": [[], "openai"],
    "a server with one index for all calls": [["calls-at-index-zero", "whole-calls"]],
    "a server without ids": [["calls-without-id", "calls-at-index-zero", "whole-calls"]],
    "a server with objects as arguments": [["arguments-as-object", "whole-calls", "stop-with-calls"]],
    "a server with comments and CRLF": [["comments", "crlf", "filters-first"]],
    "a server without usage": [["no-stream-options", "no-usage"], { streamUsage: false }],
    "a server with usage beside text": [["usage-beside-text", "developer-refused"]],
    "vLLM": [["reasoning", "developer-refused"], "vllm"],
    "Ollama": [["calls-at-index-zero", "whole-calls", "reasoning", "float-vectors"], "ollama"]
  }
  for (const [name, [quirks, profile]] of Object.entries(servers)) {
    it.live(`runs a tool loop, whole and streamed: ${name}`, () =>
      Effect.gen(function*() {
        const outcome = yield* loop(quirks, profile)
        assert.deepStrictEqual(resultsOf(outcome), [{ city: "Paris", degrees: 7 }, { city: "Oslo", degrees: 45 }])
        assert.strictEqual(outcome.response.text, "It is 7 degrees in Paris and 45 in Oslo.")
      }))
  }

  it.live("reads calls in the text of a server that does not parse them", () =>
    Effect.gen(function*() {
      const only: TestChat.Script = [
        { content: [{ type: "tool-call", id: "c1", name: "get_weather", params: { city: "Paris" } }] },
        "Cold."
      ]
      const run = (profile: OpenAiProfile.Input) =>
        ToolLoop.run("How is it?", { tools: [weather] }).pipe(Effect.provide(served(only, ["calls-as-text"], profile)))
      assert.strictEqual((yield* run({ recoverToolCalls: true })).response.text, "Cold.")
      assert.deepStrictEqual(resultsOf(yield* run({})), [])
    }))

  for (
    const [quirk, profile] of [
      ["reasoning", {}],
      ["reasoning-content", {}],
      ["reasoning-in-tags", { reasoningTags: true }]
    ] as const
  ) {
    it.live(`tells reasoning apart, and sends it back: ${quirk}`, () =>
      Effect.gen(function*() {
        const script: TestChat.Script = [
          { content: [{ type: "reasoning", text: "Let me see." }, { type: "text", text: "Yes." }] },
          "Still yes."
        ]
        const texts = Effect.gen(function*() {
          const first = yield* ChatService.generate("Is it?")
          const [thought, text] = Message.parts(first.message)
          const again = yield* ChatService.text([Message.user("Is it?"), first.message, Message.user("Sure?")])
          return [thought?.type === "reasoning" && thought.text, text?.type === "text" && text.text, again]
        })
        assert.deepStrictEqual(yield* Effect.provide(texts, served(script, [quirk], profile)), [
          "Let me see.",
          "Yes.",
          "Still yes."
        ])
      }))
  }

  it.live("decodes structured output of strict servers, and of those that put it in a fence", () =>
    Effect.gen(function*() {
      const Recipe = Schema.Struct({ title: Schema.String, minutes: Schema.optionalKey(Schema.Int) })
      const asked = (script: string, quirks: ReadonlyArray<OpenAi.Quirk>, profile: OpenAiProfile.Input) =>
        Effect.map(
          Effect.provide(ChatService.object(Recipe, "A soup"), served([script], quirks, profile)),
          ({ value }) => value
        )
      const strict = "{\"title\":\"Soup\",\"minutes\":null}"
      assert.deepStrictEqual(yield* asked(strict, [], "openai"), { title: "Soup" })
      const plain = "{\"title\":\"Soup\"}"
      assert.deepStrictEqual(yield* asked(plain, ["fenced-json"], "lmstudio"), { title: "Soup" })
      assert.deepStrictEqual(yield* asked(plain, [], { structuredOutput: "object" }), { title: "Soup" })
      assert.deepStrictEqual(yield* asked(plain, [], { structuredOutput: "prompt" }), { title: "Soup" })
    }))

  it.live("embeds, whatever encoding the server answers in", () =>
    Effect.gen(function*() {
      for (const quirks of [[], ["float-vectors"]] as const) {
        const { embeddings, usage } = yield* EmbeddingService.embedMany(["a", "b"], { dimensions: 256 }).pipe(
          Effect.provide(served([], quirks))
        )
        assert.deepStrictEqual(embeddings.map(({ vector }) => vector.length), [256, 256])
        assert.isAbove(usage.inputTokens ?? 0, 0)
      }
    }))

  it.live("asks the runtime of Bedrock and Azure by key", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(served(["one", "two"], []))
      const { openai: { apiKey, azureUrl, runtimeUrl } } = Context.get(context, Emulator.Emulator)
      const ask = (model: string, options: OpenAiClient.Options) =>
        ChatService.text("Hello").pipe(
          Effect.provide(OpenAiChat.layer({ model }).pipe(Layer.provide(OpenAiClient.layer({ apiKey, ...options }))))
        )
      assert.strictEqual(yield* ask("openai.gpt-oss-20b-1:0", { baseUrl: runtimeUrl, profile: "bedrock" }), "one")
      assert.strictEqual(yield* ask("gpt-4o", { baseUrl: azureUrl, azure: { apiVersion: "2024-10-21" } }), "two")
    }).pipe(Effect.scoped))
})

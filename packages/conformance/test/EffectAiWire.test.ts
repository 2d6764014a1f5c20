/** `effect/ai` on Bedrock over the wire: its `Chat` with a `Toolkit`, its `McpServer`, against the emulator. */
import { assert, describe, it } from "@effect/vitest"
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { Budget, ChatService, Message, Policy, Pricing } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { StrataAiError, StrataLanguageModel, StrataMetadata } from "@strata/effect-ai"
import { EmulatorClient } from "@strata/emulator"
import { Chat, LanguageModel, McpProtocol, McpServer, McpTest, type Prompt, Tool, Toolkit } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

/** Bedrock's chat over the AWS SDK, and the model behind the emulator, which a script answers for. */
const bedrock = (script: TestChat.Script) => {
  const doubles = Layer.merge(TestChat.layer(script), TestEmbedding.layer())
  const client = Layer.provide(EmulatorClient.layer(BedrockClient.layer), doubles)
  const double = Layer.effect(TestChat.TestChat, Effect.service(TestChat.TestChat)).pipe(Layer.provide(doubles))
  return Layer.merge(BedrockChat.layer({ model, policy: Policy.none }).pipe(Layer.provide(client)), double)
}

const weather = Tool.make("get_weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String, at: Schema.optional(Schema.Date) }),
  success: Schema.Struct({ celsius: Schema.Finite }),
  failureMode: "return"
})
const kit = Toolkit.make(weather)
const handlers = kit.toLayer({ get_weather: ({ city }) => Effect.succeed({ celsius: city === "Oslo" ? 12 : 31 }) })

describe("effect/ai on Bedrock over the wire", () => {
  it.live(
    "a Chat with a Toolkit streams a tool loop, with signed thoughts in its history",
    () =>
      Effect.gen(function*() {
        const chat = yield* Chat.empty
        const seen: Array<string> = []
        let prompt: Prompt.RawInput = "Is it warmer in Rome or in Oslo?"
        for (let turn = 0; turn < 5; turn++) {
          const parts = yield* Stream.runCollect(chat.streamText({ prompt, toolkit: kit }))
          assert.lengthOf(parts.filter(({ type }) => type === "finish"), 1)
          for (const part of parts) {
            if (part.type === "tool-result") seen.push(`${part.name} ${JSON.stringify(part.encodedResult)}`)
            if (part.type === "text-delta") seen.push(part.delta)
          }
          if (!parts.some(({ type }) => type === "tool-result")) break
          prompt = []
        }
        assert.sameMembers(seen.slice(0, 2), ["get_weather {\"celsius\":31}", "get_weather {\"celsius\":12}"])
        assert.strictEqual(seen.slice(2).join(""), "It is warmer in Rome.")
        const outcome = StrataMetadata.outcomeOf(
          (yield* chat.generateText({ prompt: "Thanks" })).content
        )
        assert.deepStrictEqual([outcome?.provider, outcome?.model], ["aws.bedrock", model])
        assert.isString(outcome?.requestId)

        // What the model was sent is what it had written, signature and all.
        const { requests } = yield* TestChat.TestChat
        const [, second] = yield* requests
        assert.deepStrictEqual(second?.messages.map(({ role }) => role), ["user", "assistant", "tool"])
        const [thought] = Message.parts(second?.messages[1] ?? Message.user(""))
        assert.deepStrictEqual(thought, { type: "reasoning", text: "Two cities", signature: "c2lnbmF0dXJl" })
      }).pipe(Effect.provide([
        handlers,
        StrataLanguageModel.layer({ maxTokens: 4000, reasoning: { effort: "low" } }).pipe(
          Layer.provideMerge(bedrock((request) => {
            const last = request.messages.at(-1)
            if (last?.role === "tool") return "It is warmer in Rome."
            if (request.messages.length > 1) return "You are welcome."
            return {
              content: [
                { type: "reasoning", text: "Two cities", signature: "c2lnbmF0dXJl" },
                { type: "tool-call", id: "tooluse_1", name: "get_weather", params: { city: "Rome" } },
                { type: "tool-call", id: "tooluse_2", name: "get_weather", params: { city: "Oslo" } }
              ]
            }
          }))
        )
      ])),
    30_000
  )

  it.live("a budget of ours stops a Chat of theirs", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(LanguageModel.generateText({ prompt: "A long story" }))
      assert.strictEqual(error.reason._tag, "QuotaExhaustedError")
      assert.strictEqual(StrataAiError.original(error)?._tag, "BudgetExceededError")
    }).pipe(Effect.provide(
      StrataLanguageModel.layer({ maxTokens: 1000 }).pipe(
        Layer.provide(
          bedrock(() => "Once").pipe(
            ChatService.withBudget(Budget.make({ name: "a test", perRun: 0.0001 })),
            Layer.provide(Pricing.layer([{ model: "*", price: { input: 1, output: 10, source: "a test" } }]))
          )
        )
      )
    )), 30_000)

  it.live("a tool of an McpServer asks our model", () =>
    Effect.gen(function*() {
      const summarize = Tool.make("summarize", {
        description: "Summarizes a text",
        parameters: Schema.Struct({ text: Schema.String }),
        success: Schema.String
      })
      const tools = Toolkit.make(summarize)
      const asking = Effect.map(LanguageModel.LanguageModel, (model) => ({
        summarize: ({ text }: { readonly text: string }) =>
          Effect.map(model.generateText({ prompt: `Summarize: ${text}` }), ({ text }) => text)
      }))
      const registrations = McpServer.toolkit(tools).pipe(Layer.provide(tools.toLayer(asking)))
      const client = yield* McpTest.makeClient(registrations, { protocols: [McpProtocol.v2025_11_25] })
      const { content, isError } = yield* client.callTool({ name: "summarize", arguments: { text: "A long text" } })
      assert.isNotTrue(isError)
      assert.include(JSON.stringify(content), "In short, it is long.")
      const [request] = yield* Effect.flatMap(TestChat.TestChat, ({ requests }) => requests)
      assert.strictEqual(Message.textOf(request?.messages[0] ?? Message.user("")), "Summarize: A long text")
    }).pipe(Effect.provide(
      StrataLanguageModel.layer({ maxTokens: 100 }).pipe(Layer.provideMerge(bedrock(() => "In short, it is long.")))
    )), 30_000)
})

/** Properties: whatever an answer holds comes back in the next request, and a stream says what a whole answer says. */
import { assert, describe, it } from "@effect/vitest"
import { ChatEvent, ChatService, type Message } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { Effect, Layer, Schema, Stream } from "effect"
import { Chat } from "effect/ai"
import { EffectAiChat, StrataLanguageModel } from "../src/index.ts"

const Fields = Schema.Record(Schema.Literals(["bedrock", "openai"]), Schema.Struct({ of: Schema.Json }))

const Part = Schema.Union([
  Schema.Struct({
    type: Schema.tag("text"),
    text: Schema.String,
    cache: Schema.optionalKey(Schema.Literals([true])),
    citations: Schema.optionalKey(Schema.NonEmptyArray(Schema.Struct({
      title: Schema.String,
      source: Schema.optionalKey(Schema.String),
      passages: Schema.optionalKey(Schema.Array(Schema.String))
    }))),
    providerFields: Schema.optionalKey(Fields)
  }),
  Schema.Struct({
    type: Schema.tag("reasoning"),
    text: Schema.String,
    signature: Schema.optionalKey(Schema.String),
    redacted: Schema.optionalKey(Schema.Uint8Array),
    providerFields: Schema.optionalKey(Fields)
  }),
  Schema.Struct({
    type: Schema.tag("tool-call"),
    id: Schema.String,
    name: Schema.String,
    params: Schema.Json,
    providerExecuted: Schema.Literal(true),
    providerType: Schema.optionalKey(Schema.String)
  }),
  Schema.Struct({
    type: Schema.tag("image"),
    mediaType: Schema.Literals(["image/png", "image/webp"]),
    source: Schema.Struct({ bytes: Schema.Uint8Array })
  }),
  Schema.Struct({ type: Schema.tag("provider"), provider: Schema.String, value: Schema.Json })
])

const Content = Schema.NonEmptyArray(Part)

/** Numbers as JSON has them: it knows no -0. */
const written = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? value
    : Array.isArray(value)
    ? value.map(written)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, value]) => [key, written(value)]))
    : value === 0
    ? 0
    : value

/** What is sent of an answer: all but texts that say nothing, and fields of nobody. */
const sent = (content: typeof Content.Type): ReadonlyArray<Message.AssistantPart> =>
  content.flatMap((part) => {
    const { providerFields, ...rest } = part as typeof part & { readonly providerFields?: object }
    const fields = providerFields === undefined || Object.keys(providerFields).length === 0 ? {} : { providerFields }
    const whole = { ...rest, ...fields } as Message.AssistantPart
    return whole.type === "text" && whole.text === "" && Object.keys(whole).length === 2 ? [] : [whole]
  })

const model = (content: typeof Content.Type) =>
  Layer.provideMerge(StrataLanguageModel.layer(), TestChat.layer(() => ({ content, finishReason: "stop" })))

const runs = 40

describe("round trips", () => {
  for (const way of ["generateText", "streamText"] as const) {
    it.effect.prop(
      `any answer comes back unchanged in the next request, through a Chat and its JSON: ${way}`,
      { content: Content },
      ({ content }) =>
        Effect.gen(function*() {
          const chat = yield* Chat.empty
          yield* way === "generateText"
            ? Effect.asVoid(chat.generateText({ prompt: "x" }))
            : Stream.runDrain(chat.streamText({ prompt: "x" }))
          const restored = yield* Chat.fromJson(yield* chat.exportJson)
          yield* restored.generateText({ prompt: "y" })
          const { requests } = yield* TestChat.TestChat
          const [, second] = yield* requests
          const answer = second?.messages.find(({ role }) => role === "assistant")
          assert.deepStrictEqual(written(answer?.content ?? []), written(sent(content)))
        }).pipe(Effect.provide(model(content))),
      { timeout: 60_000, arbitrary: { runs } }
    )
  }

  it.effect.prop(
    "any answer is the same there and back, streamed or not",
    { content: Content },
    ({ content }) =>
      Effect.gen(function*() {
        const whole = yield* ChatService.generate("x")
        const streamed = yield* ChatEvent.collect(ChatService.stream("x"))
        assert.deepStrictEqual(written(whole.message.content), written(sent(content)))
        assert.deepStrictEqual(written(streamed.message.content), written(sent(content)))
      }).pipe(Effect.provide(
        EffectAiChat.layer().pipe(Layer.provide(model(content)))
      )),
    { timeout: 60_000, arbitrary: { runs } }
  )
})

import { assert, describe, it } from "@effect/vitest"
import { ChatEvent, ChatResponse, ChatService, Message } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { Effect, Layer, Schema, Stream } from "effect"
import { LanguageModel, Model, Prompt, type Response, Tool, Toolkit } from "effect/ai"
import { StrataLanguageModel } from "../src/index.ts"
import { calling, requests, scripted } from "./support/Model.ts"

const usage = { inputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 7, totalTokens: 12 }

const finish = (finishReason: ChatResponse.FinishReason = "stop"): ChatEvent.ChatEvent => ({
  type: "finish",
  finishReason,
  usage,
  model: "m",
  providerMetadata: {}
})

/** A model over a service made by hand, which streams these events. */
const streaming = (events: ReadonlyArray<ChatEvent.ChatEvent>) =>
  StrataLanguageModel.layer().pipe(Layer.provide(Layer.succeed(ChatService.ChatService, {
    generate: () => Effect.flatMap(ChatEvent.collect(Stream.fromIterable(events)), Effect.succeed) as never,
    stream: () => Stream.fromIterable(events)
  })))

const streamed = (options: Partial<LanguageModel.GenerateTextOptions<{}>> = {}) =>
  Stream.runCollect(LanguageModel.streamText({ prompt: "x", ...options } as { prompt: string }))

const echo = Tool.make("echo", {
  parameters: Schema.Struct({ text: Schema.String, deep: Schema.Array(Schema.Finite) }),
  success: Schema.String
})
const kit = Toolkit.make(echo)
const handlers = kit.toLayer({ echo: ({ text }) => Effect.succeed(text) })

const finishes = (parts: ReadonlyArray<Response.AnyPart>) => parts.filter((part) => part.type === "finish")

describe("streams", () => {
  it.effect("case 26: unknown events and empty pieces pass by", () =>
    Effect.gen(function*() {
      const parts = yield* streamed()
      assert.deepStrictEqual(parts.map(({ type }) => type), [
        "text-start",
        "text-delta",
        "text-delta",
        "text-end",
        "response-metadata",
        "finish"
      ])
    }).pipe(Effect.provide(streaming([
      { type: "text-delta", index: 0, delta: "" },
      { type: "text-delta", index: 0, delta: "a" },
      { type: "invented", index: 0, surprise: true } as never,
      { type: "text-delta", index: 0, delta: "b", annotation: 1 } as never,
      finish()
    ]))))

  const streams: Readonly<Record<string, ReadonlyArray<ChatEvent.ChatEvent>>> = {
    "text": [{ type: "text-delta", index: 0, delta: "a" }, finish()],
    "nothing": [finish()],
    "a call": [
      { type: "tool-params-start", index: 0, id: "1", name: "echo" },
      { type: "tool-params-delta", index: 0, id: "1", delta: "{\"text\":\"a\"," },
      { type: "tool-params-delta", index: 0, id: "1", delta: "\"deep\":[1,2]}" },
      { type: "tool-call", index: 0, id: "1", name: "echo", params: { text: "a", deep: [1, 2] } },
      finish("tool-calls")
    ],
    "two calls whose pieces mix": [
      { type: "tool-params-start", index: 0, id: "1", name: "echo" },
      { type: "tool-params-start", index: 1, id: "2", name: "echo" },
      { type: "tool-params-delta", index: 1, id: "2", delta: "{\"text\":\"b\",\"deep\":[]}" },
      { type: "tool-params-delta", index: 0, id: "1", delta: "{\"text\":\"a\",\"deep\":[]}" },
      { type: "tool-call", index: 1, id: "2", name: "echo", params: { text: "b", deep: [] } },
      { type: "tool-call", index: 0, id: "1", name: "echo", params: { text: "a", deep: [] } },
      finish("tool-calls")
    ],
    "a call without pieces": [
      { type: "tool-call", index: 0, id: "1", name: "echo", params: { text: "a", deep: [] } },
      finish("tool-calls")
    ],
    "a call that is cut": [
      { type: "tool-params-start", index: 0, id: "1", name: "echo" },
      { type: "tool-params-delta", index: 0, id: "1", delta: "{\"te" },
      finish("length")
    ],
    "a second finish": [{ type: "text-delta", index: 0, delta: "a" }, finish(), finish("length"), finish()]
  }
  for (const [name, events] of Object.entries(streams)) {
    for (const toolkit of [undefined, kit]) {
      if (toolkit === undefined && name.includes("call")) continue
      it.effect(`case 27: a stream has one finish, last and with usage: ${name}${toolkit ? ", with a toolkit" : ""}`, () =>
        Effect.gen(function*() {
          const parts = yield* streamed(toolkit === undefined ? {} : { toolkit } as never)
          assert.lengthOf(finishes(parts), 1)
          const last = parts.at(-1)
          assert.strictEqual(last?.type, "finish")
          assert.strictEqual(last?.type === "finish" ? last.usage.inputTokens.total : 0, 5)
          // A call comes after its pieces, which are the JSON of its parameters.
          for (const part of parts as ReadonlyArray<Response.AnyPart>) {
            if (part.type !== "tool-call") continue
            const pieces = parts.flatMap((piece, at) =>
              piece.type === "tool-params-delta" && piece.id === part.id ? [{ at, delta: piece.delta }] : []
            )
            const ended = parts.findIndex((piece) => piece.type === "tool-params-end" && piece.id === part.id)
            assert.isBelow(ended, (parts as ReadonlyArray<Response.AnyPart>).indexOf(part))
            if (pieces.length > 0) {
              assert.deepStrictEqual(JSON.parse(pieces.map(({ delta }) => delta).join("")), part.params)
            }
          }
        }).pipe(Effect.provide([handlers, streaming(events)])))
    }
  }

  it.effect("case 27: a stream without a finish fails, after what had arrived", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const error = yield* LanguageModel.streamText({ prompt: "x" }).pipe(
        Stream.runForEach(({ type }) => Effect.sync(() => void seen.push(type))),
        Effect.flip
      )
      assert.deepStrictEqual(seen, ["text-start", "text-delta"])
      assert.strictEqual(error.reason._tag, "NetworkError")
    }).pipe(Effect.provide(streaming([{ type: "text-delta", index: 0, delta: "a" }]))))

  it.effect("a stream makes the history that a whole answer makes", () =>
    Effect.gen(function*() {
      const whole = yield* LanguageModel.generateText({ prompt: "x", toolkit: kit })
      const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: "x", toolkit: kit }))
      assert.deepStrictEqual(
        Prompt.fromResponseParts(parts).content,
        Prompt.fromResponseParts(whole.content).content
      )
    }).pipe(Effect.provide([
      handlers,
      scripted(() => ({
        content: [
          { type: "reasoning", text: "well", signature: "s" },
          { type: "text", text: "one two", citations: [{ title: "t", source: "u" }] },
          { type: "reasoning", text: "", redacted: new Uint8Array([1]) },
          { type: "text", text: "three" },
          { type: "tool-call", id: "1", name: "echo", params: { text: "a", deep: [1] } }
        ]
      }))
    ])))
})

describe("options", () => {
  it.effect("options of a request are over those of the layer, by effect and by stream", () =>
    Effect.gen(function*() {
      yield* LanguageModel.generateText({ prompt: "x" })
      yield* LanguageModel.generateText({ prompt: "x" }).pipe(
        StrataLanguageModel.withOptions({ temperature: 0, model: "other" }),
        StrataLanguageModel.withOptions({ temperature: 1, topP: 0.5 })
      )
      yield* Stream.runDrain(
        LanguageModel.streamText({ prompt: "x" }).pipe(StrataLanguageModel.withOptions({ maxTokens: 5 }))
      )
      assert.deepStrictEqual((yield* requests).map(({ messages: _, ...rest }) => rest), [
        { model: "test-model", maxTokens: 100 },
        { model: "other", maxTokens: 100, temperature: 0, topP: 0.5 },
        { model: "test-model", maxTokens: 5 }
      ])
    }).pipe(Effect.provide(scripted(() => "ok", { maxTokens: 100 }))))

  for (const way of ["generateText", "streamText"] as const) {
    it.effect(`options of a request do not reach the models that its tools ask: ${way}`, () =>
      Effect.gen(function*() {
        const ask = Tool.make("ask", { success: Schema.String, dependencies: [LanguageModel.LanguageModel] })
        const asking = Toolkit.make(ask)
        const layer = asking.toLayer({
          ask: () => Effect.map(Effect.orDie(LanguageModel.generateText({ prompt: "inner" })), ({ text }) => text)
        })
        const options = { prompt: "outer", toolkit: asking }
        const asked = way === "generateText"
          ? Effect.asVoid(LanguageModel.generateText(options))
          : Stream.runDrain(LanguageModel.streamText(options))
        yield* asked.pipe(
          StrataLanguageModel.withOptions({ temperature: 0.9, model: "outer-model" }),
          Effect.provide(layer)
        )
        assert.deepStrictEqual((yield* requests).map(({ model, temperature }) => [model, temperature]), [
          ["outer-model", 0.9],
          ["test-model", undefined]
        ])
      }).pipe(Effect.provide(scripted((request) =>
        Message.textOf(request.messages[0] ?? Message.user("")) === "outer" ? calling("ask", {}) : "inner answer"
      ))))
  }

  it.effect("a Model says its provider and name, and asks for that model", () =>
    Effect.gen(function*() {
      yield* LanguageModel.generateText({ prompt: "x" })
      assert.strictEqual((yield* requests)[0]?.model, "claude")
      assert.deepStrictEqual([yield* Model.ProviderName, yield* Model.ModelName], ["aws.bedrock", "claude"])
    }).pipe(Effect.provide(
      StrataLanguageModel.model("aws.bedrock", "claude").pipe(Layer.provideMerge(TestChat.layer(["ok"])))
    )))

  it.effect("options that are not valid fail as a request, before anything is sent", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        LanguageModel.generateText({ prompt: "x" }).pipe(StrataLanguageModel.withOptions({ temperature: NaN }))
      )
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
      assert.include(error.message, "temperature")
      assert.lengthOf(yield* requests, 0)
    }).pipe(Effect.provide(scripted(["ok"]))))
})

describe("structured output", () => {
  const Person = Schema.Struct({
    name: Schema.String,
    born: Schema.Date,
    notes: Schema.optional(Schema.String),
    by: Schema.Record(Schema.String, Schema.Finite)
  })
  const answers: Readonly<Record<string, string>> = {
    "plain JSON": "{\"name\":\"Ada\",\"born\":\"1815-12-10T00:00:00.000Z\",\"by\":{\"a\":1}}",
    "a fence and prose":
      "Here it is:\n```json\n{\"name\":\"Ada\",\"born\":\"1815-12-10T00:00:00.000Z\",\"by\":{\"a\":1}}\n```\nGood luck"
  }
  for (const [name, text] of Object.entries(answers)) {
    it.effect(`case 25: the codec of the schema decodes the answer: ${name}`, () =>
      Effect.gen(function*() {
        const { value } = yield* LanguageModel.generateObject({ prompt: "x", schema: Person, objectName: "person" })
        assert.deepStrictEqual(value, { name: "Ada", born: new Date("1815-12-10T00:00:00.000Z"), by: { a: 1 } })
        const format = (yield* requests)[0]?.responseFormat
        assert.strictEqual(format?.type === "json" ? format.name : undefined, "person")
      }).pipe(Effect.provide(scripted([text]))))
  }

  it.effect("case 25: a large integer arrives exactly", () =>
    Effect.gen(function*() {
      const { value } = yield* LanguageModel.generateObject({
        prompt: "x",
        schema: Schema.Struct({ id: Schema.BigInt })
      })
      assert.strictEqual(value.id, 12345678901234567890n)
    }).pipe(Effect.provide(scripted(["{\"id\": 12345678901234567890}"]))))

  it.effect("a list is asked for as an object, and read as a list", () =>
    Effect.gen(function*() {
      const { value } = yield* LanguageModel.generateObject({
        prompt: "x",
        schema: Schema.Array(Schema.Finite) as never
      })
      assert.deepStrictEqual(value, [1, 2] as never)
    }).pipe(Effect.provide(scripted(["{\"value\":[1,2]}"]))))

  it.effect("an answer that does not fit fails with its text", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(LanguageModel.generateObject({ prompt: "x", schema: Person }))
      assert.strictEqual(error.reason._tag, "StructuredOutputError")
      assert.strictEqual(error.reason._tag === "StructuredOutputError" ? error.reason.responseText : "", "{\"name\":1}")
    }).pipe(Effect.provide(scripted(["{\"name\":1}"]))))
})

describe("prompts of any value", () => {
  const values: Readonly<Record<string, unknown>> = {
    "undefined": undefined,
    "null": null,
    "a number": 1,
    "an object": {},
    "messages that are none": [{ role: "robot" }],
    "a prompt without content": Object.assign(Object.create(Object.getPrototypeOf(Prompt.empty)), {})
  }
  for (const [name, prompt] of Object.entries(values)) {
    it.effect(`fail with AiError: ${name}`, () =>
      Effect.gen(function*() {
        const options = { prompt } as { readonly prompt: string }
        const errors = [
          yield* Effect.flip(LanguageModel.generateText(options)),
          yield* Effect.flip(Stream.runDrain(LanguageModel.streamText(options))),
          yield* Effect.flip(LanguageModel.generateObject({ ...options, schema: Schema.Struct({}) }))
        ]
        assert.deepStrictEqual(errors.map(({ reason }) => reason._tag), [
          "InvalidRequestError",
          "InvalidRequestError",
          "InvalidRequestError"
        ])
      }).pipe(Effect.provide(scripted(() => "ok"))))
  }
})

import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as StructuredOutput from "@strata/core/chat/StructuredOutput"
import * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Policy from "@strata/core/policy/Policy"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as Tool from "@strata/core/tool/Tool"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../src/BedrockChat.ts"
import * as BedrockClient from "../src/BedrockClient.ts"

const forced = "amazon.nova-lite-v1:0"
const native = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const People = Schema.Array(Schema.Struct({ name: Schema.String, born: Schema.DateTimeUtc }))
const people = { value: [{ name: "Ada \"Countess\" Lovelace 🙂", born: "1815-12-10T00:00:00.000Z" }] }

/** A model that does as it is told: it calls the tool it has to call, and writes JSON where there is none. */
const model = ({ toolChoice }: ChatRequest.Resolved): TestChat.Reply =>
  typeof toolChoice === "object"
    ? { content: [{ type: "tool-call", id: "call-1", name: toolChoice.name, params: people }] }
    : JSON.stringify(people)

/** A Bedrock on this machine, answered by that model, and what it was asked. */
const bedrock = Layer.effect(
  BedrockClient.BedrockClient,
  Effect.flatMap(Emulator.Emulator, ({ client }) => BedrockClient.make(client))
).pipe(
  Layer.provideMerge(Emulator.layer()),
  Layer.provideMerge(Layer.merge(TestChat.layer(model), TestEmbedding.layer()))
)

/** Runs a question against Bedrock, not against the model behind it. */
const over = <A, E, R>(model: string, self: Effect.Effect<A, E, R>) =>
  Effect.flatMap(
    BedrockChat.make({ model, policy: Policy.none }),
    (service) => Effect.provideService(self, ChatService.ChatService, service)
  )

const asked = Effect.flatMap(TestChat.TestChat, ({ requests }) => requests)

describe("ChatService.object over HTTP", () => {
  it.live("gets the value out of the tool it forces", () =>
    Effect.gen(function*() {
      const response = yield* over(forced, ChatService.object(People, { messages: "Who?", maxTokens: 500 }))
      assert.deepStrictEqual(yield* Schema.encodeEffect(Schema.toCodecJson(People))(response.value), people.value)
      assert.strictEqual(response.finishReason, "stop")
      assert.lengthOf(response.toolCalls, 0)
      assert.isAbove(response.usage.totalTokens, 0)
      const [request] = yield* asked
      assert.deepStrictEqual(request?.toolChoice, { name: "answer" })
      assert.deepStrictEqual(request?.tools?.map(({ name }) => name), ["answer"])
    }).pipe(Effect.provide(bedrock)))

  it.live("streams the value out of it", () =>
    Effect.gen(function*() {
      const events = yield* over(
        forced,
        Stream.runCollect(ChatService.objectStream(People, { messages: "Who?", maxTokens: 500 }))
      )
      assert.deepStrictEqual<unknown>(events.at(-2), { type: "partial", value: people.value })
      const last = events.at(-1)
      assert(last?.type === "object")
      assert.strictEqual(last.value[0]?.name, people.value[0]?.name)
      assert.strictEqual(last.finishReason, "stop")
    }).pipe(Effect.provide(bedrock)))

  it.live("gets the value as text where the service knows JSON schemas", () =>
    Effect.gen(function*() {
      const { value } = yield* over(native, ChatService.object(People, { messages: "Who?", maxTokens: 500 }))
      assert.strictEqual(value[0]?.name, people.value[0]?.name)
      const [request] = yield* asked
      assert.isUndefined(request?.tools)
    }).pipe(Effect.provide(bedrock)))

  interface Tree {
    readonly trees: ReadonlyArray<Tree>
  }
  const Tree: Schema.Codec<Tree> = Schema.Struct({ trees: Schema.Array(Schema.suspend(() => Tree)) })
  const fields = (count: number, field: Schema.Struct.Fields[string]) =>
    Schema.Struct(Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, field])))

  const structs = {
    numbers: Schema.Struct({
      a: Schema.Number,
      b: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 })),
      c: Schema.Number.check(Schema.isGreaterThan(0))
    }),
    texts: Schema.Struct({
      a: Schema.String.check(Schema.isMinLength(2), Schema.isMaxLength(9)),
      b: Schema.String.check(Schema.isPattern(/^[A-Z]{3}$/)),
      c: Schema.DateTimeUtc,
      d: Schema.Uint8Array
    }),
    lists: Schema.Struct({
      a: Schema.Array(Schema.String).check(Schema.isMinLength(2), Schema.isMaxLength(5)),
      b: Schema.Tuple([Schema.Finite, Schema.String]),
      c: Schema.NonEmptyArray(Schema.Int),
      d: Schema.UniqueArray(Schema.String)
    }),
    unions: Schema.Struct({
      a: Schema.NullOr(Schema.String),
      b: Schema.Option(Schema.Finite),
      c: Schema.Literals(["a", 1, true]),
      d: Schema.Union([Schema.String, Schema.Struct({ e: Schema.Boolean })], { mode: "oneOf" })
    }),
    records: Schema.Struct({ a: Schema.Record(Schema.String, Schema.Int), b: Schema.Json }),
    tree: Tree,
    rest: Schema.StructWithRest(Schema.Struct({ a: Schema.String }), [Schema.Record(Schema.String, Schema.String)]),
    few: fields(17, Schema.optional(Schema.Number)),
    many: fields(30, Schema.optional(Schema.String)),
    choices: fields(20, Schema.NullOr(Schema.String)),
    described: Schema.Struct({ a: Schema.String }).annotate({ title: "Answer", description: "An answer" })
  }

  const raw: ReadonlyArray<JsonSchema.JsonSchema> = [
    {},
    { $schema: "http://json-schema.org/draft-07/schema#", type: "object", properties: {}, additionalProperties: false },
    { type: "object", anyOf: [{ required: ["a"] }, { required: ["b"] }], properties: { a: {}, b: {} } },
    { $ref: "#/definitions/A", definitions: { A: { properties: { a: { $ref: "#/definitions/A" } } } } },
    { allOf: [{ properties: { a: { type: "string" } } }, { oneOf: [{ required: ["a"] }, { required: ["b"] }] }] }
  ]

  const models = [
    native,
    "us.anthropic.claude-opus-4-6-v1",
    forced,
    "us.amazon.nova-2-lite-v1:0",
    "us.anthropic.claude-opus-5"
  ]
  it.live.each(models)(
    "sends schemas that the service takes to %s, in tools and answers, strict and not",
    (model) =>
      Effect.gen(function*() {
        const inputs: Array<ToolDefinition.ToolDefinition> = raw.map((inputSchema) => ({ name: "t", inputSchema }))
        for (const input of Object.values(structs)) {
          inputs.push(yield* Tool.definition(Tool.make("t", { input, handler: () => Effect.void })))
          inputs.push(yield* Tool.definition(Tool.make("t", { input, strict: true, handler: () => Effect.void })))
          const responseFormat = yield* StructuredOutput.format(input)
          yield* over(model, ChatService.generate({ messages: "Who?", maxTokens: 500, responseFormat }))
        }
        for (const schema of raw) {
          const responseFormat = { type: "json" as const, schema }
          yield* over(model, ChatService.generate({ messages: "Who?", maxTokens: 500, responseFormat }))
        }
        for (const tool of inputs) {
          yield* over(model, ChatService.generate({ messages: "Who?", maxTokens: 500, tools: [tool] }))
          yield* over(
            model,
            ChatService.generate({ messages: "Who?", maxTokens: 500, tools: [{ ...tool, strict: true }] })
          )
        }
        const tools = inputs.map((tool, index) => ({ ...tool, name: `t${index}`, strict: true }))
        yield* over(model, ChatService.generate({ messages: "Who?", maxTokens: 500, tools }))
      }).pipe(Effect.provide(bedrock))
  )
})

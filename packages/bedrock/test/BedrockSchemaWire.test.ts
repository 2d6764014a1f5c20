/**
 * The schemas that leave this machine, for each kind of model: those of tools, whoever defined them, and those of answers.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/ChatRequest"
import * as OpenAi from "@strata/core/OpenAi"
import * as Policy from "@strata/core/policy/Policy"
import * as StructuredOutput from "@strata/core/StructuredOutput"
import * as Tool from "@strata/core/Tool"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as BedrockChat from "../src/BedrockChat.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import type { Capabilities } from "../src/catalog/Capabilities.ts"
import * as ModelCatalog from "../src/ModelCatalog.ts"
import * as Client from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const olderClaude = "us.anthropic.claude-opus-4-1-20250805-v1:0"
const nova = "us.amazon.nova-lite-v1:0"
const nova2 = "us.amazon.nova-2-lite-v1:0"
const llama = "us.meta.llama4-maverick-17b-instruct-v1:0"
const qwen = "qwen.qwen3-coder-480b-a35b-v1:0"
const unknown = "acme.oracle-v1:0"

interface Sent {
  readonly toolConfig?: {
    readonly tools: ReadonlyArray<{
      readonly toolSpec: {
        readonly name: string
        readonly description?: string
        readonly inputSchema: { readonly json: JsonSchema.JsonSchema }
        readonly strict?: boolean
      }
    }>
    readonly toolChoice?: unknown
  }
  readonly outputConfig?: {
    readonly textFormat?: { readonly structure: { readonly jsonSchema: { readonly schema: string } } }
  }
}

/** Sends a request, and gives the body that was received with the answer that came back. */
const exchange = (model: string, request: Omit<ChatRequest.ChatRequest, "messages">, capabilities: Capabilities = {}) =>
  Effect.scoped(Effect.gen(function*() {
    const server = yield* WireServer.http1(WireServer.answering)
    const client = yield* Client.connect(server)
    const chat = yield* BedrockChat.make({ model, policy: Policy.none }).pipe(
      Effect.provideService(BedrockClient.BedrockClient, client)
    )
    const answer = yield* chat.generate({ messages: "Hello", maxTokens: 5_000, ...request }).pipe(
      Effect.provideService(
        ModelCatalog.ModelCatalog,
        ModelCatalog.extend([{ match: { id: model }, capabilities }])
      )
    )
    const sent: Sent = JSON.parse(server.received[0]?.body ?? "")
    return { sent, changes: answer.providerMetadata.bedrock?.changes?.map(({ field, type }) => [type, field]) ?? [] }
  }))

const toolSpecs = ({ toolConfig }: Sent) => toolConfig?.tools.map(({ toolSpec }) => toolSpec) ?? []

const schemas = (sent: Sent) => toolSpecs(sent).map(({ inputSchema }) => inputSchema.json)

const native = ({ outputConfig }: Sent): JsonSchema.JsonSchema | undefined => {
  const schema = outputConfig?.textFormat?.structure.jsonSchema.schema
  return schema === undefined ? undefined : JSON.parse(schema)
}

const define = (input: Schema.ConstraintDecoder<object, unknown>, strict?: boolean) =>
  Tool.definition(Tool.make("t", { input, strict, handler: () => Effect.void }))

const answerOf = (schema: StructuredOutput.AnySchema) =>
  Effect.map(StructuredOutput.format(schema), (responseFormat) => ({ responseFormat }))

const fields = (count: number, field: Schema.Struct.Fields[string]) =>
  Schema.Struct(Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, field])))

const text = { type: "string" }

/** What servers of the Model Context Protocol write. */
const mcp = {
  $schema: "http://json-schema.org/draft-07/schema#",
  type: "object",
  properties: { q: text },
  required: ["q"],
  additionalProperties: false
}

describe("Schemas of tools", () => {
  it.live("get a type and properties where they have none, for every model", () =>
    Effect.gen(function*() {
      const tools = [{ name: "a", inputSchema: {} }, { name: "b", inputSchema: { properties: { q: text } } }]
      for (const model of [claude, olderClaude, nova, nova2, llama, qwen, unknown]) {
        const { changes, sent } = yield* exchange(model, { tools })
        assert.deepStrictEqual(schemas(sent), [
          { type: "object", properties: {} },
          { type: "object", properties: { q: text } }
        ])
        assert.deepStrictEqual(changes, [])
      }
    }))

  it.live("of a server of the Model Context Protocol go as they are, but to Nova without what it does not take", () =>
    Effect.gen(function*() {
      const { $schema: _, additionalProperties, ...plain } = mcp
      const expected: ReadonlyArray<readonly [string, JsonSchema.JsonSchema]> = [
        [claude, mcp],
        [llama, mcp],
        [qwen, mcp],
        [unknown, mcp],
        [nova, plain],
        [nova2, { ...plain, additionalProperties }]
      ]
      for (const [model, schema] of expected) {
        const { changes, sent } = yield* exchange(model, { tools: [{ name: "search", inputSchema: mcp }] })
        assert.deepStrictEqual(schemas(sent), [schema])
        assert.deepStrictEqual(changes, [])
      }
    }))

  it.live("have no choice at their top for Claude, which is told it in words", () =>
    Effect.gen(function*() {
      const schema = { type: "object", properties: { a: {}, b: {} } }
      const inputSchema = { ...schema, anyOf: [{ required: ["a"] }, { required: ["b"] }] }
      const tools = [{ name: "t", description: "Does it", inputSchema }]
      const words = `give at least one of these: "a"; or "b"`
      const told = [["told-schema", "tools[0].inputSchema"]]
      const toClaude = yield* exchange(claude, { tools })
      assert.deepStrictEqual(schemas(toClaude.sent), [{ ...schema, description: words }])
      assert.deepStrictEqual(toClaude.changes, told)
      const toNova = yield* exchange(nova, { tools })
      assert.deepStrictEqual(schemas(toNova.sent), [schema])
      assert.strictEqual(toolSpecs(toNova.sent)[0]?.description, `Does it ${words}`)
      assert.deepStrictEqual(toNova.changes, told)
      const toOther = yield* exchange(qwen, { tools })
      assert.deepStrictEqual(schemas(toOther.sent), [inputSchema])
      assert.deepStrictEqual(toOther.changes, [])
    }))

  it.live("of Tool.make are asked for in words the model takes, strict ones in the part it is held to", () =>
    Effect.gen(function*() {
      const input = Schema.Struct({
        n: Schema.Int,
        rating: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 })),
        code: Schema.String.check(Schema.isPattern(/^[A-Z]{3}$/)),
        name: Schema.String.check(Schema.isMinLength(2)),
        tags: Schema.Array(Schema.String).check(Schema.isMinLength(2), Schema.isMaxLength(5)),
        nick: Schema.optional(Schema.String)
      }).annotate({ title: "Input", description: "What it takes" })
      const loose = yield* exchange(claude, { tools: [yield* define(input)] })
      const properties = {
        n: { type: "integer" },
        rating: { type: "integer", minimum: 1, maximum: 10 },
        code: { ...text, pattern: "^[A-Z]{3}$" },
        name: { ...text, description: "at least 2 characters" },
        tags: { type: "array", items: text, minItems: 2, maxItems: 5 },
        nick: text
      }
      const required = ["n", "rating", "code", "name", "tags"]
      const annotations = { title: "Input", description: "What it takes" }
      assert.deepStrictEqual(schemas(loose.sent), [{ type: "object", properties, required, ...annotations }])
      const tools = [yield* define(input, true)]
      const strict = yield* exchange(claude, { tools })
      assert.deepStrictEqual(toolSpecs(strict.sent), [{
        name: "t",
        inputSchema: {
          json: {
            type: "object",
            properties: {
              n: properties.n,
              rating: { type: "integer", description: "a whole number from 1 to 10" },
              code: { ...text, description: "matches ^[A-Z]{3}$" },
              name: properties.name,
              tags: { type: "array", items: text, description: "2 to 5 items" },
              nick: text
            },
            required,
            additionalProperties: false,
            ...annotations
          }
        },
        strict: true
      }])
      assert.deepStrictEqual(strict.changes, [])
      const toNova = yield* exchange(nova, { tools })
      assert.deepStrictEqual(toolSpecs(toNova.sent), [{
        name: "t",
        description: "What it takes",
        inputSchema: { json: { type: "object", properties, required } }
      }])
      const toOlder = yield* exchange(olderClaude, { tools })
      assert.deepStrictEqual(schemas(toOlder.sent), [
        { type: "object", properties, required, additionalProperties: false, ...annotations }
      ])
      assert.isUndefined(toolSpecs(toOlder.sent)[0]?.strict)
    }))

  it.live("of OpenAI's format and of providerOptions fit as well", () =>
    Effect.gen(function*() {
      const parameters = {
        type: "object",
        properties: { tags: { type: "array", items: text, maxItems: 3 } },
        required: ["tags"],
        additionalProperties: false
      }
      const imported = yield* Schema.decodeEffect(OpenAi.Tools)([
        { type: "function", function: { name: "label", strict: true, parameters } }
      ])
      const held = {
        ...parameters,
        properties: { tags: { type: "array", items: text, description: "at most 3 items" } }
      }
      const { sent } = yield* exchange(claude, { tools: imported })
      assert.deepStrictEqual(toolSpecs(sent), [{ name: "label", inputSchema: { json: held }, strict: true }])
      const toolSpec = { name: "label", inputSchema: { json: mcp } }
      const own = yield* exchange(nova, {
        providerOptions: {
          bedrock: { toolConfig: { tools: [{ toolSpec }, { systemTool: { name: "nova_grounding" } }] } }
        }
      })
      const { $schema: _, additionalProperties: __, ...plain } = mcp
      assert.deepStrictEqual<unknown>(own.sent.toolConfig?.tools, [
        { toolSpec: { name: "label", inputSchema: { json: plain } } },
        { systemTool: { name: "nova_grounding" } }
      ])
    }))

  it.live("go without strict where the model cannot be held to them", () =>
    Effect.gen(function*() {
      const record = { type: "object", properties: { a: { type: "object", additionalProperties: text } } }
      const { changes, sent } = yield* exchange(claude, {
        tools: [
          { name: "held", inputSchema: { type: "object", properties: { a: text } }, strict: true },
          { name: "record", inputSchema: record, strict: true },
          { name: "none", inputSchema: {}, strict: true },
          { name: "loose", inputSchema: {}, strict: false }
        ]
      })
      assert.deepStrictEqual(toolSpecs(sent).map(({ strict }) => strict), [true, undefined, true, false])
      assert.deepStrictEqual(schemas(sent)[1], record)
      assert.deepStrictEqual(changes, [["omitted-strict", "tools[1].strict"]])
    }))

  it.live("are strict as long as the limits of the model have room, first come, first served", () =>
    Effect.gen(function*() {
      const strictOf = (tools: ReadonlyArray<Tool.ToolDefinition>, capabilities?: Capabilities) =>
        Effect.map(
          exchange(claude, { tools: tools.map((tool, index) => ({ ...tool, name: `t${index}` })) }, capabilities),
          ({ changes, sent }) => {
            const omitted = toolSpecs(sent).flatMap(({ strict }, index) => strict === true ? [] : [index])
            assert.deepStrictEqual(changes, omitted.map((index) => ["omitted-strict", `tools[${index}].strict`]))
            return omitted
          }
        )
      const plain = yield* define(Schema.Struct({ a: Schema.String }), true)
      const optional = yield* define(fields(10, Schema.optional(Schema.String)), true)
      const nested = yield* define(Schema.Struct({ inner: Schema.Array(fields(5, Schema.optional(Schema.Int))) }), true)
      const unions = yield* define(fields(9, Schema.NullOr(Schema.String)), true)
      assert.deepStrictEqual(yield* strictOf(Array.from({ length: 22 }, () => plain)), [20, 21])
      assert.deepStrictEqual(yield* strictOf([optional, optional, optional, plain, nested]), [2, 4])
      assert.deepStrictEqual(yield* strictOf([unions, unions, plain]), [1])
      assert.deepStrictEqual(yield* strictOf([unions, unions], { strictLimits: { unions: 18 } }), [])
    }))

  it.live("are refused with the path to what is wrong, before anything is sent", () =>
    Effect.gen(function*() {
      const circular: Record<string, unknown> = { type: "object" }
      circular["properties"] = { x: circular }
      const wrong: ReadonlyArray<readonly [unknown, string]> = [
        [circular, ".properties.x"],
        [[], ""],
        [{ type: "array", items: text }, ".type"],
        [{ properties: 5 }, ".properties"],
        [{ properties: { x: { default: 1n } } }, ".properties.x.default"]
      ]
      for (const [inputSchema, path] of wrong) {
        for (const model of [claude, nova, unknown]) {
          const tools = [{ name: "a", inputSchema: {} }, { name: "b", inputSchema: inputSchema as {} }]
          const error = yield* Effect.flip(exchange(model, { tools }))
          assert(error._tag === "InvalidRequestError")
          assert.strictEqual(error.field, `tools[1].inputSchema${path}`)
          assert.strictEqual(error.model, model)
        }
      }
    }))

  it.live("are refused in good time where they have no end", () =>
    Effect.gen(function*() {
      let deep: unknown = {}
      for (let level = 0; level < 5_000; level++) deep = { type: "object", properties: { a: deep } }
      let shared: unknown = { type: "string" }
      for (let level = 0; level < 60; level++) shared = { type: "object", properties: { l: shared, r: shared } }
      for (const endless of [deep, shared]) {
        const inputSchema = endless as JsonSchema.JsonSchema
        const json = { toolSpec: { name: "a", inputSchema: { json: endless as {} } } }
        const requests: ReadonlyArray<Omit<ChatRequest.ChatRequest, "messages">> = [
          { tools: [{ name: "a", inputSchema }] },
          { responseFormat: { type: "json", schema: inputSchema } },
          { providerOptions: { bedrock: { toolConfig: { tools: [json] } } } }
        ]
        for (const request of requests) {
          const error = yield* Effect.flip(exchange(claude, request))
          assert(error._tag === "InvalidRequestError")
          assert.match(error.field ?? "", /^(?:tools\[0\]|responseFormat|providerOptions)/)
        }
      }
    }))

  it.live("have the description of the tool beside them, unless it is empty or no text", () =>
    Effect.gen(function*() {
      const tool = (description: unknown) => ({ name: "t", description: description as string, inputSchema: {} })
      for (const [description, sent_] of [["Does \ud800 it", "Does \ufffd it"], [" ", undefined], [null, undefined]]) {
        const { sent } = yield* exchange(claude, { tools: [tool(description)] })
        assert.strictEqual(toolSpecs(sent)[0]?.description, sent_ ?? undefined)
      }
      const error = yield* Effect.flip(exchange(claude, { tools: [tool(5)] }))
      assert(error._tag === "InvalidRequestError")
      assert.strictEqual(error.field, "tools[0].description")
    }))
})

describe("Schemas of answers", () => {
  it.live("ask for numbers, integers and optional fields once, in the service's own way", () =>
    Effect.gen(function*() {
      const asked: ReadonlyArray<readonly [Schema.Struct.Fields[string], JsonSchema.JsonSchema]> = [
        [Schema.Number, { type: "number" }],
        [Schema.Int, { type: "integer" }],
        [Schema.optional(Schema.String), text],
        [Schema.optionalKey(Schema.Boolean), { type: "boolean" }],
        [Schema.String.check(Schema.isPattern(/^[a-z]+$/i)), {
          ...text,
          description: "matches ^[a-z]+$ in upper or lower case"
        }],
        [Schema.Number.annotate({ description: "Meters" }), { type: "number", description: "Meters" }],
        [Schema.DateTimeUtc, { ...text, description: "an ISO 8601 date and time" }]
      ]
      for (const [field, schema] of asked) {
        for (const model of [claude, qwen]) {
          const { changes, sent } = yield* exchange(model, yield* answerOf(fields(17, field)))
          const properties = native(sent)?.["properties"]
          assert(Predicate.isObject(properties))
          assert.deepStrictEqual(Object.values(properties), Array.from({ length: 17 }, () => schema))
          assert.deepStrictEqual(changes, [])
        }
      }
    }))

  it.live("that are too much for the service, or have no words there, are asked for by a tool", () =>
    Effect.gen(function*() {
      interface Tree {
        readonly trees: ReadonlyArray<Tree>
      }
      const Tree: Schema.Codec<Tree> = Schema.Struct({ trees: Schema.Array(Schema.suspend(() => Tree)) })
      const natively = [
        fields(24, Schema.optional(Schema.String)),
        fields(16, Schema.NullOr(Schema.String)),
        Schema.Struct({ a: fields(8, Schema.Literals(["a", 1])), b: fields(8, Schema.Option(Schema.String)) })
      ]
      const byTool = [
        fields(25, Schema.optional(Schema.String)),
        fields(17, Schema.NullOr(Schema.String)),
        Schema.Struct({ a: fields(8, Schema.Literals(["a", 1])), b: fields(9, Schema.Option(Schema.String)) }),
        Schema.Array(
          Schema.Struct({ a: fields(13, Schema.optional(Schema.Int)), b: fields(12, Schema.optional(Schema.Int)) })
        ),
        Schema.Record(Schema.String, Schema.Finite),
        Tree
      ]
      for (const schema of natively) assert.isDefined(native((yield* exchange(claude, yield* answerOf(schema))).sent))
      for (const schema of byTool) {
        const { sent } = yield* exchange(claude, yield* answerOf(schema))
        assert.isUndefined(sent.outputConfig)
        assert.deepStrictEqual(sent.toolConfig?.toolChoice, { tool: { name: "answer" } })
        assert.isUndefined(toolSpecs(sent)[0]?.strict)
      }
    }))

  it.live("come before strict tools where there is not room for both", () =>
    Effect.gen(function*() {
      const tools = [yield* define(fields(9, Schema.NullOr(Schema.String)), true)]
      const answer = yield* answerOf(fields(9, Schema.NullOr(Schema.String)))
      const { changes, sent } = yield* exchange(claude, { tools, ...answer })
      assert.isDefined(native(sent))
      assert.isUndefined(toolSpecs(sent)[0]?.strict)
      assert.deepStrictEqual(changes, [["omitted-strict", "tools[0].strict"]])
    }))

  it.live("keep definitions that do not contain themselves", () =>
    Effect.gen(function*() {
      const schema = {
        $defs: {
          Step: {
            properties: { what: { title: "What", type: "string" } },
            required: ["what"],
            title: "Step",
            type: "object",
            additionalProperties: false
          }
        },
        properties: { steps: { items: { $ref: "#/$defs/Step" }, title: "Steps", type: "array" } },
        required: ["steps"],
        title: "Plan",
        type: "object",
        additionalProperties: false
      }
      const { sent } = yield* exchange(claude, { responseFormat: { type: "json", schema } })
      assert.deepStrictEqual(native(sent), schema)
    }))

  it.live("fit the tool that asks for them, and are forced only on models that can be", () =>
    Effect.gen(function*() {
      const responseFormat = {
        type: "json" as const,
        schema: {
          ...mcp,
          description: "What to look for",
          properties: { q: { $ref: "#/$defs/Q" } },
          $defs: { Q: text }
        }
      }
      const toNova = yield* exchange(nova, { responseFormat })
      assert.deepStrictEqual(toNova.sent.toolConfig, {
        tools: [{
          toolSpec: {
            name: "answer",
            description: "Gives the answer: What to look for",
            inputSchema: { json: { type: "object", properties: { q: text }, required: ["q"] } }
          }
        }],
        toolChoice: { tool: { name: "answer" } }
      })
      const choiceOf = (capabilities: Capabilities) =>
        Effect.map(
          exchange(olderClaude, { responseFormat, reasoning: { effort: "low" } }, capabilities),
          ({ sent }) => sent.toolConfig?.toolChoice
        )
      assert.isUndefined(yield* choiceOf({ toolChoice: ["auto"], forcedToolWithReasoning: true }))
      assert.isUndefined(yield* choiceOf({ forcedToolWithReasoning: false }))
      assert.deepStrictEqual(yield* choiceOf({ forcedToolWithReasoning: true }), { tool: { name: "answer" } })
      for (const model of ["us.anthropic.claude-opus-5-5", "us.anthropic.claude-fable-5"]) {
        assert.isUndefined((yield* exchange(model, { responseFormat })).sent.toolConfig?.toolChoice)
      }
      const thinking = yield* exchange("us.anthropic.claude-opus-5", { responseFormat, reasoning: { effort: "low" } })
      assert.deepStrictEqual(thinking.sent.toolConfig?.toolChoice, { tool: { name: "answer" } })
    }))

  it.live("are refused with the path to what is wrong, whichever way they would go", () =>
    Effect.gen(function*() {
      const circular: Record<string, unknown> = { type: "object" }
      circular["properties"] = { x: { items: circular } }
      for (const model of [claude, nova, "mistral.mistral-7b-instruct-v0:2"]) {
        for (const [schema, path] of [[circular, ".properties.x.items"], [{ type: "array" }, ".type"]] as const) {
          const error = yield* Effect.flip(exchange(model, { responseFormat: { type: "json", schema } }))
          assert(error._tag === "InvalidRequestError")
          assert.strictEqual(error.field, `responseFormat.schema${path}`)
        }
      }
    }))
})

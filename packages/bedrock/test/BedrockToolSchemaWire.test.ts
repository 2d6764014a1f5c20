import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import type { Capabilities } from "../src/catalog/Capabilities.ts"
import {
  claude,
  define,
  exchange,
  fields,
  llama,
  mcp,
  nova,
  nova2,
  olderClaude,
  qwen,
  schemas,
  text,
  toolSpecs,
  unknown
} from "./support/SchemaExchange.ts"

describe("Schemas of tools", () => {
  it.live("get a type and properties if missing, for every model", () =>
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

  it.live("have no top-level union for Claude, but a description", () =>
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

  it.live("of strict tools and of providerOptions fit as well", () =>
    Effect.gen(function*() {
      const parameters = {
        type: "object",
        properties: { tags: { type: "array", items: text, maxItems: 3 } },
        required: ["tags"],
        additionalProperties: false
      }
      const strict = { name: "label", strict: true, inputSchema: parameters }
      const held = {
        ...parameters,
        properties: { tags: { type: "array", items: text, description: "at most 3 items" } }
      }
      const { sent } = yield* exchange(claude, { tools: [strict] })
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
      const strictOf = (tools: ReadonlyArray<ToolDefinition.ToolDefinition>, capabilities?: Capabilities) =>
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

  it.live("are refused with the path of the problem, before anything is sent", () =>
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

  it.live("have the description of the tool, unless it is blank", () =>
    Effect.gen(function*() {
      const tool = (description: unknown) => ({ name: "t", description: description as string, inputSchema: {} })
      for (const [description, sent_] of [["Does \ud800 it", "Does \ufffd it"], [" ", undefined]]) {
        const { sent } = yield* exchange(claude, { tools: [tool(description)] })
        assert.strictEqual(toolSpecs(sent)[0]?.description, sent_)
      }
      for (const description of [5, null]) {
        const error = yield* Effect.flip(exchange(claude, { tools: [tool(description)] }))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, "tools[0].description")
      }
    }))
})

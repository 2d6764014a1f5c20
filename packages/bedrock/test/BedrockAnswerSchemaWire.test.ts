import { assert, describe, it } from "@effect/vitest"
import * as StructuredOutput from "@strata/core/chat/StructuredOutput"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Capabilities } from "../src/catalog/Capabilities.ts"
import {
  claude,
  define,
  exchange,
  fields,
  mcp,
  native,
  nova,
  olderClaude,
  qwen,
  text,
  toolSpecs
} from "./support/SchemaExchange.ts"

const answerOf = (schema: StructuredOutput.AnySchema) =>
  Effect.map(StructuredOutput.format(schema), (responseFormat) => ({ responseFormat }))

describe("Schemas of answers", () => {
  it.live("request numbers, integers and optional fields natively", () =>
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

  it.live("beyond the service's limits or subset are requested by a tool", () =>
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

  it.live("are refused with the path of the problem", () =>
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

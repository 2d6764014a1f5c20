import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import type * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Arguments from "../../src/schema/Arguments.ts"
import * as Reading from "../../src/schema/Reading.ts"

const fit = (model: string) => {
  const rules = ModelCatalog.lookup(model).toolSchemas
  return (schema: JsonSchema.JsonSchema) =>
    Arguments.fit(Result.getOrThrow(Reading.read(schema, "schema")).schema, rules)
}

const claude = fit("anthropic.claude-opus-4-6-v1")
const nova = fit("amazon.nova-lite-v1:0")
const nova2 = fit("amazon.nova-2-lite-v1:0")
const unknown = fit("acme.oracle-v1")

const text = { type: "string" }
const properties = { a: text, b: text }

/** What servers of the Model Context Protocol write. */
const usual = {
  $schema: "http://json-schema.org/draft-07/schema#",
  type: "object",
  title: "search",
  description: "How to search",
  properties: { a: { type: "integer", minimum: 1 }, b: { $ref: "#/definitions/B", description: "The b" } },
  required: ["a"],
  additionalProperties: false,
  definitions: { B: { type: "array", items: text } }
}

describe("schema/Arguments", () => {
  it("keeps a schema the model supports", () => {
    const choice = { type: "object", properties, anyOf: [{ required: ["a"] }, { required: ["b"] }] }
    for (const schema of [usual, choice]) assert.deepStrictEqual(unknown(schema), { schema, told: false })
    assert.deepStrictEqual(claude(usual), { schema: usual, told: false })
  })

  describe("without combinators at the top", () => {
    it("merges all that can be merged, references followed", () => {
      assert.deepStrictEqual(
        claude({
          type: "object",
          description: "Both",
          properties: { a: text },
          required: ["a"],
          allOf: [
            { type: "object", properties: { b: text }, required: ["b"] },
            { $ref: "#/$defs/C" },
            { anyOf: [{ properties: { d: { type: "number" } } }, { type: "null" }] },
            true
          ],
          $defs: { C: { type: "object", properties: { a: { minLength: 1 }, c: text }, allOf: [{ $ref: "#/$defs/C" }] } }
        }),
        {
          schema: {
            type: "object",
            description: "Both",
            properties: { a: { ...text, minLength: 1 }, b: text, c: text, d: { type: "number" } },
            required: ["a", "b"],
            $defs: {
              C: { type: "object", properties: { a: { minLength: 1 }, c: text }, allOf: [{ $ref: "#/$defs/C" }] }
            }
          },
          told: false
        }
      )
    })

    it("describes which properties belong together", () => {
      const schema = { type: "object", properties }
      assert.deepStrictEqual(claude({ ...schema, anyOf: [{ required: ["a"] }, { required: ["b", "a"] }] }), {
        schema: {
          ...schema,
          required: ["a"],
          description: `give at least one of these: "a"; or "b" and "a"`
        },
        told: true
      })
      assert.deepStrictEqual(
        claude({ ...schema, description: "d", oneOf: [{ required: ["a"] }, { type: "object", required: ["b"] }] })
          .schema,
        { ...schema, description: `d (give exactly one of these: "a"; or "b")` }
      )
    })

    it("merges the properties of all alternatives, and describes which belong together", () => {
      const circle = {
        properties: { kind: { const: "circle" }, radius: { type: "number" } },
        required: ["kind", "radius"]
      }
      const square = { properties: { kind: { const: "square" }, side: { type: "number" } }, required: ["kind", "side"] }
      const shape = {
        type: "object",
        properties: {
          kind: { anyOf: [{ const: "circle" }, { const: "square" }] },
          radius: { type: "number" },
          side: { type: "number" }
        },
        required: ["kind"]
      }
      const description = `fits exactly one of these JSON schemas: ${JSON.stringify(circle)} or ${
        JSON.stringify(square)
      }`
      const oneOf = [circle, { type: "object", ...square }]
      assert.deepStrictEqual(claude({ oneOf }), { schema: { ...shape, description }, told: true })
      const $defs = { Circle: circle, Square: square }
      assert.deepStrictEqual(nova({ oneOf: [{ $ref: "#/$defs/Circle" }, { $ref: "#/$defs/Square" }], $defs }), {
        schema: shape,
        description,
        told: true
      })
    })

    it("describes what cannot be merged", () => {
      const closed = { properties: { b: text }, additionalProperties: false }
      assert.deepStrictEqual(claude({ type: "object", properties: { a: text }, allOf: [closed] }), {
        schema: { type: "object", properties, description: `fits ${JSON.stringify(closed)}` },
        told: true
      })
    })

    it("ignores a union that allows everything", () => {
      for (const member of [true, {}, { type: "object", title: "Anything" }]) {
        assert.deepStrictEqual(claude({ type: "object", properties, anyOf: [{ required: ["a"] }, member] }), {
          schema: { type: "object", properties },
          told: false
        })
      }
    })
  })

  describe("with few top-level keywords", () => {
    it("keeps these, puts definitions in their places and descriptions into that of the tool", () => {
      assert.deepStrictEqual(nova(usual), {
        schema: {
          type: "object",
          properties: { a: { type: "integer", minimum: 1 }, b: { type: "array", items: text, description: "The b" } },
          required: ["a"]
        },
        description: "How to search",
        told: false
      })
    })

    it("keeps keywords the service was observed to accept for Nova 2", () => {
      const schema = { type: "object", properties: {}, required: [], additionalProperties: false, strict: true }
      assert.deepStrictEqual(nova2({ ...schema, $schema: usual.$schema }).schema, schema)
    })

    it("describes other keywords", () => {
      const { description, schema, told } = nova({
        type: "object",
        properties,
        minProperties: 1,
        additionalProperties: { type: "number" },
        dependentRequired: { a: ["b"] }
      })
      assert.deepStrictEqual(schema, { type: "object", properties })
      assert.strictEqual(
        description,
        `at least 1 property, any further property fits {"type":"number"}, dependentRequired: {"a":["b"]}`
      )
      assert.isTrue(told)
    })

    it("merges a definition with the keywords beside its reference", () => {
      const $defs = { A: { type: "object", description: "An A", properties: { x: text }, required: ["x"] } }
      const beside = (keywords: JsonSchema.JsonSchema) => {
        const { schema } = nova({ type: "object", properties: { a: { $ref: "#/$defs/A", ...keywords } }, $defs })
        return (schema["properties"] as Record<string, unknown>)["a"]
      }
      assert.deepStrictEqual(beside({ description: "Mine" }), { ...$defs.A, description: "Mine" })
      assert.deepStrictEqual(beside({ properties: { y: text }, required: ["y"] }), {
        ...$defs.A,
        properties: { x: text, y: text },
        required: ["x", "y"]
      })
      const closed = { properties: { y: text }, additionalProperties: false }
      assert.deepStrictEqual(beside(closed), { allOf: [$defs.A, closed] })
    })

    it("cuts recursive definitions, and describes them", () => {
      const Tree = {
        type: "object",
        properties: { name: text, trees: { type: "array", items: { $ref: "#/$defs/Tree" } } }
      }
      const { schema, told } = nova({ type: "object", properties: { tree: { $ref: "#/$defs/Tree" } }, $defs: { Tree } })
      assert.isTrue(told)
      assert.deepStrictEqual(schema["properties"], {
        tree: {
          type: "object",
          properties: {
            name: text,
            trees: {
              type: "array",
              items: {
                type: "object",
                description: `of the same form as the Tree that it stands in, with "name" and "trees"`
              }
            }
          }
        }
      })
      const whole = nova({ type: "object", properties: { inner: { $ref: "#" } } })
      assert.deepStrictEqual(whole.schema["properties"], {
        inner: { type: "object", description: `of the same form as what it stands in, with "inner"` }
      })
    })

    it("cuts definitions that would make the schema grow without an end", () => {
      const doubling = (depth: number) =>
        nova({
          type: "object",
          properties: { x: { $ref: "#/$defs/0" } },
          $defs: Object.fromEntries(Array.from({ length: depth }, (_, index) => {
            const next = { $ref: `#/$defs/${index + 1}` }
            return [index, index === depth - 1 ? text : { type: "object", properties: { l: next, r: next } }]
          }))
        })
      assert.isFalse(doubling(5).told)
      for (const depth of [40, 2_000]) {
        const { schema, told } = doubling(depth)
        assert.isTrue(told)
        assert.isBelow(JSON.stringify(schema).length, 2_000_000)
        assert.notInclude(JSON.stringify(schema), "$ref")
      }
    })
  })

  it("takes linear time", { timeout: 30_000 }, () => {
    const members = (count: number) =>
      Array.from({ length: count }, (_, index) => ({
        properties: { [`p${index}`]: text, kind: { const: index } },
        required: [`p${index}`, "kind"]
      }))
    for (const fit of [claude, nova]) {
      for (const keyword of ["allOf", "anyOf", "oneOf"]) {
        const { schema, told } = fit({ [keyword]: members(4_000) })
        assert.isTrue(told)
        assert.isUndefined(schema[keyword])
      }
    }
  })

  it.prop("gives each model only top-level keywords it supports", [Arbitrary.schema(Schema.Json)], ([json]) => {
    for (const keyword of ["allOf", "anyOf", "oneOf", "$defs", "not", "additionalProperties", "properties"]) {
      const read = Reading.read({ type: "object", [keyword]: json, anyOf: [json, { properties: json }] }, "schema")
      if (Result.isFailure(read)) continue
      const keys = Object.keys(Arguments.fit(read.success.schema, { topCombinators: false }).schema)
      assert.isFalse(keys.some((key) => key === "allOf" || key === "anyOf" || key === "oneOf"))
      const topKeywords = ["type", "properties", "required"]
      const few = Object.keys(Arguments.fit(read.success.schema, { topKeywords }).schema)
      assert.isTrue(few.every((key) => topKeywords.includes(key)))
    }
  })
})

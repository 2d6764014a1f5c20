import { assert, describe, it } from "@effect/vitest"
import * as StructuredOutput from "@strata/core/StructuredOutput"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as StrictSchema from "../../src/converse/StrictSchema.ts"

const strict = (schema: StructuredOutput.AnySchema) =>
  Effect.map(StructuredOutput.format(schema), (format) => StrictSchema.make(format.schema))

const field = (schema: JsonSchema.JsonSchema) => {
  const made = StrictSchema.make({ type: "object", properties: { a: schema } })
  return made && (made["properties"] as Record<string, unknown>)["a"]
}

const keywords = new Set([
  "type",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "minItems",
  "anyOf",
  "enum",
  "const",
  "format",
  "title",
  "description"
])

/** Whether a schema keeps to the part of the language. */
const isStrict = (node: unknown): boolean => {
  if (typeof node !== "object" || node === null) return false
  const { additionalProperties, anyOf, items, minItems, properties, type } = node as JsonSchema.JsonSchema
  return Object.keys(node).every((key) => keywords.has(key)) &&
    (type !== "object" || additionalProperties === false) &&
    (minItems === undefined || minItems === 0 || minItems === 1) &&
    (properties === undefined || Object.values(properties as object).every(isStrict)) &&
    (items === undefined || isStrict(items)) &&
    (anyOf === undefined || Array.isArray(anyOf) && anyOf.length > 0 && anyOf.every(isStrict))
}

describe("converse/StrictSchema", () => {
  it.effect("leaves a plain schema as it is", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({
        name: Schema.String.annotate({ description: "The full name" }),
        kind: Schema.Literals(["a", "b"]),
        nick: Schema.NullOr(Schema.String),
        tags: Schema.Array(Schema.Struct({ ok: Schema.Boolean })),
        score: Schema.optionalKey(Schema.Finite)
      })
      const { schema: plain } = yield* StructuredOutput.format(schema)
      assert.deepStrictEqual(StrictSchema.make(plain), plain)
    }))

  it("closes every object", () => {
    const inner = { type: "object", properties: { b: { type: "string" } } }
    assert.deepStrictEqual(
      StrictSchema.make({ type: "object", properties: { a: inner }, additionalProperties: true }),
      {
        type: "object",
        properties: { a: { ...inner, additionalProperties: false } },
        additionalProperties: false
      }
    )
  })

  it("moves what only restricts into the description", () => {
    assert.deepStrictEqual(
      field({ type: "string", description: "A code", minLength: 2, pattern: "^[A-Z]+$", format: "iban" }),
      { type: "string", description: "A code (minLength: 2, pattern: \"^[A-Z]+$\", format: \"iban\")" }
    )
    assert.deepStrictEqual(field({ type: "number", minimum: 1, maximum: 5 }), {
      type: "number",
      description: "(minimum: 1, maximum: 5)"
    })
    assert.deepStrictEqual(field({ type: "array", items: { type: "null" }, minItems: 2, uniqueItems: true }), {
      type: "array",
      items: { type: "null" },
      description: "(minItems: 2, uniqueItems: true)"
    })
    assert.deepStrictEqual(field({ type: "string", allOf: [{ pattern: "a" }, { pattern: "b" }] }), {
      type: "string",
      description: "(pattern: [\"a\",\"b\"])"
    })
  })

  it("keeps the formats and lengths the service knows", () => {
    const email = { type: "string", format: "email" }
    assert.deepStrictEqual(field(email), email)
    const some = { type: "array", items: { type: "string" }, minItems: 1 }
    assert.deepStrictEqual(field(some), some)
  })

  it("says nothing of the range of all integers", () => {
    const { MAX_SAFE_INTEGER: maximum, MIN_SAFE_INTEGER: minimum } = Number
    assert.deepStrictEqual(field({ type: "integer", minimum, maximum }), { type: "integer" })
  })

  it.effect("takes a tuple for an array of any of its kinds, and keeps its order in words", () =>
    Effect.gen(function*() {
      const made = yield* strict(Schema.Struct({ at: Schema.Tuple([Schema.Finite, Schema.String]) }))
      assert.deepStrictEqual(made?.["properties"], {
        at: {
          type: "array",
          items: { anyOf: [{ type: "number" }, { type: "string" }] },
          description: `(prefixItems: [{"type":"number"},{"type":"string"}], maxItems: 2, minItems: 2)`
        }
      })
      const names = yield* strict(Schema.Struct({ names: Schema.NonEmptyArray(Schema.String) }))
      assert.deepStrictEqual(names?.["properties"], {
        names: { type: "array", items: { type: "string" }, minItems: 1 }
      })
    }))

  it("spells out a list of types and oneOf", () => {
    const anyOf = [{ type: "string" }, { type: "null" }]
    assert.deepStrictEqual(field({ type: ["string", "null"], description: "d" }), { anyOf, description: "d" })
    assert.deepStrictEqual(field({ oneOf: anyOf }), { anyOf })
    const choices = { enum: ["a", null] }
    assert.deepStrictEqual(field({ type: ["string", "null"], ...choices }), choices)
  })

  it("has no word for a structure that stands beside a choice", () => {
    const object = { type: "object", properties: { b: { type: "null" } } }
    assert.isUndefined(field({ ...object, anyOf: [object] }))
    assert.isUndefined(field({ allOf: [object, object] }))
    assert.isUndefined(field({ oneOf: [object], anyOf: [object] }))
    assert.isUndefined(field({ ...object, required: ["c"] }))
    assert.isUndefined(field({ ...object, additionalProperties: { type: "null" } }))
    assert.isUndefined(field({ ...object, if: object, else: object }))
  })

  it.effect("has no word for records, recursion and anything", () =>
    Effect.gen(function*() {
      interface Tree {
        readonly trees: ReadonlyArray<Tree>
      }
      const Tree: Schema.Codec<Tree> = Schema.Struct({ trees: Schema.Array(Schema.suspend(() => Tree)) })
        .annotate({ identifier: "Tree" })
      const schemas = [
        Schema.Record(Schema.String, Schema.Finite),
        Schema.Struct({ a: Schema.Array(Schema.Record(Schema.String, Schema.Finite)) }),
        Schema.Struct({ a: Schema.NullOr(Schema.Json) }),
        Schema.Struct({ a: Schema.Struct({}) }),
        Schema.Array(Schema.Unknown),
        Tree
      ]
      for (const schema of schemas) assert.isUndefined(yield* strict(schema))
    }))

  it.prop("gives a strict schema or none, whatever it gets", [Schema.Json], ([json]) => {
    const types = ["object", "array", "string", ["integer", "object"], undefined, json]
    for (const type of types) {
      for (const key of ["items", "anyOf", "allOf", "enum", "required", "properties"]) {
        const made = StrictSchema.make({ type: "object", properties: { a: { type, [key]: json } } })
        assert.isTrue(made === undefined || isStrict(made))
      }
    }
  })

  it.effect("keeps to the part of the language for all kinds of schemas", () =>
    Effect.gen(function*() {
      const made = yield* strict(Schema.Struct({
        a: Schema.optional(Schema.Number),
        b: Schema.Option(Schema.DateTimeUtc),
        c: Schema.Union([Schema.TaggedStruct("x", { n: Schema.Int }), Schema.TaggedStruct("y", {})]),
        d: Schema.BigInt,
        e: Schema.TemplateLiteral(["a", Schema.Number]),
        f: Schema.String.check(
          Schema.isMinLength(2),
          Schema.isMaxLength(9),
          Schema.isPattern(/^a/),
          Schema.isPattern(/b$/)
        ),
        g: Schema.Array(Schema.Finite).check(Schema.isMinLength(3))
      }))
      assert.isTrue(isStrict(made), JSON.stringify(made))
    }))
})

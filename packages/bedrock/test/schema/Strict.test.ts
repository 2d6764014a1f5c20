import { assert, describe, it } from "@effect/vitest"
import * as StructuredOutput from "@strata/core/chat/StructuredOutput"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as Strict from "../../src/schema/Strict.ts"

const strict = (schema: StructuredOutput.AnySchema) =>
  Effect.map(StructuredOutput.format(schema), (format) => Strict.make(format.schema))

const field = (schema: JsonSchema.JsonSchema) => {
  const made = Strict.make({ type: "object", properties: { a: schema } })
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
  "description",
  "default"
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

describe("schema/Strict", () => {
  it.effect("keeps a plain schema", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({
        name: Schema.String.annotate({ description: "The full name" }),
        kind: Schema.Literals(["a", "b"]),
        nick: Schema.NullOr(Schema.String),
        tags: Schema.Array(Schema.Struct({ ok: Schema.Boolean })),
        score: Schema.optionalKey(Schema.Finite)
      })
      const { schema: plain } = yield* StructuredOutput.format(schema)
      assert.deepStrictEqual(Strict.make(plain), plain)
    }))

  it("closes every object", () => {
    const inner = { type: "object", properties: { b: { type: "string" } } }
    assert.deepStrictEqual(
      Strict.make({ type: "object", properties: { a: inner }, additionalProperties: true }),
      {
        type: "object",
        properties: { a: { ...inner, additionalProperties: false } },
        additionalProperties: false
      }
    )
  })

  it("moves restrictions to the description", () => {
    const said: ReadonlyArray<readonly [JsonSchema.JsonSchema, string]> = [
      [{ type: "integer", minimum: 1, maximum: 10 }, "a whole number from 1 to 10"],
      [{ type: "integer", minimum: 0 }, "a whole number of at least 0"],
      [{ type: "number", exclusiveMinimum: 0, maximum: 1 }, "a number greater than 0 and of at most 1"],
      [{ type: "number", minimum: 0, exclusiveMinimum: true }, "a number greater than 0"],
      [{ type: "number", exclusiveMaximum: 5, multipleOf: 0.5 }, "a number less than 5, a multiple of 0.5"],
      [{ type: "string", pattern: "^[A-Z]{3}$" }, "matches ^[A-Z]{3}$"],
      [{ type: "string", minLength: 2, maxLength: 9 }, "2 to 9 characters"],
      [{ type: "string", minLength: 0, maxLength: 1 }, "at most 1 character"],
      [{ type: "string", format: "iban" }, "in the format iban"],
      [{ type: "string", contentMediaType: "application/json" }, "holding application/json"],
      [{ type: "string", examples: ["a", "b"] }, "for example \"a\", \"b\""],
      [{ type: "string", allOf: [{ pattern: "a" }, { pattern: "b" }] }, "matches a (matches b)"],
      [{ type: "boolean", $comment: "x", "x-order": 1, readOnly: true }, ""]
    ]
    for (const [schema, description] of said) {
      assert.deepStrictEqual(field(schema), {
        type: schema["type"],
        ...(description === "" ? undefined : { description })
      })
    }
    const items = { type: "array", items: { type: "null" } }
    assert.deepStrictEqual(field({ ...items, minItems: 2, maxItems: 5 }), { ...items, description: "2 to 5 items" })
    assert.deepStrictEqual(field({ ...items, minItems: 3, uniqueItems: true }), {
      ...items,
      description: "at least 3 items, no item twice"
    })
    assert.deepStrictEqual(field({ type: "string", description: "A code", minLength: 2, pattern: "^[A-Z]+$" }), {
      type: "string",
      description: "A code (at least 2 characters, matches ^[A-Z]+$)"
    })
  })

  it("keeps the formats and lengths the service knows", () => {
    const email = { type: "string", format: "email" }
    assert.deepStrictEqual(field(email), email)
    const some = { type: "array", items: { type: "string" }, minItems: 1 }
    assert.deepStrictEqual(field(some), some)
  })

  it("omits the range of safe integers", () => {
    const { MAX_SAFE_INTEGER: maximum, MIN_SAFE_INTEGER: minimum } = Number
    assert.deepStrictEqual(field({ type: "integer", minimum, maximum }), { type: "integer" })
  })

  it.effect("converts a tuple to an array of a union, and describes its order", () =>
    Effect.gen(function*() {
      const made = yield* strict(Schema.Struct({ at: Schema.Tuple([Schema.Finite, Schema.String]) }))
      assert.deepStrictEqual(made?.["properties"], {
        at: {
          type: "array",
          items: { anyOf: [{ type: "number" }, { type: "string" }] },
          description: "exactly 2 items, in this order: a number, a text"
        }
      })
      const names = yield* strict(Schema.Struct({ names: Schema.NonEmptyArray(Schema.String) }))
      assert.deepStrictEqual(names?.["properties"], {
        names: { type: "array", items: { type: "string" }, minItems: 1 }
      })
    }))

  it("keeps a list of types, and converts oneOf to anyOf", () => {
    const types = { type: ["string", "null"] }
    assert.deepStrictEqual(field({ ...types, description: "d", maxLength: 3 }), {
      ...types,
      description: "d (at most 3 characters)"
    })
    assert.deepStrictEqual(field({ type: ["integer"], minimum: 1 }), {
      type: "integer",
      description: "a whole number of at least 1"
    })
    const anyOf = [{ type: "string" }, { type: "null" }]
    assert.deepStrictEqual(field({ oneOf: anyOf }), { anyOf })
    assert.deepStrictEqual(field({ anyOf: [{ type: "string" }], description: "d" }), {
      type: "string",
      description: "d"
    })
    assert.deepStrictEqual(field({ type: ["array", "null"], items: { type: "string" } }), {
      anyOf: [{ type: "array", items: { type: "string" } }, { type: "null" }]
    })
    const choices = { enum: ["a", null] }
    assert.deepStrictEqual(field({ type: ["string", "null"], ...choices }), choices)
  })

  it("does not support a structure beside a union", () => {
    const object = { type: "object", properties: { b: { type: "null" } } }
    assert.isUndefined(field({ ...object, anyOf: [object] }))
    assert.isUndefined(field({ oneOf: [object], anyOf: [object] }))
    assert.isUndefined(field({ ...object, required: ["c"] }))
    assert.isUndefined(field({ ...object, additionalProperties: { type: "null" } }))
    assert.isUndefined(field({ ...object, if: object, else: object }))
    assert.isUndefined(field({ allOf: [object, { type: "array", items: { type: "null" } }] }))
  })

  it("merges all of several objects", () => {
    assert.deepStrictEqual(
      field({
        description: "Both",
        allOf: [
          { type: "object", properties: { a: { type: "number" }, b: { type: "null" } }, required: ["a"] },
          { type: "object", properties: { a: { type: "integer" }, c: { type: "null" } }, required: ["c"] }
        ]
      }),
      {
        type: "object",
        properties: { a: { type: "integer" }, b: { type: "null" }, c: { type: "null" } },
        required: ["a", "c"],
        additionalProperties: false,
        description: "Both"
      }
    )
  })

  it("leaves definitions where they are, and follows the references that are annotated", () => {
    const address = { type: "object", properties: { street: { type: "string", minLength: 1 } }, required: ["street"] }
    const held = {
      type: "object",
      properties: { street: { type: "string", description: "at least 1 character" } },
      required: ["street"],
      additionalProperties: false
    }
    for (const container of ["$defs", "definitions"]) {
      const $ref = `#/${container}/Address`
      assert.deepStrictEqual(
        Strict.make({
          type: "object",
          properties: {
            home: { $ref },
            others: { type: "array", items: { $ref } },
            work: { $ref, description: "Where one works" },
            last: { allOf: [{ $ref }], title: "Last" },
            street: { $ref: `${$ref}/properties/street` }
          },
          [container]: { Address: address, Unused: { not: {} } }
        }),
        {
          type: "object",
          properties: {
            home: { $ref },
            others: { type: "array", items: { $ref } },
            work: { ...held, description: "Where one works" },
            last: { ...held, title: "Last" },
            street: held.properties.street
          },
          additionalProperties: false,
          [container]: { Address: held }
        }
      )
    }
  })

  it("does not support recursive definitions", () => {
    const array = (items: JsonSchema.JsonSchema) => ({ type: "array", items })
    const recursive: ReadonlyArray<JsonSchema.JsonSchema> = [
      { type: "object", properties: { a: array({ $ref: "#" }) } },
      { type: "object", properties: { a: { $ref: "#/$defs/A" } }, $defs: { A: array({ $ref: "#/$defs/A" }) } },
      {
        type: "object",
        properties: { a: { $ref: "#/$defs/A" } },
        $defs: { A: array({ $ref: "#/$defs/B", description: "b" }), B: array({ $ref: "#/$defs/A" }) }
      },
      { type: "object", properties: { a: array({ $ref: "#/properties/a" }) } },
      {
        type: "object",
        properties: { a: { $ref: "#/$defs/A" } },
        $defs: { A: { type: "object", properties: { b: { allOf: [{ $ref: "#/$defs/A" }] } } } }
      }
    ]
    for (const schema of recursive) assert.isUndefined(Strict.make(schema), JSON.stringify(schema))
  })

  it("does not support schemas too large or too deep for a grammar", () => {
    const chain = (length: number) => ({
      type: "object",
      properties: { a: { $ref: "#/$defs/0" } },
      $defs: Object.fromEntries(Array.from({ length }, (_, index) => [
        index,
        index === length - 1
          ? { type: "string" }
          : { type: "array", items: { $ref: `#/$defs/${index + 1}`, description: "next" } }
      ]))
    })
    assert.isDefined(Strict.make(chain(50)))
    assert.isUndefined(Strict.make(chain(5_000)))
    const doubling = (depth: number) => ({
      type: "object",
      properties: { a: { $ref: "#/$defs/0" } },
      $defs: Object.fromEntries(Array.from({ length: depth }, (_, index) => {
        const next = { $ref: `#/$defs/${index + 1}`, description: "next" }
        return [index, index === depth - 1 ? { type: "null" } : { type: "object", properties: { l: next, r: next } }]
      }))
    })
    assert.isDefined(Strict.make(doubling(5)))
    assert.isUndefined(Strict.make(doubling(40)))
  })

  it("keeps titles and defaults", () => {
    const annotated = { type: "integer", title: "Age", default: 1 }
    assert.deepStrictEqual(field(annotated), annotated)
  })

  it.effect("does not support records, recursion and untyped values", () =>
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

  it.prop("is total: gives a strict schema or none", [Schema.Json], ([json]) => {
    const types = ["object", "array", "string", ["integer", "object"], undefined, json]
    for (const type of types) {
      for (const key of ["items", "anyOf", "allOf", "enum", "required", "properties"]) {
        const made = Strict.make({ type: "object", properties: { a: { type, [key]: json } } })
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

import { assert, describe, it } from "@effect/vitest"
import { StructuredOutput, ToolDefinition } from "@strata/core"
import { Effect, Schema } from "effect"
import * as Shape from "../src/schema/Shape.ts"
import * as Strict from "../src/schema/Strict.ts"

const object = (properties: object, required: ReadonlyArray<string> = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false
})

const text = { type: "string" }

/** Objects of a strict schema list all their members, and nothing else. */
const offences = (node: any): ReadonlyArray<string> => {
  if (Array.isArray(node)) return node.flatMap(offences)
  if (typeof node !== "object" || node === null) return []
  const own = node.type === "object" &&
      (node.additionalProperties !== false || `${node.required}` !== `${Object.keys(node.properties)}`)
    ? [JSON.stringify(node)]
    : []
  return [...own, ...Object.values(node).flatMap(offences)]
}

const Node: Schema.Codec<{ readonly name: string; readonly next?: any }> = Schema.Struct({
  name: Schema.String,
  next: Schema.optionalKey(Schema.suspend(() => Node))
})

/** Schemas, and the values that they mean. */
const Kinds = {
  optional: Schema.Struct({
    a: Schema.String,
    b: Schema.optionalKey(Schema.Int),
    c: Schema.optionalKey(Schema.String)
  }),
  nullable: Schema.Struct({ a: Schema.NullOr(Schema.String), b: Schema.optionalKey(Schema.Int) }),
  nested: Schema.Struct({
    a: Schema.optionalKey(Schema.Struct({ b: Schema.optionalKey(Schema.Boolean) })),
    list: Schema.Array(Schema.Struct({ c: Schema.optionalKey(Schema.String), d: Schema.Int }))
  }),
  union: Schema.Struct({
    of: Schema.Union([
      Schema.Struct({ is: Schema.Literal("a"), x: Schema.optionalKey(Schema.String) }),
      Schema.Struct({ is: Schema.Literal("b"), y: Schema.optionalKey(Schema.Int), z: Schema.NullOr(Schema.Int) })
    ])
  }),
  recursive: Node,
  checked: Schema.Struct({
    a: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(9))),
    b: Schema.Literals(["x", "y"]),
    c: Schema.optionalKey(Schema.Literals(["x", "y"]))
  }),
  empty: Schema.Struct({})
}

const nullsFor = (schema: Schema.Constraint, value: unknown) =>
  Effect.map(StructuredOutput.format(schema as StructuredOutput.AnySchema), (format) => {
    const strict = Strict.make(format.schema)
    return strict && { shape: strict.shape, filled: fill(strict.schema, strict.schema, value), schema: strict.schema }
  })

/** The value as a server that is bound to a strict schema writes it: a member that is missing is `null`. */
const fill = (root: any, node: any, value: any): any => {
  if (node?.$ref !== undefined) {
    return fill(root, node.$ref === "#" ? root : root.$defs[node.$ref.split("/").at(-1)], value)
  }
  if (Array.isArray(value)) return value.map((item) => fill(root, memberOf(root, node, "items"), item))
  if (typeof value !== "object" || value === null) return value
  const members = objectsOf(root, node)
  const fitting = members.find(({ properties }) =>
    Object.keys(value).every((key) => key in properties) &&
    Object.entries<any>(properties).every(([key, { const: constant, enum: values }]) =>
      !(key in value) || constant === undefined && values === undefined || constant === value[key] ||
      values?.includes(value[key]) || typeof value[key] !== "string"
    )
  )
  return Object.fromEntries(
    Object.entries(fitting?.properties ?? {}).map((
      [key, member]
    ) => [key, key in value ? fill(root, member, value[key]) : null])
  )
}

const expand = (root: any, node: any): ReadonlyArray<any> =>
  node?.$ref !== undefined
    ? expand(root, node.$ref === "#" ? root : root.$defs[node.$ref.split("/").at(-1)])
    : node?.anyOf !== undefined
    ? node.anyOf.flatMap((each: any) => expand(root, each))
    : [node]

const objectsOf = (root: any, node: any) => expand(root, node).filter((each) => each?.type === "object")

const memberOf = (root: any, node: any, key: string) =>
  expand(root, node).find((each) => each?.[key] !== undefined)?.[key]

describe("strict schemas", () => {
  for (const [name, schema] of Object.entries<Schema.Codec<unknown>>(Kinds)) {
    it.effect.prop(
      `case 14: a value comes back as it was meant: ${name}`,
      [schema],
      ([value]) =>
        Effect.gen(function*() {
          const encoded = JSON.parse(
            JSON.stringify(yield* Schema.encodeUnknownEffect(Schema.toCodecJson(schema))(value))
          )
          const found = yield* nullsFor(schema, encoded)
          assert.isDefined(found)
          if (found === undefined) return
          assert.deepStrictEqual(offences(found.schema), [])
          assert.deepStrictEqual(Shape.restore(found.shape, found.filled), encoded)
          // The same for its text, in pieces.
          for (const [size, space] of [[1, 0], [3, 2], [1000, 0]] as const) {
            const text = JSON.stringify(found.filled, null, space)
            const eraser = Shape.makeEraser(found.shape)
            let erased = ""
            for (let at = 0; at < text.length; at += size) erased += eraser.feed(text.slice(at, at + size))
            assert.deepStrictEqual(JSON.parse(erased + eraser.end()), encoded)
          }
        }),
      { arbitrary: { runs: 100 } }
    )
  }

  it("case 14: what the dialect cannot express has no strict schema", () => {
    const schemas: Record<string, any> = {
      record: object({ a: { type: "object", additionalProperties: text } }),
      open: { type: "object", properties: { a: text }, additionalProperties: true },
      anything: object({ a: {} }),
      patterns: { ...object({ a: text }), patternProperties: { b: text } },
      tuple: object({ a: { type: "array", prefixItems: [text] } }),
      list: object({ a: { type: "array" } }),
      negation: object({ a: { type: "string", not: { const: "x" } } }),
      union: { anyOf: [object({ a: text })] },
      reference: object({ a: { $ref: "#/$defs/none" } }),
      elsewhere: object({ a: { $ref: "https://a.example/schema" } }),
      "nullable and optional": object({ a: { type: ["string", "null"] } }, []),
      // `null` would be a value of one member, and none of the other.
      unclear: object({
        of: {
          anyOf: [
            object({ is: { const: 1 }, x: { type: ["string", "null"] } }),
            object({ is: { const: 2 }, x: text }, ["is"])
          ]
        }
      }),
      required: object({ a: text }, ["a", "b"]),
      nothing: { type: "string" },
      deep: Array.from({ length: 12 }).reduce<any>((inner) => object({ a: inner }), text)
    }
    for (const [name, schema] of Object.entries(schemas)) assert.isUndefined(Strict.make(schema), name)
  })

  it("restrictions that the dialect does not know move to descriptions", () => {
    const strict = Strict.make(object({
      a: { type: "string", minLength: 2, pattern: "x", format: "uri", description: "A." },
      b: { type: "array", items: text, minItems: 1, uniqueItems: true, default: [] },
      c: { type: "string", allOf: [{ maxLength: 3 }] }
    }))
    assert.deepStrictEqual(strict?.schema["properties"], {
      a: { type: "string", pattern: "x", description: "A.\nminLength: 2\nformat: \"uri\"" },
      b: { type: "array", items: text, minItems: 1, description: "uniqueItems: true" },
      c: { type: "string", description: "maxLength: 3" }
    })
  })

  it("text that is no object passes the eraser unchanged", () => {
    const { shape } = Strict.make(object({ a: text }, []))!
    for (
      const given of [
        "",
        "null",
        " [1, null]",
        "Hello {\"a\": null}",
        "```json\n{}",
        "{\"a\":nul",
        "{\"a",
        "{\"a\": null"
      ]
    ) {
      const eraser = Shape.makeEraser(shape)
      const erased = [...given].map(eraser.feed).join("") + eraser.end()
      assert.strictEqual(erased, given)
    }
  })

  it.effect("the schemas of tools and answers of core are strict", () =>
    Effect.gen(function*() {
      for (const [name, schema] of Object.entries<Schema.Codec<unknown>>(Kinds)) {
        const { inputSchema } = yield* ToolDefinition.make("look", { input: schema, strict: true })
        assert.isDefined(Strict.make(inputSchema), name)
      }
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Reading from "../../src/schema/Reading.ts"

const read = (value: unknown) => Result.getOrThrow(Reading.read(value, "schema"))

const refused = (value: unknown) => Result.getOrThrow(Result.flip(Reading.read(value, "tools[2].inputSchema")))

const anything = { type: "object", properties: {} }

describe("schema/Reading", () => {
  it("reads `true`, `undefined` and a schema without a type as a schema of objects", () => {
    for (const schema of [true, {}, undefined, null]) {
      assert.deepStrictEqual(read(schema), { schema: anything, told: false })
    }
    assert.deepStrictEqual(read({ description: "d", properties: { a: {} } }).schema, {
      type: "object",
      properties: { a: {} },
      description: "d"
    })
    assert.deepStrictEqual(read({ type: ["object", "null"] }).schema, { type: "object" })
  })

  it("copies a schema exactly, keys of any name included", () => {
    const text =
      `{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":true,"$ref":{"type":"null"}},"x":[1,null]}`
    const schema = JSON.parse(text)
    assert.strictEqual(JSON.stringify(read(schema).schema), text)
    assert.notStrictEqual(read(schema).schema, schema)
  })

  it("leaves out members that are undefined, as JSON does", () => {
    assert.deepStrictEqual(read({ type: "object", description: undefined }).schema, { type: "object" })
    assert.deepStrictEqual(read({ type: "object", minimum: -0 }).schema, { type: "object", minimum: 0 })
  })

  it("makes texts well-formed", () => {
    assert.deepStrictEqual(read({ properties: { "a\ud800": { description: "\udc00 🙂" } } }).schema["properties"], {
      "a\ufffd": { description: "\ufffd 🙂" }
    })
  })

  it("opens a top that is a reference", () => {
    const $defs = { A: { type: "object", properties: { b: { $ref: "#/$defs/A" } } }, B: { $ref: "#/$defs/A" } }
    assert.deepStrictEqual(read({ $ref: "#/$defs/B", description: "d", $defs }).schema, {
      ...$defs.A,
      description: "d",
      $defs
    })
    for (const $ref of ["#", "#/$defs/A"]) {
      assert.strictEqual(read({ $ref, $defs: { A: { $ref: "#/$defs/A" } } }).schema["type"], "object")
    }
  })

  it("replaces external references by text, and reports it", () => {
    const properties = {
      a: { $ref: "https://example.com/a.json", description: "An a" },
      b: { type: "array", items: { $ref: "#/components/b" } },
      c: { $ref: 5 },
      d: { default: { $ref: "#/nowhere" } }
    }
    assert.deepStrictEqual(read({ type: "object", properties }), {
      schema: {
        type: "object",
        properties: {
          a: { description: "An a (as described by https://example.com/a.json)" },
          b: { type: "array", items: { description: "as described by #/components/b" } },
          c: { description: "as described by 5" },
          d: properties.d
        }
      },
      told: true
    })
  })

  it("refuses schemas of other types than object", () => {
    for (const value of [false, "object", 5, [], [{ type: "object" }]]) {
      assert.strictEqual(refused(value).field, "tools[2].inputSchema")
    }
    for (const type of ["array", "string", ["string", "null"], 5, null, {}]) {
      assert.strictEqual(refused({ type }).field, "tools[2].inputSchema.type")
    }
    for (const keyword of ["properties", "required", "allOf", "anyOf", "oneOf"]) {
      assert.strictEqual(refused({ [keyword]: 5 }).field, `tools[2].inputSchema.${keyword}`)
    }
  })

  it("refuses values that are not JSON, with their path", () => {
    const circular: Record<string, unknown> = { type: "object" }
    circular["properties"] = { x: { items: [circular] } }
    const values: ReadonlyArray<readonly [unknown, string]> = [
      [circular, ".properties.x.items[0]"],
      [{ properties: { x: { default: () => 1 } } }, ".properties.x.default"],
      [{ properties: { "a b": { const: 1n } } }, ".properties[\"a b\"].const"],
      [{ required: [undefined, "a"] }, ".required[0]"],
      [{ minimum: NaN }, ".minimum"],
      [{ enum: ["a", Symbol("b")] }, ".enum[1]"],
      [{ default: new Date(0) }, ".default"],
      [{ default: new Map() }, ".default"],
      [{ enum: Object.assign([], { length: 1e9 }) }, ".enum"],
      [{
        properties: {
          get x() {
            throw new Error("a secret")
          }
        }
      }, ".properties"],
      [
        new Proxy({}, {
          ownKeys: () => {
            throw new Error("a secret")
          }
        }),
        ""
      ]
    ]
    for (const [value, path] of values) {
      const problem = refused(value)
      assert.strictEqual(problem.field, `tools[2].inputSchema${path}`)
      assert.notInclude(problem.problem, "secret")
    }
  })

  it("refuses cyclic values in linear time", () => {
    let deep: unknown = {}
    for (let level = 0; level < 5_000; level++) deep = { type: "object", properties: { a: deep } }
    let shared: unknown = { type: "string" }
    for (let level = 0; level < 60; level++) shared = { type: "object", properties: { l: shared, r: shared } }
    const growing = (): object => ({
      get properties() {
        return growing()
      }
    })
    for (const schema of [deep, shared, growing()]) assert.strictEqual(refused(schema).field, "tools[2].inputSchema")
  })

  it.prop("gives plain JSON of an object, or a problem, whatever it gets", [
    Arbitrary.schema(Schema.Json),
    Arbitrary.schema(Schema.Unknown)
  ], ([json, value]) => {
    for (const schema of [json, value, { properties: json }, { $ref: value, type: json, $defs: json }]) {
      const result = Reading.read(schema, "schema")
      if (Result.isFailure(result)) assert.match(result.failure.field, /^schema/)
      else {
        assert.strictEqual(result.success.schema["type"], "object")
        assert.deepStrictEqual(JSON.parse(JSON.stringify(result.success.schema)), result.success.schema)
      }
    }
  })
})

import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as ExactJson from "@strata/core/ExactJson"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import { asks, call } from "./ToolFixture.ts"

const dynamic = (inputSchema: JsonSchema.JsonSchema, options?: { readonly strict?: boolean }) =>
  Tool.dynamic("search", { inputSchema, handler: (input) => Effect.succeed(input), ...options })

const shown = (inputSchema: JsonSchema.JsonSchema, options?: { readonly strict?: boolean }) =>
  Effect.map(Tool.definition(dynamic(inputSchema, options)), ({ inputSchema }) => inputSchema)

const refusal = (inputSchema: unknown) => Effect.flip(Tool.definition(dynamic(inputSchema as JsonSchema.JsonSchema)))

const query = { type: "object", properties: { query: { type: "string", minLength: 2 } }, required: ["query"] }

/** Whether the schema accepts these arguments. */
const accepts = (inputSchema: JsonSchema.JsonSchema, params: unknown) =>
  Effect.map(Effect.result(Tool.call(dynamic(inputSchema), params)), ({ _tag }) => _tag === "Success")

describe("Tool.dynamic", () => {
  it.effect("shows the model name, description and schema, and gives the handler unchanged JSON", () =>
    Effect.gen(function*() {
      const tool = Tool.dynamic("search", {
        description: "Searches",
        inputSchema: query,
        handler: (input) => Effect.succeed(input)
      })
      expectTypeOf(tool).toEqualTypeOf<
        Tool.Tool<"search", Record<string, unknown>, Record<string, unknown>>
      >()
      assert.deepStrictEqual(yield* Tool.definition(tool), {
        name: "search",
        description: "Searches",
        inputSchema: query
      })
      const params = { query: "ab", more: [1, null, { deep: true }] }
      assert.deepStrictEqual(yield* Tool.call(tool, params), { isFailure: false, result: params, output: params })
    }))

  it.effect("returns arguments that do not fit to the model, without running the handler", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const tool = Tool.dynamic("search", {
        inputSchema: query,
        handler: (input) => Effect.sync(() => void seen.push(input))
      })
      const outcome = yield* ToolLoop.run("?", { tools: [tool] }).pipe(
        Effect.provide(TestChat.layer([asks(call("1", "search", { query: "a" }), call("2", "search", {})), "sorry"]))
      )
      const results = outcome.messages[1]?.role === "tool" ? outcome.messages[1].content : []
      assert.deepStrictEqual(results.map(({ isFailure }) => isFailure), [true, true])
      assert.include(String(results[0]?.result), `at ["query"]`)
      assert.deepStrictEqual(seen, [])
    }))

  it.effect("accepts the text of an integer that a number cannot hold where a number is due, and only there", () =>
    Effect.gen(function*() {
      const schema = {
        type: "object",
        properties: {
          id: { type: "integer" },
          ids: { type: "array", items: { type: "number" } },
          flag: { type: "boolean" }
        }
      }
      const params = ExactJson.params(
        `{"id": 2512292042121000001, "ids": [1, -99999999999999999999], "name": "9007199254740993"}`
      )
      assert.deepStrictEqual((yield* Tool.call(dynamic(schema), params)).result, params)
      assert.isFalse(yield* accepts(schema, { id: "12" }))
      assert.isFalse(yield* accepts(schema, { id: "much" }))
      assert.isFalse(yield* accepts(schema, { flag: "2512292042121000001" }))
    }))

  it.effect("refuses a schema that does not describe an object when the definition is made", () =>
    Effect.gen(function*() {
      for (
        const schema of [
          { type: "string" },
          {},
          { type: ["string", "null"] },
          { anyOf: [query, { type: "string" }] },
          { $ref: "#/$defs/a", $defs: { a: { type: "array" } } },
          "object",
          null,
          undefined,
          true,
          []
        ]
      ) {
        const error = yield* refusal(schema)
        assert.strictEqual(error._tag, "InvalidRequestError")
        assert.include(error.field, "inputSchema")
        assert.isNotEmpty(error.remedy)
      }
    }))

  it.effect("case 33: resolves local references, with the keywords beside them", () =>
    Effect.gen(function*() {
      const place = { type: "object", properties: { city: { type: "string" } } }
      assert.deepStrictEqual(
        yield* shown({
          $schema: "http://json-schema.org/draft-07/schema#",
          type: "object",
          properties: {
            from: { $ref: "#/definitions/place" },
            to: { $ref: "#/definitions/place", description: "Where to" },
            city: { $ref: "#/definitions/place/properties/city" },
            odd: { $ref: "#/definitions/a~1b%20c" },
            both: { $ref: "#/definitions/place", properties: { zip: { type: "string" } } }
          },
          definitions: { place, "a/b c": { type: "number" } }
        }),
        {
          type: "object",
          properties: {
            from: place,
            to: { ...place, description: "Where to" },
            city: { type: "string" },
            odd: { type: "number" },
            both: { properties: { zip: { type: "string" } }, allOf: [place] }
          }
        }
      )
    }))

  it.effect("case 33: keeps recursive definitions, and them only, in `$defs`", () =>
    Effect.gen(function*() {
      const leaf = { type: "object", properties: { name: { type: "string" } } }
      const schema = {
        type: "object",
        properties: { tree: { $ref: "#/$defs/Tree" }, self: { $ref: "#" } },
        $defs: {
          Leaf: leaf,
          Tree: {
            type: "object",
            properties: { leaf: { $ref: "#/$defs/Leaf" }, trees: { type: "array", items: { $ref: "#/$defs/Tree" } } }
          }
        }
      }
      const { $defs, ...root } = yield* shown(schema)
      const properties = { tree: { $ref: "#/$defs/Tree" }, self: { $ref: "#/$defs/root" } }
      assert.deepStrictEqual(root, { type: "object", properties })
      assert.deepStrictEqual($defs, {
        root: { type: "object", properties },
        Tree: {
          type: "object",
          properties: { leaf, trees: { type: "array", items: { $ref: "#/$defs/Tree" } } }
        }
      })
      assert.isTrue(yield* accepts(schema, { tree: { leaf: { name: "a" }, trees: [{ trees: [] }] } }))
      assert.isFalse(yield* accepts(schema, { tree: { trees: [{ trees: [{ leaf: { name: 1 } }] }] } }))
      assert.isFalse(yield* accepts(schema, { self: { self: { tree: 1 } } }))
    }))

  it.effect("case 33: shows a root that is a recursive definition as an object, with all it says", () =>
    Effect.gen(function*() {
      const node = {
        type: "object",
        description: "A node",
        properties: { children: { type: "array", items: { $ref: "#/definitions/Node" } } },
        additionalProperties: false
      }
      const inner = { ...node, properties: { children: { type: "array", items: { $ref: "#/$defs/Node" } } } }
      assert.deepStrictEqual(yield* shown({ $ref: "#/definitions/Node", definitions: { Node: node } }), {
        ...inner,
        $defs: { Node: inner }
      })
    }))

  it.effect("case 33: refuses definitions that are nothing but each other", () =>
    Effect.gen(function*() {
      const loops = [
        { a: { $ref: "#/$defs/b", description: "x" }, b: { $ref: "#/$defs/a", description: "y" } },
        { a: { allOf: [{ $ref: "#/$defs/a" }] } },
        { a: { anyOf: Array.from({ length: 50 }, () => ({ $ref: "#/$defs/a" })) } },
        { a: { type: "object", oneOf: [{ type: "object" }, { $ref: "#/$defs/a" }] } }
      ]
      for (const $defs of loops) {
        const schema = { $ref: "#/$defs/a", $defs }
        assert.strictEqual((yield* refusal(schema))._tag, "InvalidRequestError")
        yield* accepts(schema, { a: 1 })
      }
    }))

  it.effect("case 33: refuses references that lead nowhere, elsewhere, or only to themselves", () =>
    Effect.gen(function*() {
      for (
        const ref of ["#/$defs/none", "https://example.com/a.json", "other.json#/a", "#/$defs/loop", "#/$defs/a", "#x"]
      ) {
        const error = yield* refusal({
          type: "object",
          properties: { a: { $ref: ref } },
          $defs: { loop: { $ref: "#/$defs/loop" }, a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } }
        })
        assert.include(error.message, "reference", ref)
      }
    }))

  it.effect("case 33: does not take properties and values named like keywords for them", () =>
    Effect.gen(function*() {
      const schema = {
        type: "object",
        properties: {
          $ref: { type: "string" },
          definitions: { type: "number" },
          enum: { $ref: "#/$defs/word" },
          choice: { enum: [{ $ref: "#/nowhere" }] }
        },
        $defs: { word: { type: "string" } }
      }
      assert.deepStrictEqual((yield* shown(schema))["properties"], {
        ...schema.properties,
        enum: { type: "string" }
      })
    }))

  it.effect("case 33: shows alternatives at the root as one object, and checks them", () =>
    Effect.gen(function*() {
      const a = { type: "object", properties: { kind: { const: "a" }, x: { type: "number" } }, required: ["kind", "x"] }
      const b = { type: "object", properties: { kind: { const: "b" }, y: { type: "number" } }, required: ["kind", "y"] }
      for (const key of ["anyOf", "oneOf"]) {
        const schema = { [key]: [a, { $ref: "#/$defs/b" }, { type: "null" }], $defs: { b } }
        assert.deepStrictEqual(yield* shown(schema), {
          type: "object",
          properties: {
            kind: { anyOf: [{ const: "a" }, { const: "b" }] },
            x: { type: "number" },
            y: { type: "number" }
          },
          required: ["kind"]
        })
        assert.isTrue(yield* accepts(schema, { kind: "a", x: 1 }))
        assert.isFalse(yield* accepts(schema, { kind: "a", y: 1 }))
      }
      assert.deepStrictEqual(
        yield* shown({ description: "both", allOf: [a, { properties: { z: {} }, required: ["z"] }] }),
        {
          description: "both",
          type: "object",
          properties: { ...a.properties, z: {} },
          required: ["kind", "x", "z"]
        }
      )
      assert.deepStrictEqual(
        yield* shown({ type: "object", properties: { q: {} }, anyOf: [{ required: ["q"] }, { required: ["p"] }] }),
        { type: "object", properties: { q: {} } }
      )
    }))

  it.effect("case 33: removes an enum from a null branch", () =>
    Effect.gen(function*() {
      const branch = (enumOf: object) => ({
        type: "object",
        properties: { unit: { anyOf: [{ type: "string", enum: ["C", "F"] }, { type: "null", ...enumOf }] } }
      })
      assert.deepStrictEqual(yield* shown(branch({ enum: [null] })), branch({}))
    }))

  it.effect("keeps definitions that would be very large when inlined", () =>
    Effect.gen(function*() {
      const $defs = Object.fromEntries(
        Array.from({ length: 40 }, (_, level) => [
          `d${level}`,
          level === 0
            ? { type: "string" }
            : {
              type: "object",
              properties: { a: { $ref: `#/$defs/d${level - 1}` }, b: { $ref: `#/$defs/d${level - 1}` } }
            }
        ])
      )
      const schema = { type: "object", properties: { top: { $ref: "#/$defs/d39" } }, $defs }
      assert.isBelow(JSON.stringify(yield* shown(schema)).length, 10_000)
      assert.isTrue(yield* accepts(schema, { top: { a: { b: {} } } }))
      assert.isFalse(yield* accepts(schema, { top: { a: { b: 1 } } }))
    }))

  it.effect("keeps definitions within definitions within definitions", () =>
    Effect.gen(function*() {
      const level = (at: number): object =>
        at === 0 ? { type: "string" } : { type: "object", properties: { a: { $ref: `#/$defs/d${at - 1}` } } }
      const $defs = Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`d${at}`, level(at)]))
      const schema = { type: "object", properties: { top: { $ref: "#/$defs/d1999" } }, $defs }
      yield* shown(schema)
      yield* accepts(schema, { top: { a: {} } })
    }))

  it.effect("reads all of a very large schema without references", () =>
    Effect.gen(function*() {
      const field = (at: number) => [`f${at}`, { type: "null", enum: [null] }] as const
      const properties = Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => field(at)))
      const { properties: read } = yield* shown({ type: "object", properties })
      assert.deepStrictEqual((read as Record<string, unknown>)["f4999"], { type: "null" })
    }))

  it.effect("closes the objects of a strict tool", () =>
    Effect.gen(function*() {
      const inner = { type: "object", properties: { a: { type: "string" }, properties: { type: "object" } } }
      assert.deepStrictEqual(yield* shown({ type: "object", properties: { inner } }, { strict: true }), {
        type: "object",
        properties: { inner: { ...inner, additionalProperties: false } },
        additionalProperties: false
      })
    }))

  it.effect("checks only that arguments are an object where Effect cannot read the schema, and no patterns", () =>
    Effect.gen(function*() {
      const odd = { type: "object", properties: { a: { not: { type: "string" } } } }
      assert.isTrue(yield* accepts(odd, { a: "x" }))
      assert.isFalse(yield* accepts(odd, ["a"]))
      const slow = { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } }
      assert.isTrue(yield* accepts(slow, { a: `${"a".repeat(50)}!` }))
      const either = {
        type: "object",
        properties: { a: { oneOf: [{ type: "string", pattern: "^x" }, { type: "string", pattern: "^y" }] } }
      }
      assert.isTrue(yield* accepts(either, { a: "x" }))
    }))

  it.effect("checks tuples of draft 07 and closed objects", () =>
    Effect.gen(function*() {
      const schema = {
        type: "object",
        properties: { pair: { type: "array", items: [{ type: "string" }, { type: "number" }] } },
        additionalProperties: false
      }
      assert.isTrue(yield* accepts(schema, { pair: ["a", 1] }))
      assert.isFalse(yield* accepts(schema, { pair: [1, "a"] }))
      assert.isFalse(yield* accepts(schema, { more: 1 }))
    }))

  it.effect("lets a handler change its arguments: those of the history stay as they are", () =>
    Effect.gen(function*() {
      const tool = Tool.dynamic("search", {
        inputSchema: { type: "object" },
        handler: (input) => Effect.sync(() => delete input["query"])
      })
      const outcome = yield* ToolLoop.run("?", { tools: [tool] }).pipe(
        Effect.provide(TestChat.layer([asks(call("1", "search", { query: "a" })), "done"]))
      )
      assert.deepStrictEqual(outcome.messages[0], Message.assistant([call("1", "search", { query: "a" })]))
    }))

  it.effect("encodes its result by an output schema, and sends parts", () =>
    Effect.gen(function*() {
      const dated = Tool.dynamic("dated", {
        inputSchema: { type: "object" },
        output: Schema.DateFromString,
        handler: () => Effect.succeed(new Date(0))
      })
      assert.strictEqual((yield* Tool.call(dated, {})).result, "1970-01-01T00:00:00.000Z")
      const parts = [Message.text("a map"), {
        type: "image" as const,
        mediaType: "image/png",
        source: { bytes: Uint8Array.of(1) }
      }]
      const mapped = (isFailure: boolean) =>
        Tool.dynamic("map", {
          inputSchema: { type: "object" },
          handler: () => Effect.succeed(Tool.content(parts, { isFailure }))
        })
      for (const isFailure of [false, true]) {
        const outcome = yield* ToolLoop.run("?", { tools: [mapped(isFailure)] }).pipe(
          Effect.provide(TestChat.layer([asks(call("1", "map")), "done"]))
        )
        assert.deepStrictEqual(
          outcome.messages[1],
          Message.tool([{ type: "tool-result", id: "1", result: "a map", parts, ...(isFailure && { isFailure }) }])
        )
      }
    }))

  it.effect("reports parts that are not valid as a defect of the tool", () =>
    Effect.gen(function*() {
      const tool = Tool.dynamic("map", {
        inputSchema: { type: "object" },
        failureMode: "error",
        handler: () => Effect.succeed(Tool.content([{ type: "picture" }] as never))
      })
      assert.strictEqual((yield* Effect.flip(Tool.call(tool, {})))._tag, "ToolDefectError")
    }))
})

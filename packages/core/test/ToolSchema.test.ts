import { assert, describe, it } from "@effect/vitest"
import * as StructuredOutput from "@strata/core/chat/StructuredOutput"
import * as Tool from "@strata/core/tool/Tool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The JSON schemas of the fields, as a tool shows them. */
const shown = (fields: Schema.Struct.Fields) =>
  Effect.map(
    Tool.definition(Tool.make("t", { input: Schema.Struct(fields), handler: () => Effect.void })),
    ({ inputSchema }) => ({ properties: inputSchema["properties"], required: inputSchema["required"] ?? [] })
  )

const text = { type: "string" }
const number = { type: "number" }

/** Asserts that a field is shown so. */
const shows = (field: Schema.Struct.Fields[string], schema: object) =>
  Effect.map(shown({ field }), ({ properties }) => assert.deepStrictEqual<unknown>(properties, { field: schema }))

describe("The schema for a model", () => {
  it.effect("has plain numbers and integers", () =>
    Effect.gen(function*() {
      yield* shows(Schema.Number, number)
      yield* shows(Schema.Finite, number)
      yield* shows(Schema.Int, { type: "integer" })
      yield* shows(Schema.Number.check(Schema.isGreaterThan(3)), { ...number, exclusiveMinimum: 3 })
      yield* shows(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 })), {
        type: "integer",
        minimum: 1,
        maximum: 10
      })
      yield* shows(Schema.Array(Schema.NullOr(Schema.Number)), {
        type: "array",
        items: { anyOf: [number, { type: "null" }] }
      })
    }))

  it.effect("omits the null that encodes undefined from optional fields", () =>
    Effect.gen(function*() {
      const { properties, required } = yield* shown({
        a: Schema.optional(Schema.String),
        b: Schema.optionalKey(Schema.Number),
        c: Schema.optional(Schema.NullOr(Schema.String)),
        d: Schema.optional(Schema.Union([Schema.String, Schema.Number])),
        e: Schema.UndefinedOr(Schema.String),
        f: Schema.optionalKey(Schema.NullOr(Schema.String)),
        g: Schema.optional(Schema.Struct({ h: Schema.optional(Schema.String) })).annotate({ description: "The g" })
      })
      const nullable = { anyOf: [text, { type: "null" }] }
      assert.deepStrictEqual<unknown>(properties, {
        a: text,
        b: number,
        c: nullable,
        d: { anyOf: [text, number] },
        e: nullable,
        f: nullable,
        g: { type: "object", properties: { h: text }, description: "The g" }
      })
      assert.deepStrictEqual<unknown>(required, ["e"])
    }))

  it.effect("describes lengths that JSON Schema counts otherwise in words", () =>
    Effect.gen(function*() {
      yield* shows(Schema.NonEmptyString, { ...text, minLength: 1 })
      yield* shows(Schema.String.check(Schema.isMaxLength(3)), { ...text, maxLength: 3 })
      yield* shows(Schema.String.check(Schema.isMinLength(2)), { ...text, description: "at least 2 characters" })
      yield* shows(Schema.String.check(Schema.isBetweenLength(2, 5)), { ...text, description: "2 to 5 characters" })
      yield* shows(Schema.String.check(Schema.isBetweenLength(3, 3)), { ...text, description: "exactly 3 characters" })
      yield* shows(Schema.Array(Schema.String).check(Schema.isMinLength(2)), {
        type: "array",
        items: text,
        minItems: 2
      })
    }))

  it.effect("has a pattern as a keyword where that is exact, else in words", () =>
    Effect.gen(function*() {
      const matching = (pattern: RegExp) => Schema.String.check(Schema.isPattern(pattern))
      yield* shows(matching(/^[A-Z]{3}$/u), { ...text, pattern: "^[A-Z]{3}$" })
      yield* shows(matching(/^[A-Z]{3}$/), { ...text, pattern: "^[A-Z]{3}$" })
      yield* shows(matching(/a\.b/y), { ...text, pattern: "^(?:a\\.b)" })
      yield* shows(matching(/^[a-z]+$/i), { ...text, description: "matches ^[a-z]+$ in upper or lower case" })
      yield* shows(matching(/^a$/ms), { ...text, description: "matches /^a$/ms" })
      // half a pair of surrogates is a character to one of them only
      for (const pattern of [/^.{2}$/, /^[^a]$/, /^\S$/, /é/, new RegExp("\\u{2}"), /[\w-.]/, new RegExp("\\p{L}")]) {
        yield* shows(matching(pattern), { ...text, description: `matches ${pattern.source}` })
      }
    }))

  it.effect("describes other checks by their `expected` annotation", () =>
    Effect.gen(function*() {
      const odd = Schema.Int.check(Schema.makeFilter((n) => n % 2 === 1, { expected: "an odd number" }))
      yield* shows(odd, { type: "integer", description: "an odd number" })
      yield* shows(odd.annotate({ description: "How many" }), {
        type: "integer",
        description: "How many (an odd number)"
      })
      yield* shows(Schema.Int.check(Schema.makeFilter((n) => n !== 3)), { type: "integer" })
    }))

  it.effect("keeps the descriptions of encoded types", () =>
    Effect.gen(function*() {
      yield* shows(Schema.Number.annotate({ title: "Size", description: "In meters" }), {
        ...number,
        title: "Size",
        description: "In meters"
      })
      const born = { ...text, description: "When born (an ISO 8601 date and time)" }
      yield* shows(Schema.DateTimeUtc.annotate({ description: "When born" }), born)
      yield* shows(Schema.Date.annotate({ description: "When born" }), born)
      yield* shows(Schema.FiniteFromString.check(Schema.isGreaterThan(3)).annotate({ description: "Digits" }), {
        ...text,
        description: "Digits (a value greater than 3)"
      })
      yield* shows(Schema.optional(Schema.String).pipe(Schema.annotateKey({ description: "A name" })), {
        ...text,
        description: "A name"
      })
      class Point extends Schema.Class<Point>("Point")({ x: Schema.Finite }, { description: "A point" }) {}
      const point = { type: "object", properties: { x: number }, required: ["x"] }
      const { properties } = yield* shown({ from: Point, to: Point.annotate({ description: "The end" }) })
      assert.deepStrictEqual<unknown>(properties, {
        from: { ...point, description: "A point" },
        to: { ...point, description: "The end" }
      })
    }))

  it.effect("is the same for an answer, and the codec decodes its values", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({ at: Schema.optional(Schema.Number), name: Schema.String })
      const { schema: asked } = yield* StructuredOutput.format(schema)
      assert.deepStrictEqual<unknown>(asked["properties"], { at: number, name: text })
      const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(schema))
      assert.deepStrictEqual(yield* decode({ name: "a" }), { name: "a" })
      assert.deepStrictEqual(yield* decode({ name: "a", at: 1.5 }), { name: "a", at: 1.5 })
    }))

  it.effect("keeps recursive definitions, and all that would make it very large", () =>
    Effect.gen(function*() {
      interface Tree {
        readonly name?: string | undefined
        readonly trees: ReadonlyArray<Tree>
      }
      const Tree: Schema.Codec<Tree> = Schema.Struct({
        name: Schema.optional(Schema.String),
        trees: Schema.Array(Schema.suspend(() => Tree))
      }).annotate({ identifier: "Tree" })
      const tree = {
        type: "object",
        properties: { name: text, trees: { type: "array", items: { $ref: "#/$defs/Tree" } } },
        required: ["trees"]
      }
      const { inputSchema } = yield* Tool.definition(
        Tool.make("t", { input: Schema.Struct({ tree: Tree }), handler: () => Effect.void })
      )
      assert.deepStrictEqual<unknown>(inputSchema, {
        type: "object",
        properties: { tree: { $ref: "#/$defs/Tree" } },
        required: ["tree"],
        $defs: { Tree: tree }
      })
      let doubling: Schema.Codec<object, unknown> = Schema.Struct({ a: Schema.String }).annotate({ identifier: "0" })
      for (let level = 1; level < 40; level++) {
        doubling = Schema.Struct({ l: doubling, r: doubling }).annotate({ identifier: `${level}` })
      }
      const definition = yield* Tool.definition(Tool.make("t", { input: doubling, handler: () => Effect.void }))
      assert.isBelow(JSON.stringify(definition).length, 10_000)
    }))

  it.effect("defines every reference of recursive schemas, and describes the fields that have one", () =>
    Effect.gen(function*() {
      const Folder: Schema.Codec<object> = Schema.Struct({
        entry: Schema.optionalKey(Schema.suspend(() => Entry))
      }).annotate({ identifier: "Folder" })
      const Entry: Schema.Codec<object> = Schema.Struct({
        folder: Schema.NullOr(Schema.suspend(() => Folder))
      }).annotate({ identifier: "Entry" })
      for (const description of ["The root", undefined]) {
        const root = description === undefined ? Folder : Folder.annotate({ description })
        const input = Schema.Struct({ root: root.pipe(Schema.annotateKey({ description: "Of the disk" })) })
        const { inputSchema } = yield* Tool.definition(Tool.make("t", { input, handler: () => Effect.void }))
        const { $defs, properties } = inputSchema as Record<"$defs" | "properties", Record<string, object>>
        for (const [, name] of JSON.stringify(inputSchema).matchAll(/#\/\$defs\/(\w+)/g)) assert.property($defs, name!)
        assert.propertyVal(properties["root"], "description", [description, "Of the disk"].filter(Boolean).join(" "))
        assert.notProperty(properties["root"], "allOf")
      }
    }))
})

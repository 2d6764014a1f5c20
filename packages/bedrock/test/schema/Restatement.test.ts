/**
 * A schema as it is sent says what the program's own schema says: values of the latter fit it, and what fits it can be
 * decoded.
 */
import { assert, describe, it } from "@effect/vitest"
import * as StructuredOutput from "@strata/core/chat/StructuredOutput"
import { Ajv2020 } from "ajv/dist/2020.js"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Arguments from "../../src/schema/Arguments.ts"
import * as Reading from "../../src/schema/Reading.ts"
import * as Strict from "../../src/schema/Strict.ts"

interface Tree {
  readonly name: string
  readonly trees: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  name: Schema.String,
  trees: Schema.Array(Schema.suspend(() => Tree))
}).annotate({ identifier: "Tree" })

class Point extends Schema.Class<Point>("Point")({ x: Schema.Finite, y: Schema.FiniteFromString }) {}

/** Schemas whose JSON says all that they demand. */
const plain = {
  texts: Schema.Struct({ a: Schema.String, b: Schema.Literals(["x", "y"]), c: Schema.Boolean, d: Schema.Null }),
  numbers: Schema.Struct({ a: Schema.Finite, b: Schema.Int, c: Schema.Array(Schema.Int) }),
  optional: Schema.Struct({
    a: Schema.optional(Schema.String),
    b: Schema.optionalKey(Schema.Finite),
    c: Schema.optional(Schema.NullOr(Schema.String)),
    d: Schema.optional(Schema.Struct({ e: Schema.optional(Schema.Boolean) })),
    f: Schema.OptionFromOptionalKey(Schema.String)
  }),
  unions: Schema.Struct({
    a: Schema.NullOr(Schema.String),
    b: Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]),
    c: Schema.Literals(["a", 1, true]),
    d: Schema.Enum({ One: "one", Two: 2 })
  }),
  options: Schema.Struct({
    a: Schema.Option(Schema.String),
    b: Schema.OptionFromNullOr(Schema.Finite),
    c: Schema.Array(Schema.Option(Schema.Finite))
  }),
  tagged: Schema.Union([
    Schema.TaggedStruct("circle", { radius: Schema.Finite }),
    Schema.TaggedStruct("square", { side: Schema.Finite, name: Schema.optionalKey(Schema.String) })
  ]),
  list: Schema.Array(Schema.Struct({ a: Schema.Array(Schema.Array(Schema.String)) })),
  nested: Schema.Struct({
    a: Schema.Struct({
      b: Schema.Struct({ c: Schema.Struct({ d: Schema.String, e: Schema.optionalKey(Schema.Int) }) })
    })
  }),
  records: Schema.Struct({ a: Schema.Record(Schema.String, Schema.Finite) }),
  record: Schema.Record(Schema.String, Schema.Array(Schema.String)),
  tree: Tree,
  forest: Schema.Struct({ first: Tree, second: Schema.optional(Tree) }),
  keys: Schema.Struct({
    $ref: Schema.String,
    properties: Schema.String,
    type: Schema.Finite
  })
} satisfies Record<string, StructuredOutput.AnySchema>

/** Schemas that restrict, in keywords that say all of it. */
const restricted = {
  sizes: Schema.Struct({
    a: Schema.Array(Schema.Int).check(Schema.isMinLength(2), Schema.isMaxLength(4)),
    b: Schema.NonEmptyString
  }),
  ranges: Schema.Struct({
    a: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 })),
    b: Schema.Finite.check(Schema.isGreaterThan(0)),
    c: Schema.Number.check(Schema.isLessThanOrEqualTo(5)),
    d: Schema.Int.check(Schema.isMultipleOf(3))
  }),
  tuples: Schema.Struct({
    a: Schema.Tuple([Schema.Finite, Schema.String]),
    b: Schema.NonEmptyArray(Schema.Int),
    c: Schema.TupleWithRest(Schema.Tuple([Schema.String]), [Schema.Boolean])
  })
} satisfies Record<string, StructuredOutput.AnySchema>

/** Schemas that restrict in words, or are encoded in a form that JSON Schema cannot tell. */
const told = {
  lengths: Schema.Struct({
    a: Schema.String.check(Schema.isMinLength(2)),
    b: Schema.String.check(Schema.isBetweenLength(2, 5)),
    c: Schema.String.check(Schema.isMaxLength(3))
  }),
  filters: Schema.Struct({
    a: Schema.Int.check(Schema.makeFilter((n) => n !== 3, { expected: "any number but 3" })),
    b: Schema.String.check(Schema.isTrimmed()),
    c: Schema.String.check(Schema.isCapitalized())
  }),
  transformed: Schema.Struct({ a: Schema.FiniteFromString, b: Schema.BigInt, c: Schema.DateTimeUtc, d: Point }),
  maps: Schema.Struct({ a: Schema.ReadonlyMap(Schema.String, Schema.Finite), b: Schema.Uint8Array })
} satisfies Record<string, StructuredOutput.AnySchema>

const everything = Object.entries<Schema.ConstraintCodec<unknown, unknown>>({
  ...plain,
  ...restricted,
  ...told
})

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })

/** The schema in the words of each kind of model, and those that the service holds a model to. */
const spoken = (schema: JsonSchema.JsonSchema) => {
  const read = Result.getOrThrow(Reading.read(schema, "schema")).schema
  const held = Strict.make(read)
  const rules = (model: string) => ModelCatalog.lookup(model).toolSchemas
  return {
    ours: schema,
    claude: Arguments.fit(read, rules("anthropic.claude-opus-4-6-v1")).schema,
    nova: Arguments.fit(read, rules("amazon.nova-lite-v1:0")).schema,
    ...(held === undefined ? undefined : { held })
  }
}

/** `undefined` is `null` in JSON, which nobody asks for where a field may be missing. */
const withoutUndefined = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(withoutUndefined)
    : Predicate.isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value))
    ? Object.fromEntries(
      Object.entries(value).flatMap(([key, item]) => item === undefined ? [] : [[key, withoutUndefined(item)]])
    )
    : value

const samples = (schema: Schema.Constraint) => Arbitrary.sampleEffect(Arbitrary.schema(schema), { count: 40, seed: 1 })

const isWrapped = (name: string) => name === "list" || name === "tagged"

/** Values that a JSON schema takes, by Effect's reading of it. */
const written = ({ $defs = {}, ...schema }: JsonSchema.JsonSchema) =>
  samples(SchemaRepresentation.fromJsonSchemaDocument({
    dialect: "draft-2020-12",
    schema,
    definitions: $defs as JsonSchema.Definitions
  }))

describe("A schema as it is sent", () => {
  it.effect.each(everything)("is fitted by all values of %s", ([name, schema]) =>
    Effect.gen(function*() {
      const { schema: asked } = yield* StructuredOutput.format(schema)
      const checks = Object.entries(spoken(asked)).map(([dialect, schema]) => [dialect, ajv.compile(schema)] as const)
      for (const value of yield* samples(schema)) {
        const encoded = yield* Schema.encodeEffect(Schema.toCodecJson(schema))(withoutUndefined(value))
        for (const [dialect, check] of checks) {
          const fits = check(isWrapped(name) ? { value: encoded } : encoded)
          assert.isTrue(fits, `${dialect}: ${ajv.errorsText(check.errors)} in ${JSON.stringify(encoded)}`)
        }
      }
    }))

  const decodable = Object.entries<Schema.ConstraintCodec<unknown, unknown>>({ ...plain, ...restricted })
  it.effect.each(decodable)(
    "takes nothing that is no value of %s, as far as it has the words",
    ([name, schema]) =>
      Effect.gen(function*() {
        const { schema: asked } = yield* StructuredOutput.format(schema)
        const { held, nova, ...rest } = spoken(asked)
        // what recursion leads to, and further properties at the top, are told in words
        const isTold = asked["$defs"] !== undefined || name === "record"
        const dialects = {
          ...rest,
          ...(isTold ? undefined : { nova }),
          ...(held !== undefined && name in plain ? { held } : undefined)
        }
        for (const [dialect, schema_] of Object.entries(dialects)) {
          for (const value of yield* written(schema_)) {
            const json = isWrapped(name) && Predicate.isObject(value) ? value["value"] : value
            const decoded = yield* Effect.result(Schema.decodeUnknownEffect(Schema.toCodecJson(schema))(json))
            assert.isTrue(Result.isSuccess(decoded), `${dialect}: ${JSON.stringify(json)} ${JSON.stringify(schema_)}`)
          }
        }
      })
  )

  it("is in the part of the language that a model is held to, wherever that can say it", () => {
    const held = decodable.filter(([, schema]) => {
      const format = Effect.runSync(StructuredOutput.format(schema))
      return Strict.make(format.schema) !== undefined
    })
    assert.deepStrictEqual(
      decodable.map(([name]) => name).filter((name) => !held.some(([other]) => other === name)),
      ["records", "record", "tree", "forest"]
    )
  })
})

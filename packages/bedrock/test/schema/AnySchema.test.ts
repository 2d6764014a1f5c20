/**
 * Schemas that anybody may have written, against a validator that others wrote: as they are sent they say the same, or
 * that they say it in words.
 */
import { assert, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import * as Arbitrary from "effect/Arbitrary"
import type * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Arguments from "../../src/schema/Arguments.ts"
import * as Reading from "../../src/schema/Reading.ts"
import * as Strict from "../../src/schema/Strict.ts"

/** Builds things by choices, which are taken from the list one after the other. */
const builder = (choices: ReadonlyArray<number>) => {
  let next = 0
  const choose = (among: number) => (choices[next++ % choices.length] ?? 0) % among
  const pick = <A>(all: ReadonlyArray<A>): A => all[choose(all.length)]! // one of a list that has some
  const some = <A>(make: () => A): Record<string, A> =>
    Object.fromEntries(["a", "b", "c"].flatMap((name) => choose(2) === 0 ? [] : [[name, make()]]))

  const schema = (depth: number): unknown => {
    switch (depth > 0 ? choose(9) : choose(3)) {
      case 0:
        return pick([{ type: "string" }, { type: "integer" }, { type: "null" }, { enum: ["x", 1] }, { const: "x" }])
      case 1:
        return pick([{ type: "string", minLength: 1 }, { type: "integer", minimum: 0, maximum: 3 }])
      case 2:
        return pick([{ type: ["string", "null"] }, true, {}])
      case 3:
        return { type: "array", items: schema(depth - 1), ...pick([{}, { maxItems: 2 }]) }
      case 4:
        return { [pick(["anyOf", "oneOf", "allOf"])]: [schema(depth - 1), schema(depth - 1)], description: "d" }
      case 5:
        return { $ref: pick(["#/$defs/D", "#/$defs/E"]), ...pick([{}, { description: "r" }, { required: ["a"] }]) }
      default:
        return object(depth)
    }
  }

  const object = (depth: number): JsonSchema.JsonSchema => ({
    type: "object",
    properties: some(() => schema(depth - 1)),
    ...pick([{}, { required: Object.keys(some(() => true)) }]),
    ...pick([{}, {}, { additionalProperties: pick<unknown>([false, true, { type: "string" }]) }])
  })

  const member = () => pick([object(1), { $ref: "#/$defs/E" }, { allOf: [object(1), object(1)] }])

  const value = (depth: number): unknown =>
    depth === 0 || choose(3) === 0
      ? pick(["x", "", 0, 1, 7, null, true])
      : choose(3) === 0
      ? [value(depth - 1), value(depth - 1)]
      : some(() => value(depth - 1))

  return {
    schema: (): JsonSchema.JsonSchema => ({
      ...object(2),
      ...pick([{}, { allOf: [member(), object(1)] }]),
      ...pick([{}, {}, { anyOf: [object(1), pick<object>([object(1), { type: "null" }, { $ref: "#/$defs/E" }])] }]),
      ...pick([{}, {}, { oneOf: [object(1), object(1)] }]),
      $defs: { D: schema(0), E: { ...object(0), properties: some(() => schema(0)) } }
    }),
    value: () => some(() => value(2))
  }
}

const ajv = new Ajv2020({ strict: false })

const Choices = Arbitrary.schema(
  Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))).check(Schema.isBetweenLength(30, 60))
)

describe("An arbitrary schema, as it is sent", () => {
  it.prop("keeps the meaning with fewer keywords, or reports text in their place", [Choices], ([choices]) => {
    const { schema, value } = builder(choices)
    const written = schema()
    const read = Result.getOrThrow(Reading.read(written, "schema")).schema
    const original = ajv.compile(written)
    const values = Array.from({ length: 20 }, value)
    for (const rules of [{ topCombinators: false }, { topKeywords: ["type", "properties", "required"] }]) {
      const fitted = Arguments.fit(read, rules)
      // that no others are taken at the top of Nova's is not worth a word
      if (fitted.told || "topKeywords" in rules && written["additionalProperties"] === false) continue
      const check = ajv.compile(fitted.schema)
      for (const value of values) {
        assert.strictEqual(check(value), original(value), JSON.stringify([written, fitted.schema, value]))
      }
    }
    const held = Strict.make(read)
    if (held === undefined) return
    const check = ajv.compile(held)
    for (const value of values) {
      // a model that is held to a schema writes no properties that it does not name
      if (original(value) && !check(value)) {
        assert.isTrue(check.errors?.some(({ keyword }) => keyword === "additionalProperties"), JSON.stringify(held))
      }
    }
  })
})

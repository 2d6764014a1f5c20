/** JSON Schemas of tools from elsewhere: as a model should see them, and as a check of arguments. */
import * as Effect from "effect/Effect"
import * as JsonSchema from "effect/JsonSchema"
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import * as CanonicalText from "../../cache/internal/canonicalText.ts"
import * as Check from "../../Check.ts"
import * as ExactJson from "../../ExactJson.ts"
import * as References from "./references.ts"

/**
 * The schema for a model: of type `object`, without local references but recursive ones. Alternatives at the root, which
 * providers refuse, become one object with the properties of all. Or what is wrong with the schema.
 */
export const resolve = (given: unknown, strict: boolean): Result.Result<JsonSchema.JsonSchema, References.Problem> =>
  Result.flatMap(isObject(given) ? References.resolve(given as Node, strict) : Result.fail(noObject), (schema) => {
    const { $defs, ...root } = schema
    const merged = objectOf(root, { definitions: isObject($defs) ? $defs as Node : {}, left: mostParts })
    return merged === undefined ? Result.fail(noObject) : Result.succeed({
      ...merged,
      ...(strict && merged["additionalProperties"] === undefined && { additionalProperties: false }),
      ...($defs !== undefined && { $defs })
    })
  })

const noObject: References.Problem = {
  problem: "it does not describe an object",
  remedy: "Give a JSON Schema of the type `object`"
}

type Node = References.Node

/** An object with all properties that the alternatives of a schema allow, and the required ones that all have in common. */
const objectOf = (node: Node, walk: Walk): Node | undefined => {
  const { $ref, allOf, anyOf, oneOf, ...rest } = node
  if (--walk.left < 0) return undefined
  if (typeof $ref === "string") {
    const { $ref: _, ...siblings } = node
    const target = walk.definitions[$ref.replace("#/$defs/", "")]
    return isObject(target) ? objectOf({ ...target, ...siblings }, walk) : undefined
  }
  const parts = [
    ...listOf(allOf).map((part) => [part]),
    ...[anyOf, oneOf].filter((options) => options !== undefined).map(listOf)
  ]
  const isTyped = rest["type"] !== undefined
  if ((parts.length === 0 || isTyped) && !isOfType(rest)) return undefined
  let merged: Node = { ...rest, type: "object" }
  for (const options of parts) {
    const objects = options
      .filter((option) => !isObject(option) || (option as Node)["type"] !== "null")
      // The root may say the type for all alternatives.
      .map((option) =>
        isObject(option)
          ? objectOf({ ...(isTyped && { type: "object" }), ...option }, walk)
          : undefined
      )
    const found = objects.filter((object) => object !== undefined)
    if (found.length === 0 || found.length < objects.length) return undefined
    merged = withOptions(merged, found)
  }
  return merged
}

/** `left`: how many more parts are read: definitions may refer to each other for ever. */
interface Walk {
  readonly definitions: Node
  left: number
}

/** More parts of a root than any schema has. */
const mostParts = 500

const isOfType = ({ properties, type }: Node): boolean =>
  type === "object" || (Array.isArray(type) && type.includes("object")) || (type === undefined && isObject(properties))

const withOptions = (base: Node, options: ReadonlyArray<Node>): Node => {
  const properties = new Map<string, Array<unknown>>()
  for (const { properties: own } of [base, ...options]) {
    for (const [name, schema] of Object.entries(isObject(own) ? own : {})) {
      const found = properties.get(name) ?? []
      if (!found.some((other) => CanonicalText.make(other) === CanonicalText.make(schema))) found.push(schema)
      properties.set(name, found)
    }
  }
  const required = options.map(({ required }) => listOf(required))
  const common = (required[0] ?? []).filter((name) => required.every((names) => names.includes(name)))
  const all = [...new Set([...listOf(base["required"]), ...common])]
  const { required: _, ...rest } = base
  return {
    ...rest,
    properties: Object.fromEntries(
      [...properties].map(([name, schemas]) => [name, schemas.length === 1 ? schemas[0] : { anyOf: schemas }])
    ),
    ...(all.length > 0 && { required: all })
  }
}

const listOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

/** Checks arguments, which stay as they are: the result is a copy, which a handler may change. */
export const makeCheck = (
  given: unknown
): (params: unknown) => Effect.Effect<Record<string, unknown>, Schema.SchemaError> => {
  const schema = Result.getOrUndefined(Result.try(() => read(given)))
  return (given) => {
    const settled = Check.settle(Check.jsonObject(), given)
    if (Result.isFailure(settled)) {
      const message = `They are not a JSON object: ${settled.failure.problem}`
      return Effect.fail(new Schema.SchemaError(new SchemaIssue.InvalidValue({ message })))
    }
    const params = settled.success
    if (schema === undefined) return Effect.succeed(params)
    const check = (params: unknown) =>
      Schema.decodeUnknownEffect(schema, { errors: "all", onExcessProperty: "error" })(params)
    return check(params).pipe(
      // The text of an integer that a number cannot hold stands for a number.
      Effect.catch((error) => {
        const readable = rounded(error.issue, params)
        return readable === undefined ? Effect.fail(error) : Effect.mapError(check(readable), () => error)
      }),
      Effect.as(params)
    )
  }
}

/** Throws for what Effect cannot read. */
const read = (given: unknown): Schema.ConstraintDecoder<unknown> => {
  const copy = Result.getOrThrow(Check.settle(Check.jsonObject(), given))
  const schema = Result.getOrThrow(References.resolve(copy, false))
  const document = JsonSchema.fromSchemaDraft2020_12(schema as JsonSchema.JsonSchema)
  return SchemaRepresentation.fromJsonSchemaDocument(document, {
    // The regular expressions of a stranger can take for ever.
    patterns: "ignore",
    // Of alternatives without their patterns more than one may match.
    onEnter: ({ oneOf, ...node }) => oneOf === undefined ? node : { anyOf: oneOf, ...node }
    // Schemas that are read from JSON need no services.
  }) as unknown as Schema.ConstraintDecoder<unknown>
}

/** The value with a number for each refused text that is an integer no number can hold; nothing where there is none. */
const rounded = (issue: SchemaIssue.Issue, value: Node): unknown => {
  let copy: unknown = value
  for (const { path = [] } of format(issue).issues) {
    copy = changed(copy, path.map((segment) => typeof segment === "object" ? segment.key : segment))
  }
  return copy === value ? undefined : copy
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const changed = (value: unknown, [key, ...path]: ReadonlyArray<PropertyKey>): unknown => {
  if (key === undefined) return isInexact(value) ? Math.sign(Number(value)) * Number.MAX_SAFE_INTEGER : value
  if ((!isObject(value) && !Array.isArray(value)) || !Object.hasOwn(value, key)) return value
  // An own property of an object or an array.
  const inner = (value as Record<PropertyKey, unknown>)[key]
  const next = changed(inner, path)
  if (next === inner) return value
  return Array.isArray(value) ? value.with(Number(key), next) : { ...value, [key]: next }
}

const isInexact = (value: unknown): boolean =>
  typeof value === "string" && /^-?\d+$/.test(value) && typeof ExactJson.number(value) === "string"

/**
 * Reads the JSON of a request strictly, with the messages of OpenAI: what is missing, of another type, not allowed or
 * unknown, and where.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as AwsError from "../../AwsError.ts"
import * as OpenAiError from "../OpenAiError.ts"

/** Reads a value at a path, such as `messages[0].content`. */
export type Reader<A> = (value: unknown, at: string) => Result.Result<A, AwsError.AwsError>

/** What a reader reads. */
export type Type<R> = R extends Reader<infer A> ? A : never

/** Any JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>

/** A parameter that may be missing or null. */
export const optional = <A>(read: Reader<A>): Reader<A | undefined> => (value, at) =>
  value === undefined || value === null ? Result.succeed(undefined) : read(value, at)

/** A text. */
export const text = (options?: {
  readonly min?: number | undefined
  readonly max?: number | undefined
  readonly pattern?: RegExp | undefined
}): Reader<string> =>
(value, at) => {
  if (!Predicate.isString(value)) return mistyped("a string", value, at)
  const { max = Infinity, min = 0, pattern } = options ?? {}
  if (value.length < min) {
    return fail(
      `Invalid '${at}': ${
        value === "" ? "empty string" : "string too short"
      }. Expected a string with minimum length ${min}, but got ${
        value === "" ? "an empty string" : `a string with length ${value.length}`
      } instead.`,
      at,
      value === "" ? "empty_string" : "string_below_min_length"
    )
  }
  if (value.length > max) {
    return fail(
      `Invalid '${at}': string too long. Expected a string with maximum length ${max}, but got a string with length ${value.length} instead.`,
      at,
      "string_above_max_length"
    )
  }
  return pattern === undefined || pattern.test(value) ? Result.succeed(value) : fail(
    `Invalid '${at}': string does not match pattern. Expected a string that matches the pattern '${pattern.source}'.`,
    at,
    "invalid_value"
  )
}

/** A number from `min` to `max`. */
export const decimal = (min = -Infinity, max = Infinity): Reader<number> => (value, at) =>
  Predicate.isNumber(value) ? within("decimal", value, at, min, max) : mistyped("a decimal", value, at)

/** A whole number from `min` to `max`. */
export const integer = (min = -Infinity, max = Infinity): Reader<number> => (value, at) =>
  Number.isInteger(value) && Predicate.isNumber(value)
    ? within("integer", value, at, min, max)
    : mistyped("an integer", value, at)

/** `true` or `false`. */
export const flag: Reader<boolean> = (value, at) =>
  Predicate.isBoolean(value) ? Result.succeed(value) : mistyped("a boolean", value, at)

/** One of these texts. */
export const oneOf = <const A extends ReadonlyArray<string>>(values: A): Reader<A[number]> => (value, at) => {
  if (!Predicate.isString(value)) return mistyped(`one of ${listed(values)}`, value, at)
  const found: A[number] | undefined = values.find((known) => known === value)
  return found === undefined
    ? fail(`Invalid value: '${value}'. Supported values are: ${listed(values)}.`, at, "invalid_value")
    : Result.succeed(found)
}

/** Any JSON object. */
export const json: Reader<JsonObject> = (value, at) =>
  Predicate.isObject(value) ? Result.succeed(value) : mistyped("an object", value, at)

/** Any value, or none. */
export const anything: Reader<unknown> = (value) => Result.succeed(value)

/** A list of `min` to `max` items. */
export const list = <A>(read: Reader<A>, min = 0, max = Infinity): Reader<ReadonlyArray<A>> => (value, at) => {
  if (!Array.isArray(value)) return mistyped("an array", value, at)
  if (value.length < min) {
    return fail(
      `Invalid '${at}': empty array. Expected an array with minimum length ${min}, but got an empty array instead.`,
      at,
      "empty_array"
    )
  }
  if (value.length > max) {
    return fail(
      `Invalid '${at}': array too long. Expected an array with maximum length ${max}, but got an array with length ${value.length} instead.`,
      at,
      "array_above_max_length"
    )
  }
  return Result.all(value.map((item: unknown, index) => read(item, `${at}[${index}]`)))
}

/** A text, or a list of what `read` reads. */
export const textOr = <A>(read: Reader<A>, min = 0): Reader<string | ReadonlyArray<A>> => (value, at) =>
  Predicate.isString(value)
    ? Result.succeed(value)
    : Array.isArray(value)
    ? list(read, min)(value, at)
    : mistyped("one of a string or array of objects", value, at)

/** The members of an object by their readers. */
type Members<F> = { readonly [Key in keyof F]: Type<F[Key]> }

type Fields = Readonly<Record<string, Reader<unknown>>>

/**
 * An object with these members. `others`: what is said of any other one, or that they are ignored; at the root of a body
 * Chat Completions has another message than elsewhere.
 */
export const object = <const F extends Fields>(
  fields: F,
  others: "refused" | "ignored" | "unrecognized" = "refused"
): Reader<Members<F>> =>
(value, at) => {
  if (!Predicate.isObject(value)) return mistyped("an object", value, at)
  const read: Record<string, unknown> = {}
  for (const [key, reader] of Object.entries(fields)) {
    const found = reader(Reflect.get(value, key), at === "" ? key : `${at}.${key}`)
    if (Result.isFailure(found)) return Result.fail(found.failure)
    read[key] = found.success
  }
  const unknown = others === "ignored" ? undefined : Object.keys(value).find((key) => !Object.hasOwn(fields, key))
  if (unknown !== undefined) {
    const path = at === "" ? unknown : `${at}.${unknown}`
    return others === "unrecognized"
      ? Result.fail(OpenAiError.invalid(`Unrecognized request argument supplied: ${unknown}`))
      : fail(`Unknown parameter: '${path}'.`, path, "unknown_parameter")
  }
  // a member for each reader
  return Result.succeed(read as Members<F>)
}

/** One of several objects, told apart by a member: `type` or `role`. */
export const tagged = <const R extends Readonly<Record<string, Reader<unknown>>>>(
  tag: string,
  readers: R,
  fallback?: string
): Reader<Type<R[keyof R]>> =>
(value, at) => {
  if (!Predicate.isObject(value)) return mistyped("an object", value, at)
  const name: unknown = Reflect.get(value, tag) ?? fallback
  const path = `${at}.${tag}`
  const found = oneOf(Object.keys(readers))(name, path)
  if (Result.isFailure(found)) return Result.fail(found.failure)
  const reader = readers[found.success]
  // the reader of this tag
  return (reader === undefined ? anything(value, at) : reader(value, at)) as Result.Result<
    Type<R[keyof R]>,
    AwsError.AwsError
  >
}

/** The refusal of a value of another type; a missing one is a missing parameter. */
export const mistyped = (expected: string, value: unknown, at: string): Result.Result<never, AwsError.AwsError> =>
  value === undefined
    ? fail(`Missing required parameter: '${at}'.`, at, "missing_required_parameter")
    : fail(`Invalid type for '${at}': expected ${expected}, but got ${kindOf(value)} instead.`, at, "invalid_type")

/** A refusal. */
export const fail = (message: string, at?: string, code?: string): Result.Result<never, AwsError.AwsError> =>
  Result.fail(OpenAiError.invalid(message, at === "" ? undefined : at, code))

const within = (kind: "decimal" | "integer", value: number, at: string, min: number, max: number) => {
  if (value < min) {
    return fail(
      `Invalid '${at}': ${kind} below minimum value. Expected a value >= ${min}, but got ${value} instead.`,
      at,
      `${kind}_below_min_value`
    )
  }
  return value <= max ? Result.succeed(value) : fail(
    `Invalid '${at}': ${kind} above maximum value. Expected a value <= ${max}, but got ${value} instead.`,
    at,
    `${kind}_above_max_value`
  )
}

const listed = (values: ReadonlyArray<string>): string => {
  const quoted = values.map((value) => `'${value}'`)
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")}, and ${quoted.at(-1)}`
}

const kindOf = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  if (Predicate.isNumber(value)) return Number.isInteger(value) ? "an integer" : "a decimal"
  return Predicate.isObject(value) ? "an object" : `a ${typeof value}`
}

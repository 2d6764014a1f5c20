/**
 * The errors of rules, and the messages that several rules share.
 */
import * as Predicate from "effect/Predicate"
import * as AwsError from "../../AwsError.ts"

/** The errors a rule finds, in order. */
export type Findings = Generator<AwsError.AwsError, undefined>

/** Refused by the API itself. */
export const refused = AwsError.validation

/** Refused by the model behind the API, whose message the API passes on. */
export const refusedByModel = (finding: string): AwsError.AwsError =>
  AwsError.validation(`The model returned the following errors: ${finding}`)

/** The message for a body that violates a model's own schema, for use within another message. */
export const malformed = (finding: string): string =>
  `Malformed input request: ${finding}, please reformat your input and try again.`

/** A field the model does not support. */
export const unsupported = (field: string, where = ""): AwsError.AwsError =>
  AwsError.validation(`This model doesn't support the ${field} field${where}. Remove ${field} and try again.`, field)

/** A field that should hold a JSON object. */
export const notAnObject = (at: string): AwsError.AwsError =>
  AwsError.validation(
    `The format of the value at ${at} is invalid. Provide a json object for the field and try again.`,
    at
  )

/** A union with no member set, or with several. */
export const mustSetOne = (object: string, at: string, keys: string): AwsError.AwsError =>
  AwsError.validation(`${object} object at ${at} must set one of the following keys: ${keys}.`, at)

/** Whether exactly one member is set. */
export const isUnion = (value: object): boolean => Object.keys(value).length === 1

/** Whether a value is a JSON object. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => Predicate.isObject(value)

/** The values that occur more than once. */
export const duplicates = (values: ReadonlyArray<string>): ReadonlyArray<string> => {
  const once = new Set<string>()
  const twice = new Set<string>()
  for (const value of values) (once.has(value) ? twice : once).add(value)
  return [...twice]
}

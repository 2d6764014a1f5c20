/**
 * Decodes the body of an InvokeModel by the JSON schema of its model, and fails with the messages of such a schema.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as AwsError from "../AwsError.ts"
import * as Violation from "../Violation.ts"

/** A decoder of request bodies that fails like a model's own JSON schema. */
export const reader = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })
  return (body: unknown): Result.Result<S["Type"], AwsError.AwsError> =>
    Result.mapError(decode(body), ({ issue }) => Violation.toMalformedInput(Violation.collect(issue, body)))
}

/** One of these numbers. */
export const oneOfNumbers = (values: ReadonlyArray<number>) =>
  Schema.makeFilter<number>((value) => values.includes(value) || `${value} is not a valid enum value`)

/** A text between so many characters. */
export const textBetween = (minimum: number, maximum: number) =>
  Schema.makeFilter<string>((text) =>
    text.length < minimum
      ? `expected minLength: ${minimum}, actual: ${text.length}`
      : text.length <= maximum || `expected maxLength: ${maximum}, actual: ${text.length}`
  )

/** A list between so many items. */
export const itemsBetween = (minimum: number, maximum: number) =>
  Schema.makeFilter<ReadonlyArray<unknown>>((items) =>
    items.length < minimum
      ? `expected minimum item count: ${minimum}, found: ${items.length}`
      : items.length <= maximum || `expected maximum item count: ${maximum}, found: ${items.length}`
  )

/** One of these texts. */
export const oneOf = <const Values extends ReadonlyArray<string>>(values: Values) =>
  Schema.String.pipe(
    Schema.refine((text): text is Values[number] => values.includes(text), {
      message: "{value} is not a valid enum value"
    })
  )

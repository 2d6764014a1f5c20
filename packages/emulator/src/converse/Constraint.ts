/**
 * The constraints of the service's model as schemas, each with the API's message.
 */
import * as Schema from "effect/Schema"

/** At least so many characters, items or members. */
export const minLength = (length: number) =>
  Schema.isMinLength(length, { message: `Member must have length greater than or equal to ${length}` })

/** At most so many characters, items or members. */
export const maxLength = (length: number) =>
  Schema.isMaxLength(length, { message: `Member must have length less than or equal to ${length}` })

/** This number or a greater one. */
export const atLeast = (minimum: number) =>
  Schema.isGreaterThanOrEqualTo(minimum, { message: `Member must have value greater than or equal to ${minimum}` })

/** This number or a smaller one. */
export const atMost = (maximum: number) =>
  Schema.isLessThanOrEqualTo(maximum, { message: `Member must have value less than or equal to ${maximum}` })

/** A text that matches from its first to its last character. */
export const pattern = (source: string) =>
  Schema.isPattern(new RegExp(`^(?:${source})$`), {
    message: `Member must satisfy regular expression pattern: ${source}`
  })

/** One of these texts. */
export const oneOf = <const Values extends ReadonlyArray<string>>(values: Values) =>
  Schema.String.pipe(
    Schema.refine((text): text is Values[number] => values.includes(text), {
      message: `Member must satisfy enum value set: [${values.join(", ")}]`
    })
  )

/** A text between so many characters. */
export const text = (minimum: number, maximum: number) => Schema.String.check(minLength(minimum), maxLength(maximum))

/** A text of at least one character. */
export const NonEmptyString = Schema.String.check(minLength(1))

/** Bytes, at least one; base64 on the wire. */
export const Bytes = Schema.Uint8ArrayFromBase64.check(
  Schema.makeFilter((bytes) => bytes.length > 0 || "Member must have length greater than or equal to 1")
)

/** Any JSON object. */
export const JsonObject = Schema.Record(Schema.String, Schema.Unknown)

/** The name of a tool. */
export const ToolName = Schema.String.check(pattern("[a-zA-Z0-9_-]+"), minLength(1), maxLength(64))

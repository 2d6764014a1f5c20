/**
 * What a handler gave, as the model reads it: text, JSON, or the message of a failure.
 */
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** Text as it is, anything else as plain JSON; nothing is `null`. Dies of what cannot be encoded: that is a mistake. */
export const encode = <S extends Schema.Constraint>(
  name: string,
  schema: S | undefined,
  output: S["Type"]
): Effect.Effect<unknown, never, S["EncodingServices"]> => {
  const encoded = schema === undefined
    ? Effect.fromResult(Result.try((): unknown => typeof output === "string" ? output : toJson(output)))
    : Effect.suspend(() => Schema.encodeUnknownEffect(Schema.toCodecJson(schema))(output))
  return Effect.catch(
    encoded,
    // a defect: neither the model nor the user gave this, but the program, against its own types
    (cause) => Effect.die(new Error(`The output of the tool "${name}" cannot be encoded as JSON`, { cause }))
  )
}

/** What the model may know of a failure: its message, or its tag where it has none. Never a stack or a cause. */
export const failureMessage = (error: unknown): string =>
  [error, hasProperty(error, "message") && error.message, hasProperty(error, "_tag") && error._tag].find(isText) ??
    "The tool failed"

/** By way of text, so that dates, classes and `undefined` become what they would be on the wire. */
const toJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value) ?? "null")

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== ""

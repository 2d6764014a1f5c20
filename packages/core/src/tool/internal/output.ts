/**
 * What a handler gave, as the model reads it: text, JSON, or the message of a failure.
 */
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * Text as it is, anything else as plain JSON, the way `JSON.stringify` writes it: dates as ISO text, `NaN` and nothing at
 * all as `null`. A bigint is its text. Dies of what has no JSON (cycles, a value its schema refuses), as handlers die of
 * what they throw.
 */
export const encode = <S extends Schema.Constraint>(
  name: string,
  schema: S | undefined,
  output: S["Type"]
): Effect.Effect<unknown, never, S["EncodingServices"]> => {
  const encoded: Effect.Effect<unknown, unknown, S["EncodingServices"]> = schema === undefined
    ? Effect.succeed(output)
    : Effect.suspend(() => Schema.encodeUnknownEffect(Schema.toCodecJson(schema))(output))
  return encoded.pipe(
    Effect.flatMap((value) => Effect.fromResult(Result.try(() => typeof value === "string" ? value : toJson(value)))),
    Effect.catch((cause) =>
      Effect.die(new Error(`The output of the tool "${name}" cannot be encoded as JSON`, { cause }))
    )
  )
}

/** What the model may know of a failure: its message, or its tag where it has none. Never a stack or a cause. */
export const failureMessage = (error: unknown): string =>
  [error, hasProperty(error, "message") && error.message, hasProperty(error, "_tag") && error._tag].find(isText) ??
    failed

/** What the model may know of a failure that has nothing to say. */
export const failed = "The tool failed"

/** A value as JSON text, for a message or a span; nothing where it has none. */
export const textOf = (value: unknown): string => Result.getOrElse(Result.try(() => stringify(value)), () => "")

/** By way of text, so that dates, classes and `undefined` become what they would be on the wire. */
const toJson = (value: unknown): unknown => JSON.parse(stringify(value))

const stringify = (value: unknown): string =>
  JSON.stringify(value, (_, member: unknown) => typeof member === "bigint" ? `${member}` : member) ?? "null"

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== ""

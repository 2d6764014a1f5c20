/** The result of a handler for the model: text, JSON, or the message of a failure. */
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as MessageShape from "../../chat/internal/messageShape.ts"
import type * as Message from "../../chat/Message.ts"
import * as Check from "../../Check.ts"

/** The JSON form of an output; fails with the reason where it has none. */
export const encode = <S extends Schema.Constraint>(
  schema: S | undefined,
  output: S["Type"]
): Effect.Effect<unknown, unknown, S["EncodingServices"]> => {
  const encoded: Effect.Effect<unknown, unknown, S["EncodingServices"]> = schema === undefined
    ? Effect.succeed(output)
    : Effect.suspend(() => Schema.encodeUnknownEffect(Schema.toCodecJson(schema))(output))
  // By way of text: dates, classes and `undefined` become what they are on the wire.
  return Effect.flatMap(
    encoded,
    (value) =>
      Effect.fromResult(Result.try((): unknown => typeof value === "string" ? value : JSON.parse(stringify(value))))
  )
}

/** The answer of several parts; fails with the reason where they are not valid. */
export const ofParts = (
  given: ReadonlyArray<Message.ToolResultContent>
): Effect.Effect<{ readonly parts: ReadonlyArray<Message.ToolResultContent>; readonly result: string }, string> =>
  Result.match(
    Check.settle(MessageShape.message, { role: "tool", content: [{ type: "tool-result", id: "", parts: given }] }),
    {
      onFailure: ({ field, problem }) => Effect.fail(`${field}: ${problem}`),
      onSuccess: (message) => {
        const parts = message.role === "tool" ? message.content[0]?.parts ?? [] : []
        const text = parts.flatMap((part) => part.type === "text" ? [part.text] : []).join("\n")
        return Effect.succeed({ parts, result: text })
      }
    }
  )

/** The message of a failure for the model, or else its tag; never a stack or a cause. */
export const failureMessage = (error: unknown): string =>
  [error, hasProperty(error, "message") && error.message, hasProperty(error, "_tag") && error._tag].find(isText) ??
    failed

/** The message of a failure without message and tag. */
export const failed = "The tool failed"

/** A value as JSON text, for a message or a span; empty where it has none. */
export const textOf = (value: unknown): string => Result.getOrElse(Result.try(() => stringify(value)), () => "")

const stringify = (value: unknown): string =>
  JSON.stringify(value, (_, member: unknown) => typeof member === "bigint" ? `${member}` : member) ?? "null"

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== ""

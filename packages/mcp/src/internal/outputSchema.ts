/** The check of a `structuredContent` against the `outputSchema` of its tool. */
import * as ExactJson from "@strata/core/ExactJson"
import * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import * as Transport from "./transport.ts"

/**
 * Says what is wrong with a value; nothing where Effect cannot read the schema. Patterns are not run: those of a stranger
 * may take for ever.
 */
export const makeValidate = (
  schema: Readonly<Record<string, unknown>> | undefined
): (value: unknown) => string | undefined => {
  const decode = schema && Result.getOrUndefined(Result.try(() => reader(schema)))
  if (decode === undefined) return () => undefined
  return (value) => {
    const decoded = Result.getOrUndefined(Result.try(() => decode(value)))
    if (decoded === undefined || Result.isSuccess(decoded)) return undefined
    const { issue, message } = decoded.failure
    // An integer that a number cannot hold is its text here, and is sent on as it is.
    return ExactJson.explain(issue, value) === "" ? Transport.excerpt(message, 300) : undefined
  }
}

const reader = (schema: JsonSchema.JsonSchema) => {
  const dialect = schema["$schema"]
  const document = typeof dialect === "string" && dialect.includes("draft-07")
    ? JsonSchema.fromSchemaDraft07(schema)
    : JsonSchema.fromSchemaDraft2020_12(schema)
  const made = SchemaRepresentation.fromJsonSchemaDocument(document, { patterns: "ignore" })
  // What JSON Schema describes needs no services.
  return Schema.decodeUnknownResult(made as Schema.Top & { readonly DecodingServices: never })
}

/**
 * Tools as the model sees them: a name, a description and the JSON schema of the parameters.
 */
import * as Schema from "effect/Schema"

/** A tool the model may call. `inputSchema` is a JSON Schema of type `object`. */
export type ToolDefinition = typeof ToolDefinition.Type
/** @see {@link ToolDefinition} */
export const ToolDefinition = Schema.Struct({
  name: Schema.String,
  description: Schema.optional(Schema.String),
  inputSchema: Schema.Record(Schema.String, Schema.Unknown)
})

/** Whether the model may (`auto`), must (`any`), must not (`none`) call a tool, or must call one by name. */
export type ToolChoice = typeof ToolChoice.Type
/** @see {@link ToolChoice} */
export const ToolChoice = Schema.Union([
  Schema.Literals(["auto", "any", "none"]),
  Schema.Struct({ name: Schema.String })
])

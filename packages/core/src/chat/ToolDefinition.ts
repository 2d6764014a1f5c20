/** Tools as a model sees them: name, description, JSON schema of the arguments. `Tool` adds handlers. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Check from "../Check.ts"
import { defined } from "../internal/defined.ts"
import * as ProviderError from "../ProviderError.ts"
import * as ToolSchema from "./internal/toolSchema.ts"
import * as Message from "./Message.ts"

/**
 * A tool. `inputSchema` is a JSON Schema of type `object`, which `strict` enforces; `cache` ends a cached prefix after it.
 */
export class ToolDefinition extends Schema.Opaque<ToolDefinition>()(Schema.Struct({
  name: Schema.String,
  description: Schema.optional(Schema.String),
  inputSchema: Schema.Record(Schema.String, Schema.Unknown),
  strict: Schema.optional(Schema.Boolean),
  cache: Schema.optional(Message.CacheControl)
})) {}

/** A tool that the provider runs, by its name there, such as `nova_grounding` of `aws.bedrock`. Other providers refuse it. */
export class ProviderTool extends Schema.Opaque<ProviderTool>()(Schema.Struct({
  type: Schema.tag("provider"),
  provider: Schema.String,
  name: Schema.String,
  cache: Schema.optional(Message.CacheControl)
})) {}

/** A tool of a request. */
export type RequestTool = typeof RequestTool.Type
export const RequestTool = Schema.Union([ProviderTool, ToolDefinition])

/** Whether the model may (`auto`), must (`any`) or must not (`none`) call a tool, or must call this one. */
export type ToolChoice = typeof ToolChoice.Type
export const ToolChoice = Schema.Union([
  Schema.Literals(["auto", "any", "none"]),
  Schema.Struct({ name: Schema.String })
])

/**
 * The definition of a tool whose arguments have an Effect `Schema`. Fails with `InvalidRequestError` for a name that is not
 * 1 to 64 letters, digits, `_` or `-`, and for an input that is not an object in JSON.
 */
export const make = Effect.fnUntraced(function*(
  name: string,
  options: {
    readonly input: Schema.Constraint
    readonly description?: string | undefined
    readonly strict?: boolean | undefined
  }
): Effect.fn.Return<ToolDefinition, ProviderError.InvalidRequestError> {
  yield* Check.run(Check.text, name, { provider: "strata", field: "tool.name" })
  const { description, input, strict } = yield* Check.run(optionsOf, options, { provider: "strata", field: "tool" })
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
    return yield* Check.invalid(
      `tools["${name}"]`,
      "this is not a valid tool name",
      "Use 1 to 64 letters, digits, `_` and `-`"
    )
  }
  const inputSchema = ToolSchema.make(input, strict === true)
  return Result.isFailure(inputSchema)
    ? yield* Check.invalid(`tools["${name}"]`, inputSchema.failure, "Use a `Schema.Struct` with plain keys")
    : defined({ name, description, inputSchema: inputSchema.success, strict })
})

const optionsOf = Check.struct<Parameters<typeof make>[1]>({
  // The type of a schema cannot be checked.
  input: Check.instance(Schema.isSchema, "Use a `Schema.Struct`") as Check.Check<Schema.Constraint>,
  description: Check.optional(Check.text),
  strict: Check.optional(Check.flag)
}, { others: "ignored" })

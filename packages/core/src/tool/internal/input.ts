/** JSON Schemas of tools from elsewhere: as a model should see them, and as a check of arguments. */
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

export interface Problem {
  readonly problem: string
  readonly remedy: string
}

/** The schema with local references resolved, of type `object`; or what is wrong with it. */
export const resolve = (schema: unknown, _strict: boolean): Result.Result<JsonSchema.JsonSchema, Problem> =>
  isObject(schema)
    ? Result.succeed(schema as JsonSchema.JsonSchema)
    : Result.fail({ problem: "it is not an object", remedy: "Give a JSON Schema of the type `object`" })

/** Checks arguments, which stay as they are. */
export const makeCheck =
  (_schema: unknown) => (params: unknown): Effect.Effect<Record<string, unknown>, Schema.SchemaError> =>
    isObject(params)
      ? Effect.succeed(params as Record<string, unknown>)
      : Effect.fail(new Schema.SchemaError(new SchemaIssue.InvalidValue({ message: "They are not an object" })))

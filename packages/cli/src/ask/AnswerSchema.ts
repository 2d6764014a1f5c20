/**
 * The JSON Schema that an answer must match: sent to the model as it is, and checked against the answer.
 */
import { ChatRequest, type ChatResponse, StructuredOutput } from "@strata/core"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import * as CommandError from "../process/CommandError.ts"
import { Output } from "../process/Output.ts"

/** - `format`: for the request; `decode`: the value of an answer, or why it does not match. */
export interface AnswerSchema {
  readonly format: ChatRequest.JsonFormat
  readonly decode: (
    response: ChatResponse.ChatResponse
  ) => ReturnType<typeof StructuredOutput.decode<Schema.Codec<unknown>>>
}

/** The schema of a flag: JSON, or the name of a file of it. */
export const read = Effect.fnUntraced(function*(
  given: string
): Effect.fn.Return<AnswerSchema, CommandError.CommandError, FileSystem.FileSystem | Output> {
  const fileSystem = yield* FileSystem.FileSystem
  const text = given.trimStart().startsWith("{")
    ? given
    : yield* Effect.mapError(
      fileSystem.readFileString(given),
      (cause) => CommandError.usage(`--schema ${given}: the file cannot be read: ${CommandError.whyNot(cause)}`, cause)
    )
  const json = yield* Effect.try({
    try: (): unknown => JSON.parse(text.replace(/^\uFEFF/u, "")),
    catch: (cause) => CommandError.usage(`--schema: not JSON: ${Predicate.isError(cause) ? cause.message : ""}`, cause)
  })
  if (!Predicate.isObject(json) || Array.isArray(json)) {
    return yield* CommandError.usage("--schema: not a JSON Schema: give an object such as {\"type\": \"object\"}")
  }
  const schema = { ...json }
  if (schema["type"] !== "object") {
    return yield* CommandError.usage(
      "--schema: models write objects: give a schema of \"type\": \"object\", and what you need as a property of it"
    )
  }
  const checked = Result.try(() =>
    SchemaRepresentation.fromJsonSchemaDocument(JsonSchema.fromSchemaDraft2020_12(schema), { patterns: "ignore" })
  )
  if (Result.isFailure(checked)) {
    const { warn } = yield* Output
    const why = Predicate.isError(checked.failure) ? checked.failure.message : "it cannot be translated"
    yield* warn(`--schema: answers are only checked to be JSON: ${why}`)
  }
  const codec = Result.getOrElse(checked, (): Schema.Top => Schema.Record(Schema.String, Schema.Unknown))
  return {
    format: { type: "json", schema, name: nameOf(schema["title"]) },
    // A schema made of JSON Schema needs no services.
    decode: (response) => StructuredOutput.decode(codec as Schema.Codec<unknown>, response)
  }
})

const nameOf = (title: unknown): string =>
  (typeof title === "string" ? title : "").replace(/[^A-Za-z0-9_-]+/g, "_").slice(0, 64) || "answer"

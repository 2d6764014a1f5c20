/** Answers that are values of a schema, as `LanguageModel.generateObject` reads them: the text of one JSON value, nothing else. */
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as StructuredOutput from "@strata/core/chat/StructuredOutput"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** A schema is decoded by the codec that its JSON schema describes. */
export const codecTransformer: LanguageModel.CodecTransformer = (schema) => ({
  codec: Schema.toCodecJson(schema),
  jsonSchema: Tool.getJsonSchemaFromSchema(schema)
})

/**
 * The answer with the JSON of its value as text: without prose or a fence around it, and without the object that a list is
 * wrapped in. Unchanged where the text does not fit the schema, for `generateObject` to tell.
 *
 * Fails where the answer was cut, filtered or refused.
 */
export const plain = (
  given: Schema.Top,
  response: ChatResponse.ChatResponse
): Effect.Effect<ChatResponse.ChatResponse, ProviderError.ProviderError> => {
  if (response.finishReason === "tool-calls") return Effect.succeed(response)
  // The services of the schema are those of the caller of `generateObject`.
  const schema = given as Schema.Codec<unknown, unknown>
  return StructuredOutput.decode(schema, response).pipe(
    Effect.flatMap((value) => Schema.encodeEffect(Schema.toCodecJson(schema))(value)),
    Effect.map((json) => withText(response, json)),
    Effect.catchDefect(() => Effect.succeed(response)),
    Effect.catchTag("SchemaError", () => Effect.succeed(response)),
    Effect.catchTag(
      "StructuredOutputError",
      (error) => error.issue === undefined ? Effect.fail(error) : Effect.succeed(response)
    )
  )
}

const withText = (response: ChatResponse.ChatResponse, json: unknown): ChatResponse.ChatResponse => {
  const read = Result.try((): unknown => JSON.parse(response.text))
  if (Result.isSuccess(read) && Equal.equals(read.success, json)) return response
  const { content } = response.message
  if (typeof content === "string") return ChatResponse.make([Message.text(JSON.stringify(json))], response)
  const at = content.findIndex(({ type }) => type === "text")
  const parts = content.flatMap((part, index): ReadonlyArray<Message.AssistantPart> => {
    if (part.type !== "text") return [part]
    return index === at ? [{ ...part, text: JSON.stringify(json) }] : []
  })
  return ChatResponse.make(parts, response)
}

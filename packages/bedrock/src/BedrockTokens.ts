/**
 * Counts the tokens of a chat request, or of a body for InvokeModel, before it is sent, through CountTokens.
 *
 * The count is the service's, not an estimate, of the request as `BedrockChat` would send it.
 */
import type { CountTokensCommandOutput } from "@aws-sdk/client-bedrock-runtime"
import * as Chat from "@strata/core/chat/Chat"
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { BedrockClient } from "./BedrockClient.ts"
import * as ModelId from "./catalog/ModelId.ts"
import type * as History from "./converse/History.ts"
import * as Preparation from "./converse/Preparation.ts"
import * as Failure from "./error/Failure.ts"
import * as InferenceProfile from "./InferenceProfile.ts"
import * as OwnOptions from "./internal/ownOptions.ts"
import { providerName } from "./internal/provider.ts"

/**
 * As in `BedrockChat.Options`: give both the same options to count the request that is sent.
 *
 * - `model`: the model, when the request does not name one.
 * - `family`, `history`: how the request is encoded.
 */
export interface Options {
  readonly model?: ChatRequest.ModelName | undefined
  readonly family?: string | undefined
  readonly history?: History.Mode | undefined
}

/**
 * The number of input tokens of a request. One attempt: retry with `Retry.standard` where needed.
 *
 * CountTokens accepts foundation models only: an inference profile is counted by its model, an application inference
 * profile only where `InferenceProfile.layer` finds its model.
 *
 * Fails as a call of the chat service would, and with `UnsupportedFeatureError` for a model whose tokens Bedrock does not
 * count.
 *
 * @example
 * const tokens = yield* BedrockTokens.count({ model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0", messages: "Hello" })
 */
export const count = Effect.fnUntraced(function*(
  input: ChatRequest.Input,
  given: Options = {}
): Effect.fn.Return<number, ProviderError.CallError, BedrockClient> {
  const options = yield* OwnOptions.ofLayer(fields, given)
  const client = yield* BedrockClient
  const request = yield* resolve(yield* Chat.settle(input, providerName), options.model)
  const prepare = yield* Preparation.make(options)
  const { input: encoded } = yield* prepare(request, { streaming: false })
  const { additionalModelRequestFields, messages, system, toolConfig } = encoded
  const modelId = countable(request.model, yield* InferenceProfile.modelOf(request.model))
  const output = yield* client.countTokens({
    modelId,
    input: {
      converse: {
        messages,
        ...(system === undefined ? undefined : { system }),
        ...(toolConfig === undefined ? undefined : { toolConfig }),
        ...(additionalModelRequestFields === undefined ? undefined : { additionalModelRequestFields })
      }
    }
  })
  return yield* counted(client, output, request.model)
}, Effect.withSpan("BedrockTokens.count", {}, { captureStackTrace: false }))

const fields: Check.Fields<Options> = {
  model: OwnOptions.model,
  family: Check.optional(Check.filled),
  history: Check.optional(Check.word(["repair", "strict"]))
}
/**
 * The number of input tokens of a body for InvokeModel, in its model's own format. Everything else as for {@link
 * count}.
 *
 * @example
 * const tokens = yield* BedrockTokens.countBody({
 *   model: "anthropic.claude-3-5-haiku-20241022-v1:0",
 *   body: JSON.stringify({ anthropic_version: "bedrock-2023-05-31", max_tokens: 100, messages })
 * })
 */
export const countBody = Effect.fnUntraced(function*(request: {
  readonly model: string
  readonly body: string | Uint8Array
}): Effect.fn.Return<number, ProviderError.CallError, BedrockClient> {
  const client = yield* BedrockClient
  const { body, model } = yield* Check.run(bodyOf, request, { provider: providerName, whole: "request" })
  const output = yield* client.countTokens({
    modelId: countable(model, yield* InferenceProfile.modelOf(model)),
    input: { invokeModel: { body: Predicate.isString(body) ? new TextEncoder().encode(body) : body } }
  })
  return yield* counted(client, output, model)
}, Effect.withSpan("BedrockTokens.countBody", {}, { captureStackTrace: false }))

const bodyOf = Check.struct<{ readonly model: string; readonly body: string | Uint8Array }>({
  model: Check.filled,
  body: (given, at) => Predicate.isString(given) ? given : Check.bytes(given, at)
}, { remedy: "Give an object with `model` and `body`" })

const counted = (
  client: BedrockClient["Service"],
  { $metadata, inputTokens }: CountTokensCommandOutput,
  model: string
) =>
  inputTokens === undefined
    ? Effect.fail(
      Failure.malformed(
        { ...Failure.whereOf(client, model), model, requestId: $metadata.requestId },
        "the answer has no token count"
      )
    )
    : Effect.succeed(inputTokens)

const resolve = (
  request: ChatRequest.ChatRequest,
  defaultModel: string | undefined
): Effect.Effect<ChatRequest.Resolved, ProviderError.InvalidRequestError> => {
  const model = request.model ?? defaultModel ?? ""
  const messages = typeof request.messages === "string" ? [Message.user(request.messages)] : request.messages
  if (!Predicate.isString(model) || model === "") {
    return invalid(undefined, "model", "no model is named", "Set `model` in the request or in the options")
  }
  return !Array.isArray(messages) || messages.length === 0
    ? invalid(model, "messages", "there is no content to count", "Add a message with the role `user`")
    : Effect.succeed({ ...request, model, messages })
}

/** The foundation model of an id, as an ARN where the id names a region. */
const countable = (id: string, profiled: string | undefined): string => {
  const { baseId, geo, region } = ModelId.parse(id)
  const model = profiled ?? (geo === undefined ? undefined : baseId)
  if (model === undefined) return id
  return region === undefined ? model : `arn:${id.split(":", 2)[1]}:bedrock:${region}::foundation-model/${model}`
}

const invalid = (model: string | undefined, field: string, problem: string, remedy: string) =>
  Effect.fail(ProviderError.invalidRequest({ provider: providerName, model, field, problem, remedy }))

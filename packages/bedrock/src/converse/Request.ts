/**
 * Our request, in the words of Converse: system prompts apart, content in blocks, roles alternating.
 *
 * Neighbouring messages of one role become one message, as the service demands of parallel tool results, and blank text
 * is left out where something else remains. What cannot be sent is refused here, before any network.
 */
import type {
  ContentBlock,
  ConverseStreamCommandInput,
  InferenceConfiguration,
  Message as ConverseMessage,
  SystemContentBlock
} from "@aws-sdk/client-bedrock-runtime"
import type * as ChatRequest from "@strata/core/ChatRequest"
import * as Message from "@strata/core/Message"
import * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import { providerName } from "../internal/provider.ts"
import * as Block from "./Block.ts"
import * as ToolConfig from "./ToolConfig.ts"

/** Encodes a request. Fails with `InvalidRequestError` or `UnsupportedFeatureError`, naming the field. */
export const encode = (
  request: ChatRequest.Resolved
): Result.Result<ConverseStreamCommandInput, ProviderError.ProviderError> =>
  Result.gen(function*() {
    const { inferenceConfig, ...rest } = request.providerOptions?.bedrock ?? {}
    const system: Array<SystemContentBlock> = []
    const messages: Array<ConverseMessage & { content: Array<ContentBlock> }> = []
    for (const [index, message] of request.messages.entries()) {
      const blocks = yield* encodeMessage(request, message, `messages[${index}]`)
      if (message.role === "system") {
        system.push(...blocks as Array<SystemContentBlock>) // the parts of system messages encode to these
        continue
      }
      const role = message.role === "assistant" ? "assistant" : "user"
      const previous = messages[messages.length - 1]
      if (previous?.role === role) previous.content.push(...blocks)
      else if (blocks.length > 0) messages.push({ role, content: blocks })
    }
    trimFinalAnswer(messages)
    return {
      modelId: request.model,
      messages,
      ...(system.length > 0 ? { system } : undefined),
      ...defined("inferenceConfig", encodeInference(yield* checkTemperature(request), inferenceConfig)),
      ...defined("toolConfig", yield* ToolConfig.encode(request)),
      ...rest
    }
  })

const encodeMessage = (
  { model }: ChatRequest.Resolved,
  message: Message.Message,
  field: string
): Result.Result<Array<ContentBlock>, ProviderError.ProviderError> =>
  Result.gen(function*() {
    const blocks: Array<ContentBlock> = []
    for (const [index, part] of Message.parts(message).entries()) {
      blocks.push(...yield* Block.encode(part, { model, field: `${field}.content[${index}]` }))
    }
    if (blocks.length > 0) return [...blocks, ...Block.cachePoint(message.cache)]
    if (message.role === "assistant") return []
    return yield* Result.fail(ProviderError.invalidRequest({
      provider: providerName,
      model,
      field: `${field}.content`,
      problem: "there is nothing but blank text, which Bedrock refuses",
      remedy: "Give the message text or a part, or leave it out"
    }))
  })

const checkTemperature = (
  request: ChatRequest.Resolved
): Result.Result<ChatRequest.Resolved, ProviderError.ProviderError> =>
  request.temperature !== undefined && request.temperature > 1
    ? Result.fail(ProviderError.invalidRequest({
      provider: providerName,
      model: request.model,
      field: "temperature",
      problem: `${request.temperature} is out of range`,
      remedy: "Use a number from 0 to 1"
    }))
    : Result.succeed(request)

const encodeInference = (
  { maxTokens, stopSequences, temperature, topP }: ChatRequest.Resolved,
  own: InferenceConfiguration | undefined
): InferenceConfiguration | undefined => {
  const config: InferenceConfiguration = {
    ...defined("maxTokens", maxTokens),
    ...defined("temperature", temperature),
    ...defined("topP", topP),
    ...defined("stopSequences", stopSequences === undefined ? undefined : [...stopSequences]),
    ...own
  }
  return Object.keys(config).length > 0 ? config : undefined
}

/** The service refuses a conversation whose last message is the assistant's and ends in blanks. */
const trimFinalAnswer = (messages: ReadonlyArray<ConverseMessage & { content: Array<ContentBlock> }>): void => {
  const last = messages[messages.length - 1]
  const final = last?.content[last.content.length - 1]
  if (last?.role === "assistant" && final?.text !== undefined) {
    last.content[last.content.length - 1] = { text: final.text.trimEnd() }
  }
}

const defined = <Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } =>
  value === undefined ? {} : { [key]: value } as { readonly [K in Key]: Value } // a computed key loses its type

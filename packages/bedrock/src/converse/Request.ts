/**
 * Our request, in the words of Converse: system prompts apart, content in blocks, roles alternating.
 *
 * Neighbouring messages of one role become one message, as the service demands of parallel tool results, and blank text
 * is left out where something else remains. What cannot be sent is refused here, before any network.
 */
import type {
  CachePointBlock,
  ContentBlock,
  ConverseStreamCommandInput,
  DocumentFormat,
  ImageFormat,
  InferenceConfiguration,
  Message as ConverseMessage,
  SystemContentBlock,
  ToolConfiguration,
  ToolResultContentBlock
} from "@aws-sdk/client-bedrock-runtime"
import type * as ChatRequest from "@strata/core/ChatRequest"
import * as Message from "@strata/core/Message"
import * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import { providerName } from "../internal/provider.ts"

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
        system.push(...blocks as Array<SystemContentBlock>) // system messages hold only text, cache points and provider parts
        continue
      }
      const role = message.role === "assistant" ? "assistant" : "user"
      const previous = messages[messages.length - 1]
      if (previous?.role === role) previous.content.push(...blocks)
      else if (blocks.length > 0) messages.push({ role, content: blocks })
    }
    trimFinalAnswer(messages)
    const toolConfig = encodeTools(request)
    return {
      modelId: request.model,
      messages,
      ...(system.length > 0 ? { system } : undefined),
      ...defined("inferenceConfig", encodeInference(yield* checkTemperature(request), inferenceConfig)),
      ...defined("toolConfig", toolConfig),
      ...rest
    }
  })

const encodeMessage = (
  request: ChatRequest.Resolved,
  message: Message.Message,
  field: string
): Result.Result<Array<ContentBlock>, ProviderError.ProviderError> =>
  Result.gen(function*() {
    const blocks: Array<ContentBlock> = []
    for (const [index, part] of Message.parts(message).entries()) {
      blocks.push(...yield* encodePart(request, part, `${field}.content[${index}]`))
    }
    if (blocks.length > 0 || message.role === "assistant") return blocks
    return yield* Result.fail(ProviderError.invalidRequest({
      provider: providerName,
      model: request.model,
      field: `${field}.content`,
      problem: "there is nothing but blank text, which Bedrock refuses",
      remedy: "Give the message text or a part, or leave it out"
    }))
  })

const encodePart = (
  request: ChatRequest.Resolved,
  part: Message.Part,
  field: string
): Result.Result<Array<ContentBlock>, ProviderError.ProviderError> => {
  switch (part.type) {
    case "text":
      return Result.succeed(part.text.trim() === "" ? [] : [{ text: part.text }, ...cachePoint(part.cache)])
    case "image":
      return Result.map(
        formatOf(request, part.mediaType, imageFormats, field),
        (format) => [{ image: { format, source: encodeSource(part.source) } }, ...cachePoint(part.cache)]
      )
    case "document":
      return Result.map(
        formatOf(request, part.mediaType, documentFormats, field),
        (format) => [
          { document: { format, name: part.name, source: encodeSource(part.source) } },
          ...cachePoint(part.cache)
        ]
      )
    case "reasoning":
      return Result.succeed([{
        reasoningContent: part.redacted === undefined
          ? { reasoningText: { text: part.text, ...defined("signature", part.signature) } }
          : { redactedContent: part.redacted }
      }])
    case "tool-call":
      return Result.succeed([{ toolUse: { toolUseId: part.id, name: part.name, input: asDocument(part.params) } }])
    case "tool-result":
      return Result.succeed([
        {
          toolResult: {
            toolUseId: part.id,
            content: [encodeResult(part.result)],
            ...(part.isFailure === true ? { status: "error" } : undefined)
          }
        },
        ...cachePoint(part.cache)
      ])
    case "provider":
      return part.provider === providerName
        ? Result.succeed([part.value as ContentBlock]) // a block the service itself gave, kept as it was
        : Result.fail(
          new ProviderError.UnsupportedFeatureError({
            provider: providerName,
            model: request.model,
            feature: `parts of ${part.provider}`,
            message: `${field}: this part belongs to "${part.provider}"; Bedrock cannot read it. Leave it out.`
          })
        )
  }
}

const encodeSource = (source: Message.MediaSource) =>
  "bytes" in source
    ? { bytes: source.bytes }
    : { s3Location: { uri: source.uri, ...defined("bucketOwner", source.bucketOwner) } }

const encodeResult = (result: unknown): ToolResultContentBlock =>
  typeof result === "string"
    ? { text: result }
    : {
      json: typeof result === "object" && !Array.isArray(result) ? asDocument(result) : { result: asDocument(result) }
    }

// JSON by contract of the part; the SDK's serializer writes it as it stands.
const asDocument = (value: unknown) =>
  (value ?? {}) as NonNullable<ConverseStreamCommandInput["additionalModelRequestFields"]>

const cachePoint = (cache: Message.CacheControl | undefined): Array<{ cachePoint: CachePointBlock }> => {
  if (cache === undefined || cache === false) return []
  return [{ cachePoint: { type: "default", ...(cache === true ? undefined : { ttl: cache.ttl }) } }]
}

const imageFormats: Record<string, ImageFormat> = {
  "image/png": "png",
  "image/jpeg": "jpeg",
  "image/gif": "gif",
  "image/webp": "webp"
}

const documentFormats: Record<string, DocumentFormat> = {
  "application/pdf": "pdf",
  "text/csv": "csv",
  "application/msword": "doc",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
  "application/vnd.ms-excel": "xls",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
  "text/html": "html",
  "text/plain": "txt",
  "text/markdown": "md"
}

const formatOf = <Format>(
  request: ChatRequest.Resolved,
  mediaType: string,
  formats: Record<string, Format>,
  field: string
): Result.Result<Format, ProviderError.ProviderError> => {
  const format = formats[mediaType]
  return format === undefined
    ? Result.fail(ProviderError.invalidRequest({
      provider: providerName,
      model: request.model,
      field: `${field}.mediaType`,
      problem: `Bedrock does not take "${mediaType}" here`,
      remedy: `Use one of ${Object.keys(formats).join(", ")}`
    }))
    : Result.succeed(format)
}

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

const encodeTools = ({ toolChoice, tools }: ChatRequest.Resolved): ToolConfiguration | undefined => {
  if (tools === undefined || tools.length === 0 || toolChoice === "none") return undefined
  return {
    tools: tools.map(({ description, inputSchema, name }) => ({
      toolSpec: {
        name,
        inputSchema: { json: asDocument(inputSchema) },
        ...(description === undefined || description === "" ? undefined : { description })
      }
    })),
    ...(toolChoice === "any"
      ? { toolChoice: { any: {} } }
      : typeof toolChoice === "object"
      ? { toolChoice: { tool: { name: toolChoice.name } } }
      : undefined)
  }
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

/**
 * Decodes a Converse request as a core `ChatRequest`.
 *
 * A block unknown to core becomes a `provider` part that holds it.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Block from "./Block.ts"
import * as Citation from "./Citation.ts"
import * as Constraint from "./Constraint.ts"
import * as Media from "./Media.ts"
import * as OutputFormat from "./OutputFormat.ts"
import * as Reasoning from "./Reasoning.ts"
import type * as Wire from "./Wire.ts"

/** The provider name of Bedrock's parts. */
const provider = "aws.bedrock"

/** The request for the answering service. `model` is left out when it should use its default. */
export const toChatRequest = (request: Wire.Request, model: string | undefined): ChatRequest.ChatRequest => {
  const { maxTokens, stopSequences, temperature, topP } = request.inferenceConfig ?? {}
  const system = withCacheMarks(request.system ?? [], toSystemPart)
  const tools = request.toolConfig && withCacheMarks(request.toolConfig.tools, toTool)
  return {
    model,
    messages: [
      ...(system.length === 0 ? [] : [Message.system(system)]),
      ...(request.messages ?? []).flatMap(toMessages)
    ],
    maxTokens,
    temperature,
    topP,
    stopSequences,
    tools,
    toolChoice: toToolChoice(request),
    responseFormat: toResponseFormat(request),
    reasoning: Reasoning.fromRequest(request)
  }
}

const toMessages = (message: Wire.Message): ReadonlyArray<Message.Message> => {
  switch (message.role) {
    case "system": {
      const parts = withCacheMarks(message.content, toSystemPart, carriesCache)
      return [{ ...Message.system(parts), ...endOf(message, parts) }]
    }
    case "assistant": {
      const parts = withCacheMarks(message.content, toAssistantPart, carriesCache)
      return [{ ...Message.assistant(parts), ...endOf(message, parts) }]
    }
    case "user": {
      const results = withCacheMarks(message.content, toToolResult)
      const said = withCacheMarks(message.content, toUserPart)
      return [
        ...(results.length === 0 ? [] : [Message.tool(results)]),
        ...(said.length === 0 ? [] : [Message.user(said)])
      ]
    }
  }
}

const toSystemPart = (block: Block.Content): Message.SystemPart => {
  const { guardContent, text, toolAddition, toolRemoval } = block
  if (text !== undefined) return Message.text(text)
  if (guardContent?.text !== undefined) return guarded(guardContent.text)
  if (toolAddition !== undefined) return { type: "tool-addition", ...toToolReference(toolAddition.tool) }
  if (toolRemoval !== undefined) return { type: "tool-removal", ...toToolReference(toolRemoval.tool) }
  return carried(block)
}

const toToolReference = ({ name, serverName, type }: NonNullable<Block.Content["toolAddition"]>["tool"]) => ({
  name: name ?? "",
  serverName,
  kind: type
})

/** A part allowed in messages and in tool results. */
const toSharedPart = (
  block: Block.Content | Block.ToolResultContent
): Exclude<Message.ToolResultContent, Message.JsonPart> | undefined => {
  const { document, image, searchResult, text, video } = block
  if (text !== undefined) return Message.text(text)
  if (image !== undefined) return toImage(image)
  if (video !== undefined) {
    const source = Media.fromWire(video.source)
    return source && { type: "video", mediaType: Media.mediaTypes.video[video.format], source }
  }
  if (document !== undefined) return toDocument(document)
  return searchResult && {
    type: "search-result",
    source: searchResult.source,
    title: searchResult.title,
    content: searchResult.content.map(({ text }) => text),
    citations: searchResult.citations?.enabled
  }
}

const toUserPart = (block: Block.Content): Message.UserPart | undefined => {
  const { audio, guardContent, toolResult } = block
  if (toolResult !== undefined) return undefined
  if (guardContent?.text !== undefined) return guarded(guardContent.text)
  return toSharedPart(block) ?? (audio && toAudio(audio)) ??
    (guardContent?.image && toGuardedImage(guardContent.image)) ??
    carried(block)
}

const toAudio = ({ format, source: from }: NonNullable<Block.Content["audio"]>): Message.AudioPart | undefined => {
  const source = Media.fromWire(from)
  return source && { type: "audio", mediaType: Media.mediaTypes.audio[format], source }
}

const toGuardedImage = (
  { format, source: { bytes } }: NonNullable<Block.GuardContent["image"]>
): Message.ImagePart | undefined =>
  bytes && { type: "image", mediaType: Media.mediaTypes.image[format], source: { bytes }, guard: true }

const toAssistantPart = (block: Block.Content): Message.AssistantPart => {
  const { audio, citationsContent, guardContent, image, reasoningContent, text, toolResult, toolUse } = block
  if (text !== undefined) return Message.text(text)
  if (guardContent?.text !== undefined) return guarded(guardContent.text)
  if (toolResult !== undefined) return toProviderResult(toolResult)
  if (citationsContent !== undefined) return Citation.fromWire(citationsContent)
  if (toolUse !== undefined) {
    return {
      type: "tool-call",
      id: toolUse.toolUseId,
      name: toolUse.name,
      params: toolUse.input,
      ...(toolUse.type === "server_tool_use" ? { providerExecuted: true } : undefined)
    }
  }
  if (reasoningContent !== undefined) {
    const { reasoningText, redactedContent } = reasoningContent
    return {
      type: "reasoning",
      text: reasoningText?.text ?? "",
      signature: reasoningText?.signature,
      redacted: redactedContent
    }
  }
  const media = audio === undefined ? image && toImage(image) : toAudio(audio)
  return media ?? carried(block)
}

/** The result of a tool run by the provider: its own blocks, unchanged. */
const toProviderResult = (
  { content, status, toolUseId, type }: NonNullable<Block.Content["toolResult"]>
): Message.ToolResultPart => ({
  type: "tool-result",
  id: toolUseId,
  result: content,
  providerExecuted: true,
  providerType: type,
  isFailure: status && status === "error"
})

const toImage = ({ format, source: from }: NonNullable<Block.Content["image"]>): Message.ImagePart | undefined => {
  const source = Media.fromWire(from)
  return source && { type: "image", mediaType: Media.mediaTypes.image[format], source }
}

const toToolResult = (block: Block.Content): Message.ToolResultPart | undefined => {
  if (block.toolResult === undefined) return undefined
  const { content, status, toolUseId, type: providerType } = block.toolResult
  const [only] = content
  const isFailure = status === "error"
  if (content.length === 1 && only !== undefined) {
    const result = only.text ?? only.json
    if (result !== undefined) return { type: "tool-result", id: toolUseId, result, isFailure, providerType }
  }
  const parts = content.flatMap((item) => toSharedPart(item) ?? [])
  return {
    type: "tool-result",
    id: toolUseId,
    result: content,
    isFailure,
    providerType,
    ...(parts.length === content.length ? { parts } : undefined)
  }
}

const toDocument = (document: Block.Document): Message.DocumentPart => {
  const { citations, context, format, name, source } = document
  return {
    type: "document",
    mediaType: Media.mediaTypes.document[format ?? "txt"],
    name,
    source: Media.fromWire(source) ??
      (source.text === undefined
        ? { pieces: (source.content ?? []).map(({ text }) => text ?? "") }
        : { text: source.text }),
    context,
    citations: citations?.enabled
  }
}

const guarded = ({ qualifiers, text }: NonNullable<Block.GuardContent["text"]>): Message.TextPart => ({
  type: "text",
  text,
  guard: qualifiers === undefined ? true : { qualifiers }
})

/** A block without a counterpart in core. */
const carried = (block: Block.Content): Message.ProviderPart => ({ type: "provider", provider, value: block })

/** Maps blocks to parts; a cache point is not a part but a field of the one before it. */
const withCacheMarks = <B extends { readonly cachePoint?: Block.CachePoint }, P extends object>(
  blocks: ReadonlyArray<B>,
  toPart: (block: B) => P | undefined,
  takesMark: (part: P) => boolean = () => true
): ReadonlyArray<P> => {
  const parts: Array<P> = []
  for (const block of blocks) {
    const last = parts.at(-1)
    if (block.cachePoint === undefined) {
      const part = toPart(block)
      if (part !== undefined) parts.push(part)
    } else if (last !== undefined && takesMark(last)) {
      parts[parts.length - 1] = { ...last, cache: toCache(block.cachePoint) }
    }
  }
  return parts
}

const toCache = ({ ttl }: Block.CachePoint): Message.CacheControl => ttl === undefined ? true : { ttl }

/** Whether a part has a `cache` field. */
const carriesCache = ({ type }: Message.Part): boolean => !withoutCacheField.has(type)

const withoutCacheField: ReadonlySet<Message.Part["type"]> = new Set([
  "reasoning",
  "tool-call",
  "tool-addition",
  "tool-removal",
  "provider"
])

/** The cache control of a message that ends with a cache point, where its last part has no field for it. */
const endOf = ({ content }: Wire.Message, parts: ReadonlyArray<Message.Part>) => {
  const cachePoint = content.at(-1)?.cachePoint
  const last = parts.at(-1)
  return cachePoint === undefined || last === undefined || carriesCache(last)
    ? undefined
    : { cache: toCache(cachePoint) }
}

const toTool = ({ systemTool, toolSpec }: Block.Tool): ToolDefinition.RequestTool | undefined => {
  if (systemTool !== undefined) return { type: "provider", provider, name: systemTool.name }
  if (toolSpec === undefined) return undefined
  const { description, inputSchema, name, strict } = toolSpec
  return { name, description, inputSchema: isJsonObject(inputSchema.json) ? inputSchema.json : {}, strict }
}

const isJsonObject = Schema.is(Constraint.JsonObject)

const decodeSchema = Schema.decodeUnknownOption(Schema.fromJsonString(Constraint.JsonObject))

const toResponseFormat = (request: Wire.Request): ChatRequest.ResponseFormat | undefined => {
  const format = request.outputConfig?.textFormat?.structure.jsonSchema
  const schema = Option.getOrElse(decodeSchema(format?.schema), () => OutputFormat.schemaOf(request))
  return schema && { type: "json", schema, name: format?.name, description: format?.description }
}

const toToolChoice = (request: Wire.Request): ToolDefinition.ToolChoice | undefined => {
  const choice = request.toolConfig?.toolChoice
  if (choice?.tool !== undefined) return { name: choice.tool.name }
  if (choice?.any !== undefined) return "any"
  return choice?.auto === undefined ? undefined : "auto"
}

/**
 * Reads a Converse request as the question it is: a core `ChatRequest`.
 *
 * What core does not model becomes a `provider` part with the block inside.
 */
import type * as ChatRequest from "@strata/core/ChatRequest"
import * as Message from "@strata/core/Message"
import type * as Tool from "@strata/core/Tool"
import * as Citation from "./Citation.ts"
import * as Media from "./Media.ts"
import type * as Wire from "./Wire.ts"

/** The name that `provider` parts of Bedrock carry. */
const provider = "aws.bedrock"

/** The question for the answering service. `model` is left out when it should use its own. */
export const toChatRequest = (request: Wire.Request, model: string | undefined): ChatRequest.ChatRequest => {
  const { maxTokens, stopSequences, temperature, topP } = request.inferenceConfig ?? {}
  const system = marked(request.system ?? [], toSystemPart)
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
    tools: toTools(request),
    toolChoice: toToolChoice(request)
  }
}

const toMessages = (message: Wire.Message): ReadonlyArray<Message.Message> => {
  switch (message.role) {
    case "system":
      return [Message.system(marked(message.content, toSystemPart))]
    case "assistant":
      return [Message.assistant(marked(message.content, toAssistantPart))]
    case "user": {
      const results = marked(message.content, toToolResult)
      const said = marked(message.content, toUserPart)
      return [
        ...(results.length === 0 ? [] : [Message.tool(results)]),
        ...(said.length === 0 ? [] : [Message.user(said)])
      ]
    }
  }
}

type Block = Wire.ContentBlock | Wire.SystemBlock

const toSystemPart = (block: Block): Message.TextPart | Message.ProviderPart | undefined =>
  block.text === undefined ? guarded(block) ?? carried(block) : Message.text(block.text)

/** What may stand in a message as well as in the answer of a tool. */
const toSharedPart = (
  block: Pick<Wire.ContentBlock, "text" | "image" | "document" | "video" | "searchResult">
): NonNullable<Message.ToolResultPart["parts"]>[number] | undefined => {
  const { document, image, searchResult, text, video } = block
  if (text !== undefined) return Message.text(text)
  if (image !== undefined) {
    const source = Media.fromWire(image.source)
    return source && { type: "image", mediaType: Media.mediaTypes.image[image.format], source }
  }
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

const toUserPart = (block: Wire.ContentBlock): Message.UserPart | undefined => {
  if (block.toolResult !== undefined) return undefined
  if (block.audio !== undefined) {
    const source = Media.fromWire(block.audio.source)
    return source && { type: "audio", mediaType: Media.mediaTypes.audio[block.audio.format], source }
  }
  return toSharedPart(block) ?? guarded(block) ?? carried(block)
}

const toAssistantPart = (block: Wire.ContentBlock): Message.AssistantPart | undefined => {
  const { citationsContent, reasoningContent, text, toolUse } = block
  if (text !== undefined) return Message.text(text)
  if (citationsContent !== undefined) return Citation.fromWire(citationsContent)
  if (toolUse !== undefined) {
    return {
      type: "tool-call",
      id: toolUse.toolUseId,
      name: toolUse.name,
      params: toolUse.input,
      ...(toolUse.type === undefined ? undefined : { providerExecuted: true })
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
  return carried(block)
}

const toToolResult = (block: Wire.ContentBlock): Message.ToolResultPart | undefined => {
  if (block.toolResult === undefined) return undefined
  const { content, status, toolUseId } = block.toolResult
  const [only] = content
  const isFailure = status === "error"
  if (content.length === 1 && only !== undefined) {
    const result = only.text ?? only.json
    if (result !== undefined) return { type: "tool-result", id: toolUseId, result, isFailure }
  }
  const parts = content.flatMap((item) => toSharedPart(item) ?? [])
  return {
    type: "tool-result",
    id: toolUseId,
    result: content,
    isFailure,
    ...(parts.length === content.length ? { parts } : undefined)
  }
}

const toDocument = (document: NonNullable<Wire.ContentBlock["document"]>): Message.DocumentPart => {
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

const guarded = (block: Block): Message.TextPart | undefined => {
  const text = block.guardContent?.text
  return text && {
    type: "text",
    text: text.text,
    guard: text.qualifiers === undefined ? true : { qualifiers: text.qualifiers }
  }
}

/** A block without a counterpart in core; a cache point is no block but a mark on the one before it. */
const carried = (block: Block): Message.ProviderPart | undefined =>
  block.cachePoint === undefined ? { type: "provider", provider, value: block } : undefined

/** Maps blocks to parts, and lets a cache point mark the part before it. */
const marked = <B extends Block, P extends Message.Part>(
  blocks: ReadonlyArray<B>,
  toPart: (block: B) => P | undefined
): ReadonlyArray<P> => {
  const parts: Array<P> = []
  for (const block of blocks) {
    const last = parts.at(-1)
    if (block.cachePoint === undefined) {
      const part = toPart(block)
      if (part !== undefined) parts.push(part)
    } else if (last !== undefined) {
      const { ttl } = block.cachePoint
      parts[parts.length - 1] = { ...last, cache: ttl === undefined ? true : { ttl } }
    }
  }
  return parts
}

const toTools = (request: Wire.Request): ReadonlyArray<Tool.ToolDefinition> | undefined =>
  request.toolConfig?.tools.flatMap(({ toolSpec }) =>
    toolSpec === undefined
      ? []
      : [{ name: toolSpec.name, description: toolSpec.description, inputSchema: toolSpec.inputSchema.json }]
  )

const toToolChoice = (request: Wire.Request): Tool.ToolChoice | undefined => {
  const choice = request.toolConfig?.toolChoice
  if (choice?.tool !== undefined) return { name: choice.tool.name }
  if (choice?.any !== undefined) return "any"
  return choice?.auto === undefined ? undefined : "auto"
}

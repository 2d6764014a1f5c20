/**
 * Encodes and decodes one part of a message as a content block of Converse.
 *
 * What a model wrote is sent back unchanged: signatures, ids, citations, and unknown blocks, as parts of the provider.
 */
import type {
  CachePointBlock,
  ContentBlock,
  GuardrailConverseContentBlock,
  ToolResultBlock,
  ToolResultContentBlock,
  ToolUseBlock,
  ToolUseType
} from "@aws-sdk/client-bedrock-runtime"
import type * as Message from "@strata/core/chat/Message"
import * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { providerName } from "../internal/provider.ts"
import * as Citations from "./Citations.ts"
import * as Media from "./Media.ts"
import * as UnknownMembers from "./UnknownMembers.ts"

/** JSON, as the SDK types it. */
export type Json = NonNullable<ToolUseBlock["input"]>

/** The location of a part, for errors. */
export interface Place {
  readonly model: string
  readonly field: string
}

type Encoded<A> = Result.Result<A, ProviderError.CallError>

/** Encodes a part: its block, followed by a cache point if it has one. */
export const encode = (part: Message.Part, place: Place): Encoded<ReadonlyArray<ContentBlock>> => {
  const cache = "cache" in part ? cachePoint(part.cache) : []
  const rest = "providerFields" in part ? part.providerFields?.[providerName] : undefined
  return Result.map(encodeBlock(part, place), (block) => [UnknownMembers.restore(block, rest), ...cache])
}

/** The block that ends a cached prefix; empty without a cache control. */
export const cachePoint = (
  cache: Message.CacheControl | undefined
): ReadonlyArray<{ readonly cachePoint: CachePointBlock }> =>
  cache === undefined || cache === false
    ? []
    : [{ cachePoint: { type: "default", ...(cache === true ? undefined : { ttl: cache.ttl }) } }]

/** JSON by the contract of our types; the SDK's serializer writes it unchanged. */
export const asJson = (value: unknown): Json => (value ?? {}) as Json

const encodeBlock = (part: Message.Part, place: Place): Encoded<ContentBlock> => {
  switch (part.type) {
    case "text":
      return Result.succeed(encodeText(part))
    case "image":
      return Result.flatMap(format(Media.image, part, place), (format): Encoded<ContentBlock> => {
        if (part.guard !== true) return Result.succeed({ image: { format, source: Media.encodeSource(part.source) } })
        return format !== "png" && format !== "jpeg" || !("bytes" in part.source)
          ? Result.fail(
            invalid(place, "guard", "guardrails check PNG and JPEG images only, given as bytes", "Use such an image")
          )
          : Result.succeed({ guardContent: { image: { format, source: { bytes: part.source.bytes } } } })
      })
    case "document":
      return Result.map(format(Media.document, part, place), (format) => ({
        document: {
          format,
          name: part.name,
          source: Media.encodeDocumentSource(part.source),
          ...(part.context === undefined ? undefined : { context: part.context }),
          ...(part.citations === undefined ? undefined : { citations: { enabled: part.citations } })
        }
      }))
    case "video":
      return Result.map(
        format(Media.video, part, place),
        (format) => ({ video: { format, source: Media.encodeSource(part.source) } })
      )
    case "audio":
      return Result.map(
        format(Media.audio, part, place),
        (format) => ({ audio: { format, source: Media.encodeSource(part.source) } })
      )
    case "search-result":
      return Result.succeed({
        searchResult: {
          source: part.source,
          title: part.title,
          content: part.content.map((text) => ({ text })),
          ...(part.citations === undefined ? undefined : { citations: { enabled: part.citations } })
        }
      })
    case "reasoning":
      return Result.succeed({
        reasoningContent: part.redacted === undefined
          ? {
            reasoningText: {
              text: part.text,
              ...(part.signature === undefined ? undefined : { signature: part.signature })
            }
          }
          : { redactedContent: part.redacted }
      })
    case "tool-call":
      return Result.succeed({
        toolUse: {
          toolUseId: part.id,
          name: part.name,
          input: asJson(part.params),
          ...callType(part)
        }
      })
    case "tool-result":
      return Result.map(encodeResult(part, place), (toolResult) => ({ toolResult }))
    case "json":
      return Result.fail(invalid(place, "type", "JSON is supported in tool results only", "Send it as text"))
    case "tool-addition":
      return Result.succeed({ toolAddition: { tool: toolReference(part) } })
    case "tool-removal":
      return Result.succeed({ toolRemoval: { tool: toolReference(part) } })
    case "provider":
      return part.provider === providerName
        ? Result.succeed(part.value as ContentBlock) // a block the service itself gave, or one in its own words
        : Result.fail(
          new ProviderError.UnsupportedFeatureError({
            provider: providerName,
            model: place.model,
            feature: `parts of ${part.provider}`,
            message: `${place.field}: this part belongs to the provider "${part.provider}". Leave it out.`
          })
        )
  }
}

/** The service's own type is sent back unchanged. */
const callType = ({ providerExecuted, providerType }: Message.ToolCallPart): { readonly type?: ToolUseType } => {
  const type = providerType || (providerExecuted === true ? providerRun : undefined)
  return type === undefined ? {} : { type: type as ToolUseType } // the service has more words than the SDK
}

/** The call type of tools run by the service. */
const providerRun = "server_tool_use" satisfies ToolUseType

const encodeText = ({ citations, guard, text }: Message.TextPart): ContentBlock => {
  if (citations !== undefined) {
    // Sources that belong to none of the statements of an answer arrive without a text.
    return {
      citationsContent: {
        ...(text === "" ? undefined : { content: [{ text }] }),
        ...(citations.length === 0 ? undefined : { citations: citations.map(Citations.encode) })
      }
    }
  }
  if (guard === undefined || guard === false) return { text }
  const qualifiers = guard === true ? [] : guard.qualifiers
  const guarded: GuardrailConverseContentBlock = {
    text: { text, ...(qualifiers.length === 0 ? undefined : { qualifiers: [...qualifiers] }) }
  }
  return { guardContent: guarded }
}

const encodeResult = (part: Message.ToolResultPart, place: Place): Encoded<ToolResultBlock> =>
  Result.map(resultContent(part, place), (content) => ({
    toolUseId: part.id,
    content,
    ...(part.isFailure === undefined ? undefined : { status: part.isFailure ? "error" : "success" }),
    ...(part.providerType === undefined ? undefined : { type: part.providerType })
  }))

const resultContent = (part: Message.ToolResultPart, place: Place): Encoded<Array<ToolResultContentBlock>> => {
  // The provider's own blocks are sent back unchanged.
  if (part.providerExecuted === true && Array.isArray(part.result)) return Result.succeed(part.result)
  if (part.parts === undefined) return Result.succeed([resultBlock(part.result)])
  return Result.all(
    part.parts.map((inner, index): Encoded<ToolResultContentBlock> =>
      inner.type === "json"
        ? Result.succeed(jsonBlock(inner.value))
        // the other parts encode to blocks a result may hold
        : encodeBlock(unmarked(inner), { ...place, field: `${place.field}.parts[${index}]` }) as Encoded<
          ToolResultContentBlock
        >
    )
  )
}

/** A result holds neither guardrail blocks nor text with citations. */
const unmarked = (part: Message.ToolResultContent): Message.Part => {
  if (part.type === "text") return { type: "text", text: part.text }
  return part.type === "image" ? { ...part, guard: undefined } : part
}

const resultBlock = (result: unknown): ToolResultContentBlock =>
  result === undefined || result === ""
    ? { text: "(empty)" }
    : typeof result === "string"
    ? { text: result }
    : jsonBlock(result)

/** Bedrock requires a JSON object; any other value is wrapped in one. */
const jsonBlock = (value: unknown): ToolResultContentBlock => ({
  // JSON by the contract of our types
  json: Predicate.isObject(value) ? asJson(value) : { result: (value ?? null) as Json }
})

const toolReference = ({ kind, name, serverName }: Message.ToolAdditionPart | Message.ToolRemovalPart) => ({
  name,
  ...(kind === undefined ? undefined : { type: kind }),
  ...(serverName === undefined ? undefined : { serverName })
})

const format = <Format>(
  formats: Parameters<typeof Media.formatOf<Format>>[0],
  { mediaType }: { readonly mediaType: string },
  place: Place
): Encoded<Format> => {
  const known = Media.formatOf(formats, mediaType)
  return known === undefined
    ? Result.fail(invalid(
      place,
      "mediaType",
      `Bedrock does not accept "${mediaType}" here`,
      `Use one of ${formats.map(([type]) => type).join(", ")}`
    ))
    : Result.succeed(known)
}

const invalid = ({ field, model }: Place, key: string, problem: string, remedy: string) =>
  ProviderError.invalidRequest({ provider: providerName, model, field: `${field}.${key}`, problem, remedy })

/**
 * Decodes a block a model wrote. Total: an unknown or incomplete block becomes a part of the provider, and unknown
 * members are kept with the part.
 */
export const decode = (block: ContentBlock): Message.AssistantPart => {
  const part = decodeKnown(block)
  if (part.type === "provider") return part
  const rest = UnknownMembers.of(block)
  return rest === undefined ? part : { ...part, providerFields: { [providerName]: rest } }
}

const decodeKnown = (block: ContentBlock): Message.AssistantPart => {
  if (block.text !== undefined) return { type: "text", text: block.text }
  if (block.citationsContent !== undefined) {
    const { citations = [], content = [] } = block.citationsContent
    return {
      type: "text",
      text: content.map(({ text }) => text ?? "").join(""),
      citations: citations.map(Citations.decode)
    }
  }
  if (block.reasoningContent?.reasoningText !== undefined) {
    const { signature, text } = block.reasoningContent.reasoningText
    return { type: "reasoning", text: text ?? "", ...(signature === undefined ? undefined : { signature }) }
  }
  if (block.reasoningContent?.redactedContent !== undefined) {
    return { type: "reasoning", text: "", redacted: block.reasoningContent.redactedContent }
  }
  if (block.toolUse !== undefined) return decodeCall(block.toolUse)
  if (block.toolResult !== undefined) return decodeResult(block.toolResult)
  return decodeMedia(block) ?? { type: "provider", provider: providerName, value: block }
}

const decodeCall = (call: ToolUseBlock): Message.ToolCallPart => ({
  type: "tool-call",
  id: call.toolUseId ?? "",
  name: call.name ?? "",
  params: call.input ?? {},
  ...(isProviderRun(call)
    ? { providerExecuted: true }
    : call.type === undefined
    ? undefined
    : { providerType: call.type })
})

/** Whether the service runs a call itself. Ordinary calls have no type, or one such as `tool_use`. */
export const isProviderRun = ({ type }: Pick<ToolUseBlock, "type">): boolean => type === providerRun

/** Only a tool run by the provider has its result in the assistant message. */
const decodeResult = ({ content, status, toolUseId, type }: ToolResultBlock): Message.ToolResultPart => ({
  type: "tool-result",
  id: toolUseId ?? "",
  result: content ?? [],
  providerExecuted: true,
  ...(status === undefined ? undefined : { isFailure: status === "error" }),
  ...(type === undefined ? undefined : { providerType: type })
})

const decodeMedia = ({ audio, image }: ContentBlock): Message.ImagePart | Message.AudioPart | undefined => {
  const [type, formats, block] = image !== undefined
    ? ["image", Media.image, image] as const
    : ["audio", Media.audio, audio] as const
  const source = Media.decodeSource(block?.source)
  const mediaType = Media.mediaTypeOf(formats, block?.format ?? "")
  return source === undefined || mediaType === undefined || block?.error !== undefined
    ? undefined
    : { type, mediaType, source }
}

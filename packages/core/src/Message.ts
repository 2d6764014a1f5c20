/**
 * What is said in a conversation: messages in the OpenAI style, made of a string or of typed parts.
 *
 * Everything here is plain readonly data with a `Schema`, so a conversation can be logged, queued and replayed. Which
 * part a model accepts is not decided here: providers check that before they send.
 */
import * as Schema from "effect/Schema"

/**
 * Marks the end of a prefix the provider may cache. `true` uses the provider's own lifetime, `ttl` asks for one.
 * Providers that cannot cache ignore it.
 */
export type CacheControl = typeof CacheControl.Type
/** @see {@link CacheControl} */
export const CacheControl = Schema.Union([
  Schema.Boolean,
  Schema.Struct({ ttl: Schema.Literals(["5m", "1h"]) })
])

const cache = { cache: Schema.optional(CacheControl) }

/** Where the bytes of an image, a document, a video or a recording are: here, or behind a URI (`s3://…`). */
export type MediaSource = typeof MediaSource.Type
/** @see {@link MediaSource} */
export const MediaSource = Schema.Union([
  Schema.Struct({ bytes: Schema.Uint8Array }),
  Schema.Struct({ uri: Schema.String, bucketOwner: Schema.optional(Schema.String) })
])

/** Plain text. */
export type TextPart = typeof TextPart.Type
/** @see {@link TextPart} */
export const TextPart = Schema.Struct({ type: Schema.tag("text"), text: Schema.String, ...cache })

/** An image; `mediaType` such as `image/png`. */
export type ImagePart = typeof ImagePart.Type
/** @see {@link ImagePart} */
export const ImagePart = Schema.Struct({
  type: Schema.tag("image"),
  mediaType: Schema.String,
  source: MediaSource,
  ...cache
})

/** A document; `mediaType` such as `application/pdf`, `name` as the model should call it. */
export type DocumentPart = typeof DocumentPart.Type
/** @see {@link DocumentPart} */
export const DocumentPart = Schema.Struct({
  type: Schema.tag("document"),
  mediaType: Schema.String,
  name: Schema.String,
  source: MediaSource,
  ...cache
})

/**
 * What a reasoning model thought before it answered. `signature` and `redacted` are the provider's seals: they go back
 * exactly as they came, or the provider refuses the next turn.
 */
export type ReasoningPart = typeof ReasoningPart.Type
/** @see {@link ReasoningPart} */
export const ReasoningPart = Schema.Struct({
  type: Schema.tag("reasoning"),
  text: Schema.String,
  signature: Schema.optional(Schema.String),
  redacted: Schema.optional(Schema.Uint8Array)
})

/** The model asks for a tool: `params` is the decoded JSON it wrote. */
export type ToolCallPart = typeof ToolCallPart.Type
/** @see {@link ToolCallPart} */
export const ToolCallPart = Schema.Struct({
  type: Schema.tag("tool-call"),
  id: Schema.String,
  name: Schema.String,
  params: Schema.Unknown
})

/** What a tool answered: text or JSON, and whether the tool failed. */
export type ToolResultPart = typeof ToolResultPart.Type
/** @see {@link ToolResultPart} */
export const ToolResultPart = Schema.Struct({
  type: Schema.tag("tool-result"),
  id: Schema.String,
  result: Schema.Unknown,
  isFailure: Schema.optional(Schema.Boolean),
  ...cache
})

/** A block of one provider that Strata does not model: it goes back to that provider untouched. */
export type ProviderPart = typeof ProviderPart.Type
/** @see {@link ProviderPart} */
export const ProviderPart = Schema.Struct({
  type: Schema.tag("provider"),
  provider: Schema.String,
  value: Schema.Unknown
})

/** Any part of a message. */
export type Part = typeof Part.Type
/** @see {@link Part} */
export const Part = Schema.Union([
  TextPart,
  ImagePart,
  DocumentPart,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
  ProviderPart
])

/** Instructions for the model. Bedrock keeps them apart from the conversation; the provider sees to that. */
export type SystemMessage = typeof SystemMessage.Type
/** @see {@link SystemMessage} */
export const SystemMessage = Schema.Struct({
  role: Schema.tag("system"),
  content: Schema.Union([Schema.String, Schema.Array(Schema.Union([TextPart, ProviderPart]))])
})

/** What the user says. */
export type UserMessage = typeof UserMessage.Type
/** @see {@link UserMessage} */
export const UserMessage = Schema.Struct({
  role: Schema.tag("user"),
  content: Schema.Union([Schema.String, Schema.Array(Schema.Union([TextPart, ImagePart, DocumentPart, ProviderPart]))])
})

/** What a model can say. */
export type AssistantPart = typeof AssistantPart.Type
/** @see {@link AssistantPart} */
export const AssistantPart = Schema.Union([TextPart, ReasoningPart, ToolCallPart, ProviderPart])

/** What the model said. {@link ChatResponse.message} is one, ready to append to the history. */
export type AssistantMessage = typeof AssistantMessage.Type
/** @see {@link AssistantMessage} */
export const AssistantMessage = Schema.Struct({
  role: Schema.tag("assistant"),
  content: Schema.Union([Schema.String, Schema.Array(AssistantPart)])
})

/** What the tools answered, one part for each call. */
export type ToolMessage = typeof ToolMessage.Type
/** @see {@link ToolMessage} */
export const ToolMessage = Schema.Struct({
  role: Schema.tag("tool"),
  content: Schema.Array(ToolResultPart)
})

/** One turn of a conversation. */
export type Message = typeof Message.Type
/** @see {@link Message} */
export const Message = Schema.Union([SystemMessage, UserMessage, AssistantMessage, ToolMessage])

/** `{ role: "system", content }` */
export const system = (content: SystemMessage["content"]): SystemMessage => ({ role: "system", content })

/** `{ role: "user", content }` */
export const user = (content: UserMessage["content"]): UserMessage => ({ role: "user", content })

/** `{ role: "assistant", content }` */
export const assistant = (content: AssistantMessage["content"]): AssistantMessage => ({ role: "assistant", content })

/** `{ role: "tool", content }` */
export const tool = (content: ToolMessage["content"]): ToolMessage => ({ role: "tool", content })

/** `{ type: "text", text }` */
export const text = (value: string, options?: { readonly cache?: CacheControl }): TextPart => ({
  type: "text",
  text: value,
  ...(options?.cache === undefined ? undefined : { cache: options.cache })
})

/** The parts of a message; a string is one text part. */
export const parts = (message: Message): ReadonlyArray<Part> =>
  typeof message.content === "string" ? [text(message.content)] : message.content

/** The text of a message: its text parts joined, everything else left out. */
export const textOf = (message: Message): string => {
  if (typeof message.content === "string") return message.content
  let joined = ""
  for (const part of message.content) {
    if (part.type === "text") joined += part.text
  }
  return joined
}

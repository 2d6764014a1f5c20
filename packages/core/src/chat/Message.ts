/**
 * The messages of a conversation, made of a string or of typed parts.
 *
 * All are plain readonly data with a `Schema`: a conversation can be logged, queued and replayed. Which parts a model
 * accepts is checked by providers before they send.
 */
import * as Schema from "effect/Schema"
import * as Check from "../Check.ts"
import * as Total from "../internal/total.ts"
import * as Untyped from "../internal/untyped.ts"

/** Ends a prefix for the provider to cache, if it can, with its default lifetime or `ttl`. */
export type CacheControl = typeof CacheControl.Type
export const CacheControl = Schema.Union([
  Schema.Boolean,
  Schema.Struct({ ttl: Schema.Literals(["5m", "1h"]) })
]).annotate({ remedy: "Use true, false or { ttl: \"1h\" }" })

const cache = { cache: Schema.optional(CacheControl) }

/**
 * Marks content for a guardrail, or else it evaluates the whole prompt; `qualifiers` for checks of grounding and relevance.
 */
export type Guard = typeof Guard.Type
export const Guard = Schema.Union([
  Schema.Boolean,
  Schema.Struct({ qualifiers: Schema.Array(Schema.Literals(["grounding_source", "query", "guard_content"])) })
]).annotate({ remedy: "Use true, false or { qualifiers: [...] }" })

/** The bytes of an image, document, video or recording, or a URI of them (`s3://…`). */
export type MediaSource = typeof MediaSource.Type
export const MediaSource = Schema.Union([
  Schema.Struct({ bytes: Schema.Uint8Array }),
  Schema.Struct({ uri: Schema.String, bucketOwner: Schema.optional(Schema.String) })
]).annotate({ remedy: "Give `bytes`, a Uint8Array, or a `uri`" })

const range = { start: Schema.optional(Schema.Finite), end: Schema.optional(Schema.Finite) }
const inDocument = { documentIndex: Schema.optional(Schema.Finite), ...range }

/**
 * The location of a cited passage: on the web, in a document by characters, pages or pieces, or in a search result.
 * `documentIndex` and `searchResultIndex` are 0-based among the documents or search results of the request.
 */
export type CitationLocation = typeof CitationLocation.Type
export const CitationLocation = Schema.Union([
  Schema.Struct({
    type: Schema.tag("web"),
    url: Schema.optional(Schema.String),
    domain: Schema.optional(Schema.String)
  }),
  Schema.Struct({ type: Schema.tag("document-char"), ...inDocument }),
  Schema.Struct({ type: Schema.tag("document-page"), ...inDocument }),
  Schema.Struct({ type: Schema.tag("document-chunk"), ...inDocument }),
  Schema.Struct({
    type: Schema.tag("search-result"),
    searchResultIndex: Schema.optional(Schema.Finite),
    ...range
  })
])

/** The source of a statement of the model. */
export class Citation extends Schema.Opaque<Citation>()(Schema.Struct({
  title: Schema.optional(Schema.String),
  source: Schema.optional(Schema.String),
  passages: Schema.optional(Schema.Array(Schema.String)),
  location: Schema.optional(CitationLocation)
})) {}

/** Data of a provider about a part, under the name of the provider; it is sent back to it with the part. */
const providerFields = { providerFields: Schema.optional(Schema.Record(Schema.String, Untyped.value)) }

/** A value of a provider, which may hold bigints. */
const ofProvider = Untyped.value.annotate({ bigint: true })

/** Text; that of a model may have citations, which are sent back with it. */
export class TextPart extends Schema.Opaque<TextPart>()(Schema.Struct({
  type: Schema.tag("text"),
  text: Schema.String,
  citations: Schema.optional(Schema.Array(Citation)),
  guard: Schema.optional(Guard),
  ...providerFields,
  ...cache
})) {}

const media = { mediaType: Schema.String, source: MediaSource, ...cache }

/** An image; `mediaType` such as `image/png`. */
export class ImagePart extends Schema.Opaque<ImagePart>()(Schema.Struct({
  type: Schema.tag("image"),
  ...media,
  guard: Schema.optional(Schema.Boolean),
  ...providerFields
})) {}

/** A video; `mediaType` such as `video/mp4`. */
export class VideoPart extends Schema.Opaque<VideoPart>()(Schema.Struct({ type: Schema.tag("video"), ...media })) {}

/** A recording; `mediaType` such as `audio/mpeg`. */
export class AudioPart
  extends Schema.Opaque<AudioPart>()(Schema.Struct({ type: Schema.tag("audio"), ...media, ...providerFields }))
{}

/** The content of a document: a {@link MediaSource}, or text, whole or in pieces to cite. */
export type DocumentSource = typeof DocumentSource.Type
export const DocumentSource = Schema.Union([
  ...MediaSource.members,
  Schema.Struct({ text: Schema.String }),
  Schema.Struct({ pieces: Schema.Array(Schema.String) })
]).annotate({ remedy: "Give `bytes`, a Uint8Array, a `uri`, `text` or `pieces`" })

/**
 * A document; `mediaType` such as `application/pdf`; `name` and `context` for the model, which with `citations` may cite it.
 */
export class DocumentPart extends Schema.Opaque<DocumentPart>()(Schema.Struct({
  type: Schema.tag("document"),
  mediaType: Schema.String,
  name: Schema.String,
  source: DocumentSource,
  context: Schema.optional(Schema.String),
  citations: Schema.optional(Schema.Boolean),
  ...cache
})) {}

/** A result of your own search, which the model may use and, with `citations`, cite. */
export class SearchResultPart extends Schema.Opaque<SearchResultPart>()(Schema.Struct({
  type: Schema.tag("search-result"),
  source: Schema.String,
  title: Schema.String,
  content: Schema.Array(Schema.String),
  citations: Schema.optional(Schema.Boolean),
  ...cache
})) {}

/**
 * Reasoning before an answer. `signature` and `redacted` must be sent back unchanged, or the provider refuses the next turn;
 * {@link withoutReasoning} removes reasoning from a conversation.
 */
export class ReasoningPart extends Schema.Opaque<ReasoningPart>()(Schema.Struct({
  type: Schema.tag("reasoning"),
  text: Schema.String,
  signature: Schema.optional(Schema.String),
  redacted: Schema.optional(Schema.Uint8Array),
  ...providerFields
})) {}

/**
 * A tool call of the model; `params` is its JSON, decoded by `ExactJson.params`. With `providerExecuted` the provider runs
 * the tool, not the program; `providerType` is its type of the call.
 */
export class ToolCallPart extends Schema.Opaque<ToolCallPart>()(Schema.Struct({
  type: Schema.tag("tool-call"),
  id: Schema.String,
  name: Schema.String,
  params: Untyped.value,
  providerExecuted: Schema.optional(Schema.Boolean),
  providerType: Schema.optional(Schema.String),
  ...providerFields
})) {}

/** JSON in a tool result; `value` is anything `JSON.stringify` can write. */
export class JsonPart
  extends Schema.Opaque<JsonPart>()(Schema.Struct({ type: Schema.tag("json"), value: Untyped.value }))
{}

/** A part of a tool result. */
export type ToolResultContent = typeof ToolResultContent.Type
export const ToolResultContent = Schema.Union([
  TextPart,
  JsonPart,
  ImagePart,
  DocumentPart,
  VideoPart,
  SearchResultPart
])

/**
 * The result of a tool call: `result` is text or JSON; `parts`, if given, are sent instead, for images, documents and the
 * like. For a tool that the provider ran, `result` holds the provider's blocks and `providerType` their type.
 */
export class ToolResultPart extends Schema.Opaque<ToolResultPart>()(Schema.Struct({
  type: Schema.tag("tool-result"),
  id: Schema.String,
  result: Schema.optional(ofProvider),
  parts: Schema.optional(Schema.Array(ToolResultContent)),
  isFailure: Schema.optional(Schema.Boolean),
  providerExecuted: Schema.optional(Schema.Boolean),
  providerType: Schema.optional(Schema.String),
  ...providerFields,
  ...cache
})) {}

/** A tool of the request; `serverName` of an MCP server, `kind` where the provider has several. */
const toolReference = {
  name: Schema.String,
  serverName: Schema.optional(Schema.String),
  kind: Schema.optional(Schema.String)
}

/** Allows a tool of the request from here on. */
export class ToolAdditionPart
  extends Schema.Opaque<ToolAdditionPart>()(Schema.Struct({ type: Schema.tag("tool-addition"), ...toolReference }))
{}

/** Disallows a tool of the request from here on. */
export class ToolRemovalPart
  extends Schema.Opaque<ToolRemovalPart>()(Schema.Struct({ type: Schema.tag("tool-removal"), ...toolReference }))
{}

/** A block that Strata does not model; it is sent back to its provider unchanged. */
export class ProviderPart extends Schema.Opaque<ProviderPart>()(Schema.Struct({
  type: Schema.tag("provider"),
  provider: Schema.String,
  value: ofProvider
})) {}

/** A part of a system message. */
export type SystemPart = TextPart | ToolAdditionPart | ToolRemovalPart | ProviderPart
export const SystemPart = Schema.Union([TextPart, ToolAdditionPart, ToolRemovalPart, ProviderPart])

/** A part of a user message. */
export type UserPart =
  | TextPart
  | ImagePart
  | DocumentPart
  | VideoPart
  | AudioPart
  | SearchResultPart
  | ProviderPart
export const UserPart = Schema.Union([
  TextPart,
  ImagePart,
  DocumentPart,
  VideoPart,
  AudioPart,
  SearchResultPart,
  ProviderPart
])

/** A part of an assistant message. */
export type AssistantPart =
  | TextPart
  | ReasoningPart
  | ToolCallPart
  | ToolResultPart
  | ImagePart
  | AudioPart
  | ProviderPart
export const AssistantPart = Schema.Union([
  TextPart,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
  ImagePart,
  AudioPart,
  ProviderPart
])

/** Any part of a message or tool result. */
export type Part = typeof Part.Type
export const Part = Schema.Union([
  ...UserPart.members,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
  JsonPart,
  ToolAdditionPart,
  ToolRemovalPart
])

const content = <P extends Schema.Constraint>(part: P) =>
  Schema.Union([
    Schema.String,
    Schema.Array(part).annotate({
      remedy: "Give text, or an array of parts; read OpenAI's messages with `OpenAi.Messages` of @strata/openai"
    })
  ])

const message = <Role extends string, Content extends Schema.Constraint>(role: Role, content: Content) =>
  Schema.Struct({ role: Schema.tag(role), content, ...cache })

/** Instructions: at the start of a conversation the system prompt; later ones join it where the model needs that. */
export class SystemMessage extends Schema.Opaque<SystemMessage>()(message("system", content(SystemPart))) {}

/** A message of the user. */
export class UserMessage extends Schema.Opaque<UserMessage>()(message("user", content(UserPart))) {}

/** A message of the model, such as the `message` of a `ChatResponse`. */
export class AssistantMessage extends Schema.Opaque<AssistantMessage>()(message("assistant", content(AssistantPart))) {}

/** The results of tool calls, one part for each. */
export class ToolMessage extends Schema.Opaque<ToolMessage>()(message(
  "tool",
  Schema.Array(ToolResultPart).annotate({
    remedy: "Give an array of `tool-result` parts; read OpenAI's messages with `OpenAi.Messages` of @strata/openai"
  })
)) {}

/** A message. Its `cache` ends a cached prefix after its last part. */
// Written out, so that errors and hovers say `Message`.
export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage
export const Message = Schema.Union([SystemMessage, UserMessage, AssistantMessage, ToolMessage])

/** A system message: `{ role: "system", content }`. */
export const system = (content: SystemMessage["content"]): SystemMessage => ({ role: "system", content })

/** A message of the user: `{ role: "user", content }`. */
export const user = (content: UserMessage["content"]): UserMessage => ({ role: "user", content })

/** A message of the model: `{ role: "assistant", content }`. */
export const assistant = (content: AssistantMessage["content"]): AssistantMessage => ({ role: "assistant", content })

/** The results of tool calls: `{ role: "tool", content }`. */
export const tool = (content: ToolMessage["content"]): ToolMessage => ({ role: "tool", content })

/** A part of text: `{ type: "text", text }`. */
export const text = (value: string, options?: { readonly cache?: CacheControl }): TextPart => ({
  type: "text",
  text: value,
  ...markOf(options)
})

const markOf: (options?: { readonly cache?: CacheControl }) => Pick<TextPart, "cache"> = Total.make(
  (options) => options?.cache === undefined ? {} : { cache: options.cache },
  () => ({})
)

/** The parts of a message; a string is one text part. Empty for a value that is not a message. */
export const parts: (message: Message) => ReadonlyArray<Part> = Total.make(
  ({ content }) => typeof content === "string" ? [text(content)] : Array.isArray(content) ? content : [],
  () => []
)

/**
 * A conversation without reasoning parts, and without assistant messages that had nothing else. It is for a model
 * that refuses the reasoning of another one, or a signature that is no longer valid. Empty for a value that is not a
 * conversation.
 */
export const withoutReasoning: (messages: ReadonlyArray<Message>) => ReadonlyArray<Message> = Total.make(
  (messages) =>
    itemsOf(messages).flatMap((message) => {
      if (message.role !== "assistant" || typeof message.content === "string") return [message]
      const content = itemsOf(message.content).filter(({ type }) => type !== "reasoning")
      if (content.length === message.content.length) return [message]
      return content.length === 0 ? [] : [{ ...message, content }]
    }),
  () => []
)

// the items are those of the array, of whatever type they are
const itemsOf = <A>(given: ReadonlyArray<A>): ReadonlyArray<A> => (Check.itemsOf(given) ?? []) as ReadonlyArray<A>

/** The text parts of a message, joined. Empty for a value that is not a message. */
export const textOf: (message: Message) => string = Total.make(
  (message) => itemsOf(parts(message)).map((part) => part.type === "text" ? part.text : "").join(""),
  () => ""
)

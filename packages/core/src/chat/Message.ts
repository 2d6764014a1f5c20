/**
 * What is said in a conversation: messages in the OpenAI style, made of a string or of typed parts.
 *
 * Everything here is plain readonly data with a `Schema`, so a conversation can be logged, queued and replayed. Which
 * part a model accepts is not decided here: providers check that before they send.
 */
import * as Schema from "effect/Schema"
import * as Check from "../Check.ts"
import * as Total from "../internal/total.ts"
import * as Untyped from "../internal/untyped.ts"

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

/**
 * Which part of a prompt a guardrail judges. `true` marks the content to judge; `qualifiers` say what it is for the
 * checks of grounding and relevance. Without any mark a guardrail judges the whole prompt.
 */
export type Guard = typeof Guard.Type
/** @see {@link Guard} */
export const Guard = Schema.Union([
  Schema.Boolean,
  Schema.Struct({ qualifiers: Schema.Array(Schema.Literals(["grounding_source", "query", "guard_content"])) })
])

/** Where the bytes of an image, a document, a video or a recording are: here, or behind a URI (`s3://…`). */
export type MediaSource = typeof MediaSource.Type
/** @see {@link MediaSource} */
export const MediaSource = Schema.Union([
  Schema.Struct({ bytes: Schema.Uint8Array }),
  Schema.Struct({ uri: Schema.String, bucketOwner: Schema.optional(Schema.String) })
])

const range = { start: Schema.optional(Schema.Finite), end: Schema.optional(Schema.Finite) }
const inDocument = { documentIndex: Schema.optional(Schema.Finite), ...range }

/**
 * Where a cited passage stands: on the web, in a document by characters, pages or pieces, or in a search result.
 * `documentIndex` and `searchResultIndex` count from 0 through the documents or search results of the request.
 */
export type CitationLocation = typeof CitationLocation.Type
/** @see {@link CitationLocation} */
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

/** What a statement of the model rests on: the cited passages, where they stand, and what the source is called. */
export class Citation extends Schema.Opaque<Citation>()(Schema.Struct({
  title: Schema.optional(Schema.String),
  source: Schema.optional(Schema.String),
  passages: Schema.optional(Schema.Array(Schema.String)),
  location: Schema.optional(CitationLocation)
})) {}

/**
 * What a provider said about a part of an answer that the part has no field for, under the name of the provider. It is
 * sent back to that provider with the part.
 */
const providerFields = { providerFields: Schema.optional(Schema.Record(Schema.String, Untyped.value)) }

/** Text. What a model wrote may have {@link Citation}s; they go back with it. */
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

/** Where the content of a document is: as {@link MediaSource}, or as text, whole or in pieces to cite from. */
export type DocumentSource = typeof DocumentSource.Type
/** @see {@link DocumentSource} */
export const DocumentSource = Schema.Union([
  ...MediaSource.members,
  Schema.Struct({ text: Schema.String }),
  Schema.Struct({ pieces: Schema.Array(Schema.String) })
])

/**
 * A document; `mediaType` such as `application/pdf`, `name` as the model should call it.
 *
 * - `context`: what the model should know about the document.
 * - `citations`: whether the model may cite it.
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

/** A hit of your own search, for the model to answer from and, with `citations`, to cite. */
export class SearchResultPart extends Schema.Opaque<SearchResultPart>()(Schema.Struct({
  type: Schema.tag("search-result"),
  source: Schema.String,
  title: Schema.String,
  content: Schema.Array(Schema.String),
  citations: Schema.optional(Schema.Boolean),
  ...cache
})) {}

/**
 * What a reasoning model thought before it answered. `signature` and `redacted` are the provider's seals: they go back
 * exactly as they came, or the provider refuses the next turn. {@link withoutReasoning} takes them out of a conversation.
 */
export class ReasoningPart extends Schema.Opaque<ReasoningPart>()(Schema.Struct({
  type: Schema.tag("reasoning"),
  text: Schema.String,
  signature: Schema.optional(Schema.String),
  redacted: Schema.optional(Schema.Uint8Array),
  ...providerFields
})) {}

/**
 * The model asks for a tool.
 *
 * - `params`: the decoded JSON it wrote, or the text itself where that is no JSON. An integer that a number cannot hold is
 *   its text.
 * - `providerExecuted`: the provider runs the tool itself; nothing to do for the program.
 * - `providerType`: the provider's word for the kind of call, where it is not clear from `providerExecuted`.
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

/** JSON among the parts of what a tool answered; `value` is anything `JSON.stringify` can write. */
export class JsonPart
  extends Schema.Opaque<JsonPart>()(Schema.Struct({ type: Schema.tag("json"), value: Untyped.value }))
{}

/** What the answer of a tool is made of. */
export type ToolResultContent = typeof ToolResultContent.Type
/** @see {@link ToolResultContent} */
export const ToolResultContent = Schema.Union([
  TextPart,
  JsonPart,
  ImagePart,
  DocumentPart,
  VideoPart,
  SearchResultPart
])

/**
 * What a tool answered: `result` is text or JSON; `parts` are sent instead where the answer has images, documents and the
 * like, and `result` may be missing then. `isFailure` says that the tool failed.
 *
 * A result that the provider wrote itself (`providerExecuted`) holds the provider's own blocks in `result`, and their
 * kind in `providerType`.
 */
export class ToolResultPart extends Schema.Opaque<ToolResultPart>()(Schema.Struct({
  type: Schema.tag("tool-result"),
  id: Schema.String,
  result: Schema.optional(Untyped.value),
  parts: Schema.optional(Schema.Array(ToolResultContent)),
  isFailure: Schema.optional(Schema.Boolean),
  providerExecuted: Schema.optional(Schema.Boolean),
  providerType: Schema.optional(Schema.String),
  ...providerFields,
  ...cache
})) {}

/** A tool of the request; `serverName` where an MCP server provides it, `kind` where the provider tells kinds apart. */
const toolReference = {
  name: Schema.String,
  serverName: Schema.optional(Schema.String),
  kind: Schema.optional(Schema.String)
}

/** From here on the model may use a tool of the request that it could not use before. */
export class ToolAdditionPart
  extends Schema.Opaque<ToolAdditionPart>()(Schema.Struct({ type: Schema.tag("tool-addition"), ...toolReference }))
{}

/** From here on the model may no longer use a tool of the request. */
export class ToolRemovalPart
  extends Schema.Opaque<ToolRemovalPart>()(Schema.Struct({ type: Schema.tag("tool-removal"), ...toolReference }))
{}

/** A block of one provider that Strata does not model: it goes back to that provider untouched. */
export class ProviderPart extends Schema.Opaque<ProviderPart>()(Schema.Struct({
  type: Schema.tag("provider"),
  provider: Schema.String,
  value: Untyped.value
})) {}

/** What instructions are made of. */
export type SystemPart = typeof SystemPart.Type
/** @see {@link SystemPart} */
export const SystemPart = Schema.Union([TextPart, ToolAdditionPart, ToolRemovalPart, ProviderPart])

/** What a user can say. */
export type UserPart = typeof UserPart.Type
/** @see {@link UserPart} */
export const UserPart = Schema.Union([
  TextPart,
  ImagePart,
  DocumentPart,
  VideoPart,
  AudioPart,
  SearchResultPart,
  ProviderPart
])

/** What a model can say. */
export type AssistantPart = typeof AssistantPart.Type
/** @see {@link AssistantPart} */
export const AssistantPart = Schema.Union([
  TextPart,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
  ImagePart,
  AudioPart,
  ProviderPart
])

/** Any part of a message, or of what a tool answered. */
export type Part = typeof Part.Type
/** @see {@link Part} */
export const Part = Schema.Union([
  TextPart,
  ImagePart,
  DocumentPart,
  VideoPart,
  AudioPart,
  SearchResultPart,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
  JsonPart,
  ToolAdditionPart,
  ToolRemovalPart,
  ProviderPart
])

/**
 * Instructions for the model. At the start of a conversation they are its system prompt; later on, models that can take
 * them there, and others get them with the system prompt.
 */
export class SystemMessage extends Schema.Opaque<SystemMessage>()(Schema.Struct({
  role: Schema.tag("system"),
  content: Schema.Union([Schema.String, Schema.Array(SystemPart)]),
  ...cache
})) {}

/** What the user says. */
export class UserMessage extends Schema.Opaque<UserMessage>()(Schema.Struct({
  role: Schema.tag("user"),
  content: Schema.Union([Schema.String, Schema.Array(UserPart)]),
  ...cache
})) {}

/** What the model said. {@link ChatResponse.message} is one, ready to append to the history. */
export class AssistantMessage extends Schema.Opaque<AssistantMessage>()(Schema.Struct({
  role: Schema.tag("assistant"),
  content: Schema.Union([Schema.String, Schema.Array(AssistantPart)]),
  ...cache
})) {}

/** What the tools answered, one part for each call. */
export class ToolMessage extends Schema.Opaque<ToolMessage>()(Schema.Struct({
  role: Schema.tag("tool"),
  content: Schema.Array(ToolResultPart),
  ...cache
})) {}

/** One turn of a conversation. The `cache` of a message ends a cached prefix after its last part. */
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
  ...marksOf(options)
})

const marksOf: (options: { readonly cache?: CacheControl } | undefined) => Pick<TextPart, "cache"> = Total.make(
  (options) => options?.cache === undefined ? {} : { cache: options.cache },
  () => ({})
)

/** The parts of a message; a string is one text part. None of what is no message. */
export const parts: (message: Message) => ReadonlyArray<Part> = Total.make(
  ({ content }) => typeof content === "string" ? [text(content)] : Array.isArray(content) ? content : [],
  () => []
)

/**
 * A conversation without what the models thought: no reasoning parts, and no messages of the assistant that had nothing
 * else. For a model that refuses the thoughts of another one, or a signature that is no longer valid. None of what is no
 * conversation.
 *
 * @example
 * ChatService.generate({ messages }).pipe(
 *   Effect.catchTag("InvalidRequestError", () => ChatService.generate({ messages: Message.withoutReasoning(messages) }))
 * )
 */
export const withoutReasoning: (messages: ReadonlyArray<Message>) => ReadonlyArray<Message> = Total.make(
  (messages) =>
    itemsOf(messages).flatMap((message) => {
      if (message.role !== "assistant" || typeof message.content === "string") return [message]
      const content = itemsOf(message.content).filter(({ type }) => type !== "reasoning")
      return content.length === message.content.length
        ? [message]
        : content.length === 0
        ? []
        : [{ ...message, content }]
    }),
  () => []
)

/** Those of an array that may be none. */
const itemsOf = <A>(given: ReadonlyArray<A>): ReadonlyArray<A> => (Check.itemsOf(given) ?? []) as ReadonlyArray<A>

/** The text of a message: its text parts joined, everything else left out. None of what is no message. */
export const textOf: (message: Message) => string = Total.make((message) => {
  let joined = ""
  for (const part of parts(message)) joined += part.type === "text" ? part.text : ""
  return joined
}, () => "")

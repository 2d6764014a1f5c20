/**
 * The content blocks of Converse as the service's model declares them.
 *
 * A block has exactly one member; which one, and whether it is allowed in its place, is checked in `rule/`.
 */
import * as Schema from "effect/Schema"
import * as Citation from "./Citation.ts"
import * as Constraint from "./Constraint.ts"

const optional = Schema.optionalKey

const ToolUseId = Schema.String.check(
  Constraint.pattern("[a-zA-Z0-9_.:-]+"),
  Constraint.minLength(1),
  Constraint.maxLength(64)
)

const S3Location = Schema.Struct({
  uri: Constraint.text(1, 1024).check(Constraint.pattern("s3://[a-z0-9][\\.\\-a-z0-9]{1,61}[a-z0-9](/.*)?")),
  bucketOwner: optional(Schema.String.check(Constraint.pattern("[0-9]{12}")))
})

const media = <const Formats extends readonly [string, ...Array<string>]>(formats: Formats) =>
  Schema.Struct({
    format: Constraint.oneOf(formats),
    source: Schema.Struct({ bytes: optional(Constraint.Bytes), s3Location: optional(S3Location) })
  })

const Image = media(["gif", "jpeg", "png", "webp"])

const Video = media(["mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"])

const Audio = media([
  "mp3",
  "opus",
  "wav",
  "aac",
  "flac",
  "mp4",
  "ogg",
  "mkv",
  "mka",
  "x-aac",
  "m4a",
  "mpeg",
  "mpga",
  "pcm",
  "webm"
])

const CitationsConfig = Schema.Struct({ enabled: Schema.Boolean })

/** A search result, in a message or a tool result. */
export type SearchResult = typeof SearchResult.Type
/** @see {@link SearchResult} */
export const SearchResult = Schema.Struct({
  source: Schema.String,
  title: Schema.String,
  content: Schema.Array(Schema.Struct({ text: Schema.String })),
  citations: optional(CitationsConfig)
})

/** A document, in a message or a tool result. */
export type Document = typeof Document.Type
/** @see {@link Document} */
export const Document = Schema.Struct({
  format: optional(Constraint.oneOf(["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"])),
  name: Constraint.text(1, 200),
  context: optional(Schema.String),
  citations: optional(CitationsConfig),
  source: Schema.Struct({
    bytes: optional(Constraint.Bytes),
    s3Location: optional(S3Location),
    text: optional(Schema.String),
    content: optional(Schema.Array(Schema.Struct({ text: optional(Schema.String) })))
  })
})

/** Ends a cacheable prefix. */
export type CachePoint = typeof CachePoint.Type
/** @see {@link CachePoint} */
export const CachePoint = Schema.Struct({
  type: Constraint.oneOf(["default"]),
  ttl: optional(Constraint.oneOf(["5m", "1h"]))
})

/** Content for the guardrail of the request. */
export type GuardContent = typeof GuardContent.Type
/** @see {@link GuardContent} */
export const GuardContent = Schema.Struct({
  text: optional(Schema.Struct({
    text: Schema.String,
    qualifiers: optional(Schema.Array(Constraint.oneOf(["grounding_source", "query", "guard_content"])))
  })),
  image: optional(Schema.Struct({
    format: Constraint.oneOf(["png", "jpeg"]),
    source: Schema.Struct({ bytes: optional(Constraint.Bytes) })
  }))
})

/** One item of a tool result. */
export type ToolResultContent = typeof ToolResultContent.Type
/** @see {@link ToolResultContent} */
export const ToolResultContent = Schema.Struct({
  json: optional(Schema.Unknown),
  text: optional(Schema.String),
  image: optional(Image),
  document: optional(Document),
  video: optional(Video),
  searchResult: optional(SearchResult)
})

const ToolReference = Schema.Struct({
  type: optional(Constraint.text(1, 64)),
  name: optional(Constraint.text(1, 128)),
  serverName: optional(Constraint.text(1, 128))
})

/** A block of a message; exactly one member is set. */
export type Content = typeof Content.Type
/** @see {@link Content} */
export const Content = Schema.Struct({
  text: optional(Schema.String),
  image: optional(Image),
  document: optional(Document),
  video: optional(Video),
  audio: optional(Audio),
  toolUse: optional(Schema.Struct({
    toolUseId: ToolUseId,
    name: Constraint.ToolName,
    input: Schema.Unknown,
    // the service model has `server_tool_use` alone; the service itself sends `tool_use`, and accepts it back
    type: optional(Schema.String)
  })),
  toolResult: optional(Schema.Struct({
    toolUseId: ToolUseId,
    content: Schema.Array(ToolResultContent),
    status: optional(Constraint.oneOf(["success", "error"])),
    type: optional(Schema.String)
  })),
  guardContent: optional(GuardContent),
  cachePoint: optional(CachePoint),
  reasoningContent: optional(Schema.Struct({
    reasoningText: optional(Schema.Struct({ text: Schema.String, signature: optional(Schema.String) })),
    redactedContent: optional(Schema.Uint8ArrayFromBase64)
  })),
  citationsContent: optional(Citation.CitationsContent),
  searchResult: optional(SearchResult),
  toolAddition: optional(Schema.Struct({ tool: ToolReference })),
  toolRemoval: optional(Schema.Struct({ tool: ToolReference }))
})

/** A block of the system prompt; exactly one member is set. */
export type System = typeof System.Type
/** @see {@link System} */
export const System = Schema.Struct({
  text: optional(Constraint.NonEmptyString),
  guardContent: optional(GuardContent),
  cachePoint: optional(CachePoint)
})

/** A tool offered to the model; exactly one member is set. */
export type Tool = typeof Tool.Type
/** @see {@link Tool} */
export const Tool = Schema.Struct({
  toolSpec: optional(Schema.Struct({
    name: Constraint.ToolName,
    description: optional(Constraint.NonEmptyString),
    inputSchema: Schema.Struct({ json: optional(Schema.Unknown) }),
    strict: optional(Schema.Boolean)
  })),
  systemTool: optional(Schema.Struct({ name: Constraint.ToolName })),
  cachePoint: optional(CachePoint)
})

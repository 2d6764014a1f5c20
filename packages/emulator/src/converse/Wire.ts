/**
 * The body of a Converse request as the service's model declares it: shapes, enumerations, lengths and ranges.
 *
 * Members nobody needs here are not declared and pass unread. A block carries exactly one member; which one, and whether
 * the conversation makes sense, is checked in `Validation.ts`.
 */
import * as Schema from "effect/Schema"
import * as Citation from "./Citation.ts"

const minLength = (length: number) =>
  Schema.isMinLength(length, { message: `Member must have length greater than or equal to ${length}` })

const maxLength = (length: number) =>
  Schema.isMaxLength(length, { message: `Member must have length less than or equal to ${length}` })

const atLeast = (minimum: number) =>
  Schema.isGreaterThanOrEqualTo(minimum, { message: `Member must have value greater than or equal to ${minimum}` })

const atMost = (maximum: number) =>
  Schema.isLessThanOrEqualTo(maximum, { message: `Member must have value less than or equal to ${maximum}` })

const pattern = (source: string) =>
  Schema.isPattern(new RegExp(`^(?:${source})$`), {
    message: `Member must satisfy regular expression pattern: ${source}`
  })

const oneOf = <const Values extends ReadonlyArray<string>>(values: Values) =>
  Schema.String.pipe(
    Schema.refine((text): text is Values[number] => values.includes(text), {
      message: `Member must satisfy enum value set: [${values.join(", ")}]`
    })
  )

const JsonObject = Schema.Record(Schema.String, Schema.Unknown)

const NonEmptyString = Schema.String.check(minLength(1))

const ToolName = Schema.String.check(pattern("[a-zA-Z0-9_-]+"), minLength(1), maxLength(64))

const ToolUseId = Schema.String.check(pattern("[a-zA-Z0-9_.:-]+"), minLength(1), maxLength(64))

const S3Location = Schema.Struct({ uri: NonEmptyString, bucketOwner: Schema.optionalKey(Schema.String) })

const CachePoint = Schema.Struct({
  type: oneOf(["default"]),
  ttl: Schema.optionalKey(oneOf(["5m", "1h"]))
})

const media = <const Formats extends readonly [string, ...Array<string>]>(formats: Formats) =>
  Schema.Struct({
    format: oneOf(formats),
    source: Schema.Struct({
      bytes: Schema.optionalKey(Schema.Uint8ArrayFromBase64),
      s3Location: Schema.optionalKey(S3Location)
    })
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

const SearchResult = Schema.Struct({
  source: Schema.String,
  title: Schema.String,
  content: Schema.Array(Schema.Struct({ text: Schema.String })),
  citations: Schema.optionalKey(CitationsConfig)
})

const Document = Schema.Struct({
  format: Schema.optionalKey(oneOf(["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"])),
  name: Schema.String.check(minLength(1), maxLength(200)),
  context: Schema.optionalKey(Schema.String),
  citations: Schema.optionalKey(CitationsConfig),
  source: Schema.Struct({
    bytes: Schema.optionalKey(Schema.Uint8ArrayFromBase64),
    s3Location: Schema.optionalKey(S3Location),
    text: Schema.optionalKey(Schema.String),
    content: Schema.optionalKey(Schema.Array(Schema.Struct({ text: Schema.optionalKey(Schema.String) })))
  })
})

const GuardContent = Schema.Struct({
  text: Schema.optionalKey(Schema.Struct({
    text: Schema.String,
    qualifiers: Schema.optionalKey(Schema.Array(oneOf(["grounding_source", "query", "guard_content"])))
  })),
  image: Schema.optionalKey(media(["png", "jpeg"]))
})

/** One item of what a tool answered. */
export type ToolResultContent = typeof ToolResultContent.Type
/** @see {@link ToolResultContent} */
export const ToolResultContent = Schema.Struct({
  json: Schema.optionalKey(Schema.Unknown),
  text: Schema.optionalKey(Schema.String),
  image: Schema.optionalKey(Image),
  document: Schema.optionalKey(Document),
  video: Schema.optionalKey(Video),
  searchResult: Schema.optionalKey(SearchResult)
})

/** A block of a message; exactly one member is set. Those of `JsonObject` are carried, not understood. */
export type ContentBlock = typeof ContentBlock.Type
/** @see {@link ContentBlock} */
export const ContentBlock = Schema.Struct({
  text: Schema.optionalKey(Schema.String),
  image: Schema.optionalKey(Image),
  document: Schema.optionalKey(Document),
  video: Schema.optionalKey(Video),
  audio: Schema.optionalKey(Audio),
  toolUse: Schema.optionalKey(
    Schema.Struct({
      toolUseId: ToolUseId,
      name: ToolName,
      input: Schema.Unknown,
      type: Schema.optionalKey(oneOf(["server_tool_use"]))
    })
  ),
  toolResult: Schema.optionalKey(Schema.Struct({
    toolUseId: ToolUseId,
    content: Schema.Array(ToolResultContent),
    status: Schema.optionalKey(oneOf(["success", "error"]))
  })),
  guardContent: Schema.optionalKey(GuardContent),
  cachePoint: Schema.optionalKey(CachePoint),
  reasoningContent: Schema.optionalKey(Schema.Struct({
    reasoningText: Schema.optionalKey(
      Schema.Struct({ text: Schema.String, signature: Schema.optionalKey(Schema.String) })
    ),
    redactedContent: Schema.optionalKey(Schema.Uint8ArrayFromBase64)
  })),
  citationsContent: Schema.optionalKey(Citation.CitationsContent),
  searchResult: Schema.optionalKey(SearchResult),
  toolAddition: Schema.optionalKey(JsonObject),
  toolRemoval: Schema.optionalKey(JsonObject)
})

/** One turn. */
export type Message = typeof Message.Type
/** @see {@link Message} */
export const Message = Schema.Struct({
  role: oneOf(["user", "assistant", "system"]),
  content: Schema.Array(ContentBlock)
})

/** A block of the system prompt; exactly one member is set. */
export type SystemBlock = typeof SystemBlock.Type
/** @see {@link SystemBlock} */
export const SystemBlock = Schema.Struct({
  text: Schema.optionalKey(NonEmptyString),
  guardContent: Schema.optionalKey(GuardContent),
  cachePoint: Schema.optionalKey(CachePoint)
})

const ToolConfig = Schema.Struct({
  tools: Schema.Array(Schema.Struct({
    toolSpec: Schema.optionalKey(Schema.Struct({
      name: ToolName,
      description: Schema.optionalKey(NonEmptyString),
      inputSchema: Schema.Struct({ json: JsonObject })
    })),
    systemTool: Schema.optionalKey(Schema.Struct({ name: ToolName })),
    cachePoint: Schema.optionalKey(CachePoint)
  })).check(minLength(1)),
  toolChoice: Schema.optionalKey(Schema.Struct({
    auto: Schema.optionalKey(JsonObject),
    any: Schema.optionalKey(JsonObject),
    tool: Schema.optionalKey(Schema.Struct({ name: ToolName }))
  }))
})

/** The body of Converse and of ConverseStream. */
export type Request = typeof Request.Type
/** @see {@link Request} */
export const Request = Schema.Struct({
  messages: Schema.optionalKey(Schema.Array(Message)),
  system: Schema.optionalKey(Schema.Array(SystemBlock)),
  inferenceConfig: Schema.optionalKey(Schema.Struct({
    maxTokens: Schema.optionalKey(Schema.Int.check(atLeast(1))),
    temperature: Schema.optionalKey(Schema.Finite.check(atLeast(0), atMost(1))),
    topP: Schema.optionalKey(Schema.Finite.check(atLeast(0), atMost(1))),
    stopSequences: Schema.optionalKey(Schema.Array(NonEmptyString).check(maxLength(2500)))
  })),
  toolConfig: Schema.optionalKey(ToolConfig),
  additionalModelResponseFieldPaths: Schema.optionalKey(Schema.Array(Schema.String).check(maxLength(10))),
  performanceConfig: Schema.optionalKey(
    Schema.Struct({ latency: Schema.optionalKey(oneOf(["standard", "optimized"])) })
  ),
  serviceTier: Schema.optionalKey(Schema.Struct({ type: oneOf(["priority", "default", "flex", "reserved"]) })),
  guardrailConfig: Schema.optionalKey(
    Schema.Struct({ trace: Schema.optionalKey(oneOf(["enabled", "disabled", "enabled_full"])) })
  )
})

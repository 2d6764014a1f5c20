/**
 * Converts the content blocks of Converse back to the parts of our messages.
 *
 * Blocks without a counterpart become parts of the provider, in the service's own format; those that cannot are
 * reported.
 */
import { Message } from "@strata/core"
import * as Schema from "effect/Schema"
import * as Json from "../wire/Json.ts"

/** Reports a path without a counterpart. */
export type Unsupported = (path: string) => void

/**
 * The parts of a message's blocks; a cache point is attached to the part before it, where that has a field for it. Tool
 * results in an assistant message are of tools the provider ran.
 */
export const parts = (
  blocks: ReadonlyArray<Json.Json>,
  path: string,
  unsupported: Unsupported,
  role: "user" | "assistant" = "user"
): ReadonlyArray<Message.Part> => {
  const written: Array<Message.Part> = []
  for (const [index, block] of blocks.entries()) {
    const at = `${path}[${index}]`
    if (!Json.isObject(block)) {
      unsupported(at)
      continue
    }
    const last = written[written.length - 1]
    const marked = last && withCache(last, Json.object(block, "cachePoint"))
    if (marked === undefined) written.push(own(partOf(block, at, unsupported), block, role))
    else written[written.length - 1] = marked
  }
  return written
}

const own = (part: Message.Part, block: Json.JsonObject, role: "user" | "assistant"): Message.Part => {
  if (part.type !== "tool-result" || role === "user") return part
  const { parts: _, ...rest } = part
  return { ...rest, result: Json.list(block, "toolResult", "content"), providerExecuted: true }
}

/** The part with the `cache` of a cache point; `undefined` where it has no field for it. */
const withCache = (part: Message.Part, point: Json.JsonObject | undefined): Message.Part | undefined => {
  const cache = point && cacheOf(point)
  if (cache === undefined) return undefined
  switch (part.type) {
    case "text":
    case "image":
    case "document":
    case "video":
    case "audio":
    case "search-result":
    case "tool-result":
      return part.cache === undefined ? { ...part, cache } : undefined
    default:
      return undefined
  }
}

/** The cache control of a cache point; `undefined` for unknown members. */
export const cacheOf = (point: Json.JsonObject): Message.CacheControl | undefined => {
  const { ttl, type, ...others } = point
  if (type !== "default" || Object.keys(others).length > 0) return undefined
  if (ttl === undefined) return true
  return ttl === "5m" || ttl === "1h" ? { ttl } : undefined
}

const partOf = (block: Json.JsonObject, path: string, unsupported: Unsupported): Message.Part => {
  const [kind = "", ...others] = Object.keys(block)
  const value = block[kind]
  const known = others.length > 0
    ? undefined
    : typeof value === "string"
    ? kind === "text" ? Message.text(value) : undefined
    : Json.isObject(value)
    ? modelled(kind, value, path, unsupported)
    : undefined
  return known ?? { type: "provider", provider: "aws.bedrock", value: block }
}

const modelled = (
  kind: string,
  value: Json.JsonObject,
  path: string,
  unsupported: Unsupported
): Message.Part | undefined => {
  switch (kind) {
    case "image":
    case "video":
    case "audio":
      return media(kind, value, path, unsupported)
    case "document":
      return document(value, path, unsupported)
    case "searchResult":
      return searchResult(value)
    case "guardContent":
      return guarded(value, path, unsupported)
    case "reasoningContent":
      return reasoning(value)
    case "citationsContent":
      return cited(value)
    case "toolUse":
      return call(value, path, unsupported)
    case "toolResult":
      return result(value, path, unsupported)
  }
}

/** Whether an object has no other members than these. */
const only = (value: Json.JsonObject, ...names: ReadonlyArray<string>): boolean =>
  Object.keys(value).every((name) => names.includes(name))

const mediaTypes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  image: { png: "image/png", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp" },
  video: {
    mp4: "video/mp4",
    mov: "video/quicktime",
    mkv: "video/x-matroska",
    webm: "video/webm",
    flv: "video/x-flv",
    mpeg: "video/mpeg",
    mpg: "video/mpg",
    wmv: "video/x-ms-wmv",
    three_gp: "video/3gpp"
  },
  audio: {
    mp3: "audio/mpeg",
    wav: "audio/wav",
    flac: "audio/flac",
    ogg: "audio/ogg",
    opus: "audio/opus",
    aac: "audio/aac",
    m4a: "audio/x-m4a",
    mp4: "audio/mp4",
    webm: "audio/webm"
  },
  document: {
    pdf: "application/pdf",
    csv: "text/csv",
    doc: "application/msword",
    docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    xls: "application/vnd.ms-excel",
    xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    html: "text/html",
    txt: "text/plain",
    md: "text/markdown"
  }
}

const mediaTypeOf = (kind: string, value: Json.JsonObject): string | undefined =>
  mediaTypes[kind]?.[Json.text(value, "format") ?? ""]

const media = (
  kind: "image" | "video" | "audio",
  value: Json.JsonObject,
  path: string,
  unsupported: Unsupported
): Message.ImagePart | Message.VideoPart | Message.AudioPart | undefined => {
  const mediaType = mediaTypeOf(kind, value)
  const source = sourceOf(Json.object(value, "source"))
  if (mediaType !== undefined && source !== undefined && only(value, "format", "source")) {
    return { type: kind, mediaType, source }
  }
  unsupported(`${path}.${kind}`)
}

const sourceOf = (source: Json.JsonObject | undefined): Message.MediaSource | undefined => {
  const bytes = Json.text(source, "bytes")
  if (bytes !== undefined) return { bytes: Buffer.from(bytes, "base64") }
  const uri = Json.text(source, "s3Location", "uri")
  if (uri === undefined) return undefined
  const bucketOwner = Json.text(source, "s3Location", "bucketOwner")
  return { uri, ...(bucketOwner !== undefined && { bucketOwner }) }
}

const documentSource = (source: Json.JsonObject | undefined): Message.DocumentSource | undefined => {
  const text = Json.text(source, "text")
  if (text !== undefined) return { text }
  return Json.member(source, "content") === undefined
    ? sourceOf(source)
    : { pieces: Json.list(source, "content").map((piece) => Json.text(piece, "text") ?? "") }
}

const document = (
  value: Json.JsonObject,
  path: string,
  unsupported: Unsupported
): Message.DocumentPart | undefined => {
  // a missing format means text
  const mediaType = value["format"] === undefined ? undefined : mediaTypeOf("document", value)
  const source = documentSource(Json.object(value, "source"))
  const name = Json.text(value, "name")
  if (
    mediaType === undefined || source === undefined || name === undefined ||
    !only(value, "format", "name", "source", "context", "citations")
  ) {
    unsupported(`${path}.document`)
    return undefined
  }
  const context = Json.text(value, "context")
  const enabled = Json.member(value, "citations", "enabled")
  return {
    type: "document",
    mediaType,
    name,
    source,
    ...(context !== undefined && { context }),
    ...(typeof enabled === "boolean" && { citations: enabled })
  }
}

const searchResult = (value: Json.JsonObject): Message.SearchResultPart | undefined => {
  const enabled = Json.member(value, "citations", "enabled")
  return only(value, "source", "title", "content", "citations")
    ? {
      type: "search-result",
      source: Json.text(value, "source") ?? "",
      title: Json.text(value, "title") ?? "",
      content: Json.list(value, "content").map((piece) => Json.text(piece, "text") ?? ""),
      ...(typeof enabled === "boolean" && { citations: enabled })
    }
    : undefined
}

const guarded = (value: Json.JsonObject, path: string, unsupported: Unsupported): Message.Part | undefined => {
  const text = Json.text(value, "text", "text")
  if (text !== undefined) {
    const qualifiers = Json.list(value, "text", "qualifiers").filter(isQualifier)
    return { type: "text", text, guard: qualifiers.length === 0 ? true : { qualifiers } }
  }
  const image = Json.object(value, "image")
  const part = image && media("image", image, path, unsupported)
  return part?.type === "image" ? { ...part, guard: true } : undefined
}

const isQualifier = (word: Json.Json): word is "grounding_source" | "query" | "guard_content" =>
  word === "grounding_source" || word === "query" || word === "guard_content"

const reasoning = (value: Json.JsonObject): Message.ReasoningPart | undefined => {
  const redacted = Json.text(value, "redactedContent")
  if (redacted !== undefined) return { type: "reasoning", text: "", redacted: Buffer.from(redacted, "base64") }
  const text = Json.text(value, "reasoningText", "text")
  const signature = Json.text(value, "reasoningText", "signature")
  return text === undefined ? undefined : { type: "reasoning", text, ...(signature !== undefined && { signature }) }
}

const locations: Readonly<Record<string, Message.CitationLocation["type"]>> = {
  web: "web",
  documentChar: "document-char",
  documentPage: "document-page",
  documentChunk: "document-chunk",
  searchResultLocation: "search-result"
}

/** Text in a single piece; several pieces are a part of the provider. */
const cited = (value: Json.JsonObject): Message.TextPart | undefined => {
  const [piece, ...others] = Json.list(value, "content")
  const text = Json.text(piece, "text")
  if (text === undefined || others.length > 0) return undefined
  return { type: "text", text, citations: Json.list(value, "citations").map(citation) }
}

const citation = (value: Json.Json): Message.Citation => {
  const title = Json.text(value, "title")
  const source = Json.text(value, "source")
  const passages = Json.member(value, "sourceContent")
  const [place = "", where] = Object.entries(Json.object(value, "location") ?? {})[0] ?? []
  const type = locations[place]
  return {
    ...(title !== undefined && { title }),
    ...(source !== undefined && { source }),
    ...(passages !== undefined && {
      passages: Json.list(passages).map((passage) => Json.text(passage, "text") ?? "")
    }),
    // the members of a location have the same names in both formats
    ...(type !== undefined && { location: { ...Json.object(where), type } as Message.CitationLocation })
  }
}

const call = (value: Json.JsonObject, path: string, unsupported: Unsupported): Message.ToolCallPart | undefined => {
  const { input, name, toolUseId, type, ...others } = value
  if (typeof name !== "string" || typeof toolUseId !== "string" || Object.keys(others).length > 0) return undefined
  const part: Message.ToolCallPart = { type: "tool-call", id: toolUseId, name, params: input }
  if (type === undefined) return part
  if (type === "server_tool_use") return { ...part, providerExecuted: true }
  if (typeof type === "string" && "providerType" in Message.ToolCallPart.fields) {
    return { ...part, providerType: type }
  }
  unsupported(`${path}.toolUse.type`)
  return part
}

const result = (value: Json.JsonObject, path: string, unsupported: Unsupported): Message.ToolResultPart | undefined => {
  const { content, status, toolUseId, type, ...others } = value
  if (typeof toolUseId !== "string" || Object.keys(others).length > 0) return undefined
  const part = {
    type: "tool-result" as const,
    id: toolUseId,
    ...(status === undefined ? undefined : { isFailure: status === "error" })
  }
  const blocks = Json.list(content)
  if (typeof type === "string") return { ...part, result: blocks, providerExecuted: true, providerType: type }
  return { ...part, ...resultOf(blocks, `${path}.toolResult.content`, unsupported) }
}

/** A single text or JSON object is the result itself; anything else its parts. */
const resultOf = (
  blocks: ReadonlyArray<Json.Json>,
  path: string,
  unsupported: Unsupported
): Pick<Message.ToolResultPart, "result" | "parts"> => {
  const [block, ...more] = blocks
  const text = Json.text(block, "text")
  if (more.length === 0 && text !== undefined) return { result: text }
  const json = Json.object(block, "json")
  if (more.length === 0 && json !== undefined) return { result: json }
  const inside = blocks.flatMap((block, index) => {
    const [part] = Json.member(block, "json") === undefined ? parts([block], path, unsupported) : jsonPart(block)
    if (part !== undefined && isResultPart(part)) return [part]
    unsupported(`${path}[${index}].${Object.keys(Json.object(blocks[index]) ?? {})[0]}`)
    return []
  })
  return { result: "", parts: inside }
}

type ResultPart = NonNullable<Message.ToolResultPart["parts"]>[number]

const isResultPart = (part: { readonly type: string }): part is ResultPart =>
  ["text", "json", "image", "document", "video", "search-result"].includes(part.type)

/** JSON among other parts, where such a part exists. */
const jsonPart = (block: Json.Json): ReadonlyArray<{ readonly type: string; readonly value: unknown }> =>
  takesJson ? [{ type: "json", value: Json.member(block, "json") }] : []

const takesJson = Schema.is(Message.ToolResultPart)({
  type: "tool-result",
  id: "x",
  result: "",
  parts: [{ type: "json", value: {} }]
})

/**
 * Messages, between OpenAI's format and ours. The schemas of both sides have checked them, so nothing fails here.
 */
import type * as Message from "@strata/core/chat/Message"
import * as ExactJson from "@strata/core/ExactJson"
import type * as Schema from "effect/Schema"
import type * as Representable from "./Representable.ts"
import * as Wire from "./Wire.ts"

/** Reads a conversation: consecutive results of tools are one message. */
export const decode = (conversation: ReadonlyArray<Wire.Message>): ReadonlyArray<Message.Message> => {
  const messages: Array<Message.Message> = []
  let results: Array<Message.ToolResultPart> | undefined
  let legacyId = "function_call_0"
  for (const [index, message] of conversation.entries()) {
    if (message.role === "tool" || message.role === "function") {
      if (results === undefined) messages.push({ role: "tool", content: results = [] })
      results.push(message.role === "tool" ? decodeResult(message) : textResult(legacyId, message.content ?? ""))
      continue
    }
    results = undefined
    // A legacy call has no id; its result is the next one. Ids may not repeat within a conversation.
    if (message.role === "assistant" && !isNothing(message.function_call)) legacyId = `function_call_${index}`
    messages.push(decodeNonResult(message, legacyId))
  }
  return messages
}

type NonResult = Exclude<Wire.Message, { readonly role: "tool" | "function" }>

const decodeNonResult = (message: NonResult, legacyId: string): Message.Message => {
  const cache = cached(message)
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", content: decodeText(message.content), ...cache }
    case "user": {
      const { content } = message
      return {
        role: "user",
        content: content === null ? "" : typeof content === "string" ? content : content.map(decodeUserPart),
        ...cache
      }
    }
    case "assistant":
      return { role: "assistant", content: decodeAssistant(message, legacyId), ...cache }
  }
}

const decodeUserPart = (part: typeof Wire.UserPart.Type) =>
  part.type === "input_audio"
    ? {
      type: "audio" as const,
      mediaType: Wire.audioTypes[part.input_audio.format],
      source: { bytes: part.input_audio.data },
      ...cached(part)
    }
    : decodeSharedPart(part)

/** Parts that messages of users and results of tools share. */
const decodeSharedPart = (part: typeof Wire.SharedPart.Type) => {
  const cache = cached(part)
  switch (part.type) {
    case "text":
      return { ...text(part.text), ...cache }
    case "image_url":
      return { type: "image" as const, ...decodeMedia(part.image_url, "image", imageEndings), ...cache }
    case "video_url":
      return { type: "video" as const, ...decodeMedia(part.video_url, "video", videoEndings), ...cache }
    case "file": {
      const { file_data: { bytes, mediaType }, filename } = part.file
      return { type: "document" as const, mediaType, name: filename ?? "document", source: { bytes }, ...cache }
    }
  }
}

const decodeMedia = (
  given: typeof Wire.Media.Type,
  kind: "image" | "video",
  endings: Readonly<Record<string, string>>
): { readonly mediaType: string; readonly source: Message.MediaSource } => {
  const source = "url" in given ? given.url : given
  return "uri" in source
    ? { mediaType: mediaTypeOf(source.uri, kind, endings), source: { uri: source.uri } }
    : { mediaType: plainMediaType(source.mediaType), source: { bytes: source.bytes } }
}

/** Without its parameters and in lower case; upload forms write `image/jpg`. */
const plainMediaType = (mediaType: string): string => {
  const plain = mediaType.split(";", 1).join("").trim().toLowerCase()
  return plain === "image/jpg" ? "image/jpeg" : plain
}

/** By the ending of the path, since the file is not looked at; `image/*` or `video/*` for an ending that is not known. */
const mediaTypeOf = (uri: string, kind: string, endings: Readonly<Record<string, string>>): string => {
  const [path = ""] = uri.split(/[?#]/, 1)
  const ending = path.slice(path.lastIndexOf(".") + 1).toLowerCase()
  return Object.hasOwn(endings, ending) ? `${kind}/${endings[ending]}` : `${kind}/*`
}

const imageEndings = { png: "png", jpg: "jpeg", jpeg: "jpeg", gif: "gif", webp: "webp" }

const videoEndings = { mp4: "mp4", mov: "quicktime", mkv: "x-matroska", webm: "webm", mpeg: "mpeg", mpg: "mpeg" }

/** A cache point, as servers in front of other models read it. */
export const cached = ({ cache_control }: { readonly cache_control?: Wire.CacheControl }) =>
  isNothing(cache_control)
    ? undefined
    : { cache: isNothing(cache_control.ttl) ? true : { ttl: cache_control.ttl } }

const decodeAssistant = (
  { content, function_call, reasoning, reasoning_content, refusal, tool_calls }: Extract<
    NonResult,
    { readonly role: "assistant" }
  >,
  legacyId: string
): Message.AssistantMessage["content"] => {
  const calls = tool_calls?.map((call) => toolCall(call.id, call.function)) ?? []
  if (!isNothing(function_call)) calls.push(toolCall(legacyId, function_call))
  const said = typeof content === "string"
    ? [text(content)]
    : content?.map((part) => part.type === "refusal" ? text(part.refusal) : { ...text(part.text), ...cached(part) }) ??
      []
  const thought = isBlank(reasoning_content) ? reasoning : reasoning_content
  const parts = [
    ...(isBlank(thought) ? [] : [{ type: "reasoning" as const, text: thought }]),
    ...said,
    ...(isBlank(refusal) ? [] : [text(refusal)]),
    ...calls
  ]
  return typeof content === "string" && parts.length === 1 ? content : parts
}

const toolCall = (
  id: string,
  { arguments: params, name }: Wire.FunctionCall
): Representable.ToolCall => ({ type: "tool-call", id, name, params: parseParams(params ?? "") })

const parseParams = (text: string): Schema.Json => ExactJson.params(text) as Schema.Json // read from JSON, or text

const decodeResult = (message: Extract<Wire.Message, { readonly role: "tool" }>): Message.ToolResultPart => {
  const { tool_call_id } = message
  const content = message.content ?? ""
  return typeof content === "string"
    ? { ...textResult(tool_call_id, content), ...cached(message) }
    : {
      ...textResult(tool_call_id, content.map((part) => part.type === "text" ? part.text : "").join("")),
      parts: content.map(decodeSharedPart),
      ...cached(message)
    }
}

const textResult = (id: string, result: string) => ({ type: "tool-result" as const, id, result })

const text = (value: string) => ({ type: "text" as const, text: value })

const decodeText = (content: typeof Wire.Text.Type) =>
  content === null
    ? ""
    : typeof content === "string"
    ? content
    : content.map((part) => ({ ...text(part.text), ...cached(part) }))

const plainText = (content: string | ReadonlyArray<{ readonly text: string }>) =>
  typeof content === "string" ? content : content.map((part) => text(part.text))

const isNothing = (value: unknown): value is null | undefined => value === null || value === undefined

const isBlank = (value: string | null | undefined): value is null | undefined | "" => isNothing(value) || value === ""

/** Writes a conversation: every result of a tool is a message of its own. Throws only for JSON too deep to write. */
export const encode = (conversation: ReadonlyArray<Representable.ChatMessage>): ReadonlyArray<Wire.Message> =>
  conversation.flatMap((message): ReadonlyArray<Wire.Message> => {
    switch (message.role) {
      case "system":
        return [{ role: "system", content: plainText(message.content) }]
      case "user": {
        const { content } = message
        return [{ role: "user", content: typeof content === "string" ? content : content.map(encodeUserPart) }]
      }
      case "assistant":
        return [encodeAssistant(message)]
      case "tool":
        return message.content.map(({ id, parts, result }) => ({
          role: "tool",
          tool_call_id: id,
          content: plainText(parts ?? (typeof result === "string" ? result : JSON.stringify(result)))
        }))
    }
  })

const encodeUserPart = (part: Representable.UserPart): typeof Wire.UserPart.Type => {
  switch (part.type) {
    case "text":
      return text(part.text)
    case "image":
      return {
        type: "image_url",
        image_url: {
          url: "uri" in part.source
            ? { uri: part.source.uri }
            : { mediaType: part.mediaType, bytes: part.source.bytes }
        }
      }
    case "audio": {
      const isWav = part.mediaType === "audio/wav" || part.mediaType === "audio/x-wav"
      return { type: "input_audio", input_audio: { data: part.source.bytes, format: isWav ? "wav" : "mp3" } }
    }
    case "document":
      return {
        type: "file",
        file: { filename: part.name, file_data: { mediaType: part.mediaType, bytes: part.source.bytes } }
      }
  }
}

const encodeAssistant = ({ content }: Representable.Assistant): Wire.Message => {
  if (typeof content === "string") return { role: "assistant", content }
  const reasoning = content.find((part) => part.type === "reasoning")?.text
  const texts = content.filter((part) => part.type === "text")
  const calls = content.filter((part) => part.type === "tool-call")
  return {
    role: "assistant",
    content: texts.length === 0 ? null : texts.length === 1 && content.length > 1 ? texts[0]!.text : plainText(texts),
    ...(isBlank(reasoning) ? undefined : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? undefined : { tool_calls: calls.map(encodeCall) })
  }
}

export const encodeCall = ({ id, name, params }: Pick<Representable.ToolCall, "id" | "name" | "params">) => ({
  id,
  type: "function" as const,
  function: { name, arguments: writeParams(params) }
})

/** Text that stands for itself because it is no JSON goes back as it came. */
const writeParams = (params: Schema.Json): string =>
  typeof params === "string" && parseParams(params) === params ? params : JSON.stringify(params)

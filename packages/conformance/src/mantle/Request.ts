/**
 * A recorded request of mantle as one of ours, and both bodies in one form, to compare them.
 */
import type { ChatRequest, Message, ToolDefinition } from "@strata/core"
import * as Result from "effect/Result"
import * as Json from "../wire/Json.ts"

/** Our request for a recorded body; what has no counterpart in it is missing from what is sent, which shows. */
export const reverse = (body: Json.Json): ChatRequest.ChatRequest => {
  const tools = Json.list(body, "tools").map((tool): ToolDefinition.ToolDefinition => ({
    name: Json.text(tool, "name") ?? "",
    description: Json.text(tool, "description") ?? "",
    inputSchema: Json.object(tool, "parameters") ?? {}
  }))
  return {
    model: Json.text(body, "model"),
    messages: [...Json.list(body, "messages"), ...Json.list(body, "input")].flatMap(messageOf),
    ...(tools.length > 0 && { tools })
  }
}

const messageOf = (item: Json.Json): ReadonlyArray<Message.Message> => {
  const id = Json.text(item, "call_id") ?? ""
  switch (Json.text(item, "type") ?? Json.text(item, "role")) {
    case "user": {
      const content = Json.member(item, "content")
      return [{
        role: "user",
        content: typeof content === "string" ? content : Json.list(item, "content").flatMap(partOf)
      }]
    }
    case "function_call": {
      const params = Result.getOrUndefined(Json.parse(Json.text(item, "arguments") ?? ""))
      return [{
        role: "assistant",
        content: [{ type: "tool-call", id, name: Json.text(item, "name") ?? "", params }]
      }]
    }
    case "function_call_output":
      return [{ role: "tool", content: [{ type: "tool-result", id, result: Json.text(item, "output") ?? "" }] }]
    default:
      return []
  }
}

const partOf = (part: Json.Json): ReadonlyArray<Message.UserPart> => {
  switch (Json.text(part, "type")) {
    case "text":
      return [{ type: "text", text: Json.text(part, "text") ?? "" }]
    case "input_audio": {
      const format = Json.text(part, "input_audio", "format")
      return [{
        type: "audio",
        mediaType: format === "mp3" ? "audio/mpeg" : `audio/${format}`,
        source: { bytes: Buffer.from(Json.text(part, "input_audio", "data") ?? "", "base64") }
      }]
    }
    default:
      return []
  }
}

/**
 * A body in one form: `stream` only where it is true, text as text, whether it came as such or as the only piece of its
 * message, and no `type` where there is a role. Bytes are compared, not the letters of their base64.
 */
export const comparable = (body: Json.Json | undefined): Json.Json => {
  const { stream, ...rest } = Json.isObject(body) ? body : {}
  return {
    ...rest,
    ...(stream === true && { stream }),
    ...(rest["input"] !== undefined && { input: Json.list(body, "input").map(comparableMessage) }),
    ...(rest["messages"] !== undefined && { messages: Json.list(body, "messages").map(comparableMessage) })
  }
}

const comparableMessage = (message: Json.Json): Json.Json => {
  if (!Json.isObject(message) || message["role"] === undefined) return message
  const { type: _, ...rest } = message
  const content = Json.list(message, "content")
  const [only] = content
  const isText = content.length === 1 && Json.text(only, "type") === "input_text"
  if (isText) return { ...rest, content: Json.text(only, "text") ?? null }
  return content.length === 0 ? rest : { ...rest, content: content.map(comparablePart) }
}

const comparablePart = (part: Json.Json): Json.Json => {
  const data = Json.text(part, "input_audio", "data")
  if (data === undefined || !Json.isObject(part)) return part
  const bytes = Buffer.from(data, "base64").toString("base64")
  return { ...part, input_audio: { ...Json.object(part, "input_audio"), data: bytes } }
}

/**
 * Converts chat answers of InvokeModel and its stream to Converse's format: blocks, stop reason, counters.
 *
 * Each model family has its own format; all of them have content and a stop reason.
 */
import * as Result from "effect/Result"
import * as ConverseAnswer from "./ConverseAnswer.ts"
import * as EventStream from "./EventStream.ts"
import * as Json from "./Json.ts"

/** A whole answer; `undefined` when it is not of a chat model. */
export const fromBody = (body: Uint8Array): ConverseAnswer.ConverseAnswer | undefined => {
  const json = Result.getOrUndefined(Json.parseBytes(body))
  return claude(json) ?? nova(json) ?? choices(json) ?? plain(json)
}

/** The chunks of a stream, as the events of ConverseStream. */
export const fromStream = (body: Uint8Array): ReadonlyArray<Json.JsonObject> =>
  payloads(body).flatMap((payload) => claudeEvents(payload) ?? novaEvents(payload) ?? textEvents(payload))

/** The bytes of each chunk in a stream. */
export const chunksOf = (body: Uint8Array): ReadonlyArray<Uint8Array> =>
  EventStream.read(body).frames.flatMap(({ headers, payload }) => {
    const bytes = Json.text(Result.getOrUndefined(Json.parseBytes(payload)), "bytes")
    return headers[":event-type"] === "chunk" && bytes !== undefined ? [Buffer.from(bytes, "base64")] : []
  })

/** The payloads of a stream's chunks. */
export const payloads = (body: Uint8Array): ReadonlyArray<Json.JsonObject> =>
  chunksOf(body).flatMap((chunk) => {
    const json = Result.getOrUndefined(Json.parseBytes(chunk))
    return Json.isObject(json) ? [json] : []
  })

const answer = (
  blocks: ReadonlyArray<Json.JsonObject>,
  stopReason: string | undefined,
  usage: Json.JsonObject = {}
): ConverseAnswer.ConverseAnswer => ({ blocks, end: { stopReason: stopReason ?? "end_turn", usage } })

const claude = (json: Json.Json | undefined): ConverseAnswer.ConverseAnswer | undefined =>
  Json.text(json, "type") === "message"
    ? answer(Json.list(json, "content").map(claudeBlock), Json.text(json, "stop_reason"), {
      inputTokens: Json.number(json, "usage", "input_tokens") ?? 0,
      outputTokens: Json.number(json, "usage", "output_tokens") ?? 0,
      cacheReadInputTokens: Json.number(json, "usage", "cache_read_input_tokens") ?? 0,
      cacheWriteInputTokens: Json.number(json, "usage", "cache_creation_input_tokens") ?? 0
    })
    : undefined

const claudeBlock = (block: Json.Json): Json.JsonObject => {
  switch (Json.text(block, "type")) {
    case "tool_use":
      return {
        toolUse: {
          toolUseId: Json.text(block, "id") ?? "",
          name: Json.text(block, "name") ?? "",
          input: Json.object(block, "input") ?? {}
        }
      }
    case "thinking": {
      const signature = Json.text(block, "signature")
      const text = Json.text(block, "thinking") ?? ""
      return { reasoningContent: { reasoningText: { text, ...(signature !== undefined && { signature }) } } }
    }
    case "redacted_thinking":
      return { reasoningContent: { redactedContent: Json.text(block, "data") ?? "" } }
    default:
      return { text: Json.text(block, "text") ?? "" }
  }
}

/** Claude's reasoning as a Converse block; `undefined` for any other block. */
export const claudeThought = (block: Json.JsonObject): Json.JsonObject | undefined =>
  /^(?:redacted_)?thinking$/.test(Json.text(block, "type") ?? "") ? claudeBlock(block) : undefined

const nova = (json: Json.Json | undefined): ConverseAnswer.ConverseAnswer | undefined => {
  const content = Json.member(json, "output", "message", "content")
  return Json.isArray(content)
    ? answer(Json.objects(content), Json.text(json, "stopReason"), Json.object(json, "usage"))
    : undefined
}

/** OpenAI's format, which several vendors use. */
const choices = (json: Json.Json | undefined): ConverseAnswer.ConverseAnswer | undefined => {
  const [choice] = Json.list(json, "choices")
  const message = Json.object(choice, "message")
  if (message === undefined) return undefined
  const text = Json.text(message, "content")
  const calls = Json.list(message, "tool_calls").map((call): Json.JsonObject => ({
    toolUse: {
      toolUseId: Json.text(call, "id") ?? "",
      name: Json.text(call, "function", "name") ?? "",
      input: Result.getOrElse(Json.parse(Json.text(call, "function", "arguments") ?? "{}"), () => ({}))
    }
  }))
  return answer(
    [...(text === undefined ? [] : [{ text }]), ...calls],
    reasons[Json.text(choice, "finish_reason") ?? ""],
    {
      inputTokens: Json.number(json, "usage", "prompt_tokens") ?? 0,
      outputTokens: Json.number(json, "usage", "completion_tokens") ?? 0
    }
  )
}

const reasons: Readonly<Record<string, string>> = {
  length: "max_tokens",
  max_tokens: "max_tokens",
  MAX_TOKENS: "max_tokens",
  LENGTH: "max_tokens",
  tool_calls: "tool_use",
  stop_sequence: "stop_sequence"
}

/** The text members of families with plain text answers. */
const plain = (json: Json.Json | undefined): ConverseAnswer.ConverseAnswer | undefined => {
  const said = saidOf(json)
  return said === undefined ? undefined : answer([{ text: said.text }], reasons[said.reason ?? ""])
}

interface Said {
  readonly text: string
  readonly reason: string | undefined
}

const saidOf = (json: Json.Json | undefined): Said | undefined => {
  const [result] = Json.list(json, "results")
  const [output] = Json.list(json, "outputs")
  const [generation] = Json.list(json, "generations")
  const found: ReadonlyArray<readonly [text: string | undefined, reason: string | undefined]> = [
    [Json.text(result, "outputText"), Json.text(result, "completionReason")],
    [Json.text(json, "outputText"), Json.text(json, "completionReason")],
    [Json.text(output, "text"), Json.text(output, "stop_reason")],
    [Json.text(generation, "text"), Json.text(generation, "finish_reason")],
    [Json.text(json, "generation"), Json.text(json, "stop_reason")],
    [Json.text(json, "completion"), Json.text(json, "stop_reason")],
    [Json.text(json, "text"), Json.text(json, "finish_reason")]
  ]
  const [text, reason] = found.find(([text]) => text !== undefined) ?? []
  return text === undefined ? undefined : { text, reason }
}

/** An event by name and payload. */
const event = (name: string, payload: Json.JsonObject): Json.JsonObject => ({ [name]: payload })

const claudeEvents = (payload: Json.JsonObject): ReadonlyArray<Json.JsonObject> | undefined => {
  const contentBlockIndex = Json.number(payload, "index") ?? 0
  switch (Json.text(payload, "type")) {
    case "content_block_start": {
      const { toolUse } = claudeBlock(Json.member(payload, "content_block") ?? {})
      if (!Json.isObject(toolUse)) return []
      const { input: _, ...start } = toolUse
      return [event("contentBlockStart", { contentBlockIndex, start: { toolUse: start } })]
    }
    case "content_block_delta": {
      const delta = claudeDelta(Json.object(payload, "delta") ?? {})
      return delta === undefined ? [] : [event("contentBlockDelta", { contentBlockIndex, delta })]
    }
    case "content_block_stop":
      return [event("contentBlockStop", { contentBlockIndex })]
    case "message_delta":
      return [
        event("messageStop", { stopReason: Json.text(payload, "delta", "stop_reason") ?? "end_turn" }),
        event("metadata", {
          usage: {
            inputTokens: Json.number(payload, "usage", "input_tokens") ?? 0,
            outputTokens: Json.number(payload, "usage", "output_tokens") ?? 0
          }
        })
      ]
    case undefined:
    case "completion":
      return undefined
    default:
      return []
  }
}

const claudeDelta = (delta: Json.JsonObject): Json.JsonObject | undefined => {
  const { partial_json: input, signature, text, thinking } = delta
  if (text !== undefined) return { text }
  if (input !== undefined) return { toolUse: { input } }
  if (thinking !== undefined) return { reasoningContent: { text: thinking } }
  return signature === undefined ? undefined : { reasoningContent: { signature } }
}

const novaEvents = (payload: Json.JsonObject): ReadonlyArray<Json.JsonObject> | undefined => {
  const [name = ""] = Object.keys(payload)
  return /^(?:message(?:Start|Stop)|contentBlock|metadata)/.test(name) ? [payload] : undefined
}

const textEvents = (payload: Json.JsonObject): ReadonlyArray<Json.JsonObject> => {
  const [choice] = Json.list(payload, "choices")
  const said = choice === undefined
    ? saidOf(payload)
    : { text: Json.text(choice, "delta", "content") ?? "", reason: Json.text(choice, "finish_reason") }
  const isEnd = said?.reason !== undefined || payload["is_finished"] === true
  return [
    ...(said === undefined || said.text === ""
      ? []
      : [event("contentBlockDelta", { contentBlockIndex: 0, delta: { text: said.text } })]),
    ...(isEnd ? [event("messageStop", { stopReason: reasons[said?.reason ?? ""] ?? "end_turn" })] : [])
  ]
}

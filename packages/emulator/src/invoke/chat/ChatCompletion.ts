/**
 * The bodies that follow OpenAI's chat completions: `messages` in, `choices` out. Shared by Mistral's chat models and
 * Jamba, each with its own style.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Message from "@strata/core/chat/Message"
import type * as Usage from "@strata/core/Usage"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Block from "../../converse/Block.ts"
import type * as Wire from "../../converse/Wire.ts"
import * as Body from "../Body.ts"
import * as Family from "./Family.ts"

const optional = Schema.optionalKey

const ToolCall = Schema.Struct({
  id: Schema.String,
  type: optional(Schema.String),
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
})

const Piece = Schema.Struct({
  type: Body.oneOf(["text", "image_url"]),
  text: optional(Schema.String),
  image_url: optional(Schema.Struct({ url: Schema.String }))
})

const Turn = Schema.Struct({
  role: Body.oneOf(["system", "user", "assistant", "tool"]),
  content: optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Array(Piece)]))),
  tool_calls: optional(Schema.NullOr(Schema.Array(ToolCall))),
  tool_call_id: optional(Schema.String),
  name: optional(Schema.String)
})

/** The fields common to all bodies of this kind. */
export const fields = {
  messages: Schema.Array(Turn).check(Body.itemsBetween(1, Infinity)),
  tools: optional(Schema.Array(Schema.Struct({
    type: optional(Body.oneOf(["function"])),
    function: Schema.Struct({
      name: Schema.String,
      description: optional(Schema.String),
      parameters: optional(Family.JsonObject)
    })
  }))),
  max_tokens: optional(Family.Tokens),
  top_p: optional(Family.Share)
}

/** The common part of a body. */
export interface ChatBody extends Schema.Schema.Type<typeof ChatBody> {}
const ChatBody = Schema.Struct(fields)

/** The equivalent Converse request. */
export const toRequest = (
  { max_tokens: maxTokens, messages, tools = [], top_p: topP }: ChatBody,
  options: {
    readonly temperature: number | undefined
    readonly stopSequences: ReadonlyArray<string> | undefined
    readonly toolChoice: "auto" | "any" | "none" | undefined
  }
): Wire.Request => {
  const { stopSequences, temperature, toolChoice } = options
  const system = messages.flatMap((turn) => turn.role === "system" ? blocksOf(turn) : [])
    .flatMap(({ text }) => text === undefined ? [] : [{ text }])
  return {
    ...(system.length === 0 ? undefined : { system }),
    messages: turnsOf(messages),
    ...(tools.length === 0 ? undefined : {
      toolConfig: {
        tools: tools.map(({ function: { description, name, parameters = {} } }) => ({
          toolSpec: { ...Family.present({ description }), name, inputSchema: { json: parameters } }
        })),
        ...(toolChoice === "any" || toolChoice === "auto" ? { toolChoice: { [toolChoice]: {} } } : undefined)
      }
    }),
    inferenceConfig: Family.present({ maxTokens, stopSequences, temperature, topP })
  }
}

/** Joins tool results and the user message that follows into one turn. */
const turnsOf = (messages: ChatBody["messages"]): ReadonlyArray<Wire.Message> => {
  const turns: Array<Wire.Message> = []
  for (const message of messages) {
    if (message.role === "system") continue
    const role = message.role === "assistant" ? "assistant" : "user"
    const content = message.role === "tool"
      ? [{ toolResult: { toolUseId: message.tool_call_id ?? "", content: textsOf(message) } }]
      : [...blocksOf(message), ...(message.tool_calls ?? []).map(toToolUse)]
    const last = turns.at(-1)
    if (last?.role === role) turns[turns.length - 1] = { role, content: [...last.content, ...content] }
    else turns.push({ role, content })
  }
  return turns
}

const toToolUse = (call: typeof ToolCall.Type): Block.Content => ({
  toolUse: { toolUseId: call.id, name: call.function.name, input: Family.objectOf(call.function.arguments) }
})

const textsOf = (turn: typeof Turn.Type): ReadonlyArray<{ readonly text: string }> =>
  blocksOf(turn).flatMap(({ text }) => text === undefined ? [] : [{ text }])

const blocksOf = ({ content }: typeof Turn.Type): ReadonlyArray<Block.Content> => {
  if (typeof content === "string") return content === "" ? [] : [{ text: content }]
  return (content ?? []).flatMap(({ image_url, text }): ReadonlyArray<Block.Content> => {
    if (text !== undefined) return [{ text }]
    const image = image_url && imageOf(image_url.url)
    return image === undefined ? [] : [{ image }]
  })
}

const imageOf = (url: string): Block.Content["image"] => {
  const [, format, data = ""] = /^data:image\/(png|jpeg|gif|webp);base64,(.*)$/s.exec(url) ?? []
  const bytes = Result.getOrUndefined(Base64.decode(data))
  switch (format) {
    case "png":
    case "jpeg":
    case "gif":
    case "webp":
      return bytes && { format, source: { bytes } }
    default:
      return undefined
  }
}

/**
 * A vendor's variant of the format.
 *
 * - `reason`: the member for the finish reason. `piece`: the member for a chunk of a stream.
 * - `stop`: more members of the last choice of a stream.
 * - `around`: the members beside the choices of an answer, or of a chunk with the usage so far.
 */
export interface Style {
  readonly stop?: ((reason: string) => Family.Payload) | undefined
  readonly reason: "finish_reason" | "stop_reason"
  readonly piece: "delta" | "message"
  readonly around: (
    kind: "whole" | "piece" | "last",
    usage: Usage.Usage,
    envelope: Family.Envelope
  ) => Family.Payload
}

/** OpenAI's variant, which most other vendors follow. */
export const standard: Style = {
  reason: "finish_reason",
  piece: "delta",
  around: (kind, { inputTokens, outputTokens }, { id, model, now }) => ({
    id,
    object: kind === "whole" ? "chat.completion" : "chat.completion.chunk",
    created: Math.floor(now / 1000),
    model: Family.nameOf(model),
    ...(kind === "piece" ? undefined : {
      usage: {
        prompt_tokens: inputTokens,
        completion_tokens: outputTokens,
        total_tokens: inputTokens + outputTokens
      }
    })
  })
}

/** The body of an answer. */
export const whole = (response: ChatResponse.ChatResponse, envelope: Family.Envelope, style: Style): Family.Payload => {
  const calls = response.toolCalls.map(fromToolCall)
  return {
    ...style.around("whole", response.usage, envelope),
    choices: [{
      index: 0,
      message: { role: "assistant", content: response.text, tool_calls: calls.length === 0 ? null : calls },
      [style.reason]: finishReason(Family.stopReasonOf(response))
    }]
  }
}

/**
 * The chunks of a stream; a tool call is one chunk. `tokensOf` counts the tokens written so far.
 */
export const pieces = (envelope: Family.Envelope, style: Style, tokensOf: (text: string) => number) => {
  const textOf = Family.makeTextOf()
  let said = ""
  let calls = 0
  const piece = (message: Family.Payload): Family.Payload => ({
    ...style.around("piece", { ...envelope.counted, outputTokens: tokensOf(said) }, envelope),
    choices: [{ index: 0, [style.piece]: message, [style.reason]: null }]
  })
  return (event: ChatEvent.ChatEvent): ReadonlyArray<Family.Payload> => {
    const beginning = said === "" && calls === 0
    switch (event.type) {
      case "finish":
        return [{
          ...style.around("last", event.usage, envelope),
          choices: [{
            index: 0,
            [style.piece]: { content: "" },
            [style.reason]: finishReason(Family.stopReasonOf(event)),
            ...style.stop?.(Family.stopReasonOf(event))
          }]
        }]
      case "tool-call":
        return [piece({
          ...(beginning ? { role: "assistant" } : undefined),
          tool_calls: [{ index: calls++, ...fromToolCall(event) }]
        })]
      default: {
        const text = textOf(event)
        if (text === "") return []
        said += text
        return [piece({ ...(beginning ? { role: "assistant" } : undefined), content: text })]
      }
    }
  }
}

const fromToolCall = ({ id, name, params }: Message.ToolCallPart) => ({
  id,
  type: "function",
  function: { name, arguments: typeof params === "string" ? params : JSON.stringify(params ?? {}) }
})

const finishReason = (reason: string): string => {
  switch (reason) {
    case "max_tokens":
      return "length"
    case "tool_use":
      return "tool_calls"
    case "content_filtered":
      return "content_filter"
    default:
      return "stop"
  }
}

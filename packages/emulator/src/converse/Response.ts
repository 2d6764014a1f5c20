/**
 * Writes an answer the way Converse does: content blocks, a stop reason, the counters.
 *
 * An answering service can say things of its own through `providerMetadata.bedrock`: `stopReason` as it should stand on
 * the wire, `additionalModelResponseFields`, `trace`.
 */
import type * as ChatResponse from "@strata/core/ChatResponse"
import * as Message from "@strata/core/Message"
import type * as Usage from "@strata/core/Usage"
import * as Base64 from "effect/encoding/Base64"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Citation from "./Citation.ts"
import * as Media from "./Media.ts"

/** The body of a whole answer; `latencyMs` is the time the model took. */
export const fromChatResponse = (response: ChatResponse.ChatResponse, latencyMs: number): unknown => ({
  metrics: { latencyMs },
  output: { message: { content: Message.parts(response.message).flatMap(toBlock), role: "assistant" } },
  ...stopOf(response),
  ...traceOf(response),
  usage: toUsage(response.usage)
})

/** `stopReason`, and `additionalModelResponseFields` when there are some. */
export const stopOf = (outcome: ChatResponse.Outcome) => {
  const { additionalModelResponseFields, stopReason } = overrides(outcome)
  return {
    ...(additionalModelResponseFields === undefined ? undefined : { additionalModelResponseFields }),
    stopReason: stopReason ?? stopReasons[outcome.finishReason]
  }
}

/** `trace`, when there is one. */
export const traceOf = (outcome: ChatResponse.Outcome) => {
  const { trace } = overrides(outcome)
  return trace === undefined ? undefined : { trace }
}

/** The counters; those of the prompt cache only when it was used, and then twice, as the service does. */
export const toUsage = (usage: Usage.Usage) => ({
  ...(usage.cacheReadTokens + usage.cacheWriteTokens === 0 ? undefined : {
    cacheReadInputTokenCount: usage.cacheReadTokens,
    cacheReadInputTokens: usage.cacheReadTokens,
    cacheWriteInputTokenCount: usage.cacheWriteTokens,
    cacheWriteInputTokens: usage.cacheWriteTokens
  }),
  inputTokens: usage.inputTokens,
  outputTokens: usage.outputTokens,
  serverToolUsage: {},
  totalTokens: usage.totalTokens
})

const stopReasons: Readonly<Record<ChatResponse.FinishReason, string>> = {
  stop: "end_turn",
  "stop-sequence": "stop_sequence",
  length: "max_tokens",
  "context-length": "model_context_window_exceeded",
  "tool-calls": "tool_use",
  "content-filter": "content_filtered",
  guardrail: "guardrail_intervened",
  "malformed-output": "malformed_model_output",
  "malformed-tool-call": "malformed_tool_use",
  other: "end_turn"
}

const Overrides = Schema.Struct({
  stopReason: Schema.optionalKey(Schema.String),
  additionalModelResponseFields: Schema.optionalKey(Schema.Unknown),
  trace: Schema.optionalKey(Schema.Unknown)
})

const decodeMetadata = Schema.decodeUnknownOption(Schema.Struct({ bedrock: Overrides }))

const overrides = (outcome: ChatResponse.Outcome): typeof Overrides.Type =>
  Option.match(decodeMetadata(outcome.providerMetadata), {
    onNone: () => ({}),
    onSome: ({ bedrock }) => bedrock
  })

const toBlock = (part: Message.Part): ReadonlyArray<unknown> => {
  switch (part.type) {
    case "text":
      return [
        part.citations === undefined
          ? { text: part.text }
          : { citationsContent: { content: [{ text: part.text }], citations: part.citations.map(Citation.toWire) } }
      ]
    case "reasoning":
      return [
        part.redacted === undefined
          ? {
            reasoningContent: {
              reasoningText: {
                ...(part.signature === undefined ? undefined : { signature: part.signature }),
                text: part.text
              }
            }
          }
          : { reasoningContent: { redactedContent: Base64.encode(part.redacted) } }
      ]
    case "tool-call":
      return [{ toolUse: { input: part.params ?? {}, name: part.name, toolUseId: part.id, ...serverTool(part) } }]
    case "tool-result":
      return [{ toolResult: { content: toolResultContent(part), ...toolResultHead(part) } }]
    case "image":
    case "audio":
      return [{ [part.type]: { format: Media.formatOf(part.type, part.mediaType), source: Media.toWire(part.source) } }]
    case "provider":
      return [part.value]
    default:
      return []
  }
}

/** `type`, for a tool the provider runs itself. */
export const serverTool = (part: { readonly providerExecuted?: boolean | undefined }) =>
  part.providerExecuted === true ? { type: "server_tool_use" } : undefined

/** What comes before the content of a tool's answer. */
export const toolResultHead = (part: Message.ToolResultPart) => ({
  toolUseId: part.id,
  ...(part.providerType === undefined ? undefined : { type: part.providerType }),
  ...(part.isFailure === true ? { status: "error" } : undefined)
})

/** What a tool answered: the provider's own blocks as they are, text, or JSON. */
export const toolResultContent = ({ result }: Message.ToolResultPart): ReadonlyArray<unknown> => {
  if (Array.isArray(result)) return result
  return [typeof result === "string" ? { text: result } : { json: result }]
}

/**
 * Encodes an answer like Converse: content blocks, a stop reason, the counters.
 *
 * An answering service can set fields through `providerMetadata.bedrock`: `stopReason` on the wire,
 * `additionalModelResponseFields`, `trace`.
 */
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import type * as Usage from "@strata/core/Usage"
import * as Base64 from "effect/encoding/Base64"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Citation from "./Citation.ts"
import * as FieldPath from "./FieldPath.ts"
import * as Media from "./Media.ts"
import type * as Wire from "./Wire.ts"

/**
 * The data around an answer.
 *
 * - `latencyMs`: the latency of the model.
 * - `usage`: the counters on the wire.
 * - `trace`: the guardrail's trace; available with the answer.
 * - `request`: fields of the request that are echoed or select output.
 * - `typedToolCalls`: whether ordinary tool calls have a type.
 */
export interface Envelope {
  readonly latencyMs: () => number
  readonly usage: (usage: Usage.Usage) => unknown
  readonly trace: () => object | undefined
  readonly request: Pick<
    Wire.Request,
    "additionalModelResponseFieldPaths" | "performanceConfig" | "serviceTier"
  >
  readonly typedToolCalls?: boolean | undefined
}

/** The body of a whole answer. */
export const fromChatResponse = (response: ChatResponse.ChatResponse, envelope: Envelope): unknown => ({
  output: { message: { content: Message.parts(response.message).flatMap(toBlock(envelope)), role: "assistant" } },
  ...stopOf(response, envelope),
  ...metadataOf(response, envelope)
})

/** `stopReason`, and `additionalModelResponseFields` when there are some: all of them, or the requested ones. */
export const stopOf = (outcome: ChatResponse.Outcome, { request }: Envelope) => {
  const { additionalModelResponseFields, stopReason } = overrides(outcome)
  const paths = request.additionalModelResponseFieldPaths
  const fields = paths === undefined
    ? additionalModelResponseFields
    : FieldPath.select(additionalModelResponseFields, paths)
  return {
    ...(fields === undefined ? undefined : { additionalModelResponseFields: fields }),
    stopReason: stopReason ?? stopReasons[outcome.finishReason]
  }
}

/** Metadata at the top of a whole answer, and at the end of a stream. */
export const metadataOf = (outcome: ChatResponse.Outcome, envelope: Envelope) => {
  const { performanceConfig, serviceTier } = envelope.request
  const guarded = envelope.trace()
  const own = overrides(outcome).trace
  const trace = guarded === undefined ? own : { ...own, ...guarded }
  return {
    metrics: { latencyMs: envelope.latencyMs() },
    ...(performanceConfig === undefined ? undefined : { performanceConfig }),
    ...(serviceTier === undefined ? undefined : { serviceTier }),
    ...(trace === undefined ? undefined : { trace }),
    usage: envelope.usage(outcome.usage)
  }
}

const stopReasons: Readonly<Record<ChatResponse.FinishReason, string>> = {
  stop: "end_turn",
  "stop-sequence": "stop_sequence",
  length: "max_tokens",
  "context-length": "model_context_window_exceeded",
  "tool-calls": "tool_use",
  "content-filter": "content_filtered",
  guardrail: "guardrail_intervened",
  refusal: "refusal",
  "malformed-output": "malformed_model_output",
  "malformed-tool-call": "malformed_tool_use",
  other: "end_turn"
}

const Overrides = Schema.Struct({
  stopReason: Schema.optionalKey(Schema.String),
  additionalModelResponseFields: Schema.optionalKey(Schema.Unknown),
  trace: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})

const decodeMetadata = Schema.decodeUnknownOption(Schema.Struct({ bedrock: Overrides }))

const overrides = (outcome: ChatResponse.Outcome): typeof Overrides.Type =>
  Option.match(decodeMetadata(outcome.providerMetadata), {
    onNone: () => ({}),
    onSome: ({ bedrock }) => bedrock
  })

const toBlock = (envelope: Envelope) => (part: Message.Part): ReadonlyArray<unknown> => {
  switch (part.type) {
    case "text":
      return [
        part.citations === undefined
          ? { text: part.text }
          : {
            citationsContent: {
              // cited text may be in a block before it
              ...(part.text === "" ? undefined : { content: [{ text: part.text }] }),
              citations: part.citations.map(Citation.toWire)
            }
          }
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
      return [{ toolUse: { input: part.params ?? {}, name: part.name, toolUseId: part.id, ...typeOf(part, envelope) } }]
    case "tool-result":
      return [{ toolResult: { content: toolResultContent(part), ...toolResultHead(part) } }]
    case "image":
    case "audio":
      return [toMedia(part)]
    case "provider":
      return [part.value]
    default:
      return []
  }
}

/** The `type` of a call: it marks tools run by the provider, and some models mark all others too. */
export const typeOf = (
  call: { readonly providerExecuted?: boolean | undefined },
  { typedToolCalls }: Pick<Envelope, "typedToolCalls">
) => {
  if (call.providerExecuted === true) return { type: "server_tool_use" }
  return typedToolCalls === true ? { type: "tool_use" } : undefined
}

/** The members of a tool result before its content. */
export const toolResultHead = (part: Message.ToolResultPart) => ({
  toolUseId: part.id,
  ...(part.providerType === undefined ? undefined : { type: part.providerType }),
  ...(part.isFailure === undefined ? undefined : { status: part.isFailure ? "error" : "success" })
})

/** The content of a tool result: the provider's own blocks unchanged, parts, text, or JSON. */
export const toolResultContent = ({ parts, result }: Message.ToolResultPart): ReadonlyArray<unknown> => {
  if (parts !== undefined) return parts.map(toResultBlock)
  if (Array.isArray(result)) return result
  return [typeof result === "string" ? { text: result } : { json: result }]
}

const toResultBlock = (part: NonNullable<Message.ToolResultPart["parts"]>[number]): unknown => {
  switch (part.type) {
    case "text":
      return { text: part.text }
    case "json":
      return { json: part.value }
    case "image":
    case "video":
      return toMedia(part)
    case "document":
      return {
        document: {
          format: Media.formatOf("document", part.mediaType),
          name: part.name,
          source: "text" in part.source
            ? part.source
            : "pieces" in part.source
            ? { content: part.source.pieces.map((text) => ({ text })) }
            : Media.toWire(part.source)
        }
      }
    case "search-result":
      return {
        searchResult: { source: part.source, title: part.title, content: part.content.map((text) => ({ text })) }
      }
  }
}

const toMedia = ({ mediaType, source, type }: Message.ImagePart | Message.AudioPart | Message.VideoPart) => ({
  [type]: { format: Media.formatOf(type, mediaType), source: Media.toWire(source) }
})

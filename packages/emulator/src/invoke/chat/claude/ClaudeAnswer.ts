/**
 * Answers of Claude: one `message`, or the events it is streamed as.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import type * as Usage from "@strata/core/Usage"
import * as Base64 from "effect/encoding/Base64"
import type * as Model from "../../../model/Model.ts"
import * as Family from "../Family.ts"
import * as ClaudeCitation from "./ClaudeCitation.ts"

/** The body of an answer. */
export const whole = (
  response: ChatResponse.ChatResponse,
  envelope: Family.Envelope,
  stopSequences: ReadonlyArray<string> | undefined
): Family.Payload => ({
  ...headOf(envelope),
  content: Message.parts(response.message).flatMap(toBlock),
  ...stopOf(response, envelope, stopSequences),
  usage: { ...promptOf(response.usage, envelope), output_tokens: response.usage.outputTokens }
})

/**
 * The events of a stream. It begins with the emulator's count of the prompt; only later models can report the chat
 * service's own count, at the end.
 */
export const pieces = (envelope: Family.Envelope, stopSequences: ReadonlyArray<string> | undefined) => {
  const { counted, model } = envelope
  const blocks = makeBlocks()
  let started = false

  const body = (event: ChatEvent.ChatEvent): ReadonlyArray<Family.Payload> => {
    switch (event.type) {
      case "text-delta":
        return blocks.delta(event.index, text, { type: "text_delta", text: event.delta })
      case "citation": {
        const citation = ClaudeCitation.toWire(event.citation)
        return citation === undefined ? [] : blocks.delta(event.index, text, { type: "citations_delta", citation })
      }
      case "reasoning-delta":
        return blocks.delta(event.index, thinking, { type: "thinking_delta", thinking: event.delta })
      case "reasoning-end":
        return reasoningEnd(event.index, event)
      case "tool-params-start":
        return blocks.begin(event.index, { type: "tool_use", id: event.id, name: event.name, input: {} })
      case "tool-params-delta":
        return blocks.delta(event.index, undefined, { type: "input_json_delta", partial_json: event.delta })
      case "tool-call":
        return toolCall(event.index, event)
      case "part":
        return part(event)
      case "finish": {
        return [
          ...blocks.stopAll(),
          {
            type: "message_delta",
            delta: stopOf(event, envelope, stopSequences),
            usage: {
              ...(isLater(model) ? inputOf(event.usage, model) : undefined),
              output_tokens: event.usage.outputTokens
            }
          },
          { type: "message_stop" }
        ]
      }
    }
  }

  const reasoningEnd = (
    index: number,
    { redacted, signature }: Pick<Message.ReasoningPart, "redacted" | "signature">
  ) => {
    if (redacted !== undefined && !blocks.isOpen(index)) {
      return [...blocks.begin(index, redactedThinking(redacted)), ...blocks.stop(index)]
    }
    return [
      ...(signature === undefined ? [] : blocks.delta(index, thinking, { type: "signature_delta", signature })),
      ...blocks.stop(index)
    ]
  }

  const toolCall = (index: number, call: Message.ToolCallPart) => {
    if (blocks.isOpen(index)) return blocks.stop(index)
    return [
      ...blocks.begin(index, { type: "tool_use", id: call.id, name: call.name, input: {} }),
      ...blocks.delta(index, undefined, { type: "input_json_delta", partial_json: JSON.stringify(call.params ?? {}) }),
      ...blocks.stop(index)
    ]
  }

  const part = ({ index, part }: ChatEvent.PartEvent): ReadonlyArray<Family.Payload> => {
    // the deltas of this block, if there were any, have sent it already
    if (blocks.isOpen(index)) return blocks.stop(index)
    switch (part.type) {
      case "text":
        return [...blocks.delta(index, text, { type: "text_delta", text: part.text }), ...blocks.stop(index)]
      case "reasoning":
        return [
          ...(part.text === "" ? [] : blocks.delta(index, thinking, { type: "thinking_delta", thinking: part.text })),
          ...reasoningEnd(index, part)
        ]
      case "tool-call":
        return toolCall(index, part)
      default:
        return toBlock(part).flatMap((block) => [...blocks.begin(index, block), ...blocks.stop(index)])
    }
  }

  return (event: ChatEvent.ChatEvent): ReadonlyArray<Family.Payload> => {
    const payloads = body(event)
    if (started) return payloads
    started = true
    const usage = { ...promptOf(counted, envelope), output_tokens: 1 }
    const message = {
      ...headOf(envelope),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      ...(isLater(model) ? noDetails : undefined),
      usage
    }
    return [{ type: "message_start", message }, ...payloads]
  }
}

/**
 * The blocks of one stream, numbered as they begin. Text and reasoning end where another block begins; a tool call
 * stays open until it is complete.
 */
const makeBlocks = () => {
  const open = new Map<number, { readonly number: number; readonly lasting: boolean }>()
  let next = 0

  const stop = (index: number): ReadonlyArray<Family.Payload> => {
    const block = open.get(index)
    open.delete(index)
    return block === undefined ? [] : [{ type: "content_block_stop", index: block.number }]
  }

  const stopOthers = (index: number): ReadonlyArray<Family.Payload> =>
    [...open].flatMap(([other, block]) => other === index || block.lasting ? [] : stop(other))

  const begin = (index: number, block: Family.Payload): ReadonlyArray<Family.Payload> => {
    const stopped = [...stopOthers(index), ...stop(index)]
    open.set(index, { number: next, lasting: block["type"] === "tool_use" })
    return [...stopped, { type: "content_block_start", index: next++, content_block: block }]
  }

  return {
    begin,
    stop,
    stopAll: () => [...open.keys()].flatMap(stop),
    isOpen: (index: number) => open.has(index),
    /** A delta of a block, which begins as `block` if it has not begun. */
    delta: (index: number, block: Family.Payload | undefined, delta: Family.Payload): ReadonlyArray<Family.Payload> => {
      const begun = open.has(index) ? stopOthers(index) : block === undefined ? [] : begin(index, block)
      const number = open.get(index)?.number
      return number === undefined ? [] : [...begun, { type: "content_block_delta", index: number, delta }]
    }
  }
}

const text: Family.Payload = { type: "text", text: "" }

const thinking: Family.Payload = { type: "thinking", thinking: "", signature: "" }

const redactedThinking = (redacted: Uint8Array): Family.Payload => ({
  type: "redacted_thinking",
  data: Base64.encode(redacted)
})

const toBlock = (part: Message.Part): ReadonlyArray<Family.Payload> => {
  switch (part.type) {
    case "text":
      return [{
        type: "text",
        text: part.text,
        ...(part.citations === undefined
          ? undefined
          : { citations: part.citations.flatMap((citation) => ClaudeCitation.toWire(citation) ?? []) })
      }]
    case "reasoning":
      return [
        part.redacted === undefined
          ? { type: "thinking", thinking: part.text, signature: part.signature ?? "" }
          : redactedThinking(part.redacted)
      ]
    case "tool-call":
      return [{ type: "tool_use", id: part.id, name: part.name, input: part.params ?? {} }]
    default:
      return []
  }
}

const headOf = ({ id, model }: Family.Envelope) => ({
  id: `msg_bdrk_01${id.replaceAll("-", "").slice(0, 22)}`,
  type: "message",
  role: "assistant",
  model: Family.nameOf(model)
})

/** The counters of the prompt; cache counters are included for models with a prompt cache. */
const inputOf = ({ cacheReadTokens, cacheWriteTokens, inputTokens }: Usage.Usage, { caching }: Model.ChatModel) => ({
  input_tokens: inputTokens,
  ...(caching === false ? undefined : {
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cacheReadTokens
  })
})

/** The counters at the beginning of an answer, which for later models include cache writes by time to live. */
const promptOf = (usage: Usage.Usage, { byLifetime, model }: Family.Envelope) => {
  const written = byLifetime(usage.cacheWriteTokens)
  return {
    ...inputOf(usage, model),
    ...(isLater(model)
      ? {
        cache_creation: { ephemeral_5m_input_tokens: written["5m"], ephemeral_1h_input_tokens: written["1h"] }
      }
      : undefined)
  }
}

/** Claude 4.5 and later, whose answers have more members. */
const isLater = ({ typedToolCalls }: Model.ChatModel): boolean => typedToolCalls

/** The reason of a refusal; there is none. */
const noDetails = { stop_details: null }

/** Core does not report which stop sequence matched; with a single one it is known. */
const stopOf = (
  outcome: ChatResponse.Outcome,
  { model }: Family.Envelope,
  stopSequences: ReadonlyArray<string> = []
) => {
  const reason = stopReason(Family.stopReasonOf(outcome))
  const [only, ...others] = stopSequences
  return {
    stop_reason: reason,
    stop_sequence: reason === "stop_sequence" && others.length === 0 ? only ?? null : null,
    ...(isLater(model) ? noDetails : undefined)
  }
}

/** Anthropic's stop reasons are Converse's, except for those that Bedrock adds. */
const stopReason = (reason: string): string => {
  switch (reason) {
    case "content_filtered":
      return "refusal"
    case "guardrail_intervened":
    case "malformed_model_output":
    case "malformed_tool_use":
      return "end_turn"
    default:
      return reason
  }
}

/**
 * Rebuilds the message that a page shows from the chunks of its stream, on the server: to store an answer, whole or partial.
 *
 * It reads what `UiStream` writes as the client of the AI SDK does, and never throws: chunks that do not fit are skipped.
 */
import * as Check from "@strata/core/Check"
import { isObject } from "effect/Predicate"
import type * as UiChunk from "./UiChunk.ts"
import * as UiMessage from "./UiMessage.ts"

/** `add` in the order of the stream; `message` at any time gives what has arrived. */
export interface Reader {
  readonly add: (chunk: UiChunk.Chunk) => void
  readonly message: () => UiMessage.UiMessage
}

type Part = { readonly type: string; [key: string]: unknown }

/** Begins a message, or goes on with one that a stream continues. */
export const make = (continues?: UiMessage.UiMessage): Reader => {
  const before = opening(continues)
  let { id, metadata } = before
  const parts: Array<Part> = [...before.parts]
  const open = new Map<string, Part>()

  const push = (part: Part): Part => {
    parts.push(part)
    return part
  }

  const call = (
    { toolCallId, ...chunk }: Extract<UiChunk.Chunk, { readonly toolCallId: string }>
  ): Part | undefined => {
    const found = parts.findLast((part) => part["toolCallId"] === toolCallId)
    if (found !== undefined || !("toolName" in chunk)) return found
    const { dynamic, toolName } = chunk
    return push({
      type: dynamic ? "dynamic-tool" : `tool-${toolName}`,
      ...(dynamic && { toolName }),
      toolCallId,
      state: "input-streaming"
    })
  }

  const update = (part: Part | undefined, fields: { readonly [key: string]: unknown }): void => {
    if (part === undefined) return
    for (const [key, value] of Object.entries(fields)) if (value !== undefined) part[key] = value
  }

  const read = (chunk: UiChunk.Chunk): void => {
    switch (chunk.type) {
      case "start":
        id = chunk.messageId
        metadata = merged(metadata, chunk.messageMetadata)
        return
      case "message-metadata":
      case "finish":
        metadata = merged(metadata, chunk.messageMetadata)
        return
      case "start-step":
        return void push({ type: "step-start" })
      case "text-start":
      case "reasoning-start": {
        const type = chunk.type === "text-start" ? "text" : "reasoning"
        const part = push({ type, ...(type === "reasoning" && { id: chunk.id }), text: "", state: "streaming" })
        open.set(`${type} ${chunk.id}`, part)
        return update(part, { providerMetadata: chunk.providerMetadata })
      }
      case "text-delta":
      case "reasoning-delta": {
        const part = open.get(`${chunk.type.slice(0, -"-delta".length)} ${chunk.id}`)
        return update(part, { text: `${part?.["text"]}${chunk.delta}`, providerMetadata: chunk.providerMetadata })
      }
      case "text-end":
      case "reasoning-end": {
        const key = `${chunk.type.slice(0, -"-end".length)} ${chunk.id}`
        update(open.get(key), { state: "done", providerMetadata: chunk.providerMetadata })
        open.delete(key)
        return
      }
      case "tool-input-start":
        return update(call(chunk), { callProviderMetadata: chunk.providerMetadata })
      case "tool-input-delta": {
        const part = call(chunk)
        return update(part, { rawInput: `${part?.["rawInput"] ?? ""}${chunk.inputTextDelta}` })
      }
      case "tool-input-available": {
        const { input, providerExecuted, providerMetadata } = chunk
        const part = call(chunk)
        update(part, { state: "input-available", input, providerExecuted, callProviderMetadata: providerMetadata })
        return void (part && delete part["rawInput"])
      }
      case "tool-input-error": {
        const part = call(chunk)
        update(part, { state: "output-error", input: chunk.input, errorText: chunk.errorText })
        return void (part && delete part["rawInput"])
      }
      case "tool-approval-request":
        return update(call(chunk), { state: "approval-requested", approval: { id: chunk.approvalId } })
      case "tool-approval-response": {
        const { approvalId: id, approved, reason } = chunk
        const part = parts.find(({ approval }) => isObject(approval) && approval["id"] === id)
        return update(part, { state: "approval-responded", approval: { id, approved, ...(reason && { reason }) } })
      }
      case "tool-output-available":
        return update(call(chunk), {
          state: "output-available",
          output: chunk.output,
          providerExecuted: chunk.providerExecuted,
          resultProviderMetadata: chunk.providerMetadata
        })
      case "tool-output-error":
        return update(call(chunk), {
          state: "output-error",
          errorText: chunk.errorText,
          providerExecuted: chunk.providerExecuted,
          resultProviderMetadata: chunk.providerMetadata
        })
      case "tool-output-denied":
        return update(call(chunk), { state: "output-denied" })
      case "source-url":
      case "source-document":
      case "file":
      case "custom":
        return void push({ ...chunk })
      case "finish-step":
      case "error":
      case "abort":
        return
      default: {
        if (chunk.transient === true) return
        const { transient: _, ...part } = chunk
        const known = parts.find(({ id, type }) => id !== undefined && id === chunk.id && type === chunk.type)
        return known === undefined ? void push(part) : update(known, { data: chunk.data })
      }
    }
  }

  return {
    add: Check.total(read, () => undefined),
    message: () => ({
      id,
      role: "assistant",
      ...(metadata !== undefined && { metadata }),
      parts: parts.map((part) => ({ ...part })) as object as ReadonlyArray<UiMessage.UiPart> // of known chunks
    })
  }
}

const opening: (
  message: UiMessage.UiMessage | undefined
) => { readonly id: string; readonly metadata: unknown; readonly parts: ReadonlyArray<Part> } = Check.total(
  (message) => ({
    id: typeof message?.id === "string" ? message.id : "",
    metadata: message?.metadata,
    parts: (Check.itemsOf(message?.parts) ?? []).filter(isObject).map((part) => ({ ...part }) as Part)
  }),
  () => ({ id: "", metadata: undefined, parts: [] })
)

/**
 * The chunks that rebuild a message, after its `start`: what a replay has to send before the chunks of a stream that
 * continues the message.
 */
export const replay: (message: UiMessage.UiMessage) => ReadonlyArray<UiChunk.Chunk> = Check.total(
  // the items are those of the array, of whatever type they are
  ({ parts }) => (Check.itemsOf(parts) ?? []).flatMap((part, index) => replayPart(part as UiMessage.UiPart, index)),
  () => []
)

const replayPart = Check.total(
  (part: UiMessage.UiPart, index: number): ReadonlyArray<UiChunk.Chunk> => {
    if (UiMessage.isToolPart(part)) return replayCall(part)
    switch (part.type) {
      case "text":
      case "reasoning": {
        const { providerMetadata, text, type } = part
        const id = part.id ?? `${type}-${index}`
        return [
          { type: `${type}-start`, id },
          { type: `${type}-delta`, id, delta: text },
          { type: `${type}-end`, id, ...(providerMetadata && { providerMetadata }) }
        ]
      }
      case "step-start":
        return [{ type: "start-step" }]
      case "file":
      case "source-url":
      case "source-document":
      case "custom":
        return [part as object as UiChunk.Chunk] // these parts are their chunks
      default:
        return part.type.startsWith("data-") ? [part as object as UiChunk.Chunk] : []
    }
  },
  () => []
)

const replayCall = (part: UiMessage.ToolPart): ReadonlyArray<UiChunk.Chunk> => {
  const { approval, callProviderMetadata, input, providerExecuted, resultProviderMetadata, state, toolCallId } = part
  const dynamic = part.type === "dynamic-tool"
  const toolName = UiMessage.toolName(part)
  const common = { toolCallId, dynamic, ...(providerExecuted === true && { providerExecuted }) } as const
  const begun: UiChunk.Chunk = state === "input-streaming"
    ? { type: "tool-input-start", toolName, ...common }
    : {
      type: "tool-input-available",
      toolName,
      input,
      ...common,
      ...(callProviderMetadata && { providerMetadata: callProviderMetadata })
    }
  const chunks: Array<UiChunk.Chunk> = [begun]
  if (approval !== undefined) {
    const { approved, id: approvalId, reason } = approval
    chunks.push({ type: "tool-approval-request", toolCallId, approvalId })
    if (typeof approved === "boolean") {
      chunks.push({ type: "tool-approval-response", approvalId, approved, ...(reason && { reason }) })
    }
  }
  const ofResult = resultProviderMetadata && { providerMetadata: resultProviderMetadata }
  if (state === "output-available") {
    chunks.push({ type: "tool-output-available", output: part.output ?? null, ...common, ...ofResult })
  }
  if (state === "output-error") {
    chunks.push({ type: "tool-output-error", errorText: part.errorText ?? "", ...common, ...ofResult })
  }
  if (state === "output-denied") chunks.push({ type: "tool-output-denied", toolCallId })
  return chunks
}

/** The client merges metadata deeply; so does this, for plain objects. */
const merged = (known: unknown, more: unknown): unknown => {
  if (more === undefined || more === null) return known
  if (!isObject(known) || !isObject(more) || Array.isArray(known) || Array.isArray(more)) return more
  const both: Record<string, unknown> = { ...known }
  for (const [key, value] of Object.entries(more)) if (value !== undefined) both[key] = merged(both[key], value)
  return both
}

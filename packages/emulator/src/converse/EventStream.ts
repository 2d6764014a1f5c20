/**
 * Encodes core's `ChatEvent`s as ConverseStream frames.
 *
 * Only tool calls, tool results and images announce their block with `contentBlockStart`; text and reasoning begin with
 * their first delta. The counters come last, after `messageStop`.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as Message from "@strata/core/chat/Message"
import * as Base64 from "effect/encoding/Base64"
import * as Frame from "../http/Frame.ts"
import * as Citation from "./Citation.ts"
import * as Media from "./Media.ts"
import * as Response from "./Response.ts"

/** Encodes events one by one as frames. */
export interface Encoder {
  readonly encode: (event: ChatEvent.ChatEvent) => ReadonlyArray<Uint8Array>
  /** Whether the answer is complete: its `finish` was encoded. */
  readonly finished: () => boolean
}

/** `padding` gives the padding of the next frame. */
export const makeEncoder = (padding: () => number, envelope: Response.Envelope): Encoder => {
  let started = false
  let finished = false
  const { announce, delta, isAnnounced, isOpen, stop, stopAll } = makeBlocks((type, payload) =>
    Frame.event(type, payload, padding())
  )

  const reasoningEnd = (
    index: number,
    seals: { readonly signature?: string | undefined; readonly redacted?: Uint8Array | undefined }
  ) => [
    ...(seals.signature === undefined ? [] : delta(index, { reasoningContent: { signature: seals.signature } })),
    ...(seals.redacted === undefined
      ? []
      : delta(index, { reasoningContent: { redactedContent: Base64.encode(seals.redacted) } })),
    ...stop(index)
  ]

  const toolCall = (index: number, call: Message.ToolCallPart) => {
    if (isAnnounced(index)) return stop(index)
    const input = JSON.stringify(call.params ?? {})
    return [
      ...announce(index, { toolUse: { name: call.name, toolUseId: call.id, ...Response.typeOf(call, envelope) } }),
      // a call without arguments needs none
      ...(input === "{}" ? [] : delta(index, { toolUse: { input } })),
      ...stop(index)
    ]
  }

  const whole = ({ index, part }: ChatEvent.PartEvent): ReadonlyArray<Uint8Array> => {
    switch (part.type) {
      case "text":
        // the deltas of this block, if there were any, have sent it already
        return isOpen(index) ? stop(index) : [
          ...(part.text === "" && part.citations !== undefined ? [] : delta(index, { text: part.text })),
          ...(part.citations ?? []).flatMap((citation) => delta(index, { citation: Citation.toWire(citation) })),
          ...stop(index)
        ]
      case "reasoning":
        return [
          ...(part.text === "" ? [] : delta(index, { reasoningContent: { text: part.text } })),
          ...reasoningEnd(index, part)
        ]
      case "tool-call":
        return toolCall(index, part)
      case "tool-result":
        return [
          ...announce(index, { toolResult: Response.toolResultHead(part) }),
          ...delta(index, { toolResult: Response.toolResultContent(part) }),
          ...stop(index)
        ]
      case "image":
        return [
          ...announce(index, { image: { format: Media.formatOf("image", part.mediaType) } }),
          ...delta(index, { image: { source: Media.toWire(part.source) } }),
          ...stop(index)
        ]
      case "audio":
        // a Converse stream has no event for it
        return []
      case "provider":
        return [...announce(index, part.value), ...stop(index)]
    }
  }

  const body = (event: ChatEvent.ChatEvent): ReadonlyArray<Uint8Array> => {
    switch (event.type) {
      case "text-delta":
        return delta(event.index, { text: event.delta })
      case "citation":
        return delta(event.index, { citation: Citation.toWire(event.citation) })
      case "reasoning-delta":
        return delta(event.index, { reasoningContent: { text: event.delta } }, true)
      case "reasoning-end":
        return reasoningEnd(event.index, event)
      case "tool-params-start":
        return announce(event.index, {
          toolUse: { name: event.name, toolUseId: event.id, ...Response.typeOf({}, envelope) }
        })
      case "tool-params-delta":
        return delta(event.index, { toolUse: { input: event.delta } })
      case "tool-call":
        return toolCall(event.index, event)
      case "part":
        return whole(event)
      case "finish":
        finished = true
        return [
          ...stopAll(),
          Frame.event("messageStop", Response.stopOf(event, envelope), padding()),
          Frame.event("metadata", Response.metadataOf(event, envelope), padding())
        ]
    }
  }

  return {
    finished: () => finished,
    encode: (event) => {
      const frames = body(event)
      if (started) return frames
      started = true
      return [Frame.event("messageStart", { role: "assistant" }, padding()), ...frames]
    }
  }
}

/**
 * The blocks of one stream. Text has no end event: it ends when another block begins, and later text of it is a new
 * block on the wire. Other blocks stay open until they are stopped.
 */
const makeBlocks = (frame: (type: string, payload: Readonly<Record<string, unknown>>) => Uint8Array) => {
  /** The wire index of each open block, and whether it stays open. */
  const open = new Map<number, { readonly contentBlockIndex: number; readonly lasting: boolean }>()
  const announced = new Set<number>()
  const used = new Set<number>()

  const stop = (index: number): ReadonlyArray<Uint8Array> => {
    const block = open.get(index)
    open.delete(index)
    return block === undefined ? [] : [frame("contentBlockStop", { contentBlockIndex: block.contentBlockIndex })]
  }

  const begin = (index: number, lasting: boolean) => {
    const known = open.get(index)
    const frames: ReadonlyArray<Uint8Array> = [...open]
      .flatMap(([other, block]) => other === index || block.lasting ? [] : stop(other))
    if (known !== undefined) return { frames, contentBlockIndex: known.contentBlockIndex }
    let contentBlockIndex = index
    while (used.has(contentBlockIndex)) contentBlockIndex++
    used.add(contentBlockIndex)
    open.set(index, { contentBlockIndex, lasting })
    return { frames, contentBlockIndex }
  }

  return {
    isOpen: (index: number) => open.has(index),
    isAnnounced: (index: number) => announced.has(index),
    stop,
    stopAll: () => [...open.keys()].flatMap(stop),
    announce: (index: number, start: unknown): ReadonlyArray<Uint8Array> => {
      const { contentBlockIndex, frames } = begin(index, true)
      announced.add(index)
      return [...frames, frame("contentBlockStart", { contentBlockIndex, start })]
    },
    delta: (index: number, delta: unknown, lasting = false): ReadonlyArray<Uint8Array> => {
      const { contentBlockIndex, frames } = begin(index, lasting)
      return [...frames, frame("contentBlockDelta", { contentBlockIndex, delta })]
    }
  }
}

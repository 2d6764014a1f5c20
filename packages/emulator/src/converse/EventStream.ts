/**
 * Writes a stream of core's `ChatEvent`s the way ConverseStream does.
 *
 * Only tool calls announce their block with `contentBlockStart`; text and reasoning begin with their first delta. The
 * counters come last, after `messageStop`.
 */
import type * as ChatEvent from "@strata/core/ChatEvent"
import type * as Message from "@strata/core/Message"
import * as Base64 from "effect/encoding/Base64"
import * as Frame from "../Frame.ts"
import * as Citation from "./Citation.ts"
import * as Media from "./Media.ts"
import * as Response from "./Response.ts"

/** Turns one event after the other into the frames it stands for. */
export interface Encoder {
  readonly encode: (event: ChatEvent.ChatEvent) => ReadonlyArray<Uint8Array>
  /** Whether the answer is complete: its `finish` was encoded. */
  readonly finished: () => boolean
}

/** `padding` gives the padding of the next frame, `latencyMs` the time since the request came in. */
export const makeEncoder = (options: {
  readonly padding: () => number
  readonly latencyMs: () => number
}): Encoder => {
  let started = false
  let finished = false
  const open = new Set<number>()
  const announced = new Set<number>()

  const frame = (type: string, payload: Readonly<Record<string, unknown>>) =>
    Frame.event(type, payload, options.padding())

  const stop = (index: number): ReadonlyArray<Uint8Array> =>
    open.delete(index) ? [frame("contentBlockStop", { contentBlockIndex: index })] : []

  const stopOthers = (index?: number) => [...open].filter((other) => other !== index).flatMap(stop)

  const delta = (index: number, delta: unknown): ReadonlyArray<Uint8Array> => {
    const frames = stopOthers(index)
    open.add(index)
    return [...frames, frame("contentBlockDelta", { contentBlockIndex: index, delta })]
  }

  const announce = (index: number, start: unknown): ReadonlyArray<Uint8Array> => {
    const frames = stopOthers(index)
    open.add(index)
    announced.add(index)
    return [...frames, frame("contentBlockStart", { contentBlockIndex: index, start })]
  }

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

  const toolCall = (index: number, call: Message.ToolCallPart) =>
    announced.has(index) ? stop(index) : [
      ...announce(index, { toolUse: { name: call.name, toolUseId: call.id, ...Response.serverTool(call) } }),
      ...delta(index, { toolUse: { input: JSON.stringify(call.params ?? {}) } }),
      ...stop(index)
    ]

  const whole = ({ index, part }: ChatEvent.PartEvent): ReadonlyArray<Uint8Array> => {
    switch (part.type) {
      case "text":
        // the deltas of this block, if there were any, said it already
        return open.has(index) ? stop(index) : [
          ...delta(index, { text: part.text }),
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
        return delta(event.index, { reasoningContent: { text: event.delta } })
      case "reasoning-end":
        return reasoningEnd(event.index, event)
      case "tool-params-start":
        return announce(event.index, { toolUse: { name: event.name, toolUseId: event.id } })
      case "tool-params-delta":
        return delta(event.index, { toolUse: { input: event.delta } })
      case "tool-call":
        return toolCall(event.index, event)
      case "part":
        return whole(event)
      case "finish":
        finished = true
        return [
          ...stopOthers(),
          frame("messageStop", Response.stopOf(event)),
          frame("metadata", {
            metrics: { latencyMs: options.latencyMs() },
            ...Response.traceOf(event),
            usage: Response.toUsage(event.usage)
          })
        ]
    }
  }

  return {
    finished: () => finished,
    encode: (event) => {
      const frames = body(event)
      if (started) return frames
      started = true
      return [frame("messageStart", { role: "assistant" }), ...frames]
    }
  }
}

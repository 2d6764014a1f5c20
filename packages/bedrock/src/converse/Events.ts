/**
 * Decodes the frames of ConverseStream into chat events.
 *
 * A stream is complete only after `messageStop` and `metadata`; one that ends before both fails, whether the connection
 * broke or the service stopped in the middle. Decoding is total: any sequence of frames gives events or a typed error.
 */
import type {
  ContentBlockDelta,
  ContentBlockStart,
  ConverseStreamMetadataEvent,
  ConverseStreamOutput,
  MessageStopEvent,
  ReasoningContentBlockDelta
} from "@aws-sdk/client-bedrock-runtime"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ProviderError from "@strata/core/ProviderError"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as Failure from "../error/Failure.ts"
import * as Block from "./Block.ts"
import * as Citations from "./Citations.ts"
import * as OpenBlock from "./OpenBlock.ts"
import * as Response from "./Response.ts"

/** The request of a stream: named in its `finish` event and in its errors. */
export interface Origin extends Failure.Where {
  readonly model: string
  readonly requestId: string | undefined
}

/**
 * Decodes the frames of one stream. Its events number the blocks in the order of the answer, whatever index the service
 * uses.
 *
 * Fails with `ConnectionError` when the frames end before the answer does, and with `MalformedResponseError` for tool
 * arguments without a tool call.
 */
export const decode = <E, R>(
  frames: Stream.Stream<ConverseStreamOutput, E, R>,
  origin: Origin
): Stream.Stream<ChatEvent.ChatEvent, E | ProviderError.ConnectionError | ProviderError.MalformedResponseError, R> =>
  // One step for each pull: a combinator for each of its cases would cost more than decoding.
  Stream.transformPull(frames, (pull) =>
    Effect.sync(() => {
      const decoder = makeDecoder(origin)
      const next: Pulled<E, R> = Effect.matchEffect(pull, {
        onSuccess: (batch): Pulled<E, R> => {
          const events: Events = []
          for (const frame of batch) {
            const problem = decoder.add(frame, events)
            if (problem !== undefined) return Effect.fail(problem)
          }
          return Arr.isArrayNonEmpty(events) ? Effect.succeed(events) : next
        },
        // A failure after the end of the answer does not invalidate it.
        onFailure: (error): Pulled<E, R> =>
          decoder.isComplete()
            ? Cause.done()
            : Effect.fail(Cause.isDone(error) ? incomplete(origin) : error)
      })
      return next
    }))

type Pulled<E, R> = Pull.Pull<
  Arr.NonEmptyReadonlyArray<ChatEvent.ChatEvent>,
  E | ProviderError.ConnectionError | ProviderError.MalformedResponseError,
  void,
  R
>

type Events = Array<ChatEvent.ChatEvent>

const makeDecoder = (origin: Origin) => {
  // By the service's index, which identifies a block only from its start, or its first delta, to its stop.
  const blocks = new Map<number, OpenBlock.OpenBlock>()
  let count = 0
  let stopped: MessageStopEvent | undefined
  let ended: ConverseStreamMetadataEvent | undefined
  let complete = false

  /** Opens a block. An open block of the same index has ended, even if the service did not say so. */
  const open = <Type extends OpenBlock.OpenBlock["type"]>(
    at: number,
    make: (index: number) => OpenBlock.Of<Type>,
    events: Events
  ): OpenBlock.Of<Type> => {
    stop(at, events)
    const block = make(count++)
    blocks.set(at, block)
    return block
  }

  const start = (at: number, begun: ContentBlockStart, events: Events) => {
    if (begun.toolUse !== undefined) {
      const { toolUse } = begun
      const { index } = open(at, (index) => ({ type: "tool", index, start: toolUse, json: "" }), events)
      if (Block.isProviderRun(toolUse)) return
      events.push({ type: "tool-params-start", index, id: toolUse.toolUseId ?? "", name: toolUse.name ?? "" })
    } else if (begun.toolResult !== undefined) {
      const { toolResult } = begun
      open(at, (index) => ({ type: "result", index, start: toolResult, content: [] }), events)
    } else if (begun.image !== undefined) {
      const { image } = begun
      open(at, (index) => ({ type: "image", index, start: image, pieces: [] }), events)
    } else {
      const [name, value] = OpenBlock.unknownMember(begun) ?? []
      stop(at, events)
      // Text and reasoning have no start event; one without content is ignored.
      if (name === undefined || name === "text" || name === "reasoningContent") return
      open(at, (index) => ({ type: "unknown", index, union: "block", name, pieces: [value] }), events)
    }
  }

  /** Adds a delta to the open block of its kind, or opens one. */
  const delta = (at: number, piece: ContentBlockDelta, events: Events) => {
    const current = blocks.get(at)
    if (piece.text !== undefined) {
      const block = textAt(at, events)
      block.text += piece.text
      if (piece.text !== "") events.push({ type: "text-delta", index: block.index, delta: piece.text })
    } else if (piece.citation !== undefined) {
      const block = textAt(at, events)
      block.citations.push(piece.citation)
      events.push({ type: "citation", index: block.index, citation: Citations.decode(piece.citation) })
    } else if (piece.toolUse !== undefined) {
      const { input = "" } = piece.toolUse
      if (input === "") return
      if (current?.type !== "tool") {
        return Failure.malformed(origin, "the stream has tool arguments without a tool call")
      }
      current.json += input
      if (Block.isProviderRun(current.start)) return
      const { index, start } = current
      events.push({ type: "tool-params-delta", index, id: start.toolUseId ?? "", delta: input })
    } else if (piece.reasoningContent !== undefined) {
      reasoning(at, piece.reasoningContent, events)
    } else if (piece.toolResult !== undefined) {
      const block = current?.type === "result"
        ? current
        : open(at, (index) => ({ type: "result", index, start: { toolUseId: undefined }, content: [] }), events)
      for (const item of piece.toolResult) block.content.push(item)
    } else if (piece.image !== undefined) {
      const block = current?.type === "image"
        ? current
        : open(at, (index) => ({ type: "image", index, start: { format: undefined }, pieces: [] }), events)
      block.pieces.push(piece.image)
    } else {
      unknown(at, "block", piece, events)
    }
  }

  const textAt = (at: number, events: Events): OpenBlock.Of<"text"> => {
    const current = blocks.get(at)
    return current?.type === "text"
      ? current
      : open(at, (index) => ({ type: "text", index, text: "", citations: [] }), events)
  }

  const reasoning = (at: number, piece: ReasoningContentBlockDelta, events: Events) => {
    const current = blocks.get(at)
    if (piece.text !== undefined || piece.signature !== undefined) {
      const { signature, text = "" } = piece
      // A signature ends a block of reasoning: further text is a new block.
      const goesOn = current?.type === "reasoning" && (current.signature === undefined || text === "")
      const block = goesOn
        ? current
        : open(at, (index) => ({ type: "reasoning", index, signature: undefined }), events)
      if (signature !== undefined) block.signature = (block.signature ?? "") + signature
      if (text !== "") events.push({ type: "reasoning-delta", index: block.index, delta: text })
    } else if (piece.redactedContent !== undefined) {
      const block = current?.type === "redacted"
        ? current
        : open(at, (index) => ({ type: "redacted", index, pieces: [] }), events)
      block.pieces.push(piece.redactedContent)
    } else {
      unknown(at, "reasoning", piece, events)
    }
  }

  const unknown = (at: number, union: "block" | "reasoning", piece: object, events: Events) => {
    const [name, value] = OpenBlock.unknownMember(piece) ?? []
    if (name === undefined) return
    const current = blocks.get(at)
    if (current?.type === "unknown" && current.union === union && current.name === name) current.pieces.push(value)
    else open(at, (index) => ({ type: "unknown", index, union, name, pieces: [value] }), events)
  }

  const stop = (at: number, events: Events) => {
    const block = blocks.get(at)
    if (block === undefined) return
    blocks.delete(at)
    const { index } = block
    const part = Block.decode(OpenBlock.whole(block))
    if (part.type === "tool-call") {
      events.push({ ...part, index })
    } else if (part.type === "reasoning") {
      const { redacted, signature } = part
      events.push({
        type: "reasoning-end",
        index,
        ...(signature === undefined ? undefined : { signature }),
        ...(redacted === undefined ? undefined : { redacted })
      })
    } else if (part.type !== "text" || part.providerFields !== undefined) {
      events.push({ type: "part", index, part })
    } else if (part.text === "" && part.citations === undefined) {
      // An empty block between signed reasoning has to be sent back as well.
      events.push({ type: "text-delta", index, delta: "" })
    }
  }

  const finish = (events: Events) => {
    if (stopped === undefined || ended === undefined) return
    for (const at of blocks.keys()) stop(at, events)
    complete = true
    events.push({
      type: "finish",
      ...Response.decodeOutcome({
        model: origin.model,
        requestId: origin.requestId,
        stopReason: stopped.stopReason,
        additionalModelResponseFields: stopped.additionalModelResponseFields,
        usage: ended.usage,
        latencyMs: ended.metrics?.latencyMs,
        trace: ended.trace,
        performanceConfig: ended.performanceConfig,
        serviceTier: ended.serviceTier
      })
    })
  }

  return {
    isComplete: () => complete,
    /** Adds the events of one frame; returns the problem, if there is one. Frames after the end are ignored. */
    add: (frame: ConverseStreamOutput, events: Events): ProviderError.MalformedResponseError | undefined => {
      if (complete) return undefined
      if (frame.contentBlockDelta !== undefined) {
        const { contentBlockIndex = 0, delta: piece } = frame.contentBlockDelta
        return piece === undefined ? undefined : delta(contentBlockIndex, piece, events)
      } else if (frame.contentBlockStart !== undefined) {
        const { contentBlockIndex = 0, start: begun } = frame.contentBlockStart
        if (begun !== undefined) start(contentBlockIndex, begun, events)
      } else if (frame.contentBlockStop !== undefined) {
        stop(frame.contentBlockStop.contentBlockIndex ?? 0, events)
      } else if (frame.messageStop !== undefined) {
        stopped = frame.messageStop
        finish(events)
      } else if (frame.metadata !== undefined) {
        ended = frame.metadata
        finish(events)
      }
    }
  }
}

const incomplete = (origin: Origin) =>
  new ProviderError.ConnectionError(
    Failure.silent(origin, "the stream ended before the answer was complete", "Send the request again")
  )

/**
 * The frames of ConverseStream, as chat events.
 *
 * A stream is complete only after `messageStop` and `metadata`; one that ends before both fails, whether the connection
 * broke or the service stopped in the middle. Decoding is total: any sequence of frames gives events or a typed error.
 */
import type {
  ContentBlockDelta,
  ContentBlockStart,
  ConverseStreamMetadataEvent,
  ConverseStreamOutput,
  ImageBlock,
  ImageBlockDelta,
  ImageBlockStart,
  MessageStopEvent,
  ToolResultBlockDelta,
  ToolResultBlockStart,
  ToolResultContentBlock,
  ToolUseBlockStart
} from "@aws-sdk/client-bedrock-runtime"
import type * as ChatEvent from "@strata/core/ChatEvent"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { providerName } from "../internal/provider.ts"
import * as Block from "./Block.ts"
import * as Citations from "./Citations.ts"
import * as Response from "./Response.ts"

/** What a stream answers to: named in its `finish` event and in its errors. */
export interface Origin {
  readonly model: string
  readonly requestId: string | undefined
}

/**
 * Decodes the frames of one stream.
 *
 * Fails with `ConnectionError` when the frames end before the answer does, and with `MalformedResponseError` when they
 * contradict themselves.
 */
export const decode = <E, R>(
  frames: Stream.Stream<ConverseStreamOutput, E, R>,
  origin: Origin
): Stream.Stream<ChatEvent.ChatEvent, E | ProviderError.ConnectionError | ProviderError.MalformedResponseError, R> =>
  Stream.suspend(() => {
    const decoder = makeDecoder(origin)
    return frames.pipe(
      // What goes wrong after the end of the answer takes nothing from it.
      Stream.catch((error) => decoder.isComplete() ? Stream.empty : Stream.fail(error)),
      Stream.mapAccumArrayEffect(() => decoder, (_, batch) => {
        const events: Array<ChatEvent.ChatEvent> = []
        for (const frame of batch) {
          const problem = decoder.add(frame, events)
          if (problem !== undefined) return Effect.fail(problem)
        }
        return Effect.succeed([decoder, events] as const)
      }),
      Stream.concat(Stream.suspend(() => decoder.isComplete() ? Stream.empty : Stream.fail(incomplete(origin))))
    )
  })

/** A content block that has started and not stopped. */
type Block =
  | { readonly type: "text" }
  | { readonly type: "reasoning"; signature: string | undefined; redacted: Array<Uint8Array> }
  | { readonly type: "tool"; readonly start: ToolUseBlockStart; json: string }
  | { readonly type: "result"; readonly start: ToolResultBlockStart; readonly content: Array<ToolResultBlockDelta> }
  | { readonly type: "image"; readonly start: ImageBlockStart; readonly pieces: Array<ImageBlockDelta> }

const makeDecoder = (origin: Origin) => {
  const blocks = new Map<number, Block>()
  let stopped: MessageStopEvent | undefined
  let ended: ConverseStreamMetadataEvent | undefined
  let complete = false

  const malformed = (message: string) =>
    new ProviderError.MalformedResponseError({ provider: providerName, ...origin, message })

  const start = (index: number, begun: ContentBlockStart, events: Array<ChatEvent.ChatEvent>) => {
    if (begun.toolUse !== undefined) {
      blocks.set(index, { type: "tool", start: begun.toolUse, json: "" })
      if (begun.toolUse.type === undefined) {
        const { name, toolUseId } = begun.toolUse
        events.push({ type: "tool-params-start", index, id: toolUseId ?? "", name: name ?? "" })
      }
    } else if (begun.toolResult !== undefined) {
      blocks.set(index, { type: "result", start: begun.toolResult, content: [] })
    } else if (begun.image !== undefined) {
      blocks.set(index, { type: "image", start: begun.image, pieces: [] })
    }
  }

  const delta = (index: number, piece: ContentBlockDelta, events: Array<ChatEvent.ChatEvent>) => {
    if (piece.text !== undefined) {
      if (!blocks.has(index)) blocks.set(index, { type: "text" })
      if (piece.text !== "") events.push({ type: "text-delta", index, delta: piece.text })
      return
    }
    const block = blocks.get(index)
    if (piece.toolUse !== undefined) {
      if (block?.type !== "tool") return malformed(`Block ${index} continues a tool call that never started`)
      const { input = "" } = piece.toolUse
      block.json += input
      if (input !== "" && block.start.type === undefined) {
        events.push({ type: "tool-params-delta", index, id: block.start.toolUseId ?? "", delta: input })
      }
    } else if (piece.reasoningContent !== undefined) {
      const reasoning = block?.type === "reasoning"
        ? block
        : { type: "reasoning" as const, signature: undefined, redacted: [] }
      if (block === undefined) blocks.set(index, reasoning)
      const { redactedContent, signature, text } = piece.reasoningContent
      if (text !== undefined && text !== "") events.push({ type: "reasoning-delta", index, delta: text })
      if (signature !== undefined) reasoning.signature = (reasoning.signature ?? "") + signature
      if (redactedContent !== undefined) reasoning.redacted.push(redactedContent)
    } else if (piece.citation !== undefined) {
      events.push({ type: "citation", index, citation: Citations.decode(piece.citation) })
    } else if (piece.toolResult !== undefined && block?.type === "result") {
      block.content.push(...piece.toolResult)
    } else if (piece.image !== undefined && block?.type === "image") {
      block.pieces.push(piece.image)
    }
  }

  const stop = (index: number, events: Array<ChatEvent.ChatEvent>) => {
    const block = blocks.get(index)
    blocks.delete(index)
    if (block?.type === "reasoning") {
      const { redacted, signature } = block
      events.push({
        type: "reasoning-end",
        index,
        ...(signature === undefined ? undefined : { signature }),
        ...(redacted.length === 0 ? undefined : { redacted: concatenate(redacted) })
      })
    } else if (block?.type === "tool") {
      const part = Block.decode({ toolUse: { ...block.start, input: Block.asJson(decodeParams(block.json)) } })
      if (part.type === "tool-call") events.push({ ...part, index })
    } else if (block?.type === "result") {
      const content = block.content as Array<ToolResultContentBlock> // the same blocks, as they come in a stream
      events.push({ type: "part", index, part: Block.decode({ toolResult: { ...block.start, content } }) })
    } else if (block?.type === "image") {
      events.push({ type: "part", index, part: Block.decode({ image: joinImage(block.start, block.pieces) }) })
    }
  }

  const finish = (events: Array<ChatEvent.ChatEvent>) => {
    if (stopped === undefined || ended === undefined) return
    complete = true
    events.push({
      type: "finish",
      ...Response.decodeOutcome({
        ...origin,
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
    /** Adds the events of one frame; gives the problem, if there is one. Frames after the end are ignored. */
    add: (
      frame: ConverseStreamOutput,
      events: Array<ChatEvent.ChatEvent>
    ): ProviderError.MalformedResponseError | undefined => {
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
        for (const index of blocks.keys()) stop(index, events)
        stopped = frame.messageStop
        finish(events)
      } else if (frame.metadata !== undefined) {
        ended = frame.metadata
        finish(events)
      }
    }
  }
}

/** The text itself when it is not JSON: an answer cut by `maxTokens` ends in the middle of the parameters. */
const decodeParams = (json: string): unknown =>
  json.trim() === "" ? {} : Result.getOrElse(Result.try((): unknown => JSON.parse(json)), () => json)

/** An image comes in pieces of bytes, or as one location. */
const joinImage = ({ format }: ImageBlockStart, pieces: ReadonlyArray<ImageBlockDelta>): ImageBlock => {
  const bytes = pieces.flatMap(({ source }) => source?.bytes === undefined ? [] : [source.bytes])
  const error = pieces.find((piece) => piece.error !== undefined)?.error
  return {
    format,
    source: bytes.length > 0
      ? { bytes: concatenate(bytes) }
      : pieces.find(({ source }) => source !== undefined)?.source,
    ...(error === undefined ? undefined : { error })
  }
}

const concatenate = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.length
  }
  return whole
}

const incomplete = (origin: Origin) =>
  new ProviderError.ConnectionError({
    provider: providerName,
    ...origin,
    message: "The stream ended before the answer was complete: the connection was lost, or the service gave up"
  })

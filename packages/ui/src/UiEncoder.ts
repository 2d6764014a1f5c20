/**
 * The state machine between the events of a chat and the chunks of a page: pure, for streams of your own.
 *
 * Any sequence of events, also one that no service sends, becomes chunks that the client of the AI SDK reads without an error
 * of its own. `UiStream` runs it over a stream.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import * as Cost from "@strata/core/Cost"
import type * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Usage from "@strata/core/Usage"
import * as Base64 from "effect/encoding/Base64"
import * as Calls from "./internal/calls.ts"
import * as Metadata from "./internal/metadata.ts"
import * as Prose from "./internal/prose.ts"
import * as ToolParts from "./internal/toolParts.ts"
import type * as UiChunk from "./UiChunk.ts"
import type * as UiMessage from "./UiMessage.ts"

/** An event of a chat or of a tool loop. */
export type Event = ChatEvent.ChatEvent | ToolLoop.Event

/** What a message came to so far, for its metadata. `usage` and `cost` are those of all its steps. */
export interface Spent {
  readonly model?: string | undefined
  readonly finishReason?: ChatResponse.FinishReason | undefined
  readonly usage: Usage.Usage
  readonly cost?: Cost.Cost | undefined
}

/**
 * What the stream of a message says besides the answer.
 *
 * - `messageId`: the id of the assistant message, made by the server.
 * - `continues`: the message that the stream goes on with, after an approval or the result of a tool of the page. It has
 *   `messageId`, and its calls get their results.
 * - `approvalId`: the id of the request for approval of a call; the id of the call when missing. `UiChat` makes ids that
 *   cannot be guessed.
 * - `reasoning`: `false` keeps reasoning on the server, with its signature. True when missing.
 * - `metadata`: the metadata of the message when it ends; model, usage, cost and finish reason when missing. `undefined`
 *   for none.
 */
export interface Options {
  readonly messageId: string
  readonly continues?: UiMessage.UiMessage | undefined
  readonly approvalId?: ((callId: string) => string) | undefined
  readonly reasoning?: boolean | undefined
  readonly metadata?: ((spent: Spent) => unknown) | undefined
}

/** How a stream ended. `errorText` and `reason` are shown to the user. */
export type Ending =
  | { readonly type: "complete" }
  | { readonly type: "failed"; readonly errorText: string }
  | { readonly type: "aborted"; readonly reason?: string | undefined }

/**
 * The state of a stream. `start` once, `add` for each event, `end` once; all return what is to be sent. Nothing throws, and
 * after the end nothing is sent.
 *
 * A `complete` ending without the `finish` event of a chat becomes an error: the answer is not complete.
 */
export interface Encoder {
  readonly start: () => ReadonlyArray<UiChunk.Chunk>
  readonly add: (event: Event) => ReadonlyArray<UiChunk.Chunk>
  readonly end: (ending: Ending) => ReadonlyArray<UiChunk.Chunk>
}

/** Begins a stream. */
export const make = (options: Options): Encoder => {
  const { approvalId, continues, messageId, metadata, reasoning } = settle(options)
  let sent: Array<UiChunk.Chunk> = []
  const send = (chunk: UiChunk.Chunk): void => void sent.push(chunk)
  const take = (): ReadonlyArray<UiChunk.Chunk> => {
    const chunks = sent
    sent = []
    return chunks
  }

  const before = Check.itemsOf(continues?.parts)?.length ?? 0
  let count = before
  const prose = Prose.make(send, () => `part-${count++}`)
  const calls = Calls.make(send, ToolParts.calls(continues))
  let step: "none" | "open" | "answered" = "none"
  let isEnded = false
  let outcome: "pending" | "other" | undefined // of a tool loop
  let isFinished = false // the last answer was complete
  let spent: Spent = { usage: Usage.empty, cost: Cost.empty }

  const closeStep = (): void => {
    prose.close()
    calls.cut()
    if (step !== "none") send({ type: "finish-step" })
    step = "none"
  }

  /** In an answer: content after the end of one begins the next step. */
  const within = (): void => {
    if (step === "answered") closeStep()
    if (step === "none") send({ type: "start-step" })
    step = "open"
    isFinished = false
  }

  /** Content that is neither text nor reasoning. */
  const apart = (): void => {
    within()
    prose.close()
  }

  const whole = (index: number, part: Message.AssistantPart): void => {
    switch (part.type) {
      case "text":
      case "reasoning":
        if (part.type === "reasoning" && !reasoning) return
        within()
        return prose.whole(index, part)
      case "tool-call":
        apart()
        return calls.called(part, index)
      case "tool-result": {
        apart()
        const { id, type: _, ...result } = part
        return calls.ended(id, result)
      }
      case "image":
      case "audio": {
        apart()
        const { mediaType, source } = part
        if (typeof mediaType !== "string") return
        const url = "bytes" in source ? `data:${mediaType};base64,${Base64.encode(source.bytes)}` : source.uri
        const providerMetadata = Metadata.encode(part, ["mediaType", "source"])
        return send({ type: "file", url, mediaType, ...(providerMetadata && { providerMetadata }) })
      }
      case "provider": {
        apart()
        const providerMetadata = Metadata.encode(part, [])
        return send({ type: "custom", kind: "strata.provider", ...(providerMetadata && { providerMetadata }) })
      }
    }
  }

  const read = (event: Event): void => {
    switch (event.type) {
      case "text-delta":
        within()
        return prose.write("text", event.index, event.delta)
      case "citation":
        within()
        return prose.cite(event.index, event.citation)
      case "reasoning-delta":
        if (!reasoning) return
        within()
        return prose.write("reasoning", event.index, event.delta)
      case "reasoning-end": {
        if (!reasoning) return
        within()
        const { redacted, signature } = event
        return prose.endReasoning(event.index, { signature, redacted })
      }
      case "tool-params-start":
        apart()
        return calls.start(event.index, event.id, event.name)
      case "tool-params-delta":
        return calls.write(event.index, event.id, event.delta)
      case "tool-call": {
        const { index, ...part } = event
        apart()
        return calls.called(part, index)
      }
      case "part":
        return whole(event.index, event.part)
      case "finish":
        // A step even without content: a page must not take the calls of the step before for the last ones.
        if (step !== "open") within()
        prose.close()
        calls.cut()
        step = "answered"
        isFinished = true
        spent = {
          model: event.model,
          finishReason: event.finishReason,
          usage: Usage.add(spent.usage, event.usage),
          cost: Cost.sum([spent.cost, event.cost])
        }
        return
      case "tool-result":
        return calls.ended(event.call.id, ToolParts.ended(event), event.call)
      case "tool-pending":
        return
      case "step":
        spent = { ...spent, usage: Usage.add(Usage.empty, event.usage), cost: event.cost }
        return closeStep()
      case "outcome": {
        outcome = event.outcome.reason === "pending" ? "pending" : "other"
        isFinished = true
        const { response, usage } = event.outcome
        spent = {
          model: response.model,
          finishReason: response.finishReason,
          usage: Usage.add(Usage.empty, usage),
          cost: event.outcome.cost
        }
        if (event.outcome.reason !== "pending") return
        // the items are those of the array, of whatever type they are
        for (const { call, kind } of (Check.itemsOf(event.outcome.pending) ?? []) as ReadonlyArray<ToolLoop.Pending>) {
          calls.waits(call, kind === "approval" ? approvalId(call.id) : undefined)
        }
      }
    }
  }

  const finish = (): void => {
    closeStep()
    if (outcome === "other" && calls.settle(notRun, "all")) {
      // Calls that have all ended make a page send the conversation again by itself; those of an earlier step do not.
      send({ type: "start-step" })
      send({ type: "finish-step" })
    }
    calls.settle(noResult, "providers")
    const shown = metadata(spent)
    send({
      type: "finish",
      finishReason: reasons[spent.finishReason ?? "other"] ?? "other",
      ...(shown !== undefined && { messageMetadata: shown })
    })
  }

  const stop = (callText: string, last: UiChunk.Chunk): void => {
    closeStep()
    calls.settle(callText, "all")
    const shown = spent.usage.totalTokens > 0 ? metadata(spent) : undefined
    if (shown !== undefined) send({ type: "message-metadata", messageMetadata: shown })
    send(last)
  }

  const total = <Args extends ReadonlyArray<unknown>>(run: (...args: Args) => void) => {
    const attempt = Check.total(run, () => undefined)
    return (...args: Args): ReadonlyArray<UiChunk.Chunk> => {
      if (!isEnded) attempt(...args)
      return take()
    }
  }

  return {
    start: total(() => send({ type: "start", messageId })),
    add: total(read),
    end: total((ending: Ending) => {
      isEnded = true
      if (ending.type === "aborted") {
        const { reason } = ending
        return stop(interrupted, { type: "abort", ...(reason !== undefined && { reason }) })
      }
      if (ending.type === "failed") return stop(interrupted, { type: "error", errorText: ending.errorText })
      if (isFinished) return finish()
      stop(interrupted, { type: "error", errorText: "The answer ended before it was complete" })
    })
  }
}

/** The options with their defaults; those that have the wrong type count as missing. */
const settle = (options: Options) =>
  Check.total(
    ({ approvalId, continues, messageId, metadata, reasoning }: Options) => ({
      messageId: typeof messageId === "string" ? messageId : "",
      continues: Array.isArray(continues?.parts) ? continues : undefined,
      approvalId: Check.total(
        (callId: string) => typeof approvalId === "function" ? approvalId(callId) : callId,
        () => "unknown"
      ),
      metadata: Check.total(typeof metadata === "function" ? metadata : metadataOf, () => undefined),
      reasoning: reasoning !== false
    }),
    () => ({
      messageId: "",
      continues: undefined,
      approvalId: (callId: string) => callId,
      metadata: metadataOf,
      reasoning: true
    })
  )(options)

/** The default metadata of a message. */
const metadataOf = ({ cost, finishReason, model, usage }: Spent): unknown => ({
  model,
  finishReason,
  usage,
  ...(cost !== undefined && { cost })
})

const reasons: { readonly [Reason in ChatResponse.FinishReason]: UiChunk.FinishReason } = {
  stop: "stop",
  "stop-sequence": "stop",
  length: "length",
  "context-length": "length",
  "tool-calls": "tool-calls",
  "content-filter": "content-filter",
  guardrail: "content-filter",
  refusal: "content-filter",
  "malformed-output": "error",
  "malformed-tool-call": "error",
  other: "other"
}

const notRun = "The call was not run: the turn ended before it"
const noResult = "The provider sent no result"
const interrupted = "The call was interrupted"

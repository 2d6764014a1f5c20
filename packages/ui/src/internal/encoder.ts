/** The state machine of `UiStream`: steps, and in them parts and calls. */
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import * as Cost from "@strata/core/Cost"
import * as Usage from "@strata/core/Usage"
import * as Base64 from "effect/encoding/Base64"
import type * as UiChunk from "../UiChunk.ts"
import type * as UiStream from "../UiStream.ts"
import * as Calls from "./calls.ts"
import * as Metadata from "./metadata.ts"
import * as Prose from "./prose.ts"
import * as ToolParts from "./toolParts.ts"

export const make = (options: UiStream.Options): UiStream.Encoder => {
  const { approvalId = (callId: string) => callId, continues, messageId, metadata = metadataOf, reasoning = true } =
    options
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
  let spent: UiStream.Spent = { usage: Usage.empty, cost: Cost.empty }

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

  const read = (event: UiStream.Event): void => {
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
        spent = { ...spent, usage: event.usage, cost: event.cost }
        return closeStep()
      case "outcome": {
        outcome = event.outcome.reason === "pending" ? "pending" : "other"
        isFinished = true
        const { response, usage } = event.outcome
        spent = { model: response.model, finishReason: response.finishReason, usage, cost: event.outcome.cost }
        for (const { call, kind } of event.outcome.pending) {
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
    end: total((ending: UiStream.Ending) => {
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

/** The default metadata of a message. */
const metadataOf = ({ cost, finishReason, model, usage }: UiStream.Spent): unknown => ({
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

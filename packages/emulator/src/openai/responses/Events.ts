/**
 * An answer of Responses as a stream of events, in the service's order, and as the whole that they amount to.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as Message from "@strata/core/chat/Message"
import type * as AwsError from "../../AwsError.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as OpenAiError from "../OpenAiError.ts"
import * as Sse from "../Sse.ts"
import * as Envelope from "./Envelope.ts"
import * as Output from "./Output.ts"

/**
 * - `begin`: the events before the model answers. `encode`: those of one of its events.
 * - `failed`: the events of a failure. `finished`: whether the answer is complete.
 * - `body`: the whole response. `items`: its items as parts of a message.
 */
export interface Encoder {
  readonly begin: () => ReadonlyArray<Uint8Array>
  readonly encode: (event: ChatEvent.ChatEvent) => ReadonlyArray<Uint8Array>
  readonly failed: (error: AwsError.AwsError) => Uint8Array
  readonly finished: () => boolean
  readonly body: () => unknown
  readonly items: () => ReadonlyArray<{ readonly id: string; readonly part: Message.AssistantPart }>
}

/** An encoder for one answer. */
export const makeEncoder = (envelope: Envelope.Envelope): Encoder => {
  const { hosted } = envelope
  const items: Array<Output.Item> = []
  const open = new Map<number, Output.Item>()
  const streamed = new Set<number>()
  let sequence = 0
  let state: Envelope.State = { status: "in_progress", output: [] }

  const send = (type: string, fields: object): Uint8Array =>
    hosted
      ? Sse.event(type, { type, sequence_number: sequence++, ...fields })
      : Sse.data({ ...fields, sequence_number: sequence++, type })
  const ofResponse = (type: string) => send(type, { response: Envelope.response(envelope, state, true) })
  const at = (item: Output.Item) => ({ item_id: item.id, output_index: item.place })
  // Bedrock counts the content of a message by the place of its item
  const content = (item: Output.Item) => ({
    ...at(item),
    content_index: hosted || item.kind === "reasoning" ? 0 : item.place
  })

  const start = (index: number, kind: Output.Item["kind"], call = { id: "", name: "" }): ReadonlyArray<Uint8Array> => {
    const closed = [...open].flatMap(([other, item]) => item.kind === "call" ? [] : close(other))
    const prefix = kind === "call" ? "fc" : kind === "reasoning" && hosted ? "rs" : "msg"
    const item: Output.Item = {
      kind,
      id: envelope.newId(prefix),
      place: items.length,
      // of an event, which has more
      call: { id: call.id, name: call.name },
      text: "",
      annotations: [],
      seal: {}
    }
    items.push(item)
    open.set(index, item)
    const added = send("response.output_item.added", {
      output_index: item.place,
      item: Output.toJson(item, "in_progress", envelope)
    })
    return [...closed, added, ...opening(item)]
  }

  /** The part that the text of an item goes into. */
  const opening = (item: Output.Item): ReadonlyArray<Uint8Array> => {
    switch (item.kind) {
      case "message":
        return [send("response.content_part.added", {
          ...content(item),
          part: { ...Output.contentOf(item, envelope), ...(envelope.refused ? undefined : { logprobs: [] }) }
        })]
      case "reasoning":
        if (!hosted) {
          return [
            send("response.reasoning_part.added", { ...content(item), part: { text: "", type: "reasoning_text" } })
          ]
        }
        return showsSummary
          ? [
            send("response.reasoning_summary_part.added", {
              ...summary(item),
              part: { type: "summary_text", text: "" }
            })
          ]
          : []
      case "call":
        return []
    }
  }
  const showsSummary = Envelope.summaryOf(envelope.body) !== undefined
  const summary = (item: Output.Item) => ({ ...at(item), summary_index: 0 })

  const add = (index: number, delta: string): ReadonlyArray<Uint8Array> => {
    const item = open.get(index)
    if (item === undefined || delta === "") return []
    item.text += delta
    switch (item.kind) {
      case "message":
        return [
          envelope.refused
            ? send("response.refusal.delta", { ...content(item), delta })
            : send("response.output_text.delta", { ...content(item), delta, logprobs: [] })
        ]
      case "call":
        return [send("response.function_call_arguments.delta", { ...at(item), delta })]
      case "reasoning":
        if (!hosted) return [send("response.reasoning_text.delta", { ...content(item), delta })]
        return showsSummary ? [send("response.reasoning_summary_text.delta", { ...summary(item), delta })] : []
    }
  }

  const close = (index: number, status: "completed" | "incomplete" = "completed"): ReadonlyArray<Uint8Array> => {
    const item = open.get(index)
    if (item === undefined) return []
    open.delete(index)
    return [
      ...closing(item),
      send("response.output_item.done", { output_index: item.place, item: Output.toJson(item, status, envelope) })
    ]
  }
  const closing = (item: Output.Item): ReadonlyArray<Uint8Array> => {
    const { text } = item
    switch (item.kind) {
      case "message":
        return [
          envelope.refused
            ? send("response.refusal.done", { ...content(item), refusal: text })
            : send("response.output_text.done", { ...content(item), text, logprobs: [] }),
          send("response.content_part.done", { ...content(item), part: Output.contentOf(item, envelope) })
        ]
      case "call":
        return [
          send("response.function_call_arguments.done", { ...at(item), name: item.call.name, arguments: text })
        ]
      case "reasoning":
        if (!hosted) {
          return [
            send("response.reasoning_text.done", { ...content(item), text }),
            send("response.reasoning_part.done", { ...content(item), part: { text, type: "reasoning_text" } })
          ]
        }
        return showsSummary
          ? [
            send("response.reasoning_summary_text.done", { ...summary(item), text }),
            send("response.reasoning_summary_part.done", { ...summary(item), part: { type: "summary_text", text } })
          ]
          : []
    }
  }

  /** The events of a piece of a block, which begins with its first one. */
  const piece = (index: number, kind: "message" | "reasoning", delta: string): ReadonlyArray<Uint8Array> => {
    if (delta === "") return []
    streamed.add(index)
    const begun = open.get(index)?.kind === kind ? [] : [...close(index), ...start(index, kind)]
    return [...begun, ...add(index, delta)]
  }
  const call = (event: ChatEvent.ToolCall): ReadonlyArray<Uint8Array> => {
    if (event.providerExecuted === true) return []
    const begun = open.get(event.index)?.kind === "call" ? [] : start(event.index, "call", event)
    const text = open.get(event.index)?.text === "" ? Output.argumentsOf(event.params) : ""
    return [...begun, ...add(event.index, text), ...close(event.index)]
  }
  const finish = (event: ChatEvent.Finish): ReadonlyArray<Uint8Array> => {
    const reason = reasons[event.finishReason]
    const status = reason === undefined ? "completed" : "incomplete"
    const closed = [...open.keys()].flatMap((index) => close(index, status))
    const thought = items.reduce((sum, { kind, text }) => kind === "reasoning" ? sum + text.length : sum, 0)
    state = {
      status,
      reason,
      output: items.map((item, place) =>
        Output.toJson(item, place === items.length - 1 ? status : "completed", envelope)
      ),
      usage: {
        usage: event.usage,
        reasoningTokens: Math.min(event.usage.outputTokens, Tokens.ofLength(thought))
      }
    }
    return [...closed, ofResponse(`response.${status}`)]
  }

  return {
    begin: () => [ofResponse("response.created"), ofResponse("response.in_progress")],
    finished: () => state.status !== "in_progress",
    body: () => Envelope.response(envelope, state, false),
    items: () => items.map((item) => ({ id: item.id, part: Output.toPart(item) })),
    failed: (error) => {
      const { error: { code, message, param, type } } = OpenAiError.body(error)
      const spoken = send("error", hosted ? { error: { type, code, message, param } } : { code, message, param })
      state = {
        status: "failed",
        error: { code: code ?? "server_error", message },
        output: items.map((item) => Output.toJson(item, "incomplete", envelope))
      }
      return Buffer.concat([spoken, ofResponse("response.failed")])
    },
    encode: (event) => {
      switch (event.type) {
        case "text-delta":
          return piece(event.index, "message", event.delta)
        case "reasoning-delta":
          return piece(event.index, "reasoning", event.delta)
        case "reasoning-end": {
          const begun = open.has(event.index) || event.redacted === undefined ? [] : start(event.index, "reasoning")
          const item = open.get(event.index)
          if (item !== undefined) item.seal = { signature: event.signature, redacted: event.redacted }
          return [...begun, ...close(event.index)]
        }
        case "citation": {
          const item = open.get(event.index)
          item?.annotations.push(...Output.annotationOf(event.citation, item.text.length))
          return []
        }
        case "tool-params-start":
          return start(event.index, "call", event)
        case "tool-params-delta":
          return add(event.index, event.delta)
        case "tool-call":
          return call(event)
        case "part":
          if (streamed.has(event.index)) return []
          return event.part.type === "text"
            ? piece(event.index, "message", event.part.text)
            : event.part.type === "reasoning"
            ? [...piece(event.index, "reasoning", event.part.text), ...close(event.index)]
            : event.part.type === "tool-call"
            ? call({ ...event.part, index: event.index })
            : []
        case "finish":
          return finish(event)
      }
    }
  }
}

const reasons: Readonly<Record<string, "max_output_tokens" | "content_filter" | undefined>> = {
  length: "max_output_tokens",
  "context-length": "max_output_tokens",
  "content-filter": "content_filter",
  guardrail: "content_filter"
}

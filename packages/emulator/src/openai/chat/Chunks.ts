/**
 * An answer of Chat Completions as a stream of chunks.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as Message from "@strata/core/chat/Message"
import * as Tokens from "../../converse/usage/Tokens.ts"
import * as Sse from "../Sse.ts"
import * as Completion from "./Completion.ts"

/** `usage`: whether the client asked for it. */
export interface Options extends Completion.Envelope {
  readonly usage: boolean
}

/** The frames of the events of one answer; `finished` is true after the last one. */
export interface Encoder {
  readonly begin: ReadonlyArray<Uint8Array>
  readonly encode: (event: ChatEvent.ChatEvent) => ReadonlyArray<Uint8Array>
  readonly finished: () => boolean
}

/** An encoder for one answer. */
export const makeEncoder = (options: Options): Encoder => {
  const { created, id, model, quirks, thoughts, usage: wantsUsage } = options
  const whole = quirks.has("whole-calls") || quirks.has("arguments-as-object")
  const asText = quirks.has("calls-as-text")
  const streamed = new Set<number>()
  const places = new Map<number, number>()
  const heldCalls: Array<Message.ToolCallPart> = []
  let [calls, thought, isThinking, isFinished] = [0, 0, false, false]

  const chunk = (choices: ReadonlyArray<unknown>, usage: unknown = null) =>
    Sse.data({
      id,
      object: "chat.completion.chunk",
      created,
      model,
      service_tier: "default",
      ...(options.endpoint === "openai" ? { system_fingerprint: null } : undefined),
      choices,
      ...(wantsUsage ? { usage } : undefined)
    })
  const choice = (delta: unknown, reason: string | null = null) => ({
    index: 0,
    delta,
    logprobs: null,
    finish_reason: reason
  })
  const piece = (delta: unknown) => chunk([choice(delta)])
  const ofCall = (place: number, rest: object) =>
    piece({ tool_calls: [{ index: quirks.has("calls-at-index-zero") ? 0 : place, ...rest }] })

  /** Where reasoning is within the text, it ends before anything else begins. */
  const afterThought = (frames: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
    if (!isThinking) return frames
    isThinking = false
    return thoughts.startsWith("<") ? [piece({ content: Completion.closing(thoughts) }), ...frames] : frames
  }
  const reasoning = (delta: string): ReadonlyArray<Uint8Array> => {
    thought += delta.length
    if (Completion.isMember(thoughts)) return [piece({ [thoughts]: delta })]
    if (!thoughts.startsWith("<")) return []
    const opening = isThinking ? "" : thoughts
    isThinking = true
    return [piece({ content: opening + delta })]
  }
  const text = (delta: string) => delta === "" ? [] : afterThought([piece({ content: delta })])

  const begun = (index: number, id: string, name: string): ReadonlyArray<Uint8Array> => {
    if (places.has(index)) return []
    places.set(index, calls++)
    return whole || asText ? [] : afterThought([
      ofCall(places.get(index) ?? 0, {
        ...(quirks.has("calls-without-id") ? undefined : { id }),
        type: "function",
        function: { name, arguments: "" }
      })
    ])
  }
  const called = (call: ChatEvent.ToolCall): ReadonlyArray<Uint8Array> => {
    if (call.providerExecuted === true) return []
    const before = begun(call.index, call.id, call.name)
    const place = places.get(call.index) ?? 0
    if (asText) {
      heldCalls.push(call)
      return []
    }
    if (whole) return afterThought([ofCall(place, Completion.toCall(call, quirks))])
    return streamed.has(call.index) ? before : [
      ...before,
      ofCall(place, { function: { arguments: Completion.argumentsOf(call.params) } })
    ]
  }
  const finish = (event: ChatEvent.Finish): ReadonlyArray<Uint8Array> => {
    isFinished = true
    const reason = Completion.finishReason(event.finishReason, asText ? 0 : calls, quirks)
    const usage = Completion.usageOf(
      event.usage,
      Math.min(event.usage.outputTokens, Tokens.ofLength(thought)),
      options.endpoint
    )
    const sendsUsage = wantsUsage && !quirks.has("no-usage")
    const beside = sendsUsage && quirks.has("usage-beside-text")
    return afterThought([
      ...(heldCalls.length === 0 ? [] : [piece({ content: Completion.callsAsText(heldCalls) })]),
      chunk([choice({}, reason)], beside ? usage : null),
      ...(sendsUsage && !beside ? [chunk([], usage)] : []),
      Sse.done
    ])
  }

  return {
    begin: [
      ...(quirks.has("filters-first") ? [chunk([])] : []),
      piece({
        role: "assistant",
        content: "",
        ...(options.endpoint === "openai" ? { refusal: null } : undefined)
      })
    ],
    finished: () => isFinished,
    encode: (event) => {
      switch (event.type) {
        case "text-delta":
          streamed.add(event.index)
          return text(event.delta)
        case "reasoning-delta":
          streamed.add(event.index)
          return event.delta === "" ? [] : reasoning(event.delta)
        case "tool-params-start":
          return begun(event.index, event.id, event.name)
        case "tool-params-delta":
          streamed.add(event.index)
          return whole || asText || event.delta === ""
            ? []
            : [ofCall(places.get(event.index) ?? 0, { function: { arguments: event.delta } })]
        case "tool-call":
          return called(event)
        case "part":
          if (streamed.has(event.index)) return []
          return event.part.type === "text"
            ? text(event.part.text)
            : event.part.type === "reasoning"
            ? reasoning(event.part.text)
            : event.part.type === "tool-call"
            ? called({ ...event.part, index: event.index })
            : []
        case "finish":
          return finish(event)
        default:
          return []
      }
    }
  }
}

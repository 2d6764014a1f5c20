/** Events of chats and tool loops, legal and not. */
import { type ChatEvent, ChatResponse, type Message, type ToolLoop, Usage } from "@strata/core"
import { type UiChunk, UiEncoder, type UiMessage } from "@strata/ui"
import { Schema } from "effect"

export const outcome = (finishReason: ChatResponse.FinishReason = "stop"): ChatResponse.Outcome => ({
  finishReason,
  usage: Usage.make({ inputTokens: 3, outputTokens: 2 }),
  model: "test-model",
  providerMetadata: {}
})

export const finish = (finishReason?: ChatResponse.FinishReason): ChatEvent.ChatEvent => ({
  type: "finish",
  ...outcome(finishReason)
})

export const text = (index: number, delta: string): ChatEvent.ChatEvent => ({ type: "text-delta", index, delta })

export const call = (id: string, params: unknown = { city: "Rome" }, name = "get_weather"): Message.ToolCallPart => ({
  type: "tool-call",
  id,
  name,
  params
})

export const called = (index: number, part: Message.ToolCallPart): ReadonlyArray<ChatEvent.ChatEvent> => [
  { type: "tool-params-start", index, id: part.id, name: part.name },
  { type: "tool-params-delta", index, id: part.id, delta: JSON.stringify(part.params) },
  { ...part, index }
]

export const result = (
  part: Message.ToolCallPart,
  value: unknown,
  outcome: ToolLoop.ResultOutcome = "success"
): ToolLoop.Event => ({
  type: "tool-result",
  step: 0,
  call: part,
  result: value,
  isFailure: outcome !== "success",
  outcome
})

export const step = (index = 0): ToolLoop.Event => ({
  type: "step",
  index,
  response: ChatResponse.make([], outcome()),
  results: [],
  messages: [],
  usage: Usage.make({ inputTokens: 3, outputTokens: 2 })
})

export const ended = (
  reason: ToolLoop.Outcome["reason"],
  pending: ReadonlyArray<ToolLoop.Pending> = []
): ToolLoop.Event => ({
  type: "outcome",
  outcome: {
    reason,
    response: ChatResponse.make([], outcome(reason === "finished" ? "stop" : "tool-calls")),
    messages: [],
    usage: Usage.make({ inputTokens: 6, outputTokens: 4 }),
    steps: 1,
    pending
  } as ToolLoop.Outcome // without a state, which no page gets
})

/** The chunks of a stream of these events. */
export const encode = (
  events: ReadonlyArray<UiEncoder.Event>,
  ending: UiEncoder.Ending = { type: "complete" },
  options: Partial<UiEncoder.Options> & { readonly continues?: UiMessage.UiMessage } = {}
): ReadonlyArray<UiChunk.Chunk> => {
  const encoder = UiEncoder.make({ messageId: "m1", ...options })
  return [...encoder.start(), ...events.flatMap(encoder.add), ...encoder.end(ending)]
}

/** Anything that might come, in any order. */
export const AnyEvent = Schema.Struct({
  kind: Schema.Literals([
    "text",
    "text",
    "citation",
    "reasoning",
    "reasoning-end",
    "params-start",
    "params-delta",
    "call",
    "result",
    "part-text",
    "part-reasoning",
    "part-image",
    "part-provider",
    "part-result",
    "finish",
    "step",
    "pending",
    "outcome",
    "nonsense"
  ]),
  index: Schema.Literals([0, 1, 2]),
  id: Schema.Literals(["a", "b", "c", ""]),
  text: Schema.Literals(["", "x", "{\"city\":", "\"Rome\"}", "\u2028\ud83d"])
})

export const toEvent = ({ id, index, kind, text: delta }: typeof AnyEvent.Type): UiEncoder.Event => {
  switch (kind) {
    case "text":
      return text(index, delta)
    case "citation":
      return { type: "citation", index, citation: { title: delta, source: "https://example.com/" } }
    case "reasoning":
      return { type: "reasoning-delta", index, delta }
    case "reasoning-end":
      return { type: "reasoning-end", index, signature: delta }
    case "params-start":
      return { type: "tool-params-start", index, id, name: "get_weather" }
    case "params-delta":
      return { type: "tool-params-delta", index, id, delta }
    case "call":
      return { ...call(id, delta), index }
    case "result":
      return result(call(id), delta, index === 0 ? "success" : index === 1 ? "failed" : "denied")
    case "part-text":
      return { type: "part", index, part: { type: "text", text: delta } }
    case "part-reasoning":
      return { type: "part", index, part: { type: "reasoning", text: delta, signature: "s" } }
    case "part-image":
      return {
        type: "part",
        index,
        part: { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1]) } }
      }
    case "part-provider":
      return { type: "part", index, part: { type: "provider", provider: "aws.bedrock", value: { x: delta } } }
    case "part-result":
      return { type: "part", index, part: { type: "tool-result", id, result: delta, providerExecuted: true } }
    case "finish":
      return finish()
    case "step":
      return step()
    case "pending":
      return ended("pending", [{ call: call(id), kind: index === 0 ? "approval" : "result" }])
    case "outcome":
      return ended(index === 0 ? "finished" : "max-steps")
    case "nonsense":
      // What no type allows.
      return nonsense[(index * 4 + "abc".indexOf(id) + 1) % nonsense.length] as never
  }
}

const nonsense: ReadonlyArray<unknown> = [
  null,
  5,
  { type: "text-delta" },
  { type: "tool-result" },
  { type: "new" },
  { type: "citation", index: 0, citation: { title: 5, source: {}, location: 7 } },
  { type: "tool-params-start", index: "x", id: 5, name: null },
  { type: "tool-call", id: {}, name: [], params: () => 0 },
  { type: "step", usage: "many" },
  { type: "outcome", outcome: { reason: "pending", pending: [null] } },
  { type: "part", part: { type: "image", source: {} } },
  { type: "finish", usage: null, finishReason: 7 }
]

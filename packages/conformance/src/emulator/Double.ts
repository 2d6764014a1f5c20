/**
 * Services that return a recorded answer: the backend of the emulator while a recording is played.
 */
import { ChatEvent, ChatResponse, ChatService, EmbeddingService, Usage } from "@strata/core"
import type { Message } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { finishReasonOf } from "../decode/ChatAnswer.ts"
import * as Content from "../encode/Content.ts"
import * as ConverseAnswer from "../wire/ConverseAnswer.ts"
import * as Json from "../wire/Json.ts"

/** The content to return: an answer as a whole and as events, and vectors. */
export interface Said {
  readonly response: ChatResponse.ChatResponse
  readonly events: ReadonlyArray<ChatEvent.ChatEvent>
  readonly vectors: ReadonlyArray<Float32Array>
  readonly inputTokens: number
}

/** The services; `said` is called at each call. */
export const layer = (said: () => Said): Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService> =>
  Layer.merge(
    Layer.succeed(ChatService.ChatService, {
      generate: () => Effect.sync(() => said().response),
      stream: () => Stream.suspend(() => Stream.fromIterable(said().events))
    }),
    Layer.succeed(EmbeddingService.EmbeddingService, {
      embedMany: (inputs) =>
        Effect.sync(() => ({
          embeddings: inputs.map((_, index) => ({
            vector: said().vectors[index] ?? Float32Array.of(1, 0),
            model: "recorded"
          })),
          usage: { inputTokens: said().inputTokens },
          model: "recorded",
          requests: 1
        })),
      embed: () => Effect.die("The emulator calls embedMany only"),
      embedEach: () => Effect.die("The emulator calls embedMany only"),
      embedStream: () => Stream.die("The emulator calls embedMany only")
    })
  )

/** A whole answer. */
export const fromAnswer = (answer: ConverseAnswer.ConverseAnswer): Said => {
  const response = ChatResponse.make(partsOf(answer.blocks), outcomeOf(answer.end))
  return { response, events: ChatEvent.fromResponse(response), vectors: [], inputTokens: 0 }
}

/** An answer as events, as they were recorded. */
export const fromEvents = (events: ReadonlyArray<ConverseAnswer.Event>): Said => {
  const blocks = new Map<number | undefined, Array<ConverseAnswer.Event>>()
  for (const event of events) ConverseAnswer.gather(blocks, event.block, event)
  const end: Json.JsonObject = Object.assign(
    {},
    ...events.filter(({ type }) => type === "messageStop" || type === "metadata").map(({ payload }) => payload)
  )
  const pieces = events.flatMap((event) => piecesOf(event, blocks.get(event.block) ?? []))
  const whole = [...blocks].flatMap(([block, events]) => block === undefined ? [] : ConverseAnswer.join(events))
  return {
    ...fromAnswer({ blocks: whole, end }),
    events: [...pieces, { type: "finish", ...outcomeOf(end) }]
  }
}

const partsOf = (blocks: ReadonlyArray<Json.JsonObject>): ReadonlyArray<Message.AssistantPart> =>
  // a model writes only parts of an assistant message
  Content.parts(blocks.map(plain), "content", () => {}, "assistant") as ReadonlyArray<Message.AssistantPart>

/** Values beyond a double become text: only the shape matters here. */
const plain = (value: Json.Json): Json.Json => {
  if (typeof value === "bigint") return value.toString()
  if (Json.isArray(value)) return value.map(plain)
  if (!Json.isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}

/** The chat events of a wire event. Provider tools, results and images are emitted whole, at their stop. */
const piecesOf = (
  { block: index, payload, type }: ConverseAnswer.Event,
  block: ReadonlyArray<ConverseAnswer.Event>
): ReadonlyArray<ChatEvent.ChatEvent> => {
  if (index === undefined) return []
  switch (type) {
    case "contentBlockStart": {
      const call = Json.object(payload, "start", "toolUse")
      return call === undefined || call["type"] === "server_tool_use"
        ? []
        : [{ type: "tool-params-start", index, ...calledBy(call) }]
    }
    case "contentBlockDelta":
      return deltaOf(index, Json.object(payload, "delta") ?? {}, block)
    case "contentBlockStop": {
      const [whole] = ConverseAnswer.join(block)
      // text and citations have no stop event
      if (whole === undefined || "text" in whole || "citationsContent" in whole) return []
      const [part] = partsOf([whole])
      if (part === undefined) return []
      if (part.type === "tool-call") return [{ ...part, index }]
      if (part.type === "reasoning") {
        return [{ type: "reasoning-end", index, signature: part.signature, redacted: part.redacted }]
      }
      return [{ type: "part", index, part }]
    }
    default:
      return []
  }
}

const calledBy = (call: Json.JsonObject | undefined) => ({
  id: Json.text(call, "toolUseId") ?? "",
  name: Json.text(call, "name") ?? ""
})

const deltaOf = (
  index: number,
  delta: Json.JsonObject,
  block: ReadonlyArray<ConverseAnswer.Event>
): ReadonlyArray<ChatEvent.ChatEvent> => {
  const text = Json.text(delta, "text")
  if (text !== undefined) return [{ type: "text-delta", index, delta: text }]
  const thought = Json.text(delta, "reasoningContent", "text")
  if (thought !== undefined) return [{ type: "reasoning-delta", index, delta: thought }]
  const written = Json.text(delta, "toolUse", "input")
  if (written !== undefined) {
    const call = Json.object(block[0]?.payload, "start", "toolUse")
    return call?.["type"] === "server_tool_use"
      ? []
      : [{ type: "tool-params-delta", index, id: calledBy(call).id, delta: written }]
  }
  const citation = Json.object(delta, "citation")
  if (citation === undefined) return []
  const [part] = partsOf([{ citationsContent: { content: [{ text: "" }], citations: [citation] } }])
  return part?.type === "text" && part.citations?.[0] !== undefined
    ? [{ type: "citation", index, citation: part.citations[0] }]
    : []
}

const outcomeOf = (end: Json.JsonObject): ChatResponse.Outcome => {
  const usage = Json.object(end, "usage")
  const count = (name: string) => Json.number(usage, name) ?? 0
  const stopReason = Json.text(end, "stopReason") ?? "end_turn"
  const { guardrail: _, ...trace } = Json.object(end, "trace") ?? {}
  const fields = Json.member(end, "additionalModelResponseFields")
  return {
    // a reason may be newer than the type
    finishReason: finishReasonOf(stopReason) as ChatResponse.FinishReason,
    usage: Usage.make({
      inputTokens: count("inputTokens"),
      outputTokens: count("outputTokens"),
      cacheReadTokens: count("cacheReadInputTokens"),
      cacheWriteTokens: count("cacheWriteInputTokens")
    }),
    model: "recorded",
    providerMetadata: {
      bedrock: {
        stopReason,
        ...(fields !== undefined && { additionalModelResponseFields: fields as never }), // any JSON, typed by the SDK
        ...(Object.keys(trace).length > 0 && { trace })
      }
    }
  }
}

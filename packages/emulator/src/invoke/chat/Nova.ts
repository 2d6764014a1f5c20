/**
 * The bodies of Amazon Nova, schema `messages-v1`: those of Converse, with some other member names.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as Message from "@strata/core/chat/Message"
import type * as Usage from "@strata/core/Usage"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Block from "../../converse/Block.ts"
import * as Response from "../../converse/Response.ts"
import { isObject } from "../../converse/rule/Finding.ts"
import * as Validation from "../../converse/Validation.ts"
import * as Wire from "../../converse/Wire.ts"
import * as Body from "../Body.ts"
import * as Family from "./Family.ts"

const optional = Schema.optionalKey

const { system: systemBlocks, toolConfig } = Wire.Prompt.fields

/** Amazon Nova User Guide, "Complete request schema". The names with underscores are the older ones. */
const read = Body.reader(Schema.Struct({
  schemaVersion: optional(Body.oneOf(["messages-v1"])),
  messages: Schema.Array(Wire.Message),
  system: systemBlocks,
  toolConfig,
  inferenceConfig: optional(Schema.Struct({
    maxTokens: optional(Family.Tokens),
    max_new_tokens: optional(Family.Tokens),
    temperature: optional(Family.Share),
    topP: optional(Family.Share),
    top_p: optional(Family.Share),
    topK: optional(Schema.Int.check(Family.between(0, 128))),
    top_k: optional(Schema.Int.check(Family.between(0, 128))),
    stopSequences: optional(Schema.Array(Schema.String))
  })),
  reasoningConfig: optional(Family.JsonObject)
}))

/** Amazon Nova: Micro, Lite, Pro, Premier, and later. */
export const family: Family.Family = (body, model) =>
  Result.map(read(body), ({ inferenceConfig = {}, messages, reasoningConfig, system, toolConfig }) => {
    const { max_new_tokens, maxTokens = max_new_tokens, stopSequences, temperature } = inferenceConfig
    const { top_p, topP = top_p } = inferenceConfig
    const request: Wire.Request = {
      messages: messages.map((message) => ({ ...message, content: message.content.flatMap(apart) })),
      ...Family.present({ system: system?.flatMap(apart), toolConfig }),
      inferenceConfig: Family.present({ maxTokens, stopSequences, temperature, topP }),
      ...(reasoningConfig === undefined ? undefined : { additionalModelRequestFields: { reasoningConfig } })
    }
    const at = max_new_tokens === undefined ? "inferenceConfig/maxTokens" : "inferenceConfig/max_new_tokens"
    return {
      request,
      check: (streaming) =>
        Family.tooManyTokens(at, maxTokens, model) ?? Validation.validate(request, model, streaming),
      whole: (response, envelope) => ({
        output: outputOf(response, envelope),
        stopReason: Family.stopReasonOf(response),
        usage: { ...countersOf(response.usage), totalTokens: response.usage.totalTokens }
      }),
      pieces: makePieces
    }
  })

/** In this format a cache point may be a member of the block before it; in Converse it is a separate block. */
const apart = <B extends { readonly cachePoint?: Block.CachePoint }>(
  block: B
): ReadonlyArray<B | Omit<B, "cachePoint"> | { readonly cachePoint: Block.CachePoint }> => {
  const { cachePoint, ...rest } = block
  return cachePoint === undefined || Object.keys(rest).length === 0 ? [block] : [rest, { cachePoint }]
}

/** The message as in Converse. */
const outputOf = (response: Parameters<Family.Dialogue["whole"]>[0], { latencyMs }: Family.Envelope): unknown => {
  const body = Response.fromChatResponse(response, {
    request: {},
    latencyMs,
    usage: () => ({}),
    trace: () => undefined
  })
  return isObject(body) ? body["output"] : undefined
}

const countersOf = ({ cacheReadTokens, cacheWriteTokens, inputTokens, outputTokens }: Usage.Usage) => ({
  inputTokens,
  outputTokens,
  cacheReadInputTokenCount: cacheReadTokens,
  cacheWriteInputTokenCount: cacheWriteTokens
})

/** Every text delta is a block of its own, without a start event, and stopped at once. */
const makePieces = () => {
  const textOf = Family.makeTextOf()
  const called = new Map<number, number>()
  let started = false
  let next = 0

  const ended = (delta: unknown): ReadonlyArray<Family.Payload> => {
    const contentBlockIndex = next++
    return [{ contentBlockDelta: { delta, contentBlockIndex } }, { contentBlockStop: { contentBlockIndex } }]
  }

  const begin = (index: number, { id, name }: Pick<Message.ToolCallPart, "id" | "name">): Family.Payload => {
    const contentBlockIndex = next++
    called.set(index, contentBlockIndex)
    return { contentBlockStart: { start: { toolUse: { toolUseId: id, name } }, contentBlockIndex } }
  }

  const input = (index: number, text: string): ReadonlyArray<Family.Payload> =>
    text === ""
      ? []
      : [{ contentBlockDelta: { delta: { toolUse: { input: text } }, contentBlockIndex: called.get(index) } }]

  const body = (event: ChatEvent.ChatEvent): ReadonlyArray<Family.Payload> => {
    switch (event.type) {
      case "tool-params-start":
        return [begin(event.index, event)]
      case "tool-params-delta":
        return input(event.index, event.delta)
      case "tool-call": {
        const before = called.has(event.index)
          ? []
          : [begin(event.index, event), ...input(event.index, JSON.stringify(event.params ?? {}))]
        return [...before, { contentBlockStop: { contentBlockIndex: called.get(event.index) } }]
      }
      case "reasoning-delta":
        return ended({ reasoningContent: { text: event.delta } })
      case "finish":
        return [
          { messageStop: { stopReason: Family.stopReasonOf(event) } },
          { metadata: { usage: countersOf(event.usage), metrics: {}, trace: {} } }
        ]
      case "text-delta":
        textOf(event)
        return ended({ text: event.delta })
      default: {
        const text = textOf(event)
        return text === "" ? [] : ended({ text })
      }
    }
  }

  return (event: ChatEvent.ChatEvent): ReadonlyArray<Family.Payload> => {
    const pieces = body(event)
    if (started) return pieces
    started = true
    return [{ messageStart: { role: "assistant" } }, ...pieces]
  }
}

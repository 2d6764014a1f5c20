/**
 * How an answer of the Responses API ended: finish reason, usage, metadata.
 */
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Message from "@strata/core/chat/Message"
import * as Usage from "@strata/core/Usage"
import type { OpenAiChatMetadata } from "../OpenAiOptions.ts"
import * as Adjustment from "./Adjustment.ts"
import type { Asked } from "./Asked.ts"
import * as Json from "./Json.ts"

/**
 * What the content tells about the end.
 *
 * - `calls`: the complete calls; `isCut`: whether the last call was cut, or its arguments are not JSON.
 * - `isRefused`: whether the model refused.
 */
export interface Content {
  readonly calls: number
  readonly isCut: boolean
  readonly isRefused: boolean
}

/** The outcome of an answer, whose object is the same at the end of a stream. */
export const make = (response: unknown, content: Content, asked: Asked): ChatResponse.Outcome => {
  const usage = Json.object(Json.member(response, "usage"))
  return {
    finishReason: finishReason(response, content),
    usage: usageOf(usage),
    model: asked.model,
    ...(asked.requestId !== undefined && { requestId: asked.requestId }),
    providerMetadata: { openai: metadata(response, usage, asked) }
  }
}

/** Whether a call runs depends on whether it is complete, and not on what the server says. */
const finishReason = (response: unknown, content: Content): ChatResponse.FinishReason => {
  switch (Json.text(Json.member(response, "incomplete_details"), "reason")) {
    case "max_output_tokens":
      return "length"
    case "content_filter":
      return "content-filter"
    case undefined:
      break
    default:
      return "other"
  }
  if (content.isCut) return "length"
  if (Json.text(response, "status") === "incomplete") return "other"
  if (content.calls > 0) return "tool-calls"
  return content.isRefused ? "refusal" : "stop"
}

/** Tokens of the prompt include those read from the cache. */
const usageOf = (usage: Json.JsonObject | undefined): Usage.Usage => {
  const details = Json.member(usage, "input_tokens_details")
  const cacheReadTokens = Json.number(details, "cached_tokens") ?? 0
  const cacheWriteTokens = Json.number(details, "cache_write_tokens") ?? 0
  const totalTokens = Json.number(usage, "total_tokens")
  return Usage.make({
    inputTokens: Math.max(0, (Json.number(usage, "input_tokens") ?? 0) - cacheReadTokens - cacheWriteTokens),
    cacheReadTokens,
    cacheWriteTokens,
    outputTokens: Json.number(usage, "output_tokens") ?? 0,
    ...(totalTokens !== undefined && { totalTokens })
  })
}

const metadata = (response: unknown, usage: Json.JsonObject | undefined, asked: Asked): OpenAiChatMetadata => {
  const id = Json.text(response, "id")
  const model = Json.text(response, "model")
  const serviceTier = Json.text(response, "service_tier")
  const reason = Json.text(Json.member(response, "incomplete_details"), "reason") ?? Json.text(response, "status")
  const warnings = usage === undefined ? [...asked.warnings, Adjustment.noUsage] : asked.warnings
  return {
    ...(id !== undefined && { id }),
    ...(model !== undefined && { model }),
    ...(reason !== undefined && { finishReason: reason }),
    ...(serviceTier !== undefined && { serviceTier }),
    ...(usage !== undefined && { usage }),
    ...(reason === "content_filter" && {
      contentFilter: {
        blocked: "answer" as const,
        categories: Json.object(Json.member(response, "content_filters")) ?? {}
      }
    }),
    ...(warnings.length > 0 && { warnings })
  }
}

/** What parts tell about the end. `isCut`: whether a call was left out, since it was cut. */
export const contentOf = (parts: ReadonlyArray<Message.AssistantPart>, isCut: boolean): Content => ({
  calls: parts.filter(({ type }) => type === "tool-call").length,
  isCut,
  isRefused: parts.some((part) =>
    part.type === "text" && Json.member(part.providerFields?.["openai"], "refusal") === true
  )
})

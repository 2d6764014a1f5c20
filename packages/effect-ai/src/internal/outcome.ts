/** Finish reasons and usage, both ways. */
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Usage from "@strata/core/Usage"
import type * as Response from "effect/ai/Response"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { key } from "../StrataMetadata.ts"
import { defined } from "./extras.ts"

/** The `finish` part of an answer, with its whole outcome as metadata. */
export const finish = (given: ChatResponse.Outcome): Response.FinishPartEncoded => {
  const outcome = ChatResponse.outcomeOf(given)
  const { cacheReadTokens, cacheWriteTokens, inputTokens, outputTokens } = outcome.usage
  return {
    type: "finish",
    reason: reasons[outcome.finishReason] ?? "unknown",
    usage: {
      inputTokens: {
        uncached: count(inputTokens),
        cacheRead: count(cacheReadTokens),
        cacheWrite: count(cacheWriteTokens),
        total: count(inputTokens + cacheReadTokens + cacheWriteTokens)
      },
      outputTokens: { total: count(outputTokens), text: undefined, reasoning: undefined }
    },
    // Metadata of a provider may have values without a JSON form.
    metadata: { [key]: Result.getOrElse(encode(defined(outcome)), () => ({ finishReason: outcome.finishReason })) }
  }
}

/** The finish reason and usage of a `finish` part; the whole outcome if it is one of ours. */
export const fromFinish = (
  part: Response.FinishPart,
  named: Pick<ChatResponse.Outcome, "model" | "requestId">
): ChatResponse.Outcome => {
  const known = Result.getOrUndefined(decode(part.metadata[key]))
  if (known !== undefined) return ChatResponse.outcomeOf(known)
  return {
    finishReason: foreign[part.reason] ?? "other",
    usage: fromUsage(part.usage),
    ...named,
    providerMetadata: part.metadata
  }
}

/** The usage of a foreign model, with 0 for what it does not report. */
export const fromUsage = ({ inputTokens, outputTokens }: Response.Usage): Usage.Usage => {
  const { cacheRead = 0, cacheWrite = 0, total, uncached } = inputTokens
  return Usage.make({
    inputTokens: uncached ?? Math.max(0, (total ?? 0) - cacheRead - cacheWrite),
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
    outputTokens: outputTokens.total ?? (outputTokens.text ?? 0) + (outputTokens.reasoning ?? 0)
  })
}

/** Tokens as a schema of integers takes them. */
const count = (tokens: number): number | undefined => Number.isFinite(tokens) ? Math.round(tokens) : undefined

const reasons: { readonly [R in ChatResponse.FinishReason]: Response.FinishReason } = {
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

const foreign: { readonly [R in Response.FinishReason]: ChatResponse.FinishReason } = {
  stop: "stop",
  length: "length",
  "content-filter": "content-filter",
  "tool-calls": "tool-calls",
  error: "malformed-output",
  pause: "other",
  other: "other",
  unknown: "other"
}

const codec = Schema.toCodecJson(ChatResponse.Outcome)

const encode = Schema.encodeUnknownResult(codec)

const decode = Schema.decodeUnknownResult(codec)

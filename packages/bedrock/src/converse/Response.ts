/**
 * Decodes an answer of Converse. Total: missing members are left out, and only an answer without a message is refused.
 */
import type { ConverseCommandOutput, StopReason, TokenUsage } from "@aws-sdk/client-bedrock-runtime"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import * as Result from "effect/Result"
import type { BedrockChatMetadata } from "../BedrockOptions.ts"
import * as Failure from "../error/Failure.ts"
import * as ChatGuardrail from "../guardrail/ChatGuardrail.ts"
import * as Block from "./Block.ts"

/** Decodes an answer. Fails with `MalformedResponseError`, which names `where` it came from, when it holds no message. */
export const decode = (
  output: ConverseCommandOutput,
  model: string,
  where?: () => Failure.Where
): Result.Result<ChatResponse.ChatResponse, ProviderError.MalformedResponseError> => {
  const requestId = output.$metadata?.requestId
  const content = output.output?.message?.content
  return Array.isArray(content)
    ? Result.succeed(ChatResponse.make(
      content.map(Block.decode),
      decodeOutcome({ ...output, latencyMs: output.metrics?.latencyMs, model, requestId })
    ))
    : Result.fail(Failure.malformed({ ...where?.(), model, requestId }, "the answer has no message"))
}

/** The outcome of an answer, from the fields shared by Converse and the end of a ConverseStream. */
export const decodeOutcome = (
  ended: Omit<BedrockChatMetadata, "stopReason" | "cacheDetails" | "guardrail"> & {
    readonly stopReason: StopReason | undefined
    readonly usage: TokenUsage | undefined
    readonly model: string
    readonly requestId: string | undefined
  }
): ChatResponse.Outcome => ({
  finishReason: finishReasons.get(ended.stopReason) ?? "other",
  usage: decodeUsage(ended.usage),
  model: ended.model,
  requestId: ended.requestId,
  providerMetadata: {
    bedrock: {
      stopReason: ended.stopReason,
      latencyMs: ended.latencyMs,
      additionalModelResponseFields: ended.additionalModelResponseFields,
      trace: ended.trace,
      guardrail: ChatGuardrail.decode(ended.trace?.guardrail, ended.stopReason),
      performanceConfig: ended.performanceConfig,
      serviceTier: ended.serviceTier,
      cacheDetails: ended.usage?.cacheDetails
    }
  }
})

const decodeUsage = (usage: TokenUsage | undefined): Usage.Usage =>
  Usage.make({
    inputTokens: usage?.inputTokens ?? 0,
    outputTokens: usage?.outputTokens ?? 0,
    cacheReadTokens: usage?.cacheReadInputTokens ?? 0,
    cacheWriteTokens: usage?.cacheWriteInputTokens ?? 0,
    ...(usage?.totalTokens === undefined ? undefined : { totalTokens: usage.totalTokens })
  })

/** `refusal` is a stop reason the SDK does not know. */
const finishReasons: ReadonlyMap<string | undefined, ChatResponse.FinishReason> = new Map(Object.entries(
  {
    end_turn: "stop",
    stop_sequence: "stop-sequence",
    max_tokens: "length",
    model_context_window_exceeded: "context-length",
    tool_use: "tool-calls",
    content_filtered: "content-filter",
    guardrail_intervened: "guardrail",
    refusal: "refusal",
    malformed_model_output: "malformed-output",
    malformed_tool_use: "malformed-tool-call"
  } satisfies Record<StopReason | "refusal", ChatResponse.FinishReason>
))

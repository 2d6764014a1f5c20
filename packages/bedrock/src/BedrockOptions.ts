/**
 * Options and metadata specific to Bedrock's Converse API.
 */
import type { ConverseCommandOutput, ConverseStreamCommandInput, TokenUsage } from "@aws-sdk/client-bedrock-runtime"
import type { KnownChatModel } from "./catalog/KnownModels.ts"
import type { Change } from "./converse/history/Change.ts"
import type { ChatGuardrail } from "./guardrail/ChatGuardrail.ts"

/**
 * The rest of a Converse request, in the service's own format. Its fields override what Strata would send.
 *
 * `family` is not sent: it names the model behind an opaque id, as in `BedrockChat.Options`.
 *
 * @example
 * ChatService.generate({
 *   messages: "Hello",
 *   providerOptions: { bedrock: { guardrailConfig: { guardrailIdentifier: "gr-1", guardrailVersion: "1" } } }
 * })
 */
export interface BedrockChatOptions extends Partial<Omit<ConverseStreamCommandInput, "modelId" | "messages">> {
  readonly family?: string | undefined
}

/**
 * What Bedrock reports about an answer.
 *
 * - `stopReason`: the service's own stop reason.
 * - `latencyMs`: milliseconds the service took, as it measured them.
 * - `guardrail`: what the guardrail of the request did; `trace.guardrail` is the same in the service's own words.
 * - `cacheDetails`: tokens written to the cache, by time to live.
 * - `changes`: changes made to the request before it was sent; missing when there were none.
 * - `inferenceProfile`: the profile called in place of a model that Bedrock serves through inference profiles only;
 *   missing when the model was called as named. `model` of the answer is the requested model.
 */
export interface BedrockChatMetadata extends
  Pick<
    ConverseCommandOutput,
    "additionalModelResponseFields" | "performanceConfig" | "serviceTier" | "trace"
  >
{
  readonly stopReason?: string | undefined
  readonly latencyMs?: number | undefined
  readonly guardrail?: ChatGuardrail | undefined
  readonly cacheDetails?: TokenUsage["cacheDetails"]
  readonly changes?: ReadonlyArray<Change> | undefined
  readonly inferenceProfile?: string | undefined
}

declare module "@strata/core/chat/ChatRequest" {
  interface ProviderOptions {
    readonly bedrock?: BedrockChatOptions | undefined
  }
  interface KnownModels extends Record<KnownChatModel, unknown> {}
}

declare module "@strata/core/chat/ChatResponse" {
  interface ProviderMetadata {
    readonly bedrock?: BedrockChatMetadata | undefined
  }
}

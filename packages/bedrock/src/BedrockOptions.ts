/**
 * What Bedrock's Converse API offers beyond what every provider has: options of a request, metadata of an answer.
 */
import type { ConverseCommandOutput, ConverseStreamCommandInput, TokenUsage } from "@aws-sdk/client-bedrock-runtime"

/**
 * The rest of a Converse request, in the service's own words. What stands here wins over what Strata would send.
 *
 * @example
 * ChatService.generate({
 *   messages: "Hello",
 *   providerOptions: { bedrock: { guardrailConfig: { guardrailIdentifier: "gr-1", guardrailVersion: "1" } } }
 * })
 */
export interface BedrockChatOptions extends Partial<Omit<ConverseStreamCommandInput, "modelId" | "messages">> {}

/**
 * What Bedrock says about an answer.
 *
 * - `stopReason`: the service's own word for why the model stopped.
 * - `latencyMs`: milliseconds the service took, as it measured them.
 * - `cacheDetails`: tokens written to the cache, by time to live.
 */
export interface BedrockChatMetadata extends
  Pick<
    ConverseCommandOutput,
    "additionalModelResponseFields" | "performanceConfig" | "serviceTier" | "trace"
  >
{
  readonly stopReason?: string | undefined
  readonly latencyMs?: number | undefined
  readonly cacheDetails?: TokenUsage["cacheDetails"]
}

declare module "@strata/core/ChatRequest" {
  interface ProviderOptions {
    readonly bedrock?: BedrockChatOptions | undefined
  }
}

declare module "@strata/core/ChatResponse" {
  interface ProviderMetadata {
    readonly bedrock?: BedrockChatMetadata | undefined
  }
}

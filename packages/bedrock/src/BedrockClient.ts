/**
 * Amazon Bedrock Runtime as a scoped resource: one SDK client, made with the layer and destroyed with its scope.
 */
import type {
  BedrockRuntimeClient,
  ConverseCommandInput,
  ConverseCommandOutput,
  ConverseStreamCommandInput,
  ConverseStreamOutput
} from "@aws-sdk/client-bedrock-runtime"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"

/** A stream of Converse events, and the id of the request that opened it. */
export interface ConverseStreamResponse {
  readonly requestId: string | undefined
  readonly events: Stream.Stream<ConverseStreamOutput, ProviderError.ProviderError>
}

/** The bytes a model answered, and what the service said about them in its headers. */
export interface InvokeModelResponse {
  readonly body: Uint8Array
  readonly requestId: string | undefined
  readonly inputTokens: number | undefined
  readonly latency: Duration.Duration | undefined
}

/**
 * The operations of Bedrock Runtime, each one attempt, with typed errors. Interruption closes the HTTP stream.
 *
 * `sdk` is the client itself, for what is not covered here.
 */
export class BedrockClient extends Context.Service<BedrockClient, {
  readonly converse: (
    input: ConverseCommandInput
  ) => Effect.Effect<ConverseCommandOutput, ProviderError.ProviderError>
  readonly converseStream: (
    input: ConverseStreamCommandInput
  ) => Effect.Effect<ConverseStreamResponse, ProviderError.ProviderError, Scope.Scope>
  readonly invokeModel: (
    input: { readonly modelId: string; readonly body: string }
  ) => Effect.Effect<InvokeModelResponse, ProviderError.ProviderError>
  readonly sdk: BedrockRuntimeClient
}>()("@strata/bedrock/BedrockClient") {}

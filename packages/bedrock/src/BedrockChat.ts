/**
 * Chat on Amazon Bedrock through Converse and ConverseStream: one API for every model family it hosts.
 */
import * as ChatService from "@strata/core/ChatService"
import type * as Policy from "@strata/core/policy/Policy"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { BedrockClient } from "./BedrockClient.ts"
import * as Events from "./converse/Events.ts"
import * as Request from "./converse/Request.ts"
import * as Response from "./converse/Response.ts"
import { providerName } from "./internal/provider.ts"

/**
 * - `model`: a model id, an inference profile id (`us.anthropic.claude-…`) or an ARN; a request can name another.
 * - `policy`: `Policy.standard` when missing.
 */
export interface Options {
  readonly model?: string | undefined
  readonly policy?: Policy.Policy | undefined
}

/** Builds the service from a {@link BedrockClient}. */
export const make = (options?: Options): Effect.Effect<ChatService.ChatService["Service"], never, BedrockClient> =>
  Effect.flatMap(BedrockClient, (client) =>
    ChatService.make({
      provider: providerName,
      defaultModel: options?.model,
      policy: options?.policy,
      generate: (request) =>
        Effect.fromResult(Request.encode(request)).pipe(
          Effect.flatMap(client.converse),
          Effect.flatMap((output) => Effect.fromResult(Response.decode(output, request.model)))
        ),
      stream: (request) =>
        Stream.unwrap(
          Effect.fromResult(Request.encode(request)).pipe(
            Effect.flatMap(client.converseStream),
            Effect.map(({ events, requestId }) => Events.decode(events, { model: request.model, requestId }))
          )
        )
    }))

/** The chat service of Bedrock. Needs a {@link BedrockClient}, which several services can share. */
export const layer = (options?: Options): Layer.Layer<ChatService.ChatService, never, BedrockClient> =>
  Layer.effect(ChatService.ChatService, make(options))

/** {@link layer} with the model, the policy or both taken from `Config`. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<ChatService.ChatService, Config.ConfigError, BedrockClient> =>
  Layer.effect(ChatService.ChatService, Effect.flatMap(Config.unwrap(options), make))

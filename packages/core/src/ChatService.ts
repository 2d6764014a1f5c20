/**
 * Asks a chat model.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as ChatEvent from "./ChatEvent.ts"
import type * as ChatRequest from "./ChatRequest.ts"
import type * as ChatResponse from "./ChatResponse.ts"
import type * as ProviderError from "./ProviderError.ts"

/** Any failure of a chat call. */
export type ChatError = ProviderError.ProviderError

/**
 * The chat service.
 *
 * - `generate`: the whole answer at once.
 * - `stream`: the answer as the model writes it; ends with exactly one `finish` event, or fails.
 */
export class ChatService extends Context.Service<ChatService, {
  readonly generate: (request: ChatRequest.ChatRequest) => Effect.Effect<ChatResponse.ChatResponse, ChatError>
  readonly stream: (request: ChatRequest.ChatRequest) => Stream.Stream<ChatEvent.ChatEvent, ChatError>
}>()("@strata/core/ChatService") {}

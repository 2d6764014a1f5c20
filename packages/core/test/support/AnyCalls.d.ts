/**
 * What the tests of any value have in common: services over providers that count what they are asked.
 */
import {
  BatchService,
  ChatRequest,
  ChatResponse,
  ChatService,
  EmbeddingService,
  ProviderError,
  RerankService
} from "@strata/core"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
/** Calls with a value, which stands for any type: what a call gives is run by whoever tries it. */
export type Calls = (any: never) => ReadonlyArray<() => unknown>
/** What reached a provider so far. */
export declare const sent: {
  count: number
}
export declare const counted: <A>(answer: A) => Effect.Effect<A, never, never>
export declare const response: ChatResponse.ChatResponse
export declare const chatProvider: ChatService.Provider
export declare const embeddingProvider: EmbeddingService.Provider
export declare const rerankProvider: RerankService.Provider
export declare const chat: Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError, never>
export declare const embedding: Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError, never>
export declare const reranking: Layer.Layer<RerankService.RerankService, ProviderError.InvalidRequestError, never>
export declare const batchProvider: BatchService.Provider
export declare const batch: Layer.Layer<BatchService.BatchService, ProviderError.InvalidRequestError, never>
/** What the functions ask. */
export declare const services: Layer.Layer<
  BatchService.BatchService | ChatService.ChatService | EmbeddingService.EmbeddingService | RerankService.RerankService,
  ProviderError.InvalidRequestError,
  never
>
export type Services = Layer.Success<typeof services>
/** A layer of chat in use; a decorator that took its argument for options wants the layer. */
export declare const chatting: (given: unknown, ask?: unknown) => Effect.Effect<void, unknown, never>
export declare const request: ChatRequest.ChatRequest
export declare const embedding_: (
  layer: Layer.Any
) => Effect.Effect<import("../../src/embedding/Embedding.ts").EmbeddingBatch, unknown, never>
export declare const error: ProviderError.InvalidRequestError
/** Each field of options by itself. */
export declare const fields: (names: ReadonlyArray<string>, any: unknown) => ReadonlyArray<never>
export declare const vectorBytes: Uint8Array<ArrayBuffer>
// # sourceMappingURL=AnyCalls.d.ts.map

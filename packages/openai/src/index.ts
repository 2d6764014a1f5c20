/**
 * OpenAI's API, and all servers that speak it, as Effect layers: the client, chat, embeddings; and its format as schemas.
 */
export * as OpenAi from "./OpenAi.ts"
export * as OpenAiBedrock from "./OpenAiBedrock.ts"
export * as OpenAiChat from "./OpenAiChat.ts"
export * as OpenAiClient from "./OpenAiClient.ts"
export * as OpenAiEmbedding from "./OpenAiEmbedding.ts"
export * as OpenAiError from "./OpenAiError.ts"
export type { ContentFilter, KnownChatModel, KnownEmbeddingModel } from "./OpenAiOptions.ts"
export type { OpenAiChatMetadata, OpenAiChatOptions, OpenAiEmbeddingOptions, Warning } from "./OpenAiOptions.ts"
export * as OpenAiProfile from "./OpenAiProfile.ts"

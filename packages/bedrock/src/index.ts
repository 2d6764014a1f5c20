/**
 * Amazon Bedrock as Effect layers: the scoped client, chat through Converse, embeddings through InvokeModel.
 */
export * as BedrockAsync from "./BedrockAsync.ts"
export * as BedrockBatch from "./BedrockBatch.ts"
export * as BedrockChat from "./BedrockChat.ts"
export * as BedrockClient from "./BedrockClient.ts"
export * as BedrockEmbedding from "./BedrockEmbedding.ts"
export * as BedrockError from "./BedrockError.ts"
export type { BedrockChatMetadata, BedrockChatOptions } from "./BedrockOptions.ts"
export * as BedrockPrompt from "./BedrockPrompt.ts"
export * as BedrockRerank from "./BedrockRerank.ts"
export * as BedrockTokens from "./BedrockTokens.ts"
export * as ModelCatalog from "./catalog/ModelCatalog.ts"
export * as ModelId from "./catalog/ModelId.ts"
export * as Guardrail from "./Guardrail.ts"
export * as InferenceProfile from "./InferenceProfile.ts"
export * as PriceList from "./PriceList.ts"
export * as RequestMetadata from "./RequestMetadata.ts"

/**
 * Amazon Bedrock as Effect layers: the scoped client, chat through Converse, embeddings through InvokeModel.
 */
export * as BedrockChat from "./BedrockChat.ts"
export * as BedrockClient from "./BedrockClient.ts"
export type { BedrockChatMetadata, BedrockChatOptions } from "./BedrockOptions.ts"

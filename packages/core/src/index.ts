/**
 * Chat and embeddings as Effect services: the data, the errors, the policies, the two services.
 */
export * as ChatEvent from "./ChatEvent.ts"
export * as ChatRequest from "./ChatRequest.ts"
export * as ChatResponse from "./ChatResponse.ts"
export * as ChatService from "./ChatService.ts"
export * as Embedding from "./Embedding.ts"
export * as EmbeddingService from "./EmbeddingService.ts"
export * as Message from "./Message.ts"
export * as Policy from "./policy/Policy.ts"
export * as Retry from "./policy/Retry.ts"
export * as OpenAi from "./OpenAi.ts"
export * as ProviderError from "./ProviderError.ts"
export * as StructuredOutput from "./StructuredOutput.ts"
export * as Telemetry from "./Telemetry.ts"
export * as Tool from "./Tool.ts"
export * as ToolLoop from "./ToolLoop.ts"
export * as Usage from "./Usage.ts"

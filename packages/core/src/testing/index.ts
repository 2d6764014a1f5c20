/**
 * Test doubles: the services with their real validation, policy and telemetry, and a scripted provider; and the contracts of
 * the services as tests for implementations.
 */
export * as ChatContract from "./ChatContract.ts"
export * as Contract from "./Contract.ts"
export * as EmbeddingContract from "./EmbeddingContract.ts"
export * as RerankContract from "./RerankContract.ts"
export * as TestChat from "./TestChat.ts"
export * as TestEmbedding from "./TestEmbedding.ts"
export * as TestRerank from "./TestRerank.ts"

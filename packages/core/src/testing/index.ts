/**
 * Test doubles: the services with their real validation, policy and telemetry, and a provider that does as it is told.
 */
export * as TestChat from "./TestChat.ts"
export * as TestEmbedding from "./TestEmbedding.ts"
export * as TestRerank from "./TestRerank.ts"

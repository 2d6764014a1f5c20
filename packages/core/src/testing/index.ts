/** Test doubles: the services with their real validation, policy and telemetry, and a scripted provider. */
export * as TestChat from "./TestChat.ts"
export * as TestEmbedding from "./TestEmbedding.ts"
export * as TestRerank from "./TestRerank.ts"

/**
 * Test doubles: the services with their real validation, policy and telemetry, and a provider that does as it is told; and
 * the values that a program may be given whatever its types say.
 */
export * as AnyValue from "./AnyValue.ts"
export * as TestChat from "./TestChat.ts"
export * as TestEmbedding from "./TestEmbedding.ts"
export * as TestRerank from "./TestRerank.ts"

/**
 * Services on this machine, without a key: a sentence encoder, a chat service that quotes its context, and search over
 * passages.
 */
export * as ExtractiveChat from "./ExtractiveChat.ts"
export * as LocalEmbedding from "./LocalEmbedding.ts"
export * as Retrieval from "./Retrieval.ts"

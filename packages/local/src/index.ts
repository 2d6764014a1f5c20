/**
 * Services on this machine, without a key: a sentence encoder and a chat service that quotes its context.
 */
export * as ExtractiveChat from "./ExtractiveChat.ts"
export * as LocalEmbedding from "./LocalEmbedding.ts"

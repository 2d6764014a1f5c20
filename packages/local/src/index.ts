/**
 * Answers on this machine, without a key: a sentence encoder and an answerer that quotes its context.
 */
export * as ExtractiveChat from "./ExtractiveChat.ts"
export * as LocalEmbedding from "./LocalEmbedding.ts"

/**
 * Reading Markdown, HTML, PDF and text, and splitting them into chunks with positions for citations.
 */
export * as Chunk from "./Chunk.ts"
export * as Document from "./Document.ts"
export * as DocumentError from "./DocumentError.ts"
export * as Reader from "./Reader.ts"
export * as Splitter from "./Splitter.ts"

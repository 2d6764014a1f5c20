/** Chats and tool loops of @strata/core as UI message streams of the AI SDK, for useChat. */
export * as UiChat from "./UiChat.ts"
export * as UiChunk from "./UiChunk.ts"
export * as UiError from "./UiError.ts"
export * as UiMessage from "./UiMessage.ts"
export * as UiReader from "./UiReader.ts"
export * as UiRuns from "./UiRuns.ts"
export * as UiStream from "./UiStream.ts"

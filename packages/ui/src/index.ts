/** Chats and tool loops of @strata/core as UI message streams of the AI SDK, for useChat. */
export {}

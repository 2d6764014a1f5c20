/** Conversations with a scripted model, in a store in memory. */
import { type ChatRequest, type Conversation, ConversationStore, Message } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** A scripted model and an empty store. */
export const layer = (script: TestChat.Script = []) =>
  Layer.merge(TestChat.layer(script), ConversationStore.layerMemory)

/** What reached the model. */
export const requests: Effect.Effect<ReadonlyArray<ChatRequest.Resolved>, never, TestChat.TestChat> = Effect.flatMap(
  TestChat.TestChat,
  ({ requests }) => requests
)

/** The history as lines: "user: Hi". */
export const said = <E, R>(chat: Conversation.Conversation<E, R>) =>
  Effect.map(chat.history, (nodes) => nodes.map(({ message }) => lineOf(message)))

export const lineOf = (message: Message.Message): string =>
  `${message.role}: ${
    Message.parts(message).map((part) =>
      part.type === "text"
        ? part.text
        : part.type === "tool-call"
        ? `call ${part.name}`
        : part.type === "tool-result"
        ? `${part.result}`
        : part.type
    ).join(", ")
  }`

import type { ChatRequest, Message } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { Effect, Layer } from "effect"
import { StrataLanguageModel } from "../../src/index.ts"

/** A language model that answers by a script, and the double behind it. */
export const scripted = (script: TestChat.Script, options?: StrataLanguageModel.RequestOptions) =>
  Layer.provideMerge(StrataLanguageModel.layer(options), TestChat.layer(script))

/** The requests that reached the double. */
export const requests: Effect.Effect<ReadonlyArray<ChatRequest.Resolved>, never, TestChat.TestChat> = Effect.flatMap(
  TestChat.TestChat,
  ({ requests }) => requests
)

/** An answer with one call. */
export const calling = (name: string, params: unknown, id = "call-1"): TestChat.Answer => ({
  content: [{ type: "tool-call", id, name, params }]
})

/** The ids of the calls of a conversation, and those of their results, as they follow each other. */
export const pairs = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<string> =>
  messages.flatMap(({ content, role }) =>
    typeof content === "string" ?
      [] :
      content.flatMap((part) =>
        part.type === "tool-call" ? [`call ${part.id}`] : part.type === "tool-result" ? [`${role} ${part.id}`] : []
      )
  )

/** What the tests of waiting tool loops share: tools of each kind, and what ran of them. */
import { assert } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatService from "@strata/core/chat/ChatService"
import type * as Message from "@strata/core/chat/Message"
import * as TestChat from "@strata/core/testing/TestChat"
import * as Tool from "@strata/core/tool/Tool"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { call } from "./ToolFixture.ts"

/** A tool that runs at once, one that a person approves, and one that is answered elsewhere; `ran` has what ran. */
export const kinds = (options?: { readonly repeatable?: boolean }) => {
  const ran: Array<string> = []
  const handler = ({ text }: { readonly text: string }) =>
    Effect.sync(() => {
      ran.push(text)
      return `ran ${text}`
    })
  const input = Schema.Struct({ text: Schema.String })
  const auto = Tool.make("auto", { input, handler, ...options })
  const guarded = Tool.withApproval(Tool.make("guarded", { input, handler, ...options }))
  const place = Tool.make("place", {
    input,
    output: Schema.Struct({ lat: Schema.Finite, lon: Schema.Finite }),
    description: "Where the user is, as the browser says"
  })
  return { ran, auto, guarded, place, tools: [auto, guarded, place] as const }
}

/** Runs with replies of the model; gives what came of it, and the requests that were sent. */
export const scripted = <A, E>(replies: TestChat.Script, self: Effect.Effect<A, E, ChatService.ChatService>) =>
  Effect.all({ exit: Effect.exit(self), requests: requests }).pipe(
    Effect.map(({ exit, requests }) => ({
      exit,
      requests,
      value: Exit.isSuccess(exit) ? exit.value : undefined
    })),
    Effect.provide(TestChat.layer(replies))
  )

const requests: Effect.Effect<ReadonlyArray<ChatRequest.Resolved>, never, TestChat.TestChat> = Effect.flatMap(
  TestChat.TestChat,
  (double) => double.requests
)

/** An outcome that waits. */
export const waiting = (outcome: ToolLoop.Outcome): ToolLoop.Waiting => {
  assert(outcome.reason === "pending", outcome.reason)
  return outcome
}

/** A call of one of the {@link kinds}. */
export const text = (id: string, name: string, text = id) => call(id, name, { text })

/** A run until calls wait. */
export const untilWaiting = <const Tools extends ReadonlyArray<Tool.Tool<string, unknown, unknown, unknown>>>(
  answer: TestChat.Answer,
  options: ToolLoop.Options<Tools>
) => Effect.map(ToolLoop.run("?", options), waiting).pipe(Effect.provide(TestChat.layer([answer])))

/** The results in messages. */
export const resultsOf = (messages: ReadonlyArray<Message.Message>) =>
  messages.flatMap((message) => message.role === "tool" ? message.content : [])

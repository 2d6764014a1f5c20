/** The scripted model behind the implementation that a test of the contract of chat asks. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as ChatRequest from "../../../chat/ChatRequest.ts"
import * as ChatService from "../../../chat/ChatService.ts"
import * as Message from "../../../chat/Message.ts"
import * as Policy from "../../../policy/Policy.ts"
import * as TestChat from "../../TestChat.ts"
import type * as ChatSubject from "./chatSubject.ts"
import type * as Declare from "./declare.ts"
import { broken } from "./expect.ts"

export type Test = Declare.Test<ChatSubject.Feature, ChatSubject.Subject>

/** A test against a model with this script; it gets what reached the model. */
export const test = (
  title: string,
  needs: ReadonlyArray<ChatSubject.Feature>,
  script: TestChat.Script,
  run: (
    chat: Context.Service.Shape<typeof ChatService.ChatService>,
    model: Model
  ) => Effect.Effect<unknown, unknown, Scope.Scope | ChatService.ChatService>
): Test => ({
  title,
  needs,
  run: (subject) =>
    Effect.gen(function*() {
      const model = yield* Layer.build(TestChat.layer(script))
      const { requests } = Context.get(model, TestChat.TestChat)
      const given: Model = {
        subject,
        requests,
        only: Effect.flatMap(requests, (all) => {
          const [request, ...others] = all
          return request === undefined || others.length > 0
            ? broken(`the model should be asked once, and was asked ${all.length} times`)
            : Effect.succeed(request)
        })
      }
      return yield* over(subject, Layer.succeedContext(model), (chat) => run(chat, given))
    })
})

/** `only`: the one request that reached the model. */
export interface Model {
  readonly subject: ChatSubject.Subject
  readonly requests: Effect.Effect<ReadonlyArray<ChatRequest.Resolved>>
  readonly only: Effect.Effect<ChatRequest.Resolved, unknown>
}

/** Runs with the implementation over a model. */
export const over = <A, E>(
  subject: ChatSubject.Subject,
  model: Layer.Layer<ChatService.ChatService>,
  run: (
    chat: Context.Service.Shape<typeof ChatService.ChatService>
  ) => Effect.Effect<A, E, Scope.Scope | ChatService.ChatService>
): Effect.Effect<A, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const built = yield* Layer.build(ChatService.withPolicy(subject.layer(model), Policy.none))
    const chat = Context.get(built, ChatService.ChatService)
    return yield* Effect.provideService(run(chat), ChatService.ChatService, chat)
  })

/** A model that repeats the text of the last message. */
export const echo = (request: ChatRequest.Resolved): TestChat.Reply => lastText(request)

export const lastText = ({ messages }: ChatRequest.Resolved): string => {
  const last = messages.at(-1)
  return last === undefined ? "" : Message.textOf(last)
}

/** Roles and texts, with what stands next to each other in one role joined, as many formats do. */
export const outline = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<string> => {
  const lines: Array<{ readonly role: string; text: string }> = []
  for (const message of messages) {
    const text = Message.textOf(message)
    const last = lines.at(-1)
    if (last?.role === message.role) last.text = `${last.text} ${text}`
    else lines.push({ role: message.role, text })
  }
  return lines.map(({ role, text }) => `${role}: ${text}`)
}

/**
 * A function of AWS Lambda: the layer is built once, outside the handler, and a call ends before the function is stopped.
 *
 * Offline, the handler is invoked three times, the last time with no time left.
 */
import { NodeRuntime } from "@effect/platform-node"
import { BedrockChat } from "@strata/bedrock"
import { ChatService } from "@strata/core"
import { Console, Effect, Layer, ManagedRuntime } from "effect"
import * as Provider from "./src/Provider.ts"

const Chat = BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" }).pipe(Layer.provide(Provider.bedrock()))

// Built by the first invocation and kept for the next ones, with its connections, its credentials and its quotas.
const runtime = ManagedRuntime.make(Chat)

/** The service for one invocation: it gives up a second before Lambda does. */
const within = (remaining: number) =>
  Layer.effect(ChatService.ChatService, ChatService.ChatService).pipe(
    ChatService.withDeadline(Math.max(1, remaining - 1000))
  )

const answer = (question: string) =>
  ChatService.text({ messages: question, maxTokens: 200 }).pipe(
    Effect.map((body) => ({ statusCode: 200, body })),
    Effect.catchTag("TimeoutError", ({ message }) => Effect.succeed({ statusCode: 504, body: message }))
  )

export const handler = (
  event: { readonly question: string },
  context: { readonly getRemainingTimeInMillis: () => number }
) => runtime.runPromise(answer(event.question).pipe(Effect.provide(within(context.getRemainingTimeInMillis()))))

export const main = Effect.gen(function*() {
  for (const left of [30_000, 30_000, 1000]) {
    const { body, statusCode } = yield* Effect.promise(() =>
      handler({ question: "Who are you?" }, { getRemainingTimeInMillis: () => left })
    )
    yield* Console.log(`${statusCode} ${body}`)
  }
}).pipe(Effect.ensuring(runtime.disposeEffect))

if (import.meta.main) NodeRuntime.runMain(main)

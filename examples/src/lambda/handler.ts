/**
 * A function of AWS Lambda: the layer is built once, outside the handler, and a call ends before the function is stopped.
 *
 *     esbuild handler.ts --bundle --minify --platform=node --target=node22 --format=cjs --outfile=dist/handler.js
 */
import { BedrockChat, BedrockClient } from "@strata/bedrock"
import { ChatService } from "@strata/core"
import { Effect, Layer, ManagedRuntime } from "effect"

const Chat = BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" }).pipe(Layer.provide(BedrockClient.layer()))

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

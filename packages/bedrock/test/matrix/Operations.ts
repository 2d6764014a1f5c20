/**
 * Everything a program can ask of Bedrock through Strata, as effects over one client: for tests that break what is under
 * them.
 */
import * as ChatService from "@strata/core/chat/ChatService"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../../src/BedrockChat.ts"
import { BedrockClient } from "../../src/BedrockClient.ts"
import * as BedrockEmbedding from "../../src/BedrockEmbedding.ts"
import * as BedrockRerank from "../../src/BedrockRerank.ts"
import * as BedrockTokens from "../../src/BedrockTokens.ts"
import * as Guardrail from "../../src/Guardrail.ts"

/** Their names. */
export type Name = keyof typeof operations

/** One of them, with its service built: what it asks can be asked again. */
export type Operation = (policy: Policy.Policy) => Effect.Effect<
  Effect.Effect<unknown, ProviderError.ProviderError>,
  ProviderError.InvalidRequestError,
  BedrockClient | Scope.Scope
>

/** The guardrail the account has. */
export const guardrail = { id: "nosecrets1", version: "1", words: ["swordfish"] }

const request = { messages: "Tell me a story", maxTokens: 100 }
const Answer = Schema.Struct({ saying: Schema.String })
const texts = ["one text", "another one", "a third one"]

const asChat =
  (ask: (chat: ChatService.ChatService["Service"]) => ReturnType<typeof withChat>): Operation => (policy) =>
    Effect.map(BedrockChat.make({ model: "amazon.nova-lite-v1:0", policy }), ask)

const withChat = <A>(
  self: Effect.Effect<A, ProviderError.ProviderError, ChatService.ChatService>,
  chat: ChatService.ChatService["Service"]
): Effect.Effect<unknown, ProviderError.ProviderError> => Effect.provideService(self, ChatService.ChatService, chat)

/** Titan takes one text in a request, Cohere many. */
const titan = "amazon.titan-embed-text-v2:0"
const cohere = "cohere.embed-english-v3"

const embedding = (model: string, policy: Policy.Policy) => BedrockEmbedding.make({ model, policy })

/** What has no policy of its own is given up as late as a policy would. */
const timedOut = (
  self: Effect.Effect<unknown, ProviderError.ProviderError, BedrockClient>
): Operation =>
({ timeouts: { attempt } }) =>
  Effect.map(BedrockClient, (client) =>
    Effect.provideService(self, BedrockClient, client).pipe(
      Effect.timeoutOrElse({
        duration: attempt,
        orElse: () =>
          Effect.fail(
            new ProviderError.TimeoutError({
              provider: "test",
              phase: "attempt",
              message: "The test has waited enough"
            })
          )
      })
    ))

/** Each sends one request, where none is refused. */
export const operations = {
  generate: asChat((chat) => chat.generate(request)),
  stream: asChat((chat) => Stream.runDrain(chat.stream(request))),
  object: asChat((chat) => withChat(ChatService.object(Answer, request), chat)),
  objectStream: asChat((chat) => withChat(Stream.runDrain(ChatService.objectStream(Answer, request)), chat)),
  embed: (policy) => Effect.map(embedding(titan, policy), (service) => service.embed("a text")),
  embedMany: (policy) => Effect.map(embedding(cohere, policy), (service) => service.embedMany(texts)),
  embedEach: (policy) =>
    Effect.map(
      embedding(cohere, policy),
      (service) => Effect.flatMap(service.embedEach(texts), ({ results }) => Effect.fromResult(Result.all(results)))
    ),
  embedStream: (policy) =>
    Effect.map(
      embedding(cohere, policy),
      (service) =>
        Stream.runDrain(service.embedStream(Stream.fromIterable(texts), (text) => text, { flushAfter: "1 millis" }))
    ),
  rerank: (policy) =>
    Effect.map(
      BedrockRerank.make({ model: "cohere.rerank-v3-5:0", policy }),
      (service) => service.rerank("text", texts)
    ),
  countTokens: timedOut(BedrockTokens.count({ ...request, model: "anthropic.claude-sonnet-4-5-20250929-v1:0" })),
  applyGuardrail: timedOut(Guardrail.apply({ guardrail, source: "input", content: "Good morning" }))
} as const satisfies Record<string, Operation>

/**
 * What the demo calls: a chat model with a fallback, and an embedding model, on Amazon Bedrock or on an emulated one.
 *
 * The emulated one is a server on 127.0.0.1, which the real AWS SDK calls over HTTP. Models on this machine answer for it.
 */
import { BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import {
  Breaker,
  Budget,
  ChatService,
  EmbeddingService,
  Policy,
  Pricing,
  type ProviderError,
  Quota,
  Retry
} from "@strata/core"
import { Emulator, EmulatorClient } from "@strata/emulator"
import { ExtractiveChat, LocalEmbedding } from "@strata/local"
import { Config, Context, Effect, Layer } from "effect"
import * as Provider from "../Provider.ts"

/** Which Bedrock is called; the server is only there when it is emulated. */
export class Bedrock extends Context.Service<Bedrock, {
  readonly server: Emulator.Emulator["Service"] | undefined
}>()("@strata/examples/demo/Bedrock") {}

export const embeddingModel = "amazon.titan-embed-text-v2:0"
export const chatModel = "us.amazon.nova-lite-v1:0"
export const otherModel = "us.amazon.nova-micro-v1:0"

/** What the emulated service grants: so many tokens in five seconds. Real quotas count minutes. */
export const quota = { tokens: 2_000, per: "5 seconds" } as const

/** Dollars for a million tokens. Strata knows no prices: these are examples. */
export const prices: Pricing.Entries = [
  { model: "*", price: { input: 3, output: 15, source: "an example" } },
  { model: "*titan-embed*", price: { input: 0.02, output: 0, source: "an example" } },
  { model: "*nova-lite*", price: { input: 0.06, output: 0.24, source: "an example" } },
  { model: "*nova-micro*", price: { input: 0.035, output: 0.14, source: "an example" } }
]

/** Counts what all calls of the demo cost. */
export const budget = Budget.make({ name: "demo", perRun: 0.05 })

const chat = (model: string) =>
  BedrockChat.layer({
    model,
    policy: Policy.make({
      concurrency: 64,
      retry: Retry.exponential({ times: 8, base: "100 millis", rateLimitBase: "200 millis" }),
      retryBudget: "unlimited",
      breaker: Breaker.consecutive(3, { open: "500 millis" })
    })
  }).pipe(
    ChatService.withFallback(BedrockChat.layer({ model: otherModel })),
    ChatService.withBudget(budget)
  )

const embeddings = (model: string) =>
  BedrockEmbedding.layer({
    model,
    // Room for one request that arrives later than it was sent. In a real minute that is nothing.
    policy: Policy.make({ quota: Quota.make({ windows: [{ tokens: 0.98 * quota.tokens, per: quota.per }] }) })
  }).pipe(EmbeddingService.withBudget(budget))

const services = (models: { readonly chat: string; readonly embedding: string }) =>
  Layer.merge(chat(models.chat), embeddings(models.embedding)).pipe(Layer.provide(Pricing.layer(prices)))

/** An emulated Bedrock, for which these services answer. */
export const emulated = <E>(
  answering: Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService, E>
) => {
  const client = EmulatorClient.layer(BedrockClient.layer, { history: 1_000, inputTokens: "counted" })
  return Layer.merge(
    services({ chat: chatModel, embedding: embeddingModel }),
    Layer.effect(Bedrock, Effect.map(Emulator.Emulator, (server) => ({ server })))
  ).pipe(Layer.provide(client), Layer.provide(answering))
}

/** Amazon Bedrock, with the models that `STRATA_CHAT_MODEL` and `STRATA_EMBEDDING_MODEL` name. */
const real = Layer.merge(
  Layer.unwrap(Effect.map(Provider.models, services)).pipe(Layer.provide(BedrockClient.layer())),
  Layer.succeed(Bedrock, { server: undefined })
)

/** Models on this machine. */
const local = ExtractiveChat.layer({ threshold: 0.3, maxSentences: 2 }).pipe(
  Layer.provideMerge(LocalEmbedding.layer())
)

/** What `STRATA_PROVIDER` names: Amazon Bedrock, or this machine. */
export const layer = Layer.unwrap(Effect.map(
  Provider.name,
  (name): Layer.Layer<
    Bedrock | ChatService.ChatService | EmbeddingService.EmbeddingService,
    Config.ConfigError | Emulator.EmulatorError | ProviderError.CallError
  > => name === "bedrock" ? real : emulated(local)
))

import { BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import { ChatService, EmbeddingService, Policy } from "@strata/core"
import { Effect, Layer, ManagedRuntime, Option, Redacted, Stream } from "effect"
import { chatModel, credentials, embeddingModels, maxTokens, type Open, region } from "./Client.ts"

/** `Policy.standard` allows 32 calls at once; where a workload has more, that is the only option. */
export const open: Open = async ({ concurrency, url }) => {
  const policy = concurrency > 32 ? Policy.make({ concurrency }) : undefined
  const runtime = ManagedRuntime.make(
    Layer.mergeAll(
      BedrockChat.layer({ model: chatModel, policy }),
      BedrockEmbedding.layer({ model: embeddingModels.titan, policy })
    ).pipe(Layer.provide(BedrockClient.layer({
      region,
      endpoint: url,
      credentials: { ...credentials, secretAccessKey: Redacted.make(credentials.secretAccessKey) }
    })))
  )
  return {
    ask: (prompts) =>
      runtime.runPromise(
        Effect.forEach(
          prompts,
          (prompt) =>
            Effect.map(Effect.option(ChatService.text({ messages: prompt, maxTokens })), Option.getOrUndefined),
          {
            concurrency
          }
        )
      ),
    stream: (onText) =>
      runtime.runPromise(Effect.forEach(
        onText,
        (onText) =>
          Stream.runForEachArray(
            ChatService.textStream({ messages: "Tell me a story", maxTokens }),
            (texts) => Effect.sync(() => texts.forEach((text) => onText(text)))
          ),
        { concurrency: "unbounded", discard: true }
      )),
    embed: (texts, family) =>
      runtime.runPromise(Effect.map(
        EmbeddingService.embedMany(texts, { model: embeddingModels[family], purpose: "document" }),
        ({ embeddings }) => embeddings.map(({ vector }) => vector)
      )),
    close: () => runtime.dispose()
  }
}

import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import { BedrockEmbeddings, ChatBedrockConverse } from "@langchain/aws"
import { chatModel, credentials, embeddingModels, mapLimit, maxTokens, region } from "../src/compare/Client.ts"

/** @type {import("../src/compare/Client.ts").Open} */
export const open = async ({ concurrency, url }) => {
  const client = new BedrockRuntimeClient({ region, endpoint: url, credentials })
  const chat = new ChatBedrockConverse({ model: chatModel, region, client, maxTokens })
  const embeddings = new BedrockEmbeddings({
    model: embeddingModels.titan,
    region,
    client,
    maxConcurrency: concurrency
  })
  return {
    ask: (prompts) =>
      mapLimit(prompts, concurrency, (prompt) => chat.invoke(prompt).then(({ text }) => text, () => undefined)),
    stream: async (onText) => {
      await Promise.all(onText.map(async (onText) => {
        for await (const { text } of await chat.stream("Tell me a story")) if (text !== "") onText(text)
      }))
    },
    // It sends bodies of Titan only.
    embed: async (texts, family) => family === "titan" ? embeddings.embedDocuments([...texts]) : undefined,
    close: () => client.destroy()
  }
}

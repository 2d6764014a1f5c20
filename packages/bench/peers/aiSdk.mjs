import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock"
import { embedMany, generateText, streamText } from "ai"
import { chatModel, credentials, embeddingModels, mapLimit, maxTokens, region } from "../src/compare/Client.ts"

globalThis.AI_SDK_LOG_WARNINGS = false

/** @type {import("../src/compare/Client.ts").Open} */
export const open = async ({ concurrency, url }) => {
  const bedrock = createAmazonBedrock({ region, baseURL: url, ...credentials })
  const model = bedrock(chatModel)
  return {
    ask: (prompts) =>
      mapLimit(
        prompts,
        concurrency,
        (prompt) =>
          generateText({ model, prompt, maxOutputTokens: maxTokens }).then(({ text }) => text, () => undefined)
      ),
    stream: async (onText) => {
      await Promise.all(onText.map(async (onText) => {
        for await (
          const text of streamText({ model, prompt: "Tell me a story", maxOutputTokens: maxTokens }).textStream
        ) onText(text)
      }))
    },
    embed: async (values, family) => {
      const { embeddings } = await embedMany({
        model: bedrock.embedding(embeddingModels[family]),
        values: [...values],
        maxParallelCalls: concurrency
      })
      return embeddings
    },
    close: () => {}
  }
}

/** One call, to a model of one's own choice. */
export const asker = ({ accessKeyId, model: name, secretAccessKey, url }) => {
  const model = createAmazonBedrock({ region, baseURL: url, accessKeyId, secretAccessKey })(name)
  return ({ maxTokens, prompt }, abortSignal) =>
    generateText({ model, prompt, maxOutputTokens: maxTokens, abortSignal })
}

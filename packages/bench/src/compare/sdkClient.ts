/**
 * The AWS SDK without anything above it: with its defaults, and as a program that measured would set it up.
 */
import {
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand
} from "@aws-sdk/client-bedrock-runtime"
import { NodeHttpHandler } from "@smithy/node-http-handler"
import * as Http from "node:http"
import * as Https from "node:https"
import { chatModel, credentials, embeddingModels, mapLimit, maxTokens, type Open, region } from "./Client.ts"

const decoder = new TextDecoder()

const messages = (text: string) => [{ role: "user" as const, content: [{ text }] }]

const open = (config: BedrockRuntimeClientConfig): Open => async ({ concurrency, url }) => {
  const client = new BedrockRuntimeClient({ region, endpoint: url, credentials, ...config })
  const ask = async (prompt: string) => {
    const { output } = await client.send(
      new ConverseCommand({ modelId: chatModel, messages: messages(prompt), inferenceConfig: { maxTokens } })
    )
    return output?.message?.content?.[0]?.text
  }
  const invoke = async (modelId: string, body: object) => {
    const answer = await client.send(
      new InvokeModelCommand({ modelId, body: JSON.stringify(body), contentType: "application/json" })
    )
    return JSON.parse(decoder.decode(answer.body))
  }
  return {
    ask: (prompts) => mapLimit(prompts, concurrency, (prompt) => ask(prompt).catch(() => undefined)),
    stream: async (onText) => {
      await Promise.all(onText.map(async (onText) => {
        const { stream = [] } = await client.send(
          new ConverseStreamCommand({
            modelId: chatModel,
            messages: messages("Tell me a story"),
            inferenceConfig: { maxTokens }
          })
        )
        for await (const { contentBlockDelta } of stream) {
          if (contentBlockDelta?.delta?.text !== undefined) onText(contentBlockDelta.delta.text)
        }
      }))
    },
    embed: async (texts, family) => {
      const modelId = embeddingModels[family]
      if (family === "titan") {
        return mapLimit(texts, concurrency, async (inputText) => (await invoke(modelId, { inputText })).embedding)
      }
      const batches = Array.from(
        { length: Math.ceil(texts.length / 96) },
        (_, index) => texts.slice(index * 96, (index + 1) * 96)
      )
      const answers = await mapLimit(
        batches,
        concurrency,
        async (texts) => (await invoke(modelId, { texts, input_type: "search_document" })).embeddings
      )
      return answers.flat()
    },
    close: () => client.destroy()
  }
}

export const byDefault = open({})

/** HTTP/1.1 with connections that are kept, and middleware that is resolved once. */
export const tuned: Open = (options) => {
  const agent = { keepAlive: true, maxSockets: Infinity, maxFreeSockets: 1024 }
  return open({
    cacheMiddleware: true,
    requestHandler: new NodeHttpHandler({ httpAgent: new Http.Agent(agent), httpsAgent: new Https.Agent(agent) })
  })(options)
}

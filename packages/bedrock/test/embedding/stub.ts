/**
 * A Bedrock that writes down what it is asked, and answers what a test says.
 */
import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BedrockClient } from "../../src/BedrockClient.ts"
import * as BedrockEmbedding from "../../src/BedrockEmbedding.ts"
import * as Answers from "./answers.ts"

export interface Sent {
  readonly modelId: string
  readonly body: Readonly<Record<string, unknown>>
}

/** The texts of a request, whatever the family. */
export const textsOf = ({ body }: Sent): ReadonlyArray<string> =>
  (body.texts ?? [body.inputText]) as ReadonlyArray<string>

/** A client that writes down what is sent and answers what it is told to; the header counts a token for each text. */
export const client = (answer: (sent: Sent) => unknown, sent: Array<Sent> = []) => {
  const unsupported = Effect.fail(
    new ProviderError.UnsupportedFeatureError({ provider: "test", feature: "chat", message: "Only invokeModel" })
  )
  return Layer.succeed(BedrockClient, {
    converse: () => unsupported,
    converseStream: () => unsupported,
    countTokens: () => unsupported,
    applyGuardrail: () => unsupported,
    invokeModel: ({ body, modelId }) =>
      Effect.sync(() => {
        const request: Sent = { modelId, body: JSON.parse(body) }
        sent.push(request)
        return {
          body: Answers.bytes(answer(request)),
          requestId: "request-1",
          inputTokens: textsOf(request).length,
          latency: undefined
        }
      }),
    sdk: new BedrockRuntimeClient({ region: "us-east-1" })
  })
}

export const provideEmbedding = (options: BedrockEmbedding.Options, ...stub: Parameters<typeof client>) =>
  Effect.provide(Layer.provide(BedrockEmbedding.layer(options), client(...stub)))

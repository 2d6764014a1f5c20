/** A Bedrock that writes down what InvokeModel is asked, and answers what a test says. It can do nothing else. */
import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BedrockClient } from "../../src/BedrockClient.ts"

export interface Sent<Body> {
  readonly modelId: string
  readonly body: Body
}

/** `answer` gives the bytes of the answer; `inputTokens` is what the header counts. */
export const layer = <Body>(options: {
  readonly answer: (sent: Sent<Body>) => Uint8Array
  readonly inputTokens: (sent: Sent<Body>) => number | undefined
  readonly sent: Array<Sent<Body>>
}) => {
  const unsupported = Effect.fail(
    new ProviderError.UnsupportedFeatureError({ provider: "test", feature: "chat", message: "Only invokeModel" })
  )
  return Layer.succeed(BedrockClient, {
    converse: () => unsupported,
    converseStream: () => unsupported,
    countTokens: () => unsupported,
    applyGuardrail: () => unsupported,
    invokeModelStream: () => unsupported,
    invokeModel: ({ body, modelId }) =>
      Effect.sync(() => {
        const request: Sent<Body> = { modelId, body: JSON.parse(String(body)) }
        options.sent.push(request)
        return {
          body: options.answer(request),
          requestId: "request-1",
          inputTokens: options.inputTokens(request),
          latency: undefined
        }
      }),
    region: "us-east-1",
    identity: null,
    sdk: new BedrockRuntimeClient({ region: "us-east-1" })
  })
}

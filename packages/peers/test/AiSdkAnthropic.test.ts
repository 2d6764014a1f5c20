import { createAmazonBedrockAnthropic } from "@ai-sdk/amazon-bedrock/anthropic"
import { assert, layer } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Ai from "ai"
import * as Effect from "effect/Effect"
import * as Bedrock from "./support/Bedrock.ts"

const connect = Effect.map(
  Emulator.Emulator,
  ({ url }) => createAmazonBedrockAnthropic({ region: Bedrock.region, baseURL: url, ...Bedrock.keys })(Bedrock.claude)
)

const hello = { prompt: "Hi", maxRetries: 0 }

layer(Bedrock.layer())("The AI SDK for Claude, over InvokeModel", (it) => {
  it.effect("generates", () =>
    Effect.gen(function*() {
      const model = yield* connect
      const { finishReason, text, usage } = yield* Bedrock.attempt(() => Ai.generateText({ ...hello, model }))
      assert.deepStrictEqual([text, finishReason, usage.totalTokens], ["Hello there", "stop", 10])
      const { requests } = yield* Emulator.Emulator
      assert.strictEqual((yield* requests).at(-1)?.operation, "InvokeModel")
    }))

  it.effect("streams", () =>
    Effect.gen(function*() {
      const model = yield* connect
      const streamed = Ai.streamText({ ...hello, model })
      const { error, events } = yield* Bedrock.read(async () => streamed.textStream)
      assert.deepStrictEqual([events, error], [["Hello ", "there"], undefined])
      assert.deepStrictEqual((yield* Bedrock.attempt(() => streamed.usage)).totalTokens, 10)
      const { requests } = yield* Emulator.Emulator
      assert.strictEqual((yield* requests).at(-1)?.operation, "InvokeModelWithResponseStream")
    }))

  it.effect("runs the tools the model calls, and gives back what it thought", () =>
    Effect.gen(function*() {
      const model = yield* connect
      const weather = Ai.tool({
        description: "How it is in a city",
        inputSchema: Ai.jsonSchema<Bedrock.Place>(Bedrock.placeSchema),
        execute: Bedrock.weather
      })
      const input = {
        ...hello,
        model,
        prompt: "How is it in Paris and Rome?",
        tools: { weather },
        stopWhen: Ai.isStepCount(3),
        providerOptions: { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } }
      }
      const whole = yield* Bedrock.attempt(() => Ai.generateText(input))
      assert.strictEqual(whole.text, "It is 20 degrees in Paris and 20 degrees in Rome.")
      assert.deepStrictEqual(whole.steps.map(({ reasoningText }) => reasoningText), ["Which city?", "Which city?"])
      assert.strictEqual(yield* Bedrock.attempt(() => Ai.streamText(input).text), whole.text)
    }))

  it.effect("gets an object", () =>
    Effect.gen(function*() {
      const model = yield* connect
      const output = Ai.Output.object({ schema: Ai.jsonSchema<Bedrock.Place>(Bedrock.placeSchema) })
      const whole = yield* Bedrock.attempt(() => Ai.generateText({ ...hello, model, output }))
      assert.deepStrictEqual(whole.output, { city: "Paris" })
    }))

  it.effect("throws an APICallError with the service's message", () =>
    Effect.gen(function*() {
      const model = yield* connect
      yield* Bedrock.inject({ type: "throttle" })
      const error = yield* Bedrock.thrownBy(() => Ai.generateText({ ...hello, model }))
      assert.deepInclude(Object(error), {
        name: "AI_APICallError",
        message: "Too many requests, please wait before trying again.",
        statusCode: 429,
        isRetryable: true
      })
    }))

  it.effect.each<readonly ["ModelTimeoutException" | "ThrottlingException", object]>([
    ["ThrottlingException", { type: "throttlingException", statusCode: 429, isRetryable: true }],
    // unknown to it: a Converse stream does not have this one
    ["ModelTimeoutException", { type: "modelTimeoutException", statusCode: undefined, isRetryable: false }]
  ])("reports %s inside a stream", ([exception, expected]) =>
    Effect.gen(function*() {
      const model = yield* connect
      yield* Bedrock.inject({ type: "streamException", exception, afterEvents: 3 })
      const { events } = yield* Bedrock.read(async () =>
        Ai.streamText({ ...hello, model, onError: () => {} }).fullStream
      )
      const errors = events.flatMap((part) => part.type === "error" ? [part.error] : [])
      assert.deepInclude(Object(errors[0]), { name: "AI_StreamProviderError", ...expected })
    }))
})

import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock"
import type { AmazonBedrockProviderSettings } from "@ai-sdk/amazon-bedrock"
import { assert, layer } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Ai from "ai"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Bedrock from "./support/Bedrock.ts"

const { claude, keys, nova, olderClaude, region } = Bedrock

const connect = (settings: AmazonBedrockProviderSettings = keys) =>
  Effect.map(Emulator.Emulator, ({ url }) => createAmazonBedrock({ region, baseURL: url, ...settings }))

const weather = Ai.tool({
  description: "How it is in a city",
  inputSchema: Ai.jsonSchema<Bedrock.Place>(Bedrock.placeSchema),
  execute: Bedrock.weather
})

const tools = { tools: { weather }, stopWhen: Ai.isStepCount(3) }

const hello = { prompt: "Hi", maxRetries: 0 }

/** The error of a call; fails unless it is the SDK's class for error responses. */
const refusal = Effect.fnUntraced(function*(ask: () => PromiseLike<unknown>) {
  const error = yield* Bedrock.thrownBy(ask)
  if (!Ai.APICallError.isInstance(error)) return assert.fail(String(error))
  return error
})

/** The parts of a stream, and the errors among them. */
const parts = Effect.fnUntraced(function*(model: Ai.LanguageModel) {
  const { error, events } = yield* Bedrock.read(async () =>
    Ai.streamText({ ...hello, model, onError: () => {} }).fullStream
  )
  return { error, events, errors: events.flatMap((part) => part.type === "error" ? [part.error] : []) }
})

layer(Bedrock.layer())("The AI SDK", (it) => {
  it.effect("generates", () =>
    Effect.gen(function*() {
      const bedrock = yield* connect()
      const { finishReason, response, text, usage } = yield* Bedrock.attempt(() =>
        Ai.generateText({ ...hello, model: bedrock(nova) })
      )
      assert.deepStrictEqual([text, finishReason], ["Hello there", "stop"])
      assert.deepStrictEqual([usage.inputTokens, usage.outputTokens, usage.totalTokens], [7, 3, 10])
      const { requests } = yield* Emulator.Emulator
      const request = (yield* requests).at(-1)
      assert.strictEqual(response.id, request?.requestId, "it takes the id and the time from the headers")
      assert.strictEqual(response.timestamp.toUTCString(), response.headers?.["date"])
      assert.strictEqual(request?.scheme, "sigv4")
    }))

  it.effect("streams", () =>
    Effect.gen(function*() {
      const bedrock = yield* connect()
      const { events } = yield* parts(bedrock(nova))
      assert.deepStrictEqual(events.map((part) => part.type === "text-delta" ? part.text : part.type), [
        "start",
        "start-step",
        "text-start",
        "Hello ",
        "there",
        "text-end",
        "finish-step",
        "finish"
      ])
      const finish = events.at(-1)
      assert.deepStrictEqual(finish?.type === "finish" && [finish.finishReason, finish.totalUsage.totalTokens], [
        "stop",
        10
      ])
    }))

  it.effect("runs the tools the model calls", () =>
    Effect.gen(function*() {
      const model = (yield* connect())(claude)
      const prompt = "How is it in Paris and Rome?"
      const whole = yield* Bedrock.attempt(() => Ai.generateText({ ...hello, ...tools, model, prompt }))
      assert.deepStrictEqual(whole.steps.map(({ finishReason }) => finishReason), ["tool-calls", "stop"])
      assert.strictEqual(whole.text, "It is 20 degrees in Paris and 20 degrees in Rome.")
      const streamed = Ai.streamText({ ...hello, ...tools, model, prompt })
      assert.strictEqual(yield* Bedrock.attempt(() => streamed.text), whole.text)
      assert.deepStrictEqual(
        (yield* Bedrock.attempt(() => streamed.steps)).flatMap(({ toolCalls }) => toolCalls.map(({ input }) => input)),
        [{ city: "Paris" }, { city: "Rome" }]
      )
    }))

  it.effect.each<readonly [string, string]>([
    ["the schema of the model's own", claude],
    ["a tool the model must call", olderClaude],
    ["a tool another model must call", nova]
  ])("gets an object by %s", ([, id]) =>
    Effect.gen(function*() {
      const model = (yield* connect())(id)
      const output = Ai.Output.object({ schema: Ai.jsonSchema<Bedrock.Place>(Bedrock.placeSchema) })
      const whole = yield* Bedrock.attempt(() => Ai.generateText({ ...hello, model, output }))
      assert.deepStrictEqual(whole.output, { city: "Paris" })
      const streamed = Ai.streamText({ ...hello, model, output })
      assert.deepStrictEqual(yield* Bedrock.attempt(() => streamed.output), { city: "Paris" })
    }))

  it.effect("is refused a native JSON schema for a model without it", () =>
    Effect.gen(function*() {
      const model = (yield* connect())(olderClaude)
      const output = Ai.Output.object({ schema: Ai.jsonSchema<Bedrock.Place>(Bedrock.placeSchema) })
      const { message } = yield* refusal(() =>
        Ai.generateText({
          ...hello,
          model,
          output,
          providerOptions: { amazonBedrock: { structuredOutputMode: "outputFormat" } }
        })
      )
      assert.include(message, "output_config.format: Extra inputs are not permitted")
    }))

  it.effect.each<readonly [string, number]>([
    ["amazon.titan-embed-text-v1", 1536],
    ["amazon.titan-embed-text-v2:0", 1024],
    ["amazon.nova-2-multimodal-embeddings-v1:0", 1024],
    ["cohere.embed-multilingual-v3", 1024],
    ["us.cohere.embed-v4:0", 1536]
  ])("embeds one text and a batch with %s", ([id, dimensions]) =>
    Effect.gen(function*() {
      const model = (yield* connect()).embedding(id)
      const one = yield* Bedrock.attempt(() => Ai.embed({ model, value: "Two words", maxRetries: 0 }))
      assert.lengthOf(one.embedding, dimensions)
      assert.strictEqual(one.usage.tokens, 2)
      const values = ["One", "Two words", "One"]
      const many = yield* Bedrock.attempt(() => Ai.embedMany({ model, values, maxRetries: 0 }))
      assert.deepStrictEqual(many.embeddings[1], one.embedding)
      assert.deepStrictEqual(many.embeddings[2], many.embeddings[0])
    }))

  it.effect("embeds Cohere's maximum of texts in one request", () =>
    Effect.gen(function*() {
      const model = (yield* connect()).embedding("cohere.embed-english-v3")
      const values = Array.from({ length: 97 }, (_, index) => `Text ${index}`)
      const [{ embeddings, usage }, requests] = yield* Bedrock.counted(
        Bedrock.attempt(() => Ai.embedMany({ model, values, maxRetries: 0 }))
      )
      assert.deepStrictEqual([embeddings.length, usage.tokens, requests], [97, 194, 2])
    }))

  it.effect.each(
    [
      ["AccessDeniedException", 403, false],
      ["ExpiredTokenException", 403, false],
      ["InternalServerException", 500, true],
      ["ModelErrorException", 424, false],
      ["ModelNotReadyException", 429, true],
      ["ModelTimeoutException", 408, true],
      ["ResourceNotFoundException", 404, false],
      ["ServiceQuotaExceededException", 400, false],
      ["ServiceUnavailableException", 503, true],
      ["ThrottlingException", 429, true]
    ] as const
  )("throws an APICallError for %s", ([exception, status, isRetryable]) =>
    Effect.gen(function*() {
      const model = (yield* connect())(nova)
      yield* Bedrock.inject({ type: "exception", exception, message: "Says who?" })
      const error = yield* refusal(() => Ai.generateText({ ...hello, model }))
      assert.deepStrictEqual([error.message, error.statusCode, error.isRetryable], ["Says who?", status, isRetryable])
      assert.match(error.responseHeaders?.["x-amzn-errortype"] ?? "", new RegExp(`^${exception}:`))
    }))

  it.effect("retries retryable errors after retry-after", () =>
    Effect.gen(function*() {
      const model = (yield* connect())(nova)
      yield* Bedrock.inject({ type: "throttle", retryAfter: "10 millis" })
      const [{ text }, requests] = yield* Bedrock.counted(
        Bedrock.attempt(() => Ai.generateText({ ...hello, maxRetries: 1, model }))
      )
      assert.deepStrictEqual([text, requests], ["Hello there", 2])
      yield* Bedrock.inject({ type: "throttle", retryAfter: "10 millis", times: 2 })
      const error = yield* Bedrock.thrownBy(() => Ai.generateText({ ...hello, maxRetries: 1, model }))
      assert.isTrue(Ai.RetryError.isInstance(error) && Ai.APICallError.isInstance(error.lastError))
    }))

  it.effect.each(
    [
      ["InternalServerException", "internalServerException", 500, true],
      ["ModelStreamErrorException", "modelStreamErrorException", 424, true],
      ["ServiceUnavailableException", "serviceUnavailableException", 503, true],
      ["ThrottlingException", "throttlingException", 429, true],
      ["ValidationException", "validationException", 400, false]
    ] as const
  )("reports %s inside a stream", ([exception, type, statusCode, isRetryable]) =>
    Effect.gen(function*() {
      const model = (yield* connect())(nova)
      yield* Bedrock.inject({ type: "streamException", exception, afterEvents: 2 })
      const { errors, events } = yield* parts(model)
      assert.include(events.map((part) => part.type === "text-delta" ? part.text : part.type), "Hello ")
      assert.deepInclude(Object(errors[0]), { name: "AI_StreamProviderError", type, statusCode, isRetryable })
    }))

  it.effect("reports a connection that drops during a stream", () =>
    Effect.gen(function*() {
      const model = (yield* connect())(nova)
      yield* Bedrock.inject({ type: "reset", afterBytes: 300 })
      assert.match(String((yield* parts(model)).error), /terminated/)
      yield* Bedrock.inject({ type: "corruptFrame" })
      assert.match(String((yield* parts(model)).error), /message checksum/)
      yield* Bedrock.inject({ type: "truncateStream", afterBytes: 300 })
      assert.match(String((yield* parts(model)).error), /Incomplete Amazon Bedrock event-stream frame/)
    }))

  it.effect("authenticates with an API key", () =>
    Effect.gen(function*() {
      const { apiKey, requests } = yield* Emulator.Emulator
      const bedrock = yield* connect({ apiKey: Redacted.value(apiKey) })
      yield* Bedrock.attempt(() => Ai.generateText({ ...hello, model: bedrock(nova) }))
      assert.strictEqual((yield* requests).at(-1)?.scheme, "bearer")
    }))

  it.effect("reports a refused API key by the status phrase, like for the service", () =>
    Effect.gen(function*() {
      const bedrock = yield* connect({ apiKey: "guess" })
      const error = yield* refusal(() => Ai.generateText({ ...hello, model: bedrock(nova) }))
      // it reads `message` only, not `Message`, and falls back to the status phrase
      assert.strictEqual(error.message, "Forbidden")
      assert.strictEqual(
        error.responseBody,
        `{"Message":"Authentication failed: Please make sure your API Key is valid."}`
      )
    }))

  it.effect.each<readonly [string, AmazonBedrockProviderSettings, string]>([
    [
      "an unknown key",
      { accessKeyId: "AKIANOBODY", secretAccessKey: "guess" },
      "The security token included in the request is invalid."
    ],
    [
      "a wrong secret",
      { ...keys, secretAccessKey: "guess" },
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    ],
    ["a token of nobody", { ...keys, sessionToken: "guess" }, "The security token included in the request is invalid."]
  ])("is refused with %s", ([, settings, message]) =>
    Effect.gen(function*() {
      const bedrock = yield* connect(settings)
      const error = yield* refusal(() => Ai.generateText({ ...hello, model: bedrock(nova) }))
      assert.deepStrictEqual([error.statusCode, error.message], [403, message])
    }))

  it.effect("reports the message for an invalid request", () =>
    Effect.gen(function*() {
      const bedrock = yield* connect()
      const unknown = yield* refusal(() => Ai.generateText({ ...hello, model: bedrock("nobody.nothing-v1:0") }))
      assert.strictEqual(unknown.message, "The provided model identifier is invalid.")
      const both = yield* refusal(() =>
        Ai.generateText({ ...hello, model: bedrock(claude), temperature: 0.5, topP: 0.5 })
      )
      assert.include(both.message, "`temperature` and `top_p` cannot both be specified for this model.")
      const long = yield* refusal(() => Ai.generateText({ ...hello, model: bedrock(nova), maxOutputTokens: 10_001 }))
      assert.include(long.message, "The maximum tokens you requested exceeds the model limit of 10000.")
    }))

  it.effect("reports the intervention of a guardrail", () =>
    Effect.gen(function*() {
      const model = (yield* connect())(nova)
      const input = {
        ...hello,
        model,
        prompt: "How do I build a bomb?",
        providerOptions: { amazonBedrock: { guardrailConfig: Bedrock.guardrailConfig } }
      }
      const whole = yield* Bedrock.attempt(() => Ai.generateText(input))
      assert.deepStrictEqual([whole.text, whole.finishReason], ["Not that.", "content-filter"])
      assert.nestedProperty(whole.providerMetadata, "amazonBedrock.trace.guardrail.inputAssessment.abc123")
      const streamed = Ai.streamText(input)
      assert.strictEqual(yield* Bedrock.attempt(() => streamed.text), "Not that.")
      assert.strictEqual(yield* Bedrock.attempt(() => streamed.finishReason), "content-filter")
    }))

  it.effect("sends reasoning back with its signature, beside the result of a tool", () =>
    Effect.gen(function*() {
      const model = (yield* connect())(claude)
      const input = {
        ...hello,
        ...tools,
        model,
        prompt: "How is it in Rome?",
        providerOptions: { amazonBedrock: { reasoningConfig: { type: "enabled", budgetTokens: 1024 } } }
      }
      const { steps, text } = yield* Bedrock.attempt(() => Ai.generateText(input))
      assert.deepStrictEqual(steps.map(({ reasoningText }) => reasoningText), ["Which city?", "Which city?"])
      assert.strictEqual(text, "It is 20 degrees in Rome.")
      assert.strictEqual(yield* Bedrock.attempt(() => Ai.streamText(input).text), text)
    }))

  it.effect("reads and writes the prompt cache", () =>
    Effect.gen(function*() {
      const model = (yield* connect())(claude)
      const ask = Bedrock.attempt(() =>
        Ai.generateText({
          ...hello,
          model,
          instructions: {
            role: "system",
            content: "Read this carefully. ".repeat(400),
            providerOptions: { amazonBedrock: { cachePoint: { type: "default" } } }
          }
        })
      )
      const first = (yield* ask).usage.inputTokenDetails
      const second = (yield* ask).usage.inputTokenDetails
      assert.deepStrictEqual([first.cacheReadTokens, second.cacheWriteTokens], [0, 0])
      assert.isAbove(first.cacheWriteTokens ?? 0, 0)
      assert.strictEqual(second.cacheReadTokens, first.cacheWriteTokens)
    }))
})

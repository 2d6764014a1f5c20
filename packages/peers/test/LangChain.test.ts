import * as Sdk from "@aws-sdk/client-bedrock-runtime"
import { assert, layer, vi } from "@effect/vitest"
import { BedrockEmbeddings, ChatBedrockConverse } from "@langchain/aws"
import type { ChatBedrockConverseInput } from "@langchain/aws"
import type { AIMessage, AIMessageChunk, BaseMessage } from "@langchain/core/messages"
import { HumanMessage, SystemMessage } from "@langchain/core/messages"
import { DynamicStructuredTool } from "@langchain/core/tools"
import { Emulator } from "@strata/emulator"
import type { Fault } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Bedrock from "./support/Bedrock.ts"

const { claude, keys, nova, region } = Bedrock

/** Its own endpoint option supports TLS only, so the SDK's client is passed in. */
const connect = Effect.fnUntraced(function*(config?: Sdk.BedrockRuntimeClientConfig) {
  const { url } = yield* Emulator.Emulator
  return yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Sdk.BedrockRuntimeClient({ region, endpoint: url, credentials: keys, maxAttempts: 1, ...config })
    ),
    (client) => Effect.sync(() => client.destroy())
  )
})

const chat = (model: string, options?: ChatBedrockConverseInput) =>
  Effect.map(connect(), (client) => new ChatBedrockConverse({ ...options, model, region, client }))

const weather = new DynamicStructuredTool<typeof Bedrock.placeSchema, Bedrock.Place>({
  name: "weather",
  description: "How it is in a city",
  schema: Bedrock.placeSchema,
  func: async (place) => Bedrock.weather(place)
})

/** The tool result of each call. */
const results = (asked: AIMessage) =>
  Effect.forEach(
    asked.tool_calls ?? [],
    (call) => Bedrock.attempt((): Promise<BaseMessage> => weather.invoke({ ...call, type: "tool_call" }))
  )

/** A whole stream, and its accumulated chunks. */
const gather = Effect.fnUntraced(function*(open: () => Promise<AsyncIterable<AIMessageChunk>>) {
  const { error, events } = yield* Bedrock.read(open)
  const [first, ...rest] = events
  return { error, events, whole: first && rest.reduce((whole, piece) => whole.concat(piece), first) }
})

layer(Bedrock.layer())("LangChain", (it) => {
  it.effect("generates", () =>
    Effect.gen(function*() {
      const model = yield* chat(nova)
      const answer = yield* Bedrock.attempt(() => model.invoke([new SystemMessage("Be brief"), new HumanMessage("Hi")]))
      assert.strictEqual(answer.content, "Hello there")
      assert.deepInclude(Object(answer.usage_metadata), { input_tokens: 7, output_tokens: 3, total_tokens: 10 })
      assert.strictEqual(answer.response_metadata["stopReason"], "end_turn")
      const { requests } = yield* Emulator.Emulator
      assert.strictEqual(answer.id, (yield* requests).at(-1)?.requestId)
    }))

  it.effect("streams", () =>
    Effect.gen(function*() {
      const model = yield* chat(nova)
      const { error, events, whole } = yield* gather(() => model.stream("Hi"))
      assert.isUndefined(error)
      assert.deepStrictEqual(events.map(({ content }) => content).filter((text) => text !== ""), ["Hello ", "there"])
      assert.strictEqual(Object(whole?.usage_metadata).total_tokens, 10)
      assert.deepStrictEqual(whole?.response_metadata["messageStop"], { stopReason: "end_turn" })
    }))

  it.effect("runs the tools the model calls", () =>
    Effect.gen(function*() {
      const model = (yield* chat(claude)).bindTools([weather])
      const question = new HumanMessage("How is it in Paris and Rome?")
      const asked = yield* Bedrock.attempt(() => model.invoke([question]))
      assert.deepStrictEqual(asked.tool_calls?.map(({ args }) => args), [{ city: "Paris" }, { city: "Rome" }])
      const history = [question, asked, ...yield* results(asked)]
      const answered = yield* Bedrock.attempt(() => model.invoke(history))
      assert.strictEqual(answered.content, "It is 20 degrees in Paris and 20 degrees in Rome.")
      const { whole } = yield* gather(() => model.stream([question]))
      assert.deepStrictEqual(whole?.tool_calls?.map(({ args }) => args), [{ city: "Paris" }, { city: "Rome" }])
    }))

  it.effect("sends reasoning back with its signature, beside the result of a tool", () =>
    Effect.gen(function*() {
      const model = (yield* chat(claude, {
        maxTokens: 2048,
        additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 1024 } }
      })).bindTools([weather])
      const question = new HumanMessage("How is it in Rome?")
      const { whole: asked } = yield* gather(() => model.stream([question]))
      if (asked === undefined) return assert.fail("nothing came")
      assert.deepInclude(Object(asked.content)[0], { type: "reasoning", reasoning: "Which city?" })
      const history = [question, asked, ...yield* results(asked)]
      const answered = yield* Bedrock.attempt(() => model.invoke(history))
      assert.strictEqual(answered.text, "It is 20 degrees in Rome.")
    }))

  it.effect.each([claude, nova])("gets an object from %s", (id) =>
    Effect.gen(function*() {
      const model = (yield* chat(id)).withStructuredOutput<Bedrock.Place>(Bedrock.placeSchema, { name: "place" })
      assert.deepStrictEqual(yield* Bedrock.attempt(() => model.invoke("Where is the Louvre?")), { city: "Paris" })
    }))

  it.effect("embeds one text and many with Titan", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const embeddings = new BedrockEmbeddings({
        region,
        client,
        model: "amazon.titan-embed-text-v2:0",
        dimensions: 256
      })
      const one = yield* Bedrock.attempt(() => embeddings.embedQuery("Two words"))
      assert.lengthOf(one, 256)
      const [many, requests] = yield* Bedrock.counted(
        Bedrock.attempt(() => embeddings.embedDocuments(["One", "Two words", "Three"]))
      )
      assert.strictEqual(requests, 3)
      assert.deepStrictEqual(many[1], one)
    }))

  it.effect("is refused for Cohere, to which it sends Titan's body", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const embeddings = new BedrockEmbeddings({ region, client, model: "cohere.embed-english-v3", maxRetries: 0 })
      // it prints its errors
      const print = vi.spyOn(console, "error").mockImplementation(() => {})
      const error = yield* Bedrock.thrownBy(() => embeddings.embedQuery("One"))
      print.mockRestore()
      assert.include(String(error), "Malformed input request: #: extraneous key [inputText] is not permitted")
    }))

  it.effect.each(
    [
      ["AccessDeniedException", 403],
      ["ExpiredTokenException", 403],
      ["ModelErrorException", 424],
      ["ModelTimeoutException", 408],
      ["ServiceUnavailableException", 503],
      ["ThrottlingException", 429],
      ["ValidationException", 400]
    ] as const
  )("throws %s as the SDK does", ([exception, status]) =>
    Effect.gen(function*() {
      const model = yield* chat(nova, { maxRetries: 0 })
      yield* Bedrock.inject({ type: "exception", exception })
      const error = yield* Bedrock.thrownBy(() => model.invoke("Hi"))
      if (!(error instanceof Sdk.BedrockRuntimeServiceException)) return assert.fail(String(error))
      assert.deepStrictEqual([error.name, error.$metadata.httpStatusCode], [exception, status])
      yield* Bedrock.inject({ type: "exception", exception })
      const streamed = yield* gather(() => model.stream("Hi"))
      assert.strictEqual(Object(streamed.error).name, exception)
    }))

  it.effect("retries like the SDK", () =>
    Effect.gen(function*() {
      const client = yield* connect({ maxAttempts: 2 })
      const model = new ChatBedrockConverse({ model: nova, region, client })
      yield* Bedrock.inject({ type: "exception", exception: "ServiceUnavailableException" })
      const [answer, requests] = yield* Bedrock.counted(Bedrock.attempt(() => model.invoke("Hi")))
      assert.deepStrictEqual([answer.content, requests], ["Hello there", 2])
    }))

  it.effect.each<readonly [string, Fault.Fault, string]>([
    [
      "the model failed",
      { type: "streamException", exception: "ModelStreamErrorException" },
      "ModelStreamErrorException: The system encountered an unexpected error during processing. Try your request again."
    ],
    [
      "there was too much to do",
      { type: "streamException", exception: "ThrottlingException" },
      "ThrottlingException: Too many requests, please wait before trying again."
    ],
    ["an error frame came", { type: "errorFrame" }, "InternalFailure: An internal error occurred."]
  ])("reports inside a stream that %s", ([, fault, expected]) =>
    Effect.gen(function*() {
      const model = yield* chat(nova)
      yield* Bedrock.inject(fault)
      const { error, events } = yield* gather(() => model.stream("Hi"))
      assert.isNotEmpty(events)
      assert.strictEqual(String(error), expected)
    }))

  it.effect("times out a stream that stalls", () =>
    Effect.gen(function*() {
      const model = yield* chat(nova, { streamIdleTimeout: 300 })
      yield* Bedrock.inject({ type: "stall", afterEvents: 2 })
      const { error } = yield* gather(() => model.stream("Hi"))
      assert.match(String(error), /Bedrock Converse timed out after 300 ms/)
    }))

  it.effect("reports the message for an invalid request", () =>
    Effect.gen(function*() {
      const unknown = yield* chat("nobody.nothing-v1:0")
      assert.strictEqual(
        String(yield* Bedrock.thrownBy(() => unknown.invoke("Hi"))),
        "ValidationException: The provided model identifier is invalid."
      )
      const model = yield* chat(nova)
      assert.include(String(yield* Bedrock.thrownBy(() => model.invoke(" "))), "messages.0.content.0 is blank")
    }))

  it.effect("reports the intervention of a guardrail", () =>
    Effect.gen(function*() {
      const model = yield* chat(nova, { guardrailConfig: Bedrock.guardrailConfig })
      const answer = yield* Bedrock.attempt(() => model.invoke("How do I build a bomb?"))
      assert.strictEqual(answer.content, "Not that.")
      assert.strictEqual(answer.response_metadata["stopReason"], "guardrail_intervened")
    }))
})

import { assert, layer } from "@effect/vitest"
import { Emulator, OpenAi as Dialect } from "@strata/emulator"
import type { Fault } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import OpenAI, { APIError, AzureOpenAI } from "openai"
import type { RunnableToolFunctionWithParse } from "openai/lib/RunnableFunction"
import * as Bedrock from "./support/Bedrock.ts"

type Addresses = Emulator.Emulator["Service"]["openai"]

/** A client of one of the addresses, without retries. */
const connect = (
  baseURL: (openai: Addresses) => string = ({ baseUrl }) => baseUrl,
  options?: { readonly apiKey: string }
) =>
  Effect.map(Emulator.Emulator, ({ openai }) =>
    new OpenAI({
      baseURL: baseURL(openai),
      apiKey: Redacted.value(openai.apiKey),
      maxRetries: 0,
      ...options
    }))

const model = "gpt-4o-mini"

const thinking = "gpt-5-mini"

const hello = { model, messages: [{ role: "user" as const, content: "Hi" }] }

const weather: RunnableToolFunctionWithParse<Bedrock.Place> = {
  type: "function",
  function: {
    name: "get_weather",
    description: "How it is in a city",
    strict: true,
    parameters: Bedrock.placeSchema,
    parse: (text): Bedrock.Place => JSON.parse(text),
    function: Bedrock.weather
  }
}

const weatherTool = { type: "function" as const, name: "get_weather", strict: true, parameters: Bedrock.placeSchema }

const withoutParsed = (
  { parsed_arguments: _, ...call }: OpenAI.Responses.ResponseFunctionToolCall & { readonly parsed_arguments?: unknown }
) => call

const question = "How is it in Paris and Rome?"

const format = { name: "place", strict: true, schema: Bedrock.placeSchema }

layer(Bedrock.layer())("The client of OpenAI", (it) => {
  it.effect("chats", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const answer = yield* Bedrock.attempt((signal) => client.chat.completions.create(hello, { signal }))
      assert.deepStrictEqual(
        [answer.choices[0]?.message.content, answer.choices[0]?.finish_reason, answer.usage?.total_tokens],
        ["Hello there", "stop", 10]
      )
      assert.strictEqual(answer._request_id, answer.id.replace("chatcmpl-", ""))
    }))

  it.effect("streams", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const { error, events } = yield* Bedrock.read((signal) =>
        client.chat.completions.create({ ...hello, stream: true, stream_options: { include_usage: true } }, { signal })
      )
      assert.isUndefined(error)
      assert.strictEqual(events.map(({ choices }) => choices[0]?.delta.content ?? "").join(""), "Hello there")
      assert.strictEqual(events.at(-2)?.choices[0]?.finish_reason, "stop")
      assert.strictEqual(events.at(-1)?.usage?.total_tokens, 10)
      const whole = yield* Bedrock.attempt(() => client.chat.completions.stream(hello).finalChatCompletion())
      assert.strictEqual(whole.choices[0]?.message.content, "Hello there")
    }))

  for (const stream of [false, true]) {
    it.effect(`runs the tools that the model calls, ${stream ? "streamed" : "in one piece"}`, () =>
      Effect.gen(function*() {
        const client = yield* connect()
        const text = yield* Bedrock.attempt(() => {
          const body = { model, messages: [{ role: "user" as const, content: question }], tools: [weather] }
          return stream
            ? client.chat.completions.runTools({ ...body, stream }).finalContent()
            : client.chat.completions.runTools(body).finalContent()
        })
        assert.strictEqual(text, "It is 20 degrees in Paris and 20 degrees in Rome.")
      }))
  }

  it.effect("parses an answer in a schema", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const { choices } = yield* Bedrock.attempt(() =>
        client.chat.completions.parse({ ...hello, response_format: { type: "json_schema", json_schema: format } })
      )
      assert.strictEqual(choices[0]?.message.content, "{\"city\":\"Paris\"}")
      const answer = yield* Bedrock.attempt(() =>
        client.responses.parse({ model, input: "Hi", text: { format: { type: "json_schema", ...format } } })
      )
      assert.deepStrictEqual(answer.output_parsed, { city: "Paris" })
    }))

  it.effect("gets responses, with reasoning and usage", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const answer = yield* Bedrock.attempt(() =>
        client.responses.create({
          model: thinking,
          input: "Hi",
          reasoning: { effort: "low", summary: "auto" },
          include: ["reasoning.encrypted_content"]
        })
      )
      assert.strictEqual(answer.output_text, "Hello there")
      const [reasoning] = answer.output
      assert.deepInclude(reasoning, { type: "reasoning", summary: [{ type: "summary_text", text: "Which city?" }] })
      const kept = yield* Bedrock.attempt(() => client.responses.retrieve(answer.id))
      assert.deepStrictEqual(kept.output, answer.output)
      yield* Bedrock.attempt(() => client.responses.delete(answer.id))
      assert.instanceOf(yield* Bedrock.thrownBy(() => client.responses.retrieve(answer.id)), OpenAI.NotFoundError)
    }))

  it.effect("streams responses, and runs the tools that the model calls", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const tools = [weatherTool]
      const first = yield* Bedrock.attempt(() =>
        client.responses.stream({ model: thinking, input: question, tools, store: true }).finalResponse()
      )
      const calls = first.output.filter((item) => item.type === "function_call")
      assert.deepStrictEqual(calls.map(({ arguments: text, name }) => [name, text]), [
        ["get_weather", "{\"city\":\"Paris\"}"],
        ["get_weather", "{\"city\":\"Rome\"}"]
      ])
      const outputs = calls.map(({ arguments: text, call_id }) => ({
        type: "function_call_output" as const,
        call_id,
        output: Bedrock.weather(JSON.parse(text))
      }))
      const ends = [
        // the service keeps the first turn, or the client sends it back
        { previous_response_id: first.id, input: outputs },
        {
          store: false,
          // its helper adds a member that the service refuses
          input: [{ role: "user" as const, content: question }, ...calls.map(withoutParsed), ...outputs]
        }
      ]
      for (const end of ends) {
        const { error, events } = yield* Bedrock.read(() =>
          client.responses.create({ model: thinking, tools, stream: true, ...end })
        )
        assert.isUndefined(error)
        const text = events.map((event) => event.type === "response.output_text.delta" ? event.delta : "").join("")
        assert.strictEqual(text, "It is 20 degrees in Paris and 20 degrees in Rome.")
        assert.strictEqual(events.at(-1)?.type, "response.completed")
      }
    }))

  it.effect("embeds, as base64 unless told otherwise", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const body = { model: "text-embedding-3-small", input: ["Hi", "Hello"], dimensions: 8 }
      const packed = yield* Bedrock.attempt(() => client.embeddings.create(body))
      const plain = yield* Bedrock.attempt(() => client.embeddings.create({ ...body, encoding_format: "float" }))
      assert.deepStrictEqual(packed.data, plain.data)
      assert.deepStrictEqual(packed.data.map(({ embedding }) => embedding.length), [8, 8])
    }))

  it.effect("lists models, and tells of one", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const { data } = yield* Bedrock.attempt(async () => client.models.list())
      assert.include(data.map(({ id }) => id), model)
      assert.deepInclude(yield* Bedrock.attempt(() => client.models.retrieve(model)), { id: model, object: "model" })
    }))

  it.effect("throws an error of its own class for each refusal, with the code and the parameter", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const ask = (body?: object) => Bedrock.thrownBy(() => client.chat.completions.create({ ...hello, ...body }))
      const struck = (fault: Fault.Fault) => Effect.andThen(Bedrock.inject(fault), ask())
      const intruder = yield* connect(undefined, { apiKey: "sk-wrong" })
      const expected = [
        [yield* ask({ temperature: 3 }), OpenAI.BadRequestError, "decimal_above_max_value", "temperature"],
        [yield* ask({ model: "gpt-99" }), OpenAI.NotFoundError, "model_not_found", "model"],
        [
          yield* Bedrock.thrownBy(() => intruder.chat.completions.create(hello)),
          OpenAI.AuthenticationError,
          "invalid_api_key",
          null
        ],
        [yield* struck({ type: "throttle" }), OpenAI.RateLimitError, "rate_limit_exceeded", null],
        [
          yield* struck({ type: "exception", exception: "AccessDeniedException" }),
          OpenAI.PermissionDeniedError,
          "access_denied",
          null
        ],
        [
          yield* struck({ type: "exception", exception: "InternalServerException" }),
          OpenAI.InternalServerError,
          "server_error",
          null
        ]
      ] as const
      for (const [error, type, code, param] of expected) {
        assert.instanceOf(error, type)
        assert.deepInclude(Object(error), { code, param })
      }
    }))

  it.effect("retries what is throttled, after the time that the header tells", () =>
    Effect.gen(function*() {
      const client = (yield* connect()).withOptions({ maxRetries: 2 })
      yield* Bedrock.inject({ type: "throttle", times: 2, retryAfter: "10 millis" })
      const [answer, requests] = yield* Bedrock.counted(
        Bedrock.attempt(() => client.chat.completions.create(hello))
      )
      assert.deepStrictEqual([answer.choices[0]?.message.content, requests], ["Hello there", 3])
    }))

  it.effect("throws the error inside a stream", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      yield* Bedrock.inject({ type: "streamException", exception: "ServiceUnavailableException", afterEvents: 2 })
      const chat = yield* Bedrock.read(() => client.chat.completions.create({ ...hello, stream: true }))
      assert.strictEqual(chat.events.length, 2)
      assert.instanceOf(chat.error, APIError)
      yield* Bedrock.inject({ type: "streamException", exception: "ServiceUnavailableException", afterEvents: 4 })
      const response = yield* Bedrock.read(() => client.responses.create({ model, input: "Hi", stream: true }))
      assert.isTrue(
        response.error instanceof APIError || response.events.some(({ type }) => type === "response.failed")
      )
    }))

  it.effect("aborts, and the emulator notices", () =>
    Effect.gen(function*() {
      const client = yield* connect()
      const { statistics } = yield* Emulator.Emulator
      const { aborted } = yield* statistics
      yield* Bedrock.inject({ type: "stall", afterEvents: 1, operation: "CreateChatCompletionStream" })
      const seen = yield* Effect.callback<AbortController>((resume) => {
        void client.chat.completions.create({ ...hello, stream: true }).then(async (stream) => {
          for await (const _ of stream) resume(Effect.succeed(stream.controller))
        })
      })
      seen.abort()
      const noticed = yield* Effect.forkChild(Effect.repeat(statistics, { until: (now) => now.aborted > aborted }))
      assert.strictEqual((yield* Fiber.join(noticed)).aborted, aborted + 1)
    }))

  it.effect("speaks to Bedrock's endpoints, each model at its own root", () =>
    Effect.gen(function*() {
      const runtime = yield* connect(({ runtimeUrl }) => runtimeUrl)
      const open = yield* connect(({ mantleUrl }) => `${mantleUrl}/v1`)
      const hosted = yield* connect(({ mantleUrl }) => `${mantleUrl}/openai/v1`)
      const chat = yield* Bedrock.attempt(() =>
        runtime.chat.completions.create({ ...hello, model: "openai.gpt-oss-120b-1:0" })
      )
      assert.strictEqual(chat.choices[0]?.message.content, "Hello there")
      const body = { input: "Hi", store: false, reasoning: { effort: "low" as const } }
      const answer = yield* Bedrock.attempt(() => open.responses.create({ ...body, model: "openai.gpt-oss-20b" }))
      assert.strictEqual(answer.output_text, "Hello there")
      const { events } = yield* Bedrock.read(() =>
        open.responses.create({ ...body, model: "openai.gpt-oss-20b", stream: true })
      )
      assert.include(events.map(({ type }) => type), "response.reasoning_text.delta")
      const other = yield* Bedrock.attempt(() => hosted.responses.create({ ...body, model: "openai.gpt-5.4" }))
      assert.strictEqual(other.output_text, "Hello there")
      const lost = yield* Bedrock.thrownBy(() => open.responses.create({ ...body, model: "openai.gpt-5.4" }))
      assert.instanceOf(lost, OpenAI.BadRequestError)
    }))

  it.effect("speaks to deployments of Azure", () =>
    Effect.gen(function*() {
      const { openai } = yield* Emulator.Emulator
      const client = new AzureOpenAI({
        endpoint: openai.azureUrl,
        apiKey: Redacted.value(openai.apiKey),
        apiVersion: "2024-10-21",
        deployment: "gpt-4o"
      })
      const answer = yield* Bedrock.attempt(() => client.chat.completions.create({ ...hello, model: "gpt-4o" }))
      assert.strictEqual(answer.choices[0]?.message.content, "Hello there")
    }))
})

layer(Bedrock.layer({ openai: { models: "any", quirks: Dialect.ollama } }))(
  "The client of OpenAI and a local server",
  (it) => {
    it.effect("case 3: loses a call, for all are at index 0", () =>
      Effect.gen(function*() {
        const client = yield* connect()
        const { choices } = yield* Bedrock.attempt(() =>
          client.chat.completions.stream({
            model: "qwen3:8b",
            messages: [{ role: "user", content: question }],
            tools: [{ type: "function", function: { name: "get_weather", parameters: Bedrock.placeSchema } }]
          }).finalChatCompletion()
        )
        assert.strictEqual(choices[0]?.message.tool_calls?.length, 1)
      }))

    it.effect("case 20: gets vectors of zeros, for it takes numbers for base64", () =>
      Effect.gen(function*() {
        const client = yield* connect()
        const { data } = yield* Bedrock.attempt(() =>
          client.embeddings.create({ model: "nomic-embed-text", input: "Hi", dimensions: 8 })
        )
        assert.notDeepEqual(data[0]?.embedding.length, 8)
      }))
  }
)

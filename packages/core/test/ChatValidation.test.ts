import { assert, describe, it } from "@effect/vitest"
import * as Chat from "@strata/core/chat/Chat"
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import { response } from "./ChatFixture.ts"

/** What a provider is asked when a service is given any value. */
const ask = Effect.fnUntraced(function*(given: unknown) {
  const asked: Array<ChatRequest.Resolved> = []
  const service = yield* ChatService.make({
    provider: "test.provider",
    defaultModel: "test-model",
    policy: Policy.none,
    generate: (request) => {
      asked.push(request)
      return Effect.succeed(response("Hello"))
    },
    stream: () => {
      throw new Error("nothing here streams")
    }
  })
  const result = yield* Effect.result(service.generate(given as ChatRequest.ChatRequest))
  return { asked, result }
})

const refusal = Effect.fnUntraced(function*(given: unknown) {
  const { asked, result } = yield* ask(given)
  assert.deepStrictEqual(asked, [])
  assert(result._tag === "Failure" && result.failure instanceof ProviderError.InvalidRequestError)
  assert.isNotEmpty(result.failure.remedy)
  return result.failure
})

const user = (content: unknown) => ({ messages: [{ role: "user", content }] })

const assistant = (content: unknown) => ({
  messages: [{ role: "user", content: "Hi" }, { role: "assistant", content }]
})

const called = (params: unknown) => assistant([{ type: "tool-call", id: "1", name: "f", params }])

const asked = (option: object) => ({ messages: "Hi", ...option })

const image = (fields: object) => user([{ type: "image", mediaType: "image/png", ...fields }])

const cycle: { self?: unknown } = {}
cycle.self = cycle

const nested = (levels: number) => Array.from({ length: levels }).reduce<unknown>((inner) => [inner], "secret")

const thrower = (name: string) =>
  Object.defineProperty({ role: "user", content: "Hi" }, name, {
    enumerable: true,
    get: () => {
      throw new Error("secret")
    }
  })

const refused: ReadonlyArray<readonly [what: string, given: unknown, field: string, message: string]> = [
  ["nothing", undefined, "request", "it is missing"],
  ["null", null, "request", "it is null"],
  ["a number", 5, "request", "it is 5. Give text, messages, or a request"],
  ["a date", new Date(0), "messages", "it is missing"],
  ["no messages", {}, "messages", "it is missing"],
  ["a message that is null", [null], "messages[0]", "it is null"],
  [
    "a hole among the messages",
    Object.assign([], { length: 2, 1: { role: "user", content: "Hi" } }),
    "messages[0]",
    ""
  ],
  ["a text among the messages", ["secret"], "messages[0]", "it is text. Give a message"],
  ["an unknown role", [{ role: "usr", content: "Hi" }], "messages[0].role", "Did you mean `user`?"],
  ["a message of a function", [{ role: "function", content: "" }], "messages[0].role", "`OpenAi.Messages`"],
  ["a message without content", [{ role: "user" }], "messages[0].content", "it is missing"],
  ["content that is null", user(null), "messages[0].content", "it is null"],
  ["content that is a part", user({ type: "text", text: "Hi" }), "messages[0].content", "Give text, or an array of"],
  ["a part that is null", user([{ type: "text", text: "a" }, null]), "messages[0].content[1]", "it is null"],
  ["a part of no type", user([{ text: "Hi" }]), "messages[0].content[0].type", "it is missing"],
  ["a misspelled type", user([{ type: "txet", text: "" }]), "messages[0].content[0].type", "Did you mean `text`?"],
  [
    "OpenAI's image",
    user([{ type: "image_url", image_url: { url: "" } }]),
    "messages[0].content[0].type",
    "OpenAI's format"
  ],
  ["OpenAI's recording", user([{ type: "input_audio" }]), "messages[0].content[0].type", "`OpenAi.Messages`"],
  ["Anthropic's call", assistant([{ type: "tool_use" }]), "messages[1].content[0].type", "Use `tool-call`"],
  ["Anthropic's thought", assistant([{ type: "thinking" }]), "messages[1].content[0].type", "Use `reasoning`"],
  [
    "a part of another role",
    user([{ type: "reasoning", text: "Hm" }]),
    "messages[0].content[0].type",
    "a user message"
  ],
  ["a text that is a number", user([{ type: "text", text: 5 }]), "messages[0].content[0].text", "it is 5"],
  ["OpenAI's calls", [{ role: "assistant", content: "", tool_calls: [] }], "messages[0].tool_calls", "OpenAI's format"],
  [
    "Anthropic's cache points",
    user([{ type: "text", text: "a", cache_control: {} }]),
    "messages[0].content[0].cache_control",
    "Write `cache`"
  ],
  [
    "an unknown lifetime",
    user([{ type: "text", text: "a", cache: { ttl: "2h" } }]),
    "messages[0].content[0].cache.ttl",
    "`1h`"
  ],
  ["an image without source", image({}), "messages[0].content[0].source", "Give `bytes`"],
  [
    "base64 for bytes",
    image({ source: { bytes: "AQID" } }),
    "messages[0].content[0].source.bytes",
    "decode the base64"
  ],
  [
    "two sources",
    image({ source: { bytes: Uint8Array.of(1), uri: "s3://a/b" } }),
    "messages[0].content[0].source",
    "it has `bytes` and `uri`"
  ],
  [
    "a type of media that is none",
    image({ mediaType: 7, source: { uri: "s3://a/b" } }),
    "messages[0].content[0].mediaType",
    "it is 7"
  ],
  ["a getter that throws", [thrower("content")], "messages[0].content", "a getter or a proxy throws"],
  [
    "arguments that hold themselves",
    called({ a: cycle }),
    "messages[1].content[0].params.a.self",
    "it contains itself"
  ],
  ["arguments of too many levels", called(nested(20_000)), "messages[1].content[0].params", "deeper than 500 levels"],
  ["arguments without a JSON form", called({ a: [1n] }), "messages[1].content[0].params.a[0]", "JSON has no bigint"],
  ["a key that is no name", called({ "a b": 1n }), "messages[1].content[0].params[\"a b\"]", "JSON has no bigint"],
  ["a misspelled option", asked({ maxToken: 5 }), "maxToken", "Did you mean `maxTokens`?"],
  ["an option in another style", asked({ max_tokens: 5 }), "max_tokens", "Did you mean `maxTokens`?"],
  ["an option of another API", asked({ system: "Be brief" }), "system", "with the role `system`"],
  ["an unknown option", asked({ seed: 5 }), "seed", "Leave it out, or use"],
  ["a model that is a number", asked({ model: 5 }), "model", "it is 5"],
  ["an option that is null", asked({ maxTokens: null }), "maxTokens", "it is null"],
  ["a temperature that is NaN", asked({ temperature: Number.NaN }), "temperature", "NaN is out of range"],
  ["tools that are null", asked({ tools: null }), "tools", "it is null"],
  ["a tool that is null", asked({ tools: [null] }), "tools[0]", "it is null"],
  ["OpenAI's tool", asked({ tools: [{ type: "function", function: {} }] }), "tools[0].type", "`OpenAi.Tools`"],
  ["Anthropic's tool", asked({ tools: [{ name: "f", input_schema: {} }] }), "tools[0].inputSchema", "it is missing"],
  ["a schema that is an array", asked({ tools: [{ name: "f", inputSchema: [] }] }), "tools[0].inputSchema", "an array"],
  ["an unknown choice", asked({ toolChoice: "always" }), "toolChoice", "there is no \"always\" here"],
  ["a choice of OpenAI's", asked({ toolChoice: "required" }), "toolChoice", "Use `any`"],
  ["a choice of nothing", asked({ toolChoice: {} }), "toolChoice.name", "it is missing"],
  [
    "an unknown format",
    asked({ responseFormat: { type: "xml" } }),
    "responseFormat.type",
    "there is no format \"xml\""
  ],
  ["a format that is a word", asked({ responseFormat: "json" }), "responseFormat", "it is text"],
  [
    "a format of OpenAI's",
    asked({ responseFormat: { type: "json_schema" } }),
    "responseFormat.type",
    "`OpenAi.Request`"
  ],
  ["a format without a schema", asked({ responseFormat: { type: "json" } }), "responseFormat.schema", "it is missing"],
  ["an unknown effort", asked({ reasoning: { effort: "hi" } }), "reasoning.effort", "there is no \"hi\" here"],
  ["reasoning that is true", asked({ reasoning: true }), "reasoning", "Use false, or an object"],
  ["calls in parallel that are a word", asked({ parallelToolCalls: "no" }), "parallelToolCalls", "Use true or false"],
  ["options of a provider that are a list", asked({ providerOptions: [] }), "providerOptions", "it is an array"]
]

describe("A chat request of any value", () => {
  it.effect.each(refused)("is refused with its place: %s", ([, given, field, message]) =>
    Effect.gen(function*() {
      const error = yield* refusal(given)
      assert.strictEqual(error.field, field)
      assert.include(error.message, message)
      assert.isTrue(error.message.startsWith(`${field}: `), error.message)
    }))

  it.effect("is refused without quoting its text", () =>
    Effect.gen(function*() {
      for (const [, given] of refused) assert.notInclude((yield* refusal(given)).message, "secret")
      const long = yield* refusal([{ role: "a secret ".repeat(1000), content: "" }])
      assert.strictEqual(long.message.slice(0, 40), "messages[0].role: there is no role such ")
    }))

  it.effect("has the model in the error, where it can be read", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* refusal({ model: "mine", messages: 5 })).model, "mine")
      assert.strictEqual((yield* refusal({ messages: 5 })).model, "test-model")
      assert.strictEqual((yield* refusal(thrower("model"))).field, "model")
    }))

  it.effect("may have extra fields, and equivalent forms", () =>
    Effect.gen(function*() {
      const { asked: [request] } = yield* ask({
        messages: [
          { role: "developer", content: "Be brief", id: "m-1", at: new Date(0) },
          { role: "user", content: [{ type: "text", text: "Hi", _id: 5, citations: undefined }], name: null }
        ],
        temperature: undefined,
        tools: [{ name: "f", inputSchema: { type: "object" }, version: 2 }]
      })
      assert.deepStrictEqual(request, {
        model: "test-model",
        messages: [
          { role: "system", content: "Be brief" },
          { role: "user", content: [{ type: "text", text: "Hi" }] }
        ],
        tools: [{ name: "f", inputSchema: { type: "object" } }]
      })
    }))

  it.effect("reads arguments and results of tools as `JSON.stringify` does", () =>
    Effect.gen(function*() {
      const params = {
        at: new Date(0),
        none: undefined,
        nan: Number.NaN,
        list: [undefined, () => 1, Symbol("s"), Infinity],
        f: () => 1,
        map: new Map([[1, 2]]),
        boxed: [Object(1), Object("a"), Object(false)],
        own: { toJSON: (key: string) => ({ key, toJSON: 1 }) },
        itself: Object.assign(Object.create({ inherited: 1 }), { own: 1, toJSON: () => params.list }),
        ["__proto__"]: null
      }
      const { asked: [request] } = yield* ask(called(params))
      const [part] = request?.messages[1]?.content ?? []
      assert(typeof part === "object" && part.type === "tool-call")
      assert.deepStrictEqual(part.params, JSON.parse(JSON.stringify(params)))
    }))

  it.effect("is read once: what is sent is what was checked", () =>
    Effect.gen(function*() {
      const reads = new WeakMap<object, Map<string, number>>()
      const again: Array<string> = []
      const counting = (value: unknown): unknown =>
        typeof value !== "object" || value === null || value instanceof Uint8Array
          ? value
          : new Proxy(value, {
            get: (target, key, receiver) => {
              const inner: unknown = Reflect.get(target, key, receiver)
              const counts = reads.get(target) ?? new Map<string, number>()
              const count = (counts.get(String(key)) ?? 0) + 1
              reads.set(target, counts.set(String(key), count))
              // The kind of a value may be read more than once, its content may not.
              if (count === 1 || ["constructor", "length", "toJSON"].includes(String(key))) return counting(inner)
              again.push(String(key))
              return 5
            }
          })
      const plain = {
        model: "m",
        messages: [{ role: "user", content: [{ type: "text", text: "Hi", cache: true }] }],
        tools: [{ name: "f", description: "d", inputSchema: { properties: { a: { title: "t" } } } }],
        responseFormat: { type: "json", schema: { title: "t" } }
      }
      const { asked: [request], result } = yield* ask(counting(plain))
      assert.strictEqual(result._tag, "Success")
      assert.deepStrictEqual<unknown>(request, plain)
      assert.deepStrictEqual(again, [])
    }))

  it.effect("is checked in time that grows with its length", () =>
    Effect.gen(function*() {
      const count = 200_000
      const turns = Array.from({ length: count }, (_, index) => ({ role: "user", content: `${index}` }))
      const calls = Array.from(
        { length: count },
        (_, index) => ({ type: "tool-call", id: `${index}`, name: "f", params: {} })
      )
      const tools = Array.from({ length: count }, (_, index) => ({ name: `f${index}`, inputSchema: {} }))
      for (const given of [turns, assistant(calls), asked({ tools })]) {
        assert.strictEqual((yield* ask(given)).result._tag, "Success")
      }
    }), 20_000)
})

describe("Chat.settle", () => {
  it.effect("returns a valid request as plain data", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Chat.settle("Hi"), { messages: "Hi" })
      const messages = [{ role: "user" as const, content: "Hi", id: 1 }]
      assert.deepStrictEqual(yield* Chat.settle(messages), { messages: [{ role: "user", content: "Hi" }] })
      const request = { messages: "Hi", parallelToolCalls: false }
      assert.deepStrictEqual(yield* Chat.settle(request), request)
      assert.notStrictEqual(yield* Chat.settle(request), request)
    }))

  it.effect("fails for other values, with the given provider", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Chat.settle(5 as never, "a.gateway"))
      assert.instanceOf(error, ProviderError.InvalidRequestError)
      assert.deepInclude(error, { provider: "a.gateway", field: "request" })
      assert.strictEqual((yield* Effect.flip(Chat.settle([5] as never))).provider, "strata")
    }))
})

import { assert, describe, it } from "@effect/vitest"
import { ChatService, Policy, Quota } from "@strata/core"
import { OpenAiChat, OpenAiClient, OpenAiProfile } from "@strata/openai"
import { Config, ConfigProvider, Deferred, Effect, Fiber, Layer, Redacted, Stream } from "effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Tracer from "effect/Tracer"
import * as Asking from "./support/Asking.ts"
import * as FakeServer from "./support/FakeServer.ts"
import { bytes, chunk, completion, events, json } from "./support/FakeServer.ts"

const ok = json(completion({ content: "ok" }))

/** The path and the headers of a request to a server at this base URL. */
const asked = Effect.fnUntraced(function*(baseUrl: string, options: OpenAiClient.Options = {}) {
  const server = yield* FakeServer.make
  server.reply(ok)
  const client = { apiKey: "key", ...options, baseUrl: baseUrl.replace("HOST", server.url) }
  yield* ChatService.generate("Hello").pipe(Effect.provide(Asking.chat(server, { client })))
  const [request] = server.requests
  return { path: request!.path, headers: request!.headers, body: request!.body }
}, Effect.scoped)

const identityOf = (options: OpenAiClient.Options) =>
  Effect.map(OpenAiClient.OpenAiClient, ({ identity }) => JSON.stringify(identity)).pipe(
    Effect.provide(OpenAiClient.layer(options))
  )

const refused = (options: OpenAiClient.Options) =>
  Effect.map(Effect.flip(Effect.provide(OpenAiClient.OpenAiClient, OpenAiClient.layer(options))), ({ field }) => field)

describe("OpenAiClient", () => {
  it.live("case 18: joining neither doubles nor drops a slash, and keeps the query", () =>
    Effect.gen(function*() {
      const paths = [
        ["HOST/v1", "/v1/chat/completions"],
        ["HOST/v1/", "/v1/chat/completions"],
        ["HOST/v1//", "/v1/chat/completions"],
        ["HOST/a/b?key=1&x=%2F", "/a/b/chat/completions?key=1&x=%2F"],
        ["HOST/v1/chat/completions", "/v1/chat/completions"],
        ["HOST", "/chat/completions"],
        ["HOST/#x", "/chat/completions"]
      ] as const
      for (const [baseUrl, path] of paths) assert.strictEqual((yield* asked(baseUrl)).path, path, baseUrl)
      assert.strictEqual((yield* asked("HOST", { profile: "ollama" })).path, "/v1/chat/completions")
      assert.strictEqual((yield* asked("HOST/", { profile: "vllm" })).path, "/v1/chat/completions")
    }))

  it.live("case 18: Azure is asked by v1, or by deployment and version, with the key in its own header", () =>
    Effect.gen(function*() {
      const old = { azure: { apiVersion: "2024-10-21" } }
      const paths: ReadonlyArray<readonly [string, OpenAiClient.Options, string]> = [
        ["HOST", { azure: "v1" }, "/openai/v1/chat/completions"],
        ["HOST/", { profile: "azure" }, "/openai/v1/chat/completions"],
        ["HOST/openai/v1/", { azure: "v1" }, "/openai/v1/chat/completions"],
        ["HOST/gateway", { azure: "v1" }, "/gateway/openai/v1/chat/completions"],
        ["HOST", old, "/openai/deployments/m/chat/completions?api-version=2024-10-21"],
        ["HOST/openai", old, "/openai/deployments/m/chat/completions?api-version=2024-10-21"],
        ["HOST/openai/v1", old, "/openai/deployments/m/chat/completions?api-version=2024-10-21"],
        [
          "HOST/openai/deployments/mine/chat/completions?api-version=2025-01-01",
          { profile: "azure" },
          "/openai/deployments/mine/chat/completions?api-version=2025-01-01"
        ],
        [
          "HOST",
          { azure: { apiVersion: "2024-10-21", deployment: "a b" } },
          "/openai/deployments/a%20b/chat/completions?api-version=2024-10-21"
        ]
      ]
      for (const [baseUrl, options, path] of paths) {
        const { headers, path: found } = yield* asked(baseUrl, options)
        assert.strictEqual(found, path, baseUrl)
        assert.deepStrictEqual([headers["api-key"], headers["authorization"]], ["key", undefined])
      }
    }))

  it("the profile is guessed from the base URL, and each field can be set", () => {
    const kinds = {
      "https://api.openai.com/v1": "openai",
      "https://eu.api.openai.com/v1": "openai",
      "https://mine.openai.azure.com": "azure",
      "https://mine.services.ai.azure.com/openai/v1": "azure",
      "http://localhost:11434": "ollama",
      "localhost:11434/v1": "ollama",
      "http://127.0.0.1:1234/v1": "lmstudio",
      "http://gpu:8000/v1": "vllm",
      "http://0.0.0.0:4000": "litellm",
      "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1": "bedrock",
      "https://bedrock-mantle.us-east-1.api.aws/v1": "bedrock-mantle",
      "https://api.groq.com/openai/v1": "compatible",
      "https://notopenai.com/v1": "compatible",
      "nonsense": "compatible"
    }
    for (const [url, kind] of Object.entries(kinds)) assert.strictEqual(OpenAiProfile.resolve(url).kind, kind, url)
    assert.strictEqual(OpenAiProfile.resolve("https://api.groq.com/openai/v1").provider, "groq")
    const own = OpenAiProfile.resolve("http://localhost:11434", { contextWindow: 4096, embedding: { maxInputs: 3 } })
    assert.deepStrictEqual(own, {
      ...OpenAiProfile.of("ollama"),
      contextWindow: 4096,
      embedding: { ...OpenAiProfile.of("ollama").embedding, maxInputs: 3 }
    })
    assert.strictEqual(OpenAiProfile.resolve("https://api.openai.com", "vllm").kind, "vllm")
  })

  it.live("a key, headers, organization and project are sent; a local server needs none", () =>
    Effect.gen(function*() {
      const { headers } = yield* asked("HOST/v1", {
        apiKey: Redacted.make("secret"),
        organization: "org",
        project: "proj",
        headers: { "X-Own": "1", "x-hidden": Redacted.make("2") }
      })
      assert.deepStrictEqual(
        ["authorization", "openai-organization", "openai-project", "x-own", "x-hidden", "content-type"].map((name) =>
          headers[name]
        ),
        ["Bearer secret", "org", "proj", "1", "2", "application/json"]
      )
      const none = yield* asked("HOST/v1", { apiKey: undefined })
      assert.isUndefined(none.headers["authorization"])
    }))

  it.live("a hook gives the headers of each request, from the bytes that are sent", () =>
    Effect.gen(function*() {
      let seen: OpenAiClient.Unsigned | undefined
      const { body, headers, path } = yield* asked("HOST/v1", {
        authentication: (request) =>
          Effect.sync(() => {
            seen = request
            return { authorization: "AWS4 …".replace("…", "sig"), "x-amz-date": "now" }
          })
      })
      assert.deepStrictEqual([headers["authorization"], headers["x-amz-date"]], ["AWS4 sig", "now"])
      assert.isTrue(seen?.url.endsWith(path))
      assert.deepStrictEqual(JSON.parse(seen?.body ?? ""), body)
    }))

  it.live("a hook that throws is an invalid option", () =>
    Effect.gen(function*() {
      const hooks: ReadonlyArray<any> = [() => {
        throw new Error("no")
      }, () =>
        7, () =>
        Effect.succeed({ a: "b\nc" }), () =>
        Effect.succeed(null)]
      for (const authentication of hooks) {
        const error = yield* Effect.flip(asked("HOST/v1", { authentication }))
        assert.strictEqual(error._tag, "InvalidRequestError")
      }
    }))

  it.live("options that cannot work are refused before anything is sent", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* refused({}), "apiKey")
      assert.strictEqual(yield* refused({ baseUrl: "https://a.openai.azure.com" }), "apiKey")
      for (const baseUrl of ["ftp://a", "http://", "http://u:p@a/v1", "http://a b/"]) {
        assert.strictEqual(yield* refused({ baseUrl }), "baseUrl")
      }
      const options: ReadonlyArray<any> = [
        { apiKey: "a\nb" },
        { apiKey: " " },
        { apiKey: Redacted.make(7) },
        { headers: { "a b": "c" } },
        { headers: { a: "\u2603" } },
        { azure: "v2" },
        { profile: "gpt" },
        { profile: { limit: "tokens" } },
        { timeout: 3 },
        7
      ]
      for (const option of options) assert.isString(yield* refused(option))
    }))

  it.live("layerConfig reads the usual variables, and an empty one is none", () =>
    Effect.gen(function*() {
      const read = (variables: Record<string, string>, options?: OpenAiClient.ConfigOptions) =>
        Effect.map(OpenAiClient.OpenAiClient, ({ baseUrl, profile }) => [baseUrl, profile.kind]).pipe(
          Effect.provide(
            Layer.provide(
              OpenAiClient.layerConfig(options),
              ConfigProvider.layer(ConfigProvider.fromUnknown(variables))
            )
          )
        )
      const key = { OPENAI_API_KEY: "k" }
      assert.deepStrictEqual(yield* read(key), ["https://api.openai.com/v1", "openai"])
      assert.deepStrictEqual(yield* read({ ...key, OPENAI_BASE_URL: "http://localhost:11434" }), [
        "http://localhost:11434/v1",
        "ollama"
      ])
      assert.deepStrictEqual(yield* read({ ...key, OPENAI_BASE_URL: "" }), ["https://api.openai.com/v1", "openai"])
      const azure = { AZURE_OPENAI_API_KEY: "k", AZURE_OPENAI_ENDPOINT: "https://a.openai.azure.com" }
      assert.deepStrictEqual(yield* read(azure), ["https://a.openai.azure.com/openai/v1", "azure"])
      assert.strictEqual((yield* Effect.flip(read({})))._tag, "InvalidRequestError")
      assert.deepStrictEqual(yield* read({ MINE: "k" }, { apiKey: Config.Redacted("MINE") }), [
        "https://api.openai.com/v1",
        "openai"
      ])
      const model = OpenAiChat.layerConfig().pipe(
        Layer.provide(OpenAiClient.layer({ apiKey: "k" })),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ OPENAI_MODEL: "mine" })))
      )
      const chat = yield* Effect.provide(ChatService.ChatService, model)
      assert.deepStrictEqual([chat.provider, chat.defaultModel], ["openai", "mine"])
    }))

  it.live("the identity names address and account, and holds no key", () =>
    Effect.gen(function*() {
      const [one, other, elsewhere, labelled] = yield* Effect.all([
        identityOf({ apiKey: "secret-1" }),
        identityOf({ apiKey: "secret-2" }),
        identityOf({ apiKey: "secret-1", baseUrl: "http://a/v1" }),
        identityOf({ apiKey: "secret-2", account: "mine" })
      ])
      assert.strictEqual(new Set([one, other, elsewhere, labelled]).size, 4)
      assert.notInclude([one, other, elsewhere, labelled].join(), "secret")
    }))

  it.live("interruption closes the connection, of an answer and of a stream", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      const opening = `data: ${JSON.stringify(chunk({ content: "Hi" }))}\n\n`
      server.reply({ body: "{", end: "hold" }, bytes(opening, "hold"))
      const first = yield* Deferred.make<void>()
      const whole = yield* ChatService.generate("Hello").pipe(Effect.provide(Asking.chat(server)), Effect.forkChild)
      while (server.requests.length < 1) yield* Effect.sleep(5)
      yield* Fiber.interrupt(whole)
      yield* Deferred.await(server.requests[0]!.closed)
      const stream = yield* ChatService.stream("Hello").pipe(
        Stream.runForEach(() => Deferred.succeed(first, undefined)),
        Effect.provide(Asking.chat(server)),
        Effect.forkChild
      )
      yield* Deferred.await(first)
      yield* Fiber.interrupt(stream)
      yield* Deferred.await(server.requests[1]!.closed)
    }))

  it.live("a reader that takes what it needs closes the connection", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      server.reply(bytes(`data: ${JSON.stringify(chunk({ content: "Hi" }))}\n\n`, "hold"))
      const taken = yield* ChatService.stream("Hello").pipe(
        Stream.take(1),
        Stream.runCollect,
        Effect.provide(Asking.chat(server))
      )
      assert.strictEqual(taken.length, 1)
      yield* Deferred.await(server.requests[0]!.closed)
    }))

  it.live("redirects are not followed, as they would take the key along", () =>
    Effect.gen(function*() {
      const [server, other] = [yield* FakeServer.make, yield* FakeServer.make]
      server.reply({ status: 307, headers: { location: `${other.url}/v1/chat/completions` }, body: "" })
      other.reply(ok)
      const error = yield* ChatService.generate("Hello").pipe(Effect.provide(Asking.chat(server)), Effect.flip)
      assert.isTrue(error._tag === "InvalidRequestError" && error.field === "baseUrl")
      assert.deepStrictEqual(other.requests, [])
    }))

  it.live("spans hold no key, even where headers are recorded", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      server.reply(ok)
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span(options) {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      for (const azure of [undefined, "v1" as const]) {
        yield* ChatService.generate("Hello").pipe(
          Effect.provide(
            Asking.chat(server, { client: { apiKey: "sk-secret-key", azure, headers: { "x-own": "secret-2" } } })
          ),
          Effect.provideService(HttpClient.TracerHeaderFilter, () => true),
          Effect.withTracer(tracer)
        )
      }
      const written = JSON.stringify(spans.map(({ attributes }) => [...attributes]))
      assert.include(written, "http.request.header")
      assert.notInclude(written, "secret")
    }))

  it.live("an HttpClient of the program is used", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      server.reply(ok)
      const own = HttpClient.mapRequest((request) => ({ ...request, url: `${server.url}/v1/chat/completions` }))
      const layer = OpenAiChat.layer({ model: "m" }).pipe(
        Layer.provide(OpenAiClient.layerHttpClient({ baseUrl: "http://nowhere.example/v1" })),
        Layer.provide(Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, own))),
        Layer.provide(FetchHttpClient.layer)
      )
      assert.strictEqual(yield* ChatService.text("Hello").pipe(Effect.provide(layer)), "ok")
    }).pipe(Effect.scoped))

  it.live("quotas count what the server counted", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      server.reply(
        json(completion({ content: "ok" }, "stop", { usage: { prompt_tokens: 600, completion_tokens: 300 } }))
      )
      const layer = Asking.chat(server, {
        chat: { policy: { ...Policy.none, quota: Quota.make({ tokensPerMinute: 1000 }) } }
      })
      yield* Effect.gen(function*() {
        yield* ChatService.generate({ messages: "Hello", maxTokens: 300 })
        const second = ChatService.generate({ messages: "Hello", maxTokens: 300 })
        assert.strictEqual((yield* Effect.timeoutOption(second, 200))._tag, "None")
        const large = yield* Effect.flip(ChatService.generate({ messages: "Hello", maxTokens: 2000 }))
        assert.strictEqual(large._tag, "QuotaExceededError")
      }).pipe(Effect.provide(layer))
      assert.strictEqual(server.requests.length, 1)
    }))

  it.live("case 7: a comment counts as life for the idle timeout", () =>
    Effect.gen(function*() {
      const server = yield* FakeServer.make
      server.reply(events(chunk({ content: "Hi" }), chunk({}, "stop"), "[DONE]"))
      const text = [
        `data: ${JSON.stringify(chunk({ content: "Hi" }))}\n\n`,
        ...Array.from({ length: 3 }, () => ": keepalive\n\n"),
        `data: ${JSON.stringify(chunk({}, "stop"))}\n\n`
      ]
      const { events: given } = yield* Asking.stream(bytes(text))
      // The idle timeout runs between events: a comment is one that adds nothing.
      assert.deepStrictEqual(given.flatMap((event) => event.type === "text-delta" ? [event.delta] : []), [
        "Hi",
        "",
        "",
        ""
      ])
    }))
})

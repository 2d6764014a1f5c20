import { assert, describe, it } from "@effect/vitest"
import { ChatService, Ledger, Policy, ProviderError, Quota } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { OpenAiBedrock, OpenAiChat, OpenAiClient } from "@strata/openai"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as AnyValue from "../../core/test/support/AnyValue.ts"
import * as Fake from "./support/FakeResponses.ts"

const environment = (variables: Record<string, string>) =>
  Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(variables)))

const keys = environment({ AWS_BEARER_TOKEN_BEDROCK: "Bearer key-1 ", AWS_REGION: "us-east-1" })

const completion = Fake.json({
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hi" } }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
})

/** Answers both APIs. */
const both = Fake.json({
  ...Fake.response([Fake.message("Hi")]),
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hi" } }]
})

const chat = (
  server: ReturnType<typeof Fake.make>,
  options: OpenAiChat.Options,
  client?: OpenAiBedrock.Options
) =>
  OpenAiChat.layer({ policy: Policy.none, ...options }).pipe(
    Layer.provide(OpenAiBedrock.layerHttpClient({ endpoint: "mantle", ...client })),
    Layer.provide(server.http)
  )

/** Where a request for a model goes. */
const pathOf = (options: OpenAiChat.Options, client?: OpenAiBedrock.Options) =>
  Effect.gen(function*() {
    const server = Fake.make(both)
    yield* ChatService.generate("Hi").pipe(Effect.provide(chat(server, options, client)))
    return { url: server.received[0]?.url, ...server.received[0] }
  })

describe("Bedrock's endpoints", () => {
  it.effect("case 13: API and root come from the model; what is not known goes to Chat Completions", () =>
    Effect.gen(function*() {
      const mantle = "https://bedrock-mantle.us-east-1.api.aws"
      for (
        const [model, path] of [
          ["openai.gpt-5.4", "/openai/v1/responses"],
          ["openai.gpt-5.6-luna", "/openai/v1/responses"],
          ["us.openai.gpt-6", "/openai/v1/responses"],
          ["xai.grok-4.3", "/openai/v1/chat/completions"],
          ["google.gemma-4-31b", "/openai/v1/chat/completions"],
          ["openai.gpt-oss-20b", "/v1/chat/completions"],
          ["openai.gpt-oss-safeguard-120b", "/v1/chat/completions"],
          ["mistral.voxtral-mini-3b-2507", "/v1/chat/completions"],
          ["acme.new-model", "/v1/chat/completions"]
        ] as const
      ) {
        assert.strictEqual((yield* pathOf({ model })).url, `${mantle}${path}`)
      }
      const runtime = "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1"
      const options: OpenAiBedrock.Options = { endpoint: "runtime" }
      assert.strictEqual((yield* pathOf({ model: "openai.gpt-5.4" }, options)).url, `${runtime}/responses`)
      assert.strictEqual(
        (yield* pathOf({ model: "openai.gpt-oss-20b-1:0" }, options)).url,
        `${runtime}/chat/completions`
      )
      // Elsewhere the name of a model decides nothing.
      const server = Fake.make(completion)
      yield* ChatService.generate("Hi").pipe(
        Effect.provide(
          Fake.chat(server, { model: "openai.gpt-5.4", api: "auto", client: { baseUrl: "http://localhost:4000" } })
        )
      )
      assert.strictEqual(server.received[0]?.url, "http://localhost:4000/v1/chat/completions")
    }).pipe(keys))

  it.effect("case 13: options override the route", () =>
    Effect.gen(function*() {
      const model = "openai.gpt-oss-20b"
      assert.include((yield* pathOf({ model, api: "responses" })).url, ".api.aws/v1/responses")
      assert.include((yield* pathOf({ model, root: "/openai/v1" })).url, ".api.aws/openai/v1/chat/completions")
      assert.include(
        (yield* pathOf({ model: "acme.new", api: "responses", root: "/openai/v1" })).url,
        ".api.aws/openai/v1/responses"
      )
    }).pipe(keys))

  it.effect("case 13: stores nothing there", () =>
    Effect.gen(function*() {
      for (const options of [{ model: "openai.gpt-5.4" }, { model: "openai.gpt-oss-20b", api: "responses" }] as const) {
        const { body } = yield* pathOf(options)
        assert.strictEqual(body?.["store"], false)
      }
    }).pipe(keys))

  it.effect("case 13: a wrong route is a typed error that names the other one", () =>
    Effect.gen(function*() {
      for (
        const [options, words, remedy] of [
          [
            { model: "openai.gpt-9", api: "chat-completions" },
            "The model 'openai.gpt-9' does not support the '/openai/v1/chat/completions' API",
            "api: \"responses\""
          ],
          [
            { model: "nvidia.nemotron", api: "responses" },
            "The model 'nvidia.nemotron' does not support the '/v1/responses' API",
            "api: \"chat-completions\""
          ],
          [{ model: "acme.new" }, "model `acme.new` isn't supported on this route", "root: \"/openai/v1\""],
          [
            { model: "acme.new", root: "/openai/v1" },
            "model `acme.new` isn't supported on this route",
            "root: \"/v1\""
          ]
        ] as const
      ) {
        const error = { message: words, type: "invalid_request_error", code: "validation_error", param: null }
        const server = Fake.make(Fake.json({ error }, 400))
        const layer = chat(server, options)
        for (
          const failed of [
            yield* Effect.flip(ChatService.generate("Hi").pipe(Effect.provide(layer))),
            yield* Effect.flip(Fake.collect(ChatService.stream("Hi")).pipe(Effect.provide(layer)))
          ]
        ) {
          assert.strictEqual(failed._tag, "UnsupportedFeatureError")
          assert.include(failed.message, remedy)
          assert.include(failed.message, words)
          assert.strictEqual(failed.requestId, "req_1")
        }
      }
      const other = Fake.make(Fake.json({ error: { message: "too many tools", type: "invalid_request_error" } }, 400))
      const error = yield* Effect.flip(
        ChatService.generate("Hi").pipe(Effect.provide(chat(other, { model: "openai.gpt-5.4" })))
      )
      assert.strictEqual(error._tag, "InvalidRequestError")
    }).pipe(keys))

  it.effect("authenticates with a key of the options or the environment, or with a signer", () =>
    Effect.gen(function*() {
      const model = "openai.gpt-5.4"
      assert.strictEqual((yield* pathOf({ model })).headers?.["authorization"], "Bearer key-1")
      const apiKey = Redacted.make("key-2")
      const given = yield* pathOf({ model }, { apiKey, region: "eu-west-1" })
      assert.strictEqual(given.headers?.["authorization"], "Bearer key-2")
      assert.include(given.url, "bedrock-mantle.eu-west-1.api.aws")
      const signed: Array<OpenAiClient.Unsigned> = []
      const signer: OpenAiBedrock.Signer = {
        sign: (request) => {
          signed.push(request)
          return Effect.succeed({ authorization: "AWS4-HMAC-SHA256 Credential=AKID" })
        }
      }
      const { body, headers, url } = yield* pathOf({ model }, { signer })
      assert.strictEqual(headers?.["authorization"], "AWS4-HMAC-SHA256 Credential=AKID")
      assert.strictEqual(signed[0]?.url, url)
      assert.deepStrictEqual(JSON.parse(signed[0]?.body ?? ""), body)
    }).pipe(keys))

  it.effect("keeps the caches of accounts apart", () =>
    Effect.gen(function*() {
      const identityOf = (account: string) =>
        Effect.gen(function*() {
          const signer = { sign: () => Effect.succeed({}), account }
          const { identity } = yield* Effect.provide(OpenAiClient.OpenAiClient, OpenAiBedrock.layer({ signer }))
          return JSON.stringify(identity)
        })
      assert.strictEqual(yield* identityOf("access key AKID1"), yield* identityOf("access key AKID1"))
      assert.notStrictEqual(yield* identityOf("access key AKID1"), yield* identityOf("access key AKID2"))
    }).pipe(keys))

  it.effect("shows nothing of a signature that the service quotes", () =>
    Effect.gen(function*() {
      const token = "IQoJb3JpZ2luX2VjEJr"
      const message = `The canonical string should have been 'x-amz-security-token:${token}'`
      const server = Fake.make(Fake.json({ __type: "InvalidSignatureException", message }, 403))
      const signer: OpenAiBedrock.Signer = {
        sign: () => Effect.succeed({ authorization: "AWS4-HMAC-SHA256 Signature=1", "x-amz-security-token": token })
      }
      const error = yield* Effect.flip(
        ChatService.generate("Hi").pipe(Effect.provide(chat(server, { model: "openai.gpt-5.4" }, { signer })))
      )
      assert.strictEqual(error._tag, "AuthenticationError")
      assert.notInclude(JSON.stringify(error), token)
      assert.include(error.message, "[redacted]")
    }).pipe(keys))

  it.effect("sends a refused request once more with renewed credentials", () =>
    Effect.gen(function*() {
      const message = "The security token included in the request is expired"
      const refused = Fake.json({ __type: "com.amazon.coral.service#ExpiredTokenException", message }, 403)
      const server = Fake.make(refused, both)
      let keys = 1
      const signer: OpenAiBedrock.Signer = {
        sign: () => Effect.succeed({ authorization: `AKID${keys}` }),
        renew: Effect.sync(() => ++keys === 2)
      }
      const layer = chat(server, { model: "openai.gpt-5.4" }, { signer })
      yield* ChatService.generate("Hi").pipe(Effect.provide(layer))
      assert.deepStrictEqual(server.received.map(({ headers }) => headers["authorization"]), ["AKID1", "AKID2"])
      const still = Fake.make(refused)
      const error = yield* Effect.flip(
        ChatService.generate("Hi").pipe(Effect.provide(chat(still, { model: "openai.gpt-5.4" }, { signer })))
      )
      assert.strictEqual(error._tag, "AuthenticationError")
      assert.strictEqual(still.received.length, 1)
    }).pipe(keys))

  it.effect("refuses options that lack a region or a key, or contradict each other", () =>
    Effect.gen(function*() {
      const signer: OpenAiBedrock.Signer = { sign: () => Effect.succeed({}) }
      for (
        const [options, field] of [
          [{ apiKey: "key" }, "region"],
          [{ region: "us-east-1" }, "apiKey"],
          [{ region: "us-east-1/", apiKey: "key" }, "region"],
          [{ region: "us-east-1", apiKey: "key", signer }, "apiKey, signer"]
        ] as const
      ) {
        const error = yield* Effect.flip(Layer.build(OpenAiBedrock.layer(options)))
        assert.strictEqual(error.field, field)
        assert.isDefined(error.remedy)
      }
      yield* Layer.build(
        OpenAiBedrock.layerConfig({ region: Config.String("REGION"), apiKey: Config.Redacted("KEY") })
      ).pipe(environment({ REGION: "us-west-2", KEY: "key" }))
    }).pipe(Effect.scoped, environment({})))

  it.live("builds, or fails with a typed error, for any options", () =>
    Effect.gen(function*() {
      const names = ["endpoint", "region", "apiKey", "signer", "baseUrl", "headers", "account", "profile"]
      const fixed = { region: "us-east-1", apiKey: "key" }
      const troubles = yield* AnyValue.troublesOf((any: never) => [
        () => OpenAiBedrock.layer(any),
        () => OpenAiBedrock.layerConfig(any),
        ...names.map((name) => () => OpenAiBedrock.layer({ ...fixed, [name]: any })),
        () => OpenAiBedrock.layer({ region: "us-east-1", signer: { sign: any, renew: any } })
      ])
      assert.deepStrictEqual(troubles, [])
    }).pipe(keys))
})

describe("mantle as a second pool", () => {
  const throttled = new ProviderError.RateLimitError({ provider: "aws.bedrock", message: "Too many tokens" })

  it.effect("answers when Converse is throttled, and says what fell", () =>
    Effect.gen(function*() {
      const server = Fake.make(both)
      const layer = TestChat.layer([throttled], { model: "openai.gpt-oss-120b-1:0" }).pipe(
        ChatService.withFallback(chat(server, { model: "openai.gpt-oss-120b" }))
      )
      const answer = yield* ChatService.generate("Hi").pipe(Effect.provide(layer))
      assert.strictEqual(answer.text, "Hi")
      assert.strictEqual(answer.model, "openai.gpt-oss-120b")
      assert.deepStrictEqual(answer.fallback?.map(({ error }) => error), ["RateLimitError"])
      assert.strictEqual(server.received.length, 1)
    }).pipe(keys))

  it.effect("has a quota of its own, while runtime shares that of Converse in the region", () =>
    Effect.gen(function*() {
      const ledger = yield* Ledger.Ledger
      const reserved: Array<string> = []
      const policy = Policy.make({ quota: Quota.tokens({ perMinute: 1_000_000 }) })
      for (const endpoint of ["runtime", "mantle"] as const) {
        yield* ChatService.generate({ messages: "Hi", maxTokens: 10 }).pipe(
          Effect.provide(chat(Fake.make(both), { model: "openai.gpt-oss-20b-1:0", policy }, { endpoint })),
          Effect.provideService(Ledger.Ledger, {
            ...ledger,
            reserve: (reservation) => {
              reserved.push(reservation.key)
              return ledger.reserve(reservation)
            }
          })
        )
      }
      // The key that `BedrockChat` has.
      assert.strictEqual(reserved[0], "quota//aws.bedrock/us-east-1/openai.gpt-oss-20b-1:0")
      assert.strictEqual(reserved[1], "quota//aws.bedrock/mantle us-east-1/openai.gpt-oss-20b-1:0")
    }).pipe(keys))
})

import { ConverseCommand, ValidationException } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as BedrockClient from "../src/BedrockClient.ts"
import type * as Transport from "../src/Transport.ts"
import { connect, credentials, request, transports } from "./support/Client.ts"
import * as Environment from "./support/Environment.ts"
import * as StubHandler from "./support/StubHandler.ts"
import * as WireServer from "./support/WireServer.ts"

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** The region a request was signed for. */
const regionOf = (received: WireServer.Received | undefined) =>
  /Credential=[^/]+\/\d+\/([^/]+)\/bedrock\//.exec(received?.headers.authorization ?? "")?.[1]

const nothing = Environment.provided({})

describe("BedrockClient", () => {
  it.live("converses", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const client = yield* connect(server)
      const output = yield* client.converse(request)
      assert.deepStrictEqual(output.output?.message?.content, [{ text: "Hello" }])
      assert.strictEqual(output.$metadata.requestId, "request-1")
      assert.strictEqual(server.received[0]?.path, "/model/amazon.nova-lite-v1%3A0/converse")
    }))

  it.live("accepts the same input for concurrent calls", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const client = yield* connect(server)
      yield* Effect.all([client.converse(request), client.converse(request)], { concurrency: 2 })
      assert.lengthOf(server.received, 2)
    }))

  describe("invokeModel", () => {
    it.live("returns the bytes of the answer and the metadata of its headers", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1((_, answer) => {
          answer.head(200, {
            "x-amzn-requestid": "request-4",
            "x-amzn-bedrock-input-token-count": "17",
            "x-amzn-bedrock-invocation-latency": "250"
          })
          answer.end(`{"embedding":[1]}`)
        })
        const client = yield* connect(server)
        const response = yield* client.invokeModel({ modelId: "m", body: `{"inputText":"a"}` })
        assert.strictEqual(decode(response.body), `{"embedding":[1]}`)
        assert.strictEqual(response.requestId, "request-4")
        assert.strictEqual(response.inputTokens, 17)
        assert.deepStrictEqual(response.latency, Duration.millis(250))
        const [received] = server.received
        assert.strictEqual(received?.body, `{"inputText":"a"}`)
        assert.strictEqual(received?.headers["content-type"], "application/json")
        assert.strictEqual(received?.headers.accept, "application/json")
      }))

    it.live("knows neither tokens nor latency when the headers do not say, or say nonsense", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1((_, answer) => {
          answer.head(200, { "x-amzn-bedrock-input-token-count": "many" })
          answer.end("{}")
        })
        const response = yield* Effect.flatMap(
          connect(server),
          (client) => client.invokeModel({ modelId: "m", body: "{}" })
        )
        assert.isUndefined(response.inputTokens)
        assert.isUndefined(response.latency)
      }))

    it.live("keeps the headers of concurrent answers apart", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1((received, answer) => {
          setTimeout(() => {
            answer.head(200, { "x-amzn-bedrock-input-token-count": received.body })
            answer.end("{}")
          }, Number(received.body) % 7)
        })
        const client = yield* connect(server)
        const counts = Array.from({ length: 30 }, (_, index) => index)
        const responses = yield* Effect.forEach(
          counts,
          (count) => client.invokeModel({ modelId: "m", body: String(count) }),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(responses.map((response) => response.inputTokens), counts)
      }))
  })

  describe("sends one attempt", () => {
    it.live.each<[string, WireServer.Handler]>([
      ["when throttled", WireServer.failing(429, "ThrottlingException", "slow down", { "retry-after": "1" })],
      ["when the model is not ready", WireServer.failing(429, "ModelNotReadyException", "loading")],
      ["when the service fails", WireServer.failing(500, "InternalServerException", "oops")],
      ["when the service is unavailable", WireServer.failing(503, "ServiceUnavailableException", "busy")],
      ["when the connection is lost", (_, answer) => answer.cut()]
    ])("%s", ([_, handler]) =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(handler)
        const client = yield* connect(server)
        const error = yield* Effect.flip(client.converse(request))
        assert.isTrue(ProviderError.isTransient(error))
        assert.lengthOf(server.received, 1)
        assert.strictEqual(server.received[0]?.headers["amz-sdk-request"], "attempt=1; max=1")
      }))

    it.live("regardless of the environment and earlier failures", () =>
      Effect.gen(function*() {
        yield* Environment.ofProcess({ AWS_MAX_ATTEMPTS: "5", AWS_RETRY_MODE: "adaptive" })
        let calls = 0
        const server = yield* WireServer.http1((received, answer) =>
          (calls++ < 200 ? WireServer.failing(429, "ThrottlingException", "slow down") : WireServer.answering)(
            received,
            answer
          )
        )
        const client = yield* connect(server)
        yield* Effect.forEach(Array.from({ length: 200 }), () => Effect.flip(client.converse(request)), {
          concurrency: 20
        })
        yield* client.converse(request)
        assert.lengthOf(server.received, 201)
      }))
  })

  it.live("fails with typed errors that name the model, the request and the exception", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(
        WireServer.failing(429, "ThrottlingException:http://internal.amazon.com/", "slow down", {
          "retry-after": "1.5"
        })
      )
      const client = yield* connect(server)
      for (
        const call of [
          Effect.asVoid(client.converse(request)),
          Effect.asVoid(Effect.scoped(client.converseStream(request))),
          Effect.asVoid(client.invokeModel({ modelId: request.modelId, body: "{}" }))
        ]
      ) {
        const error = yield* Effect.flip(call)
        assert(error._tag === "RateLimitError")
        assert.strictEqual(error.provider, "aws.bedrock")
        assert.strictEqual(error.model, request.modelId)
        assert.strictEqual(error.requestId, "request-2")
        assert.strictEqual(error.exception, "ThrottlingException")
        assert.strictEqual(error.providerMessage, "slow down")
        assert.strictEqual(error.server, server.url.replace("http://", ""))
        assert.strictEqual(
          error.message,
          `amazon.nova-lite-v1:0 at ${error.server}: "slow down" (request request-2). ` +
            "Send fewer requests or tokens a minute, or ask for a higher quota in Service Quotas."
        )
        assert.deepStrictEqual(error.retryAfter, Duration.millis(1500))
      }
    }))

  it.live.each<[ProviderError.CallError["_tag"], WireServer.Handler]>([
    ["ConnectionError", (_, answer) => {
      answer.head(502, { "content-type": "text/html" })
      answer.end("<html>")
    }],
    ["ModelUnavailableError", (_, answer) => {
      answer.head(503)
      answer.end()
    }],
    ["PermissionDeniedError", (_, answer) => {
      answer.head(403, { "x-amzn-errortype": "AccessDeniedException" })
      answer.end(`{"Message":"no access"}`)
    }],
    ["MalformedResponseError", (_, answer) => {
      answer.head(200)
      answer.end(WireServer.converseBody.slice(0, 40))
    }],
    ["MalformedResponseError", (_, answer) => {
      answer.head(200)
      answer.end("an answer in no format")
    }]
  ])("makes %s of an answer that is none", ([tag, handler]) =>
    Effect.gen(function*() {
      const client = yield* connect(yield* WireServer.http1(handler))
      const error = yield* Effect.flip(client.converse(request))
      assert.strictEqual(error._tag, tag)
      assert.notInclude(error.message, "an answer in no format")
    }))

  it.live.each<
    readonly [headers: Record<string, string>, body: string, exception: string | undefined, words: string | undefined]
  >([
    [{ "x-amzn-errortype": "ThrottlingException" }, `{"message":"slow"}`, "ThrottlingException", "slow"],
    [{ "x-amzn-errortype": "ThrottlingException:http://a/" }, `{"Message":"slow"}`, "ThrottlingException", "slow"],
    [{}, `{"__type":"com.amazon#ThrottlingException","message":"slow"}`, "ThrottlingException", "slow"],
    [{}, `{"code":"ThrottlingException","message":"slow"}`, "ThrottlingException", "slow"],
    [
      { "x-amzn-errortype": "ThrottlingException" },
      `<html>slow</html>`,
      "ThrottlingException",
      undefined
    ],
    [{ "x-amzn-errortype": "ThrottlingException" }, "", "ThrottlingException", undefined],
    [{}, `{"message":{"a":1},"__type":5,"code":{}}`, undefined, undefined],
    [{}, `["slow"]`, undefined, undefined],
    [{}, "[".repeat(100_000), undefined, undefined]
  ])("reads a refusal with %j and %j", ([headers, body, exception, words]) =>
    Effect.gen(function*() {
      const client = yield* connect(
        yield* WireServer.http1((_, answer) => {
          answer.head(429, { "retry-after": "2", "x-amzn-request-id": "request-9", ...headers })
          answer.end(body)
        })
      )
      for (const call of [Effect.asVoid(client.converse(request)), Effect.scoped(client.converseStream(request))]) {
        const error = yield* Effect.flip(call)
        assert(error._tag === "RateLimitError")
        assert.strictEqual(error.exception, exception)
        assert.strictEqual(error.providerMessage, words)
        const said = words === undefined ? "HTTP 429 without a message" : `"${words}"`
        assert.include(error.message, `: ${said} (request request-9). Send fewer`)
        assert.strictEqual(error.requestId, "request-9")
        assert.deepStrictEqual(error.retryAfter, Duration.seconds(2))
      }
    }))

  it.live("knows a refusal by its head when its body breaks off", () =>
    Effect.gen(function*() {
      const client = yield* connect(
        yield* WireServer.http1((_, answer) => {
          answer.head(503, { "x-amzn-errortype": "ServiceUnavailableException", "content-length": "1000" })
          answer.write(`{"message":"we a`)
          WireServer.soon(() => answer.cut())
        })
      )
      const error = yield* Effect.flip(client.converse(request))
      assert.strictEqual(error._tag, "ModelUnavailableError")
    }))

  it.live("reads the response of a custom handler, whatever its body type", () =>
    Effect.gen(function*() {
      const bodies: ReadonlyArray<unknown> = [
        WireServer.converseBody,
        new TextEncoder().encode(WireServer.converseBody),
        new Blob([WireServer.converseBody]).stream()
      ]
      for (const body of bodies) {
        const handle = () =>
          Promise.resolve({ response: { statusCode: 200, headers: { "X-Amzn-RequestId": "request-1" }, body } })
        const client = yield* BedrockClient.make({
          region: "us-east-1",
          credentials,
          transport: { requestHandler: { handle } }
        })
        const output = yield* client.converse(request)
        assert.strictEqual(output.stopReason, "end_turn")
        assert.strictEqual(output.$metadata.requestId, "request-1")
      }
      for (const response of [undefined, null, {}, { statusCode: "200" }, { statusCode: 200, body: 5 }]) {
        // of a handler from JavaScript
        const handle = () => Promise.resolve({ response }) as ReturnType<Transport.RequestHandler["handle"]>
        const client = yield* BedrockClient.make({
          region: "us-east-1",
          credentials,
          transport: { requestHandler: { handle } }
        })
        assert.strictEqual((yield* Effect.flip(client.converse(request)))._tag, "MalformedResponseError")
      }
    }))

  it.live("leaves commands sent with the SDK's client to the SDK", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const { sdk } = yield* connect(server)
      const output = yield* Effect.promise(() => sdk.send(new ConverseCommand(request)))
      assert.deepStrictEqual(output.output?.message?.content, [{ text: "Hello" }])
      const failing = yield* connect(yield* WireServer.http1(WireServer.failing(400, "ValidationException", "no")))
      const error = yield* Effect.flip(Effect.tryPromise({
        try: () => failing.sdk.send(new ConverseCommand(request)),
        catch: (error) => ({ error })
      }))
      assert.instanceOf(error.error, ValidationException)
    }))

  it.live.prop(
    "refuses what is no input with a typed error",
    [Schema.Union([
      Schema.Unknown,
      Schema.Record(Schema.Literals(["modelId", "guardrailIdentifier"]), Schema.Unknown)
    ])],
    ([value]) =>
      Effect.gen(function*() {
        const client = yield* StubHandler.connect(() => ({ status: 400, body: `{"message":"so"}` }))
        // as from JavaScript
        const input = value as never
        for (
          const call of [
            Effect.asVoid(client.converse(input)),
            Effect.asVoid(Effect.scoped(client.converseStream(input))),
            Effect.asVoid(client.invokeModel(input)),
            Effect.asVoid(Effect.scoped(client.invokeModelStream(input))),
            Effect.asVoid(client.countTokens(input)),
            Effect.asVoid(client.applyGuardrail(input))
          ]
        ) {
          const error = yield* Effect.flip(call)
          assert.strictEqual(error._tag, "InvalidRequestError")
        }
      }).pipe(Effect.scoped),
    { timeout: 60_000, arbitrary: { runs: 50 } }
  )

  it.live("refuses a request that cannot be serialized", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const client = yield* connect(server)
      const throwing = Object.defineProperty({ modelId: "m" }, "messages", {
        enumerable: true,
        get: () => {
          throw new Error("boo")
        }
      })
      const circle = {}
      Object.assign(circle, { circle })
      const broken: ReadonlyArray<readonly [field: string, input: object | null]> = [
        ["messages", throwing],
        ["additionalModelRequestFields.circle", { ...request, additionalModelRequestFields: circle }],
        ["input", null]
      ]
      for (const [field, input] of broken) {
        const error = yield* Effect.flip(client.converse(input as typeof request))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, field)
      }
      assert.lengthOf(server.received, 0)
    }))

  it.live("reports the SDK's reason for not sending", () =>
    Effect.gen(function*() {
      yield* Environment.ofProcess({ AWS_USE_FIPS_ENDPOINT: "true" })
      const server = yield* WireServer.http1(WireServer.answering)
      const error = yield* Effect.flip(Effect.flatMap(connect(server), (client) => client.converse(request)))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.include(error.message, "FIPS")
      assert.lengthOf(server.received, 0)
    }))

  it.live("refuses a call without a model before the network", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const client = yield* connect(server)
      for (const modelId of ["", undefined]) {
        const error = yield* Effect.flip(client.converse({ ...request, modelId }))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, "model")
      }
      assert.lengthOf(server.received, 0)
    }))

  describe("layerConfig", () => {
    it.live("accepts each option as a value or from Config", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.answering)
        const layer = BedrockClient.layerConfig({
          endpoint: server.url,
          region: Config.String("REGION_OF_BEDROCK"),
          credentials: Config.map(
            Config.all({ id: Config.String("KEY_ID"), secret: Config.Redacted("KEY_SECRET") }),
            ({ id, secret }) => ({ accessKeyId: id, secretAccessKey: secret })
          )
        })
        yield* Effect.flatMap(BedrockClient.BedrockClient, (client) => client.converse(request)).pipe(
          Effect.provide(layer)
        )
        assert.strictEqual(regionOf(server.received[0]), "eu-west-2")
        assert.include(server.received[0]?.headers.authorization ?? "", "Credential=AKIDCONFIG/")
      }).pipe(
        Effect.provide(
          Environment.provided({ REGION_OF_BEDROCK: "eu-west-2", KEY_ID: "AKIDCONFIG", KEY_SECRET: "secret" })
        )
      ))

    it.effect("fails with a ConfigError when one is missing", () =>
      Effect.gen(function*() {
        const error = yield* Layer.build(BedrockClient.layerConfig({ region: Config.String("REGION_OF_BEDROCK") }))
          .pipe(
            Effect.flip
          )
        assert.strictEqual(error._tag, "ConfigError")
      }).pipe(Effect.provide(nothing)))
  })

  describe.each(transports)("with the emulator, over $name", ({ transport }) => {
    const layer = Emulator.layer().pipe(
      Layer.provideMerge(Layer.merge(
        TestChat.layer(() => "one two three"),
        TestEmbedding.layer({ dimensions: 1024 })
      ))
    )

    it.live("is understood, signed or with an API key", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const { endpoint, region } = emulator.client
        for (const options of [emulator.client, { endpoint, region, apiKey: emulator.apiKey }]) {
          const client = yield* BedrockClient.make({ ...options, transport })
          const output = yield* client.converse(request)
          assert.isDefined(output.stopReason)
          const streamed = yield* Effect.scoped(
            Effect.flatMap(client.converseStream(request), ({ events }) => Stream.runCollect(events))
          )
          assert.isDefined(streamed.at(-1)?.metadata?.usage)
          const embedding = yield* client.invokeModel({
            modelId: "amazon.titan-embed-text-v2:0",
            body: JSON.stringify({ inputText: "text" })
          })
          assert.include(decode(embedding.body), "embedding")
          assert.isAbove(embedding.inputTokens ?? 0, 0)
          assert.isDefined(embedding.latency)
        }
        const statistics = yield* emulator.statistics
        assert.strictEqual(statistics.requests, 6)
      }).pipe(Effect.provide(layer)))

    it.live("is refused with a wrong key", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const { endpoint, region } = emulator.client
        const wrong: ReadonlyArray<BedrockClient.Options> = [
          { credentials: { ...emulator.client.credentials, secretAccessKey: Redacted.make("wrong") } },
          { credentials },
          { apiKey: Redacted.make("wrong") }
        ]
        for (const options of wrong) {
          const client = yield* BedrockClient.make({ endpoint, region, transport, ...options })
          assert.strictEqual((yield* Effect.flip(client.converse(request)))._tag, "AuthenticationError")
        }
      }).pipe(Effect.provide(layer)))
  })
})

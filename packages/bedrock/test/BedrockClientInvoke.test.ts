import { assert, describe, it } from "@effect/vitest"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type * as BedrockClient from "../src/BedrockClient.ts"
import { connect, transports } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const answering = (headers: Record<string, string>, body = "{}"): WireServer.Handler => (_, answer) => {
  answer.head(200, { "content-type": "application/json", ...headers })
  answer.end(body)
}

const chunk = (value: unknown): Uint8Array =>
  WireServer.event("chunk", { bytes: Buffer.from(JSON.stringify(value)).toString("base64"), p: "abcd" })

const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes))

const input: BedrockClient.InvokeModelInput = { modelId: "m", body: "{}" }

describe("BedrockClient.invokeModel", () => {
  it.live("sends all there is to say, each in its header", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1((received, answer) =>
        received.path.endsWith("-stream") ? WireServer.streaming([])(received, answer) : answering({})(received, answer)
      )
      const client = yield* connect(server)
      const options: BedrockClient.InvokeModelInput = {
        modelId: "amazon.nova-lite-v1:0",
        body: "{\"a\":\"é\"}",
        contentType: "application/json",
        accept: "application/x-other",
        trace: "ENABLED_FULL",
        guardrailIdentifier: "gr1",
        guardrailVersion: "DRAFT",
        performanceConfigLatency: "optimized",
        serviceTier: "flex",
        requestMetadata: { team: "a", name: "no\u00a0break" }
      }
      yield* client.invokeModel(options)
      yield* Effect.scoped(client.invokeModelStream(options))
      const [whole, stream] = server.received
      assert.strictEqual(whole?.path, "/model/amazon.nova-lite-v1%3A0/invoke")
      assert.strictEqual(stream?.path, "/model/amazon.nova-lite-v1%3A0/invoke-with-response-stream")
      for (const received of [whole, stream]) {
        assert.strictEqual(received?.body, "{\"a\":\"é\"}")
        assert.deepInclude(received?.headers, {
          "content-type": "application/json",
          "x-amzn-bedrock-trace": "ENABLED_FULL",
          "x-amzn-bedrock-guardrailidentifier": "gr1",
          "x-amzn-bedrock-guardrailversion": "DRAFT",
          "x-amzn-bedrock-performanceconfig-latency": "optimized",
          "x-amzn-bedrock-service-tier": "flex",
          "x-amzn-bedrock-request-metadata": "{\"team\":\"a\",\"name\":\"no\\u00a0break\"}"
        })
      }
      assert.strictEqual(whole?.headers.accept, "application/x-other")
      assert.strictEqual(stream?.headers["x-amzn-bedrock-accept"], "application/x-other")
    }))

  it.live("sends bytes as they are", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(answering({}))
      const client = yield* connect(server)
      yield* client.invokeModel({ ...input, body: new TextEncoder().encode("some bytes") })
      assert.strictEqual(server.received[0]?.body, "some bytes")
      assert.notProperty(server.received[0]?.headers, "x-amzn-bedrock-trace")
    }))

  it.live("gives everything the headers of the answer say", () =>
    Effect.gen(function*() {
      const client = yield* connect(
        yield* WireServer.http1(answering({
          "x-amzn-requestid": "request-7",
          "x-amzn-bedrock-input-token-count": "11",
          "x-amzn-bedrock-output-token-count": "22",
          "x-amzn-bedrock-cache-read-input-token-count": "33",
          "x-amzn-bedrock-cache-write-input-token-count": "0",
          "x-amzn-bedrock-invocation-latency": "44",
          "x-amzn-bedrock-performanceconfig-latency": "optimized",
          "x-amzn-bedrock-service-tier": "priority"
        }, "an answer"))
      )
      const { body, ...rest } = yield* client.invokeModel(input)
      assert.strictEqual(new TextDecoder().decode(body), "an answer")
      assert.isFalse(Buffer.isBuffer(body))
      assert.deepStrictEqual(rest, {
        requestId: "request-7",
        contentType: "application/json",
        inputTokens: 11,
        outputTokens: 22,
        cacheReadTokens: 33,
        cacheWriteTokens: 0,
        latency: Duration.millis(44),
        performanceConfigLatency: "optimized",
        serviceTier: "priority",
        inferenceProfile: undefined
      })
    }))

  it.live.each(["-1", "1e999", "1.5", "many", " ", "9007199254740993", "17, 17", "0x10", "1_000"])(
    "knows no count from a header that says %j",
    (header) =>
      Effect.gen(function*() {
        const client = yield* connect(
          yield* WireServer.http1(answering({
            "x-amzn-bedrock-input-token-count": header,
            "x-amzn-bedrock-output-token-count": header,
            "x-amzn-bedrock-invocation-latency": header
          }))
        )
        const answer = yield* client.invokeModel(input)
        assert.deepInclude(answer, { inputTokens: undefined, outputTokens: undefined, latency: undefined })
      })
  )

  it.live.each<readonly [field: string, wrong: object]>([
    ["body", { body: undefined }],
    ["body", { body: { inputText: "a" } }],
    ["body", { body: 5 }],
    ["contentType", { contentType: "text\n" }],
    ["contentType", { contentType: 5 }],
    ["accept", { accept: "" }],
    ["trace", { trace: "enabled" }],
    ["trace", { trace: true }],
    ["guardrailIdentifier", { guardrailVersion: "1" }],
    ["guardrailIdentifier", { guardrailIdentifier: "gü1", guardrailVersion: "1" }],
    ["guardrailVersion", { guardrailIdentifier: "gr1" }],
    ["guardrailVersion", { guardrailIdentifier: "gr1", guardrailVersion: "latest" }],
    ["guardrailVersion", { guardrailIdentifier: "gr1", guardrailVersion: 1 }],
    ["performanceConfigLatency", { performanceConfigLatency: "fast" }],
    ["serviceTier", { serviceTier: "cheap" }],
    ["requestMetadata", { requestMetadata: "{}" }],
    ["requestMetadata.a", { requestMetadata: { a: 1 } }],
    ["requestMetadata.name", { requestMetadata: { name: "é" } }],
    ["requestMetadata", { requestMetadata: new Map([["team", "a"]]) }],
    ["model", { modelId: "" }],
    ["model", { modelId: 5 }]
  ])("refuses what is wrong in %s before it is sent: %j", ([field, wrong]) =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(answering({}))
      const client = yield* connect(server)
      const wrongInput = { ...input, ...wrong } as BedrockClient.InvokeModelInput // as from JavaScript
      for (
        const call of [
          Effect.asVoid(client.invokeModel(wrongInput)),
          Effect.asVoid(Effect.scoped(client.invokeModelStream(wrongInput)))
        ]
      ) {
        const error = yield* Effect.flip(call)
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, field)
      }
      assert.lengthOf(server.received, 0)
    }))
})

describe("BedrockClient.invokeModel with request metadata", () => {
  const pairs = (count: number, value: string) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`name-${index}`, value]))

  it.live("sends 16 of 256 characters, and refuses more, and what is longer than a header in ASCII", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(answering({}))
      const client = yield* connect(server)
      const send = (requestMetadata: Record<string, string>) => client.invokeModel({ ...input, requestMetadata })
      yield* send(pairs(16, "a".repeat(256)))
      yield* send({})
      assert.deepStrictEqual(
        server.received.map(({ headers }) => headers["x-amzn-bedrock-request-metadata"]),
        [JSON.stringify(pairs(16, "a".repeat(256))), undefined]
      )
      for (
        const [metadata, problem] of [
          [pairs(17, "a"), "it has 17 pairs"],
          [pairs(16, "\u00a0".repeat(100)), "in the header it has 9799 characters"]
        ] as const
      ) {
        const error = yield* Effect.flip(send(metadata))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, "requestMetadata")
        assert.include(error.message, problem)
      }
      assert.lengthOf(server.received, 2)
    }))
})

describe("BedrockClient.invokeModelStream", () => {
  describe.each(transports)("over $name", ({ name, transport }) => {
    const serve = name === "HTTP/2" ? WireServer.http2 : WireServer.http1

    it.live("returns the chunks, the last with its metrics, and the metadata of the headers", () =>
      Effect.gen(function*() {
        const values = [
          { outputText: "Hello" },
          { outputText: "", "amazon-bedrock-invocationMetrics": { inputTokenCount: 3, outputTokenCount: 1 } }
        ]
        const server = yield* serve((_, answer) => {
          answer.head(200, {
            "content-type": "application/vnd.amazon.eventstream",
            "x-amzn-bedrock-content-type": "application/json",
            "x-amzn-requestid": "request-8",
            "x-amzn-bedrock-service-tier": "default"
          })
          for (const value of values) answer.write(chunk(value))
          answer.write(WireServer.event("somethingNew", { a: 1 }))
          answer.end(WireServer.event("chunk", { p: "a chunk of nothing" }))
        })
        const client = yield* connect(server, { transport })
        const { chunks, ...rest } = yield* client.invokeModelStream(input)
        assert.deepStrictEqual((yield* Stream.runCollect(chunks)).map(decode), values)
        assert.deepStrictEqual(rest, {
          requestId: "request-8",
          contentType: "application/json",
          performanceConfigLatency: undefined,
          serviceTier: "default",
          inferenceProfile: undefined
        })
      }))

    it.live.each<readonly [type: string, tag: ProviderError.CallError["_tag"]]>([
      ["internalServerException", "ProviderInternalError"],
      ["modelStreamErrorException", "ProviderInternalError"],
      ["modelTimeoutException", "TimeoutError"],
      ["serviceUnavailableException", "ModelUnavailableError"],
      ["throttlingException", "RateLimitError"],
      ["validationException", "InvalidRequestError"]
    ])("fails after its chunks with %s as %s", ([type, tag]) =>
      Effect.gen(function*() {
        const server = yield* serve(
          WireServer.streaming([chunk({ a: 1 }), WireServer.exception(type, { message: "so" })])
        )
        const client = yield* connect(server, { transport })
        const { chunks } = yield* client.invokeModelStream(input)
        const seen: Array<unknown> = []
        const exit = yield* Effect.exit(
          Stream.runForEach(chunks, (bytes) => Effect.sync(() => seen.push(decode(bytes))))
        )
        assert.deepStrictEqual(seen, [{ a: 1 }])
        assert(Exit.isFailure(exit))
        const [reason] = exit.cause.reasons
        assert(reason !== undefined && Cause.isFailReason(reason))
        const { _tag, model, providerMessage, requestId } = reason.error
        assert.deepStrictEqual({ _tag, model, providerMessage, requestId }, {
          _tag: tag,
          model: "m",
          providerMessage: "so",
          requestId: "request-3"
        })
      }))

    it.live("closes the response of a stream that was left", () =>
      Effect.gen(function*() {
        const server = yield* serve((_, answer) => {
          WireServer.streamHead(answer)
          const timer = setInterval(() => answer.write(chunk({ a: 1 })), 1)
          answer.onClose(() => clearInterval(timer))
        })
        const client = yield* connect(server, { transport })
        const chunks = yield* Stream.unwrap(Effect.map(client.invokeModelStream(input), ({ chunks }) => chunks)).pipe(
          Stream.take(2),
          Stream.runCollect
        )
        assert.lengthOf(chunks, 2)
        yield* WireServer.eventually(() => server.running() === 0)
      }))
  })

  it.live("refuses a chunk with invalid bytes", () =>
    Effect.gen(function*() {
      const client = yield* connect(
        yield* WireServer.http1(WireServer.streaming([WireServer.event("chunk", { bytes: "not base64!" })]))
      )
      const error = yield* Effect.flip(Effect.scoped(client.invokeModelStream(input)))
      assert.strictEqual(error._tag, "MalformedResponseError")
      assert.include(error.message, "`bytes` is text instead of base64, in an event chunk")
    }))
})

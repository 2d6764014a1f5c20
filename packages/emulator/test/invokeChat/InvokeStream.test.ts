import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import { Emulator } from "@strata/emulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Fixture from "../Fixture.ts"
import * as Invoking from "./Invoking.ts"

const ask = (protocol: Fixture.Protocol) => Invoking.pieces(protocol, Invoking.haiku, Invoking.claude())

const failingAfter = (count: number, error: ProviderError.CallError) =>
  Fixture.emulator(
    {},
    Layer.merge(
      Fixture.chat({
        stream: () =>
          Stream.concat(Stream.take(Stream.fromIterable(Fixture.deltas("Hel", "lo")), count), Stream.fail(error))
      }),
      Fixture.embedding()
    )
  )

const timeout = new ProviderError.TimeoutError({
  provider: "double",
  message: "too slow",
  phase: "idle",
  after: Duration.seconds(1)
})

const failed = new ProviderError.ModelFailedError({ provider: "double", message: "no more" })

describe("InvokeModelWithResponseStream", () => {
  it.effect("names an exception inside a stream as the operation does", () =>
    Effect.gen(function*() {
      for (const protocol of Fixture.protocols) {
        const { message, name } = yield* Effect.flip(ask(protocol))
        assert.deepStrictEqual([name, message], ["ModelTimeoutException", "too slow"])
      }
    }).pipe(Effect.provide(failingAfter(1, timeout))))

  it.effect("answers a failure before the first chunk with its HTTP status", () =>
    Effect.gen(function*() {
      const { name, status } = yield* Effect.flip(ask("1.1"))
      assert.deepStrictEqual([name, status], ["ModelTimeoutException", 408])
    }).pipe(Effect.provide(failingAfter(0, timeout))))

  it.effect("sends a failed model as an exception", () =>
    Effect.gen(function*() {
      const { name } = yield* Effect.flip(ask("2"))
      assert.strictEqual(name, "ModelStreamErrorException")
    }).pipe(Effect.provide(failingAfter(1, failed))))

  it.effect("ends an answer without a finish event with an exception", () =>
    Effect.gen(function*() {
      const { name } = yield* Effect.flip(ask("2"))
      assert.strictEqual(name, "ModelStreamErrorException")
    }).pipe(Effect.provide(Fixture.emulator(
      {},
      Layer.merge(
        Fixture.chat({ stream: () => Stream.succeed({ type: "text-delta", index: 0, delta: "Hel" }) }),
        Fixture.embedding()
      )
    ))))

  it.effect("is struck by faults of its operation, and counted", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const operation = "InvokeModelWithResponseStream"
      yield* emulator.inject({ type: "streamException", exception: "ModelTimeoutException", operation })
      yield* emulator.inject({ type: "throttle", operation })
      yield* Invoking.whole("1.1", Invoking.haiku, Invoking.claude())
      assert.strictEqual((yield* Effect.flip(ask("1.1"))).name, "ModelTimeoutException")
      assert.strictEqual((yield* Effect.flip(ask("1.1"))).name, "ThrottlingException")
      yield* ask("1.1")
      const { byModel, byOperation } = yield* Invoking.statistics
      assert.deepInclude(byOperation, { InvokeModel: 1, InvokeModelWithResponseStream: 3 })
      assert.deepStrictEqual(byModel[Invoking.haiku], { InvokeModel: 1, InvokeModelWithResponseStream: 3 })
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("reserves and settles tokens of the quota", () =>
    Effect.gen(function*() {
      yield* Invoking.whole("1.1", Invoking.haiku, Invoking.claude())
      yield* ask("1.1")
      const { quota } = yield* Invoking.statistics
      assert.deepInclude(quota[Invoking.haiku], { used: 20, reserved: 0, completed: 2, throttled: 0 })
      const { name, message } = yield* Effect.flip(
        Invoking.pieces("1.1", Invoking.haiku, Invoking.claude({ max_tokens: 1000 }))
      )
      assert.deepStrictEqual([name, message], [
        "ThrottlingException",
        "Too many tokens, please wait before trying again."
      ])
    }).pipe(Effect.provide(Fixture.emulator({ quota: { "*": { tokensPerMinute: 500 } } }))))

  it.effect("is refused for models without chat", () =>
    Effect.gen(function*() {
      const embedding = yield* Effect.flip(
        Invoking.pieces("1.1", "amazon.titan-embed-text-v2:0", { inputText: "Hi" })
      )
      assert.strictEqual(embedding.message, "The model is unsupported for streaming.")
      const unknown = yield* Effect.flip(Invoking.whole("1.1", "acme.tiny-v1", { prompt: "Hi" }))
      assert.strictEqual(
        unknown.message,
        "This action doesn't support the model that you provided. Try again with a supported text or chat model"
      )
    }).pipe(Effect.provide(Fixture.emulator({ models: Invoking.models }))))
})

describe("The headers of InvokeModel", () => {
  const guardrails = [{
    id: "abc123",
    version: "1",
    words: ["secret"],
    blockedInput: "Not that.",
    blockedOutput: "No."
  }]
  const guarded: Invoking.Options = { guardrailIdentifier: "abc123", guardrailVersion: "1", trace: "ENABLED" }
  const saying = (content: string, config?: object) =>
    Invoking.claude({
      messages: [{ role: "user", content }],
      ...(config === undefined ? undefined : { "amazon-bedrock-guardrailConfig": config })
    })

  it.effect("apply a guardrail, and report it", () =>
    Effect.gen(function*() {
      const blocked = yield* Invoking.whole("1.1", Invoking.haiku, saying("A secret"), guarded)
      assert.strictEqual(blocked.body["amazon-bedrock-guardrailAction"], "INTERVENED")
      assert.deepStrictEqual(blocked.body.content, [{ type: "text", text: "Not that." }])
      assert.containsAllKeys(blocked.body["amazon-bedrock-trace"].guardrail.input, ["abc123"])
      const passed = yield* Invoking.pieces("1.1", Invoking.haiku, saying("Hi"), guarded)
      assert.strictEqual(passed.pieces.at(-1)["amazon-bedrock-guardrailAction"], "NONE")
      const unguarded = yield* Invoking.whole("1.1", Invoking.haiku, saying("A secret"))
      assert.notProperty(unguarded.body, "amazon-bedrock-guardrailAction")
      const { message } = yield* Effect.flip(
        Invoking.whole("1.1", Invoking.haiku, saying("Hi"), { ...guarded, guardrailVersion: "7" })
      )
      assert.strictEqual(message, "The guardrail identifier or version provided in the request does not exist.")
    }).pipe(Effect.provide(Fixture.emulator({ guardrails }))))

  it.effect("check only tagged content, if any", () =>
    Effect.gen(function*() {
      const tag = "amazon-bedrock-guardrails-guardContent_xyz"
      const action = (content: string) =>
        Effect.map(
          Invoking.whole("1.1", Invoking.haiku, saying(content, { tagSuffix: "xyz" }), guarded),
          ({ body }) => body["amazon-bedrock-guardrailAction"]
        )
      assert.strictEqual(yield* action(`A secret <${tag}>and a question</${tag}>`), "NONE")
      assert.strictEqual(yield* action(`A question <${tag}>and a secret</${tag}>`), "INTERVENED")
    }).pipe(Effect.provide(Fixture.emulator({ guardrails }))))

  it.effect("set the service tier and latency, and are returned", () =>
    Effect.gen(function*() {
      const { headers } = yield* Invoking.whole("2", Invoking.haiku, Invoking.claude(), {
        performanceConfigLatency: "optimized",
        serviceTier: "flex"
      })
      assert.strictEqual(headers["x-amzn-bedrock-performanceconfig-latency"], "optimized")
      assert.strictEqual(headers["x-amzn-bedrock-service-tier"], "flex")
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("accept and return JSON only", () =>
    Effect.gen(function*() {
      const post = (headers: Record<string, string>) =>
        Effect.map(
          Fixture.post(Invoking.path(Invoking.haiku), JSON.stringify(Invoking.claude()), headers),
          ({ status, text }) => [status, JSON.parse(text).message]
        )
      const contentType = [400, "The provided Content Type is invalid or not supported for this model"]
      assert.deepStrictEqual(yield* post({ "content-type": "application/octet-stream" }), contentType)
      assert.deepStrictEqual(yield* post({ "content-type": "application/json; charset=utf-8" }), contentType)
      assert.deepStrictEqual(yield* post({ accept: "image/png" }), [
        400,
        "The provided Accept Type is invalid or not supported for this model"
      ])
      assert.deepStrictEqual(yield* post({ accept: "application/json, */*" }), [200, undefined])
      assert.deepStrictEqual(yield* post({ "x-amzn-bedrock-trace": "LOUD" }), [
        400,
        "1 validation error detected: Value 'LOUD' at 'trace' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED, ENABLED_FULL]"
      ])
    }).pipe(Effect.provide(Fixture.emulator())))
})

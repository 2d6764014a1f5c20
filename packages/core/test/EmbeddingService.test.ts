import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import * as Policy from "../src/policy/Policy.ts"
import * as Retry from "../src/policy/Retry.ts"
import * as ProviderError from "../src/ProviderError.ts"
import * as TestEmbedding from "../src/testing/TestEmbedding.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

describe("EmbeddingService", () => {
  describe("embedMany", () => {
    it.effect("gives every input its vector, in order, and sends equal texts once", () =>
      Effect.gen(function*() {
        const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxItems: 2 } })
        const batch = yield* service.embedMany(["a 3", "b 1", "a 3", "c 2"])
        assert.deepStrictEqual(batch.embeddings.map(({ vector }) => [...vector]), [[3], [1], [3], [2]])
        assert.deepStrictEqual(probe.sent, [["a 3", "b 1"], ["c 2"]])
        assert.strictEqual(batch.requests, 2)
        assert.deepStrictEqual(batch.usage, { inputTokens: 6 })
        assert.strictEqual(batch.model, "probe-1")
      }))

    it.effect("does not copy the arrays of the provider", () =>
      Effect.gen(function*() {
        const vectors = [Int8Array.of(1, 2), Int8Array.of(3, 4)]
        const { service } = yield* EmbeddingProbe.make({ answer: () => Effect.succeed({ vectors }) })
        const batch = yield* service.embedMany(["a", "b"], { vectorType: "int8" })
        assert.strictEqual(batch.embeddings[0]!.vector, vectors[0])
        assert.strictEqual(batch.embeddings[1]!.vector, vectors[1])
      }))

    it.effect("answers no inputs without a request", () =>
      Effect.gen(function*() {
        const { probe, service } = yield* EmbeddingProbe.make({})
        const batch = yield* service.embedMany([])
        assert.deepStrictEqual(batch, { embeddings: [], usage: { inputTokens: 0 }, model: "probe-1", requests: 0 })
        assert.deepStrictEqual(probe.sent, [])
      }))

    it.effect("has no usage when one answer has none", () =>
      Effect.gen(function*() {
        const { service } = yield* EmbeddingProbe.make({
          limits: { maxItems: 1 },
          answer: ({ inputs }) =>
            Effect.succeed({
              vectors: [Float32Array.of(1)],
              ...(inputs[0] === "b" ? undefined : { inputTokens: 1 })
            })
        })
        const batch = yield* service.embedMany(["a", "b", "c"])
        assert.isUndefined(batch.usage.inputTokens)
      }))

    it.effect("gives an embedding its own tokens only when it had a request to itself", () =>
      Effect.gen(function*() {
        const { service } = yield* EmbeddingProbe.make({ limits: { maxItems: 2 } })
        const { embeddings } = yield* service.embedMany(["a 1", "b 2", "c 3"])
        assert.deepStrictEqual(embeddings.map(({ inputTokens }) => inputTokens), [undefined, undefined, 3])
      }))

    it.effect("fails with the error of the refused input, by name, and keeps the rest of the error", () =>
      Effect.gen(function*() {
        const { service } = yield* EmbeddingProbe.make({
          limits: { maxItems: 8 },
          answer: refusing(["text 18"])
        })
        const error = yield* Effect.flip(service.embedMany(EmbeddingProbe.texts(20)))
        assert.instanceOf(error, ProviderError.InvalidRequestError)
        assert.strictEqual(error.field, "inputs[17]")
        assert.strictEqual(error.message, "inputs[17]: bad text")
        assert.strictEqual(error.requestId, "request-1")
        assert.strictEqual(error.exception, "ValidationException")
      }))

    it.effect("names the first place of a refused input, whatever equal inputs come before it", () =>
      Effect.gen(function*() {
        const { service } = yield* EmbeddingProbe.make({ answer: refusing(["text 2"]) })
        const error = yield* Effect.flip(service.embedMany(["text 1", "text 1", "text 1", "text 2", "text 2"]))
        assert.strictEqual(error.message, "inputs[3]: bad text")
      }))

    it.effect("interrupts what is in flight when it fails", () =>
      Effect.gen(function*() {
        const { probe, service } = yield* EmbeddingProbe.make({
          limits: { maxItems: 1 },
          answer: ({ inputs }) =>
            inputs[0] === "b"
              ? Effect.andThen(Effect.yieldNow, Effect.fail(new ProviderError.ModelFailedError(fields)))
              : Effect.never
        })
        const error = yield* Effect.flip(service.embedMany(["a", "b", "c"]))
        assert.strictEqual(error._tag, "ModelFailedError")
        assert.strictEqual(probe.interrupted, 2)
        assert.strictEqual(probe.inFlight, 0)
      }))

    it.effect("sends each request under the policy", () =>
      Effect.gen(function*() {
        let attempts = 0
        const { probe, service } = yield* EmbeddingProbe.make({
          policy: Policy.make({ retry: Retry.exponential({ times: 2, base: "1 second" }) }),
          answer: (batch) =>
            ++attempts < 3 ? Effect.fail(new ProviderError.RateLimitError(fields)) : EmbeddingProbe.numbered(batch)
        })
        const fiber = yield* Effect.forkChild(service.embedMany(["a 1"]))
        yield* TestClock.adjust("10 seconds")
        const batch = yield* Fiber.join(fiber)
        assert.strictEqual(batch.requests, 1)
        assert.strictEqual(probe.sent.length, 3)
      }))

    it.effect("keeps exactly as many requests in flight as the policy has permits", () =>
      Effect.gen(function*() {
        const doors = new Map<string, Deferred.Deferred<void>>()
        const { probe, service } = yield* EmbeddingProbe.make({
          limits: { maxItems: 1 },
          policy: Policy.make({ concurrency: 3 }),
          answer: (batch) => {
            const door = Deferred.makeUnsafe<void>()
            doors.set(batch.inputs[0]!, door)
            return Effect.andThen(Deferred.await(door), EmbeddingProbe.numbered(batch))
          }
        })
        const fiber = yield* Effect.forkChild(service.embedMany(EmbeddingProbe.texts(6)))
        yield* EmbeddingProbe.settled
        assert.deepStrictEqual([...doors.keys()], ["text 1", "text 2", "text 3"])
        yield* Deferred.succeed(doors.get("text 2")!, undefined)
        yield* EmbeddingProbe.settled
        assert.deepStrictEqual([...doors.keys()].slice(3), ["text 4"])
        yield* Deferred.succeed(doors.get("text 4")!, undefined)
        yield* EmbeddingProbe.settled
        assert.deepStrictEqual([...doors.keys()].slice(4), ["text 5"])
        for (const number of [1, 3, 5, 6]) {
          yield* Deferred.succeed(doors.get(`text ${number}`)!, undefined)
          yield* EmbeddingProbe.settled
        }
        const batch = yield* Fiber.join(fiber)
        assert.deepStrictEqual(batch.embeddings.map(({ vector }) => vector[0]), [1, 2, 3, 4, 5, 6])
        assert.strictEqual(probe.mostInFlight, 3)
      }))

    it.effect("shares the permits of the policy between calls", () =>
      Effect.gen(function*() {
        const { probe, service } = yield* EmbeddingProbe.make({
          limits: { maxItems: 1 },
          policy: Policy.make({ concurrency: 2 }),
          answer: (batch) => Effect.delay(EmbeddingProbe.numbered(batch), "1 second")
        })
        const many = yield* Effect.forkChild(service.embedMany(EmbeddingProbe.texts(6)))
        const each = yield* Effect.forkChild(service.embedEach(EmbeddingProbe.texts(6)))
        yield* TestClock.adjust("6 seconds")
        yield* Fiber.join(many)
        yield* Fiber.join(each)
        assert.strictEqual(probe.mostInFlight, 2)
      }))

    it.effect("bounds its requests where the policy does not", () =>
      Effect.gen(function*() {
        const { probe, service } = yield* EmbeddingProbe.make({
          limits: { maxItems: 1 },
          answer: (batch) => Effect.delay(EmbeddingProbe.numbered(batch), "1 second")
        })
        const fiber = yield* Effect.forkChild(service.embedMany(EmbeddingProbe.texts(100)))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(fiber)
        assert.strictEqual(probe.mostInFlight, 32)
      }))

    it.effect("stops at once when it is interrupted", () =>
      Effect.gen(function*() {
        const { probe, service } = yield* EmbeddingProbe.make({
          limits: { maxItems: 1 },
          policy: Policy.make({ concurrency: 4 }),
          answer: () => Effect.never
        })
        const fiber = yield* Effect.forkChild(service.embedMany(EmbeddingProbe.texts(9)))
        yield* EmbeddingProbe.settled
        assert.strictEqual(probe.inFlight, 4)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(probe.interrupted, 4)
        assert.strictEqual(probe.sent.length, 4)
      }))
  })

  describe("invalid answers", () => {
    const malformed = (name: string, vectors: ReadonlyArray<Float32Array>, dimensions?: number) =>
      it.effect(`${name} are a MalformedResponseError for the inputs of that request only`, () =>
        Effect.gen(function*() {
          const { service } = yield* EmbeddingProbe.make({
            limits: { maxItems: 2 },
            answer: (batch) =>
              batch.inputs.includes("a 1")
                ? Effect.succeed({ vectors })
                : EmbeddingProbe.numbered(batch)
          })
          const { results } = yield* service.embedEach(["a 1", "b 2", "c 3"], { dimensions })
          const tags = results.map((result) => Result.isFailure(result) ? result.failure._tag : "good")
          assert.deepStrictEqual(tags, ["MalformedResponseError", "MalformedResponseError", "good"])
          const error = yield* Effect.flip(service.embedMany(["a 1", "b 2"], { dimensions }))
          assert.strictEqual(error._tag, "MalformedResponseError")
        }))

    malformed("too few vectors", [Float32Array.of(1)])
    malformed("too many vectors", [Float32Array.of(1), Float32Array.of(2), Float32Array.of(3)])
    malformed("empty vectors", [Float32Array.of(), Float32Array.of()])
    malformed("vectors of different lengths", [Float32Array.of(1), Float32Array.of(1, 2)])
    malformed("vectors of other dimensions than asked for", [Float32Array.of(1, 2), Float32Array.of(1, 2)], 1)
  })

  describe("withPolicy", () => {
    it.effect("replaces the policy of a service", () =>
      Effect.gen(function*() {
        const double = yield* TestEmbedding.TestEmbedding
        yield* double.failNext(new ProviderError.RateLimitError(fields))
        const fiber = yield* Effect.forkChild(EmbeddingService.embed("hello"))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(fiber)
        assert.strictEqual((yield* double.batches).length, 2)
      }).pipe(Effect.provide(decorated)))

    it.effect("applies to a hand-made service", () =>
      Effect.gen(function*() {
        const batch = yield* EmbeddingService.embedMany(["a", "b"])
        assert.deepStrictEqual(batch.embeddings.map(({ vector }) => vector), [foreignVector, foreignVector])
        const error = yield* Effect.flip(EmbeddingService.embedMany(["a"], { model: "missing" }))
        assert.strictEqual(error._tag, "ModelNotFoundError")
      }).pipe(Effect.provide(EmbeddingService.withPolicy(foreign, Policy.none))))
  })

  describe("a hand-made service under a decorator", () => {
    it.effect.each<readonly [string, Decorate]>([
      ["withPolicy", EmbeddingService.withPolicy(Policy.none)],
      ["withDefaults", EmbeddingService.withDefaults({ purpose: "query" })],
      ["withDeadline", EmbeddingService.withDeadline("1 minute")],
      ["withCache", EmbeddingService.withCache()],
      ["transform", EmbeddingService.transform(Effect.succeed)]
    ])("keeps the name of its model: %s", ([, decorate]) =>
      Effect.gen(function*() {
        const one = yield* EmbeddingService.embed("a")
        const batch = yield* EmbeddingService.embedMany(["b", "c"])
        const { results: each } = yield* EmbeddingService.embedEach(["d"])
        const models = [one.model, batch.model, ...batch.embeddings.map(({ model }) => model)]
        assert.deepStrictEqual(models, Array(4).fill("foreign"))
        assert.deepStrictEqual(each.map(Result.map(({ model }) => model)), [Result.succeed("foreign")])
        const { defaultModel } = yield* EmbeddingService.EmbeddingService
        assert.isUndefined(defaultModel)
      }).pipe(Effect.provide(decorate(foreign))))
  })
})

const fields = { provider: "probe", message: "no" }

const refusing = (bad: ReadonlyArray<string>): EmbeddingProbe.Answer => (batch) =>
  batch.inputs.some((input) => bad.includes(input))
    ? Effect.fail(
      new ProviderError.InvalidRequestError({
        provider: "probe",
        message: "bad text",
        requestId: "request-1",
        exception: "ValidationException"
      })
    )
    : EmbeddingProbe.numbered(batch)

type Decorate = (
  layer: Layer.Layer<EmbeddingService.EmbeddingService>
) => Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError>

const decorated = Layer.provideMerge(
  EmbeddingService.withPolicy(
    Layer.effect(EmbeddingService.EmbeddingService, EmbeddingService.EmbeddingService),
    Policy.standard
  ),
  TestEmbedding.layer()
)

const foreignVector = Float32Array.of(1, 2)

const foreign = Layer.sync(EmbeddingService.EmbeddingService, () => {
  const embedding = { vector: foreignVector, model: "foreign" }
  return EmbeddingService.EmbeddingService.of({
    embed: () => Effect.succeed(embedding),
    embedMany: (inputs, options) =>
      options?.model === "missing"
        ? Effect.fail(new ProviderError.ModelNotFoundError(fields))
        : Effect.succeed({
          embeddings: inputs.map(() => embedding),
          usage: { inputTokens: undefined },
          model: options?.model ?? "foreign",
          requests: 1
        }),
    embedEach: (inputs) =>
      Effect.succeed({
        results: inputs.map(() => Result.succeed(embedding)),
        usage: { inputTokens: undefined },
        model: "foreign",
        requests: 1
      }),
    embedStream: () => Stream.empty
  })
})

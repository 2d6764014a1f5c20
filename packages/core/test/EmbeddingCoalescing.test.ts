import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import * as Policy from "../src/policy/Policy.ts"
import * as ProviderError from "../src/ProviderError.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const all = { concurrency: "unbounded" } as const

const refusing = (bad: string): EmbeddingProbe.Answer => (batch) =>
  batch.inputs.includes(bad)
    ? Effect.fail(new ProviderError.InvalidRequestError({ provider: "probe", message: "bad text" }))
    : EmbeddingProbe.numbered(batch)

describe("EmbeddingService.embed", () => {
  it.effect("gives the vector, its model and its tokens", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({})
      assert.deepStrictEqual(yield* service.embed("a 7"), {
        vector: Float32Array.of(7),
        model: "probe-1",
        inputTokens: 7
      })
    }))

  it.effect("shares requests between concurrent calls, within the limits", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxItems: 4 } })
      const texts = EmbeddingProbe.texts(10)
      const embeddings = yield* Effect.forEach(texts, (text) => service.embed(text), all)
      assert.deepStrictEqual(embeddings.map(({ vector }) => vector[0]), texts.map(EmbeddingProbe.numberOf))
      assert.deepStrictEqual(probe.sent.map((inputs) => inputs.length), [4, 4, 2])
    }))

  it.effect("embeds equal texts of concurrent callers once", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({})
      const embeddings = yield* Effect.forEach(["a 1", "b 2", "a 1"], (text) => service.embed(text), all)
      assert.deepStrictEqual(embeddings.map(({ vector }) => vector[0]), [1, 2, 1])
      assert.deepStrictEqual(probe.sent, [["a 1", "b 2"]])
    }))

  it.effect("shares no request between calls whose options differ", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ coalesce: "10 millis" })
      const options = [
        {},
        { purpose: "document" },
        { model: "probe-1" },
        { providerOptions: { probe: { shard: 1 } } },
        { providerOptions: { probe: { shard: 1 } } },
        { providerOptions: { probe: { shard: 2 } } },
        { providerOptions: { probe: { requestMetadata: { team: "a" } } } },
        { providerOptions: { probe: { requestMetadata: { team: "b" } } } },
        { purpose: "query" },
        { model: "probe-2" },
        { normalize: true },
        { truncate: "end" }
      ] as const
      const fiber = yield* Effect.forkChild(
        Effect.forEach(options, (each, index) => service.embed(`text ${index}`, each), all)
      )
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(probe.sent, [
        ["text 0", "text 1", "text 2"],
        ["text 3", "text 4"],
        ["text 5"],
        ["text 6"],
        ["text 7"],
        ["text 8"],
        ["text 9"],
        ["text 10"],
        ["text 11"]
      ])
    }))

  it.effect("shares no request between calls under different policies", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({})
      const layer = Layer.succeed(EmbeddingService.EmbeddingService, service)
      const under = (policy: Policy.Policy) => Layer.build(EmbeddingService.withPolicy(layer, policy))
      const [first, second] = yield* Effect.all([under(Policy.none), under(Policy.none)])
      yield* Effect.forEach(
        [first, second, first],
        (context, index) => Effect.provideContext(EmbeddingService.embed(`text ${index}`), context),
        all
      )
      assert.deepStrictEqual(probe.sent, [["text 0", "text 2"], ["text 1"]])
    }))

  it.effect("batches calls of the same tick by default", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({})
      yield* service.embed("a 1")
      yield* service.embed("b 2")
      assert.deepStrictEqual(probe.sent, [["a 1"], ["b 2"]])
    }))

  it.effect("waits `coalesce` from the first call to fill a batch", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ coalesce: "20 millis" })
      const first = yield* Effect.forkChild(service.embed("a 1"))
      yield* TestClock.adjust("15 millis")
      const second = yield* Effect.forkChild(service.embed("b 2"))
      yield* TestClock.adjust("4 millis")
      assert.deepStrictEqual(probe.sent, [])
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(first)).vector[0], 1)
      assert.strictEqual((yield* Fiber.join(second)).vector[0], 2)
      assert.deepStrictEqual(probe.sent, [["a 1", "b 2"]])
    }))

  it.effect("fails only the caller of a bad text", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ answer: refusing("b 2") })
      const [first, second, blank, third] = yield* Effect.all([
        Effect.exit(service.embed("a 1")),
        Effect.flip(service.embed("b 2")),
        Effect.flip(service.embed(" ")),
        Effect.exit(service.embed("c 3"))
      ], all)
      assert.isTrue(first._tag === "Success" && third._tag === "Success")
      assert.strictEqual(second.message, "input: bad text")
      assert.include(blank.message, "input: the text is blank")
      assert.deepStrictEqual(probe.sent[0], ["a 1", "b 2", "c 3"])
    }))

  it.effect("answers each caller as soon as its own request is answered", () =>
    Effect.gen(function*() {
      const door = yield* Deferred.make<void>()
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 1 },
        answer: (batch) =>
          batch.inputs[0] === "a 1"
            ? Effect.andThen(Deferred.await(door), EmbeddingProbe.numbered(batch))
            : EmbeddingProbe.numbered(batch)
      })
      const slow = yield* Effect.forkChild(service.embed("a 1"))
      const fast = yield* Effect.forkChild(service.embed("b 2"))
      yield* EmbeddingProbe.settled
      assert.isDefined(fast.pollUnsafe())
      assert.isUndefined(slow.pollUnsafe())
      yield* Deferred.succeed(door, undefined)
      assert.strictEqual((yield* Fiber.join(slow)).vector[0], 1)
    }))

  it.effect("does not affect other callers when one is interrupted", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        answer: (batch) => Effect.delay(EmbeddingProbe.numbered(batch), "1 second")
      })
      const first = yield* Effect.forkChild(service.embed("a 1"))
      const second = yield* Effect.forkChild(service.embed("b 2"))
      yield* EmbeddingProbe.settled
      yield* Fiber.interrupt(first)
      assert.strictEqual(probe.interrupted, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(second)).vector[0], 2)
    }))

  it.effect("does not send the text of a caller interrupted while it waited", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ coalesce: "10 millis" })
      const first = yield* Effect.forkChild(service.embed("a 1"))
      const second = yield* Effect.forkChild(service.embed("b 2"))
      yield* EmbeddingProbe.settled
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(second)
      assert.deepStrictEqual(probe.sent, [["b 2"]])
    }))

  it.effect("interrupts the request when its last caller is interrupted", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ answer: () => Effect.never })
      const first = yield* Effect.forkChild(service.embed("a 1"))
      const second = yield* Effect.forkChild(service.embed("b 2"))
      yield* EmbeddingProbe.settled
      yield* Fiber.interrupt(first)
      yield* EmbeddingProbe.settled
      assert.strictEqual(probe.interrupted, 0)
      yield* Fiber.interrupt(second)
      yield* EmbeddingProbe.settled
      assert.strictEqual(probe.interrupted, 1)
      assert.strictEqual(probe.inFlight, 0)
    }))
})

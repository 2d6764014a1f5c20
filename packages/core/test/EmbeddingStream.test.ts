import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import * as Policy from "../src/policy/Policy.ts"
import * as ProviderError from "../src/ProviderError.ts"
import * as TestEmbedding from "../src/testing/TestEmbedding.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const identity = (text: string) => text

const unit = Float32Array.of(1)

describe("EmbeddingService.embedStream", () => {
  it.effect.prop("gives every value its embedding, in order, in full requests", {
    count: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 })),
    maxItems: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })),
    concurrency: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))
  }, ({ concurrency, count, maxItems }) =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems },
        policy: Policy.make({ concurrency })
      })
      const values = EmbeddingProbe.texts(count).map((text, id) => ({ id, text }))
      const embedded = yield* Stream.runCollect(
        service.embedStream(Stream.fromIterable(values), ({ text }) => text)
      )
      assert.deepStrictEqual(embedded.map(({ value }) => value), values)
      assert.deepStrictEqual(
        embedded.map(({ embedding }) => embedding.vector[0]),
        values.map(({ text }) => EmbeddingProbe.numberOf(text))
      )
      assert.strictEqual(probe.sent.length, Math.ceil(count / maxItems))
    }))

  it.effect("keeps the order of the values when the first requests are answered last", () =>
    Effect.gen(function*() {
      const answered: Array<number> = []
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 1 },
        answer: (batch) => {
          const number = EmbeddingProbe.numberOf(batch.inputs[0]!)
          return EmbeddingProbe.numbered(batch).pipe(
            Effect.tap(() => Effect.sync(() => answered.push(number))),
            Effect.delay(`${10 - number} seconds`)
          )
        }
      })
      const fiber = yield* Effect.forkChild(
        Stream.runCollect(service.embedStream(Stream.fromIterable(EmbeddingProbe.texts(4)), identity))
      )
      yield* EmbeddingProbe.settled
      yield* TestClock.adjust("10 seconds")
      const embedded = yield* Fiber.join(fiber)
      assert.deepStrictEqual(answered, [4, 3, 2, 1])
      assert.deepStrictEqual(embedded.map(({ embedding }) => embedding.vector[0]), [1, 2, 3, 4])
    }))

  it.effect("holds no permit while its consumer pauses", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 1 },
        policy: Policy.make({ concurrency: 1 })
      })
      const values = Stream.fromIterable(EmbeddingProbe.texts(9))
      yield* Effect.forkChild(Stream.runForEach(service.embedStream(values, identity), () => Effect.never))
      yield* EmbeddingProbe.settled
      assert.isAbove(probe.sent.length, 0)
      const other = yield* Effect.forkChild(service.embed("other 1"))
      yield* EmbeddingProbe.settled
      assert.strictEqual((yield* Fiber.join(other)).vector[0], 1)
    }))

  it.effect("sends a partial request after 50 ms", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxItems: 4 } })
      const queue = yield* Queue.unbounded<string>()
      const fiber = yield* service.embedStream(Stream.fromQueue(queue), identity).pipe(
        Stream.take(3),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* TestClock.adjust("1 second")
      yield* Queue.offer(queue, "a 1")
      yield* TestClock.adjust("40 millis")
      yield* Queue.offer(queue, "b 2")
      yield* TestClock.adjust("9 millis")
      assert.deepStrictEqual(probe.sent, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(probe.sent, [["a 1", "b 2"]])
      yield* Queue.offer(queue, "c 3")
      yield* TestClock.adjust("50 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).length, 3)
    }))

  it.effect("keeps exactly as many requests in flight as the policy allows", () =>
    Effect.gen(function*() {
      const doors: Array<Deferred.Deferred<void>> = []
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 1 },
        policy: Policy.make({ concurrency: 3 }),
        answer: (batch) => {
          const door = Deferred.makeUnsafe<void>()
          doors.push(door)
          return Effect.andThen(Deferred.await(door), EmbeddingProbe.numbered(batch))
        }
      })
      const fiber = yield* Effect.forkChild(
        Stream.runCollect(service.embedStream(Stream.fromIterable(EmbeddingProbe.texts(6)), identity))
      )
      yield* EmbeddingProbe.settled
      assert.strictEqual(doors.length, 3)
      yield* Deferred.succeed(doors[0]!, undefined)
      yield* EmbeddingProbe.settled
      assert.strictEqual(doors.length, 4)
      for (let index = 1; index < 6; index++) {
        yield* Deferred.succeed(doors[index]!, undefined)
        yield* EmbeddingProbe.settled
      }
      assert.strictEqual((yield* Fiber.join(fiber)).length, 6)
      assert.strictEqual(probe.mostInFlight, 3)
    }))

  it.effect("bounds the requests of a group that its total length splits", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 8, maxLength: 10, maxBatchLength: 10 },
        answer: (batch) => Effect.delay(EmbeddingProbe.numbered(batch), "1 second")
      })
      const fiber = yield* Effect.forkChild(
        Stream.runCollect(service.embedStream(Stream.fromIterable(EmbeddingProbe.texts(512)), identity))
      )
      yield* TestClock.adjust("100 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).length, 512)
      assert.strictEqual(probe.mostInFlight, 32)
    }))

  it.effect("reads no further ahead of a slow consumer than its requests in flight", () =>
    Effect.gen(function*() {
      let read = 0
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 4 },
        policy: Policy.make({ concurrency: 2 })
      })
      const values = Stream.range(1, 100_000).pipe(
        Stream.rechunk(1),
        Stream.map((number) => {
          read++
          return `text ${number}`
        })
      )
      const first = yield* Deferred.make<void>()
      const fiber = yield* service.embedStream(values, identity).pipe(
        Stream.runForEach(() => Effect.andThen(Deferred.succeed(first, undefined), Effect.never)),
        Effect.forkChild
      )
      yield* Deferred.await(first)
      yield* TestClock.adjust("10 seconds")
      assert.isAtMost(read, 4 * (2 + 4))
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("emits values as they are answered when it is unordered", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 1 },
        answer: (batch) =>
          Effect.delay(EmbeddingProbe.numbered(batch), `${10 - EmbeddingProbe.numberOf(batch.inputs[0]!)} seconds`)
      })
      const fiber = yield* Effect.forkChild(Stream.runCollect(
        service.embedStream(Stream.fromIterable(EmbeddingProbe.texts(4)), identity, { unordered: true })
      ))
      yield* EmbeddingProbe.settled
      yield* TestClock.adjust("10 seconds")
      const embedded = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        embedded.map(({ embedding, value }) => [value, embedding.vector[0]]),
        [["text 4", 4], ["text 3", 3], ["text 2", 2], ["text 1", 1]]
      )
    }))

  it.effect("sends a partial request after `flushAfter`", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxItems: 4 } })
      const queue = yield* Queue.unbounded<string>()
      const fiber = yield* service.embedStream(Stream.fromQueue(queue), identity, { flushAfter: "2 seconds" }).pipe(
        Stream.take(1),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* Queue.offer(queue, "a 1")
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(probe.sent, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(probe.sent, [["a 1"]])
      yield* Fiber.join(fiber)
    }))

  it.effect("fills requests by characters, without a request that is short between full ones", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 4, maxLength: 9, maxBatchLength: 9 }
      })
      yield* Stream.runDrain(service.embedStream(Stream.make("aaaa", "bbbb", "cccc", "dddd", "eee", "f"), identity))
      assert.deepStrictEqual(probe.sent, [["aaaa", "bbbb"], ["cccc", "dddd"], ["eee", "f"]])
    }))

  it.effect("embeds kinds that alternate, in order, with no kind ahead of another by a second request", () =>
    Effect.gen(function*() {
      const inputs = Array.from({ length: 40 }, (_, index) =>
        index % 2 === 0
          ? `text ${index}`
          : { image: { bytes: Uint8Array.of(index), mediaType: "image/png" } })
      const embedded = yield* Stream.runCollect(EmbeddingService.embedStream(Stream.fromIterable(inputs)))
      assert.deepStrictEqual(embedded.map(({ value }) => value), inputs)
      const alone = yield* Effect.forEach(inputs, (input) => EmbeddingService.embed(input))
      assert.deepStrictEqual(
        embedded.map(({ embedding }) => embedding.vector),
        alone.map(({ vector }) => vector)
      )
      const batches = (yield* (yield* TestEmbedding.TestEmbedding).batches).slice(0, 12)
      assert.deepStrictEqual(
        batches.slice(0, 4).map(({ inputs, kind }) => [kind, inputs.length]),
        [["text", 2], ["image", 2], ["text", 2], ["image", 2]]
      )
    }).pipe(
      Effect.provide(TestEmbedding.layer({
        limits: { maxItems: 8, images: { maxItems: 2 } },
        policy: Policy.make({ concurrency: 1 })
      }))
    ))

  it.effect("bounds its requests where the model does not", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({ limits: { maxItems: Infinity, maxLength: Infinity } })
      yield* Stream.runDrain(service.embedStream(Stream.fromIterable(EmbeddingProbe.texts(5000)), identity))
      assert.deepStrictEqual(probe.sent.map((inputs) => inputs.length), [2048, 2048, 904])
    }))

  for (const unordered of [false, true]) {
    it.effect(`holds no more than its window of 50,000 values${unordered ? ", unordered" : ""}`, () =>
      Effect.gen(function*() {
        const count = 50_000
        let pulled = 0
        let emitted = 0
        let held = 0
        const { service } = yield* EmbeddingProbe.make({
          limits: { maxItems: 96 },
          policy: Policy.make({ concurrency: 4 }),
          answer: ({ inputs }) => Effect.succeed({ vectors: inputs.map(() => unit) })
        })
        const values = Stream.range(1, count, 16).pipe(Stream.map((number) => {
          held = Math.max(held, ++pulled - emitted)
          return `text ${number}`
        }))
        yield* service.embedStream(values, identity, { unordered }).pipe(
          Stream.runForEach(() => Effect.sync(() => emitted++))
        )
        assert.strictEqual(emitted, count)
        assert.isAtMost(held, 96 * (4 + 4))
      }))
  }

  it.effect("fails with the position of the value in the whole stream", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 4 },
        policy: Policy.make({ concurrency: 2 }),
        answer: (batch) =>
          batch.inputs.includes("text 11")
            ? Effect.fail(new ProviderError.InvalidRequestError({ provider: "probe", message: "bad text" }))
            : EmbeddingProbe.numbered(batch)
      })
      const refused = yield* Effect.flip(
        Stream.runDrain(service.embedStream(Stream.fromIterable(EmbeddingProbe.texts(40)), identity))
      )
      assert.strictEqual(refused.message, "inputs[10]: bad text")
      const blank = yield* Effect.flip(
        Stream.runDrain(service.embedStream(Stream.make("a", "b", "c", "d", "e", ""), identity))
      )
      assert.include(blank.message, "inputs[5]: the text is blank")
    }))

  it.effect("fails as the values fail", () =>
    Effect.gen(function*() {
      const { service } = yield* EmbeddingProbe.make({})
      const values = Stream.concat(Stream.make("a 1"), Stream.fail("disk on fire"))
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(service.embedStream(values, identity))), "disk on fire")
    }))

  it.effect("stops at once when it is interrupted", () =>
    Effect.gen(function*() {
      const { probe, service } = yield* EmbeddingProbe.make({
        limits: { maxItems: 1 },
        policy: Policy.make({ concurrency: 3 }),
        answer: () => Effect.never
      })
      const fiber = yield* Effect.forkChild(
        Stream.runDrain(service.embedStream(Stream.fromIterable(EmbeddingProbe.texts(20)), identity))
      )
      yield* EmbeddingProbe.settled
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(probe.inFlight, 0)
      assert.strictEqual(probe.interrupted, 3)
      assert.strictEqual(probe.sent.length, 3)
    }))

  it.effect("takes strings as their own text", () =>
    Effect.gen(function*() {
      const strings = Stream.make("one two", "three")
      const plain = yield* Stream.runCollect(EmbeddingService.embedStream(strings))
      const query = yield* Stream.runCollect(EmbeddingService.embedStream(strings, { dimensions: 8 }))
      const upper = yield* Stream.runCollect(
        EmbeddingService.embedStream(Stream.make({ id: 1 }), ({ id }) => `number ${id}`, { purpose: "query" })
      )
      assert.deepStrictEqual(plain.map(({ value }) => value), ["one two", "three"])
      assert.deepStrictEqual(query.map(({ embedding }) => embedding.vector.length), [8, 8])
      assert.deepStrictEqual(upper.map(({ value }) => value), [{ id: 1 }])
      const batches = yield* (yield* TestEmbedding.TestEmbedding).batches
      assert.deepStrictEqual(
        batches.map(({ inputs, options }) => [inputs, options.purpose]),
        [[["one two", "three"], "document"], [["one two", "three"], "document"], [["number 1"], "query"]]
      )
    }).pipe(Effect.provide(TestEmbedding.layer())))
})

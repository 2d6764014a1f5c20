import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as EmbeddingCache from "../src/embedding/EmbeddingCache.ts"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import { TestEmbedding } from "../src/testing/index.ts"
import * as Cached from "./EmbeddingCacheFixture.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const Texts = Schema.Array(Schema.Literals(["a", "b b", "c", "d e", "f", "g h i"])).check(Schema.isMaxLength(40))

/** Advances the clock until a condition holds. Keys are hashed outside of the runtime, in real time. */
const elapseUntil = (condition: () => boolean): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (!condition()) {
      yield* TestClock.adjust("50 millis")
      yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
    }
  })

/** Runs an effect to its end while the clock advances: partial groups wait. */
const elapsing = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    Effect.forkChild(self),
    (fiber) => Effect.andThen(elapseUntil(() => fiber.pollUnsafe() !== undefined), Fiber.join(fiber))
  )

const collect = <A extends Embedding.Input, E, R>(values: Stream.Stream<A, E, R>, options?: Embedding.StreamOptions) =>
  Stream.runCollect(EmbeddingService.embedStream(values, options))

const numbers = (embedded: Iterable<Embedding.Embedded<unknown>>) =>
  Array.from(embedded, ({ embedding }) => embedding.vector[0])

/** The service of a {@link EmbeddingProbe} behind a cache. */
const probed = Effect.fnUntraced(function*(options: Parameters<typeof EmbeddingProbe.make>[0]) {
  const { probe, service } = yield* EmbeddingProbe.make(options)
  const layer = EmbeddingService.withCache(Layer.succeed(EmbeddingService.EmbeddingService, service))
  const context = yield* Layer.build(Layer.provide(layer, EmbeddingCache.layerMemory()))
  return { probe, context }
})

describe("EmbeddingCache embedStream", () => {
  it.effect.prop("gives the results of the uncached service, in order, whatever is cached and however values arrive", {
    inputs: Texts,
    known: Texts,
    size: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 }))
  }, ({ inputs, known, size }) =>
    Effect.gen(function*() {
      const plain = yield* EmbeddingService.embedMany(inputs).pipe(Effect.provide(TestEmbedding.layer()))
      yield* EmbeddingService.embedMany(known)
      const before = (yield* Cached.sent).length
      const embedded = yield* collect(Stream.rechunk(Stream.fromIterable(inputs), size))
      assert.deepStrictEqual(embedded.map(({ value }) => value), [...inputs])
      assert.deepStrictEqual(
        embedded.map(({ embedding }) => embedding.vector),
        plain.embeddings.map(({ vector }) => vector)
      )
      for (const input of (yield* Cached.sent).slice(before).flat()) assert.notInclude(known, input)
      yield* EmbeddingService.embedMany(inputs)
      const after = (yield* Cached.sent).length
      yield* collect(Stream.fromIterable(inputs))
      assert.strictEqual((yield* Cached.sent).length, after)
    }).pipe(Effect.provide(Cached.layer({ service: { limits: { maxItems: 4 } } }))))

  it.effect("caches misses, and fills requests with misses only", () =>
    Effect.gen(function*() {
      const { context, probe } = yield* probed({ limits: { maxItems: 50 } })
      yield* Effect.gen(function*() {
        const inputs = EmbeddingProbe.texts(2000)
        yield* EmbeddingService.embedMany(inputs.filter((_, index) => index % 10 !== 0))
        const before = probe.sent.length
        const embedded = yield* collect(Stream.fromIterable(inputs))
        assert.deepStrictEqual(numbers(embedded), inputs.map((_, index) => index + 1))
        assert.deepStrictEqual(probe.sent.slice(before).map(({ length }) => length), [50, 50, 50, 50])
        yield* collect(Stream.fromIterable(inputs))
        assert.strictEqual(probe.sent.length, before + 4)
      }).pipe(Effect.provideContext(context))
    }))

  it.effect("emits hits and misses when unordered", () =>
    Effect.gen(function*() {
      const { context } = yield* probed({})
      yield* Effect.gen(function*() {
        const inputs = EmbeddingProbe.texts(20)
        yield* EmbeddingService.embedMany(inputs.slice(5, 10))
        const embedded = yield* collect(Stream.fromIterable(inputs), { unordered: true, flushAfter: "1 second" })
        assert.sameMembers(embedded.map(({ value }) => value), [...inputs])
        for (const { embedding, value } of embedded) {
          assert.strictEqual(embedding.vector[0], EmbeddingProbe.numberOf(value))
        }
        // Stream options do not affect vectors.
        assert.strictEqual((yield* EmbeddingService.embedMany(inputs)).requests, 0)
      }).pipe(Effect.provideContext(context))
    }))

  it.effect("emits hits that precede a slow miss", () =>
    Effect.gen(function*() {
      const { context } = yield* probed({
        answer: (batch) => batch.inputs.includes("slow") ? Effect.never : EmbeddingProbe.numbered(batch)
      })
      yield* Effect.gen(function*() {
        yield* EmbeddingService.embedMany(["a 1", "b 2"])
        const embedded = yield* elapsing(
          EmbeddingService.embedStream(Stream.make("a 1", "b 2", "slow", "a 1")).pipe(Stream.take(2), Stream.runCollect)
        )
        assert.deepStrictEqual(numbers(embedded), [1, 2])
      }).pipe(Effect.provideContext(context))
    }))

  it.effect("waits for a miss however many hits follow", () =>
    Effect.gen(function*() {
      const { context } = yield* probed({ limits: { maxItems: 96 } })
      yield* Effect.gen(function*() {
        yield* EmbeddingService.embed("known 1")
        const inputs = ["new 7", ...Array.from({ length: 5000 }, () => "known 1"), "new 8"]
        const embedded = yield* elapsing(collect(Stream.fromIterable(inputs)))
        assert.deepStrictEqual(numbers(embedded), inputs.map(EmbeddingProbe.numberOf))
      }).pipe(Effect.provideContext(context))
    }))

  it.effect("bounds how far it reads ahead", () =>
    Effect.gen(function*() {
      const { context } = yield* probed({ limits: { maxItems: 4 } })
      yield* Effect.gen(function*() {
        yield* EmbeddingService.embed("known 1")
        for (const [unknown, most] of [[0, 5000], [1, 5000], [3, 3000]] as const) {
          let read = 0
          const endless = Stream.iterate(0, (index) => index + 1).pipe(
            Stream.rechunk(1),
            Stream.tap(() => Effect.sync(() => read++)),
            Stream.map((index) => index % 4 < unknown ? `new ${index}` : "known 1")
          )
          const reading = Stream.runForEach(EmbeddingService.embedStream(endless), () => Effect.never)
          const fiber = yield* Effect.forkChild(reading)
          yield* elapseUntil(() => read > 256)
          let idle = 0
          let before = read
          yield* elapseUntil(() => {
            idle = read === before ? idle + 1 : 0
            before = read
            return idle > 100
          })
          yield* Fiber.interrupt(fiber)
          assert.isBelow(read, most)
        }
      }).pipe(Effect.provideContext(context))
    }))

  it.effect("names the index of a bad value in the stream, and emits nothing out of order before it", () =>
    Effect.gen(function*() {
      yield* EmbeddingService.embedMany(["a", "b"])
      const inputs = [...Cached.texts(8), "a", "b", "a", "refused", "a"]
      const seen: Array<unknown> = []
      const error = yield* EmbeddingService.embedStream(Stream.fromIterable(inputs)).pipe(
        Stream.runForEach(({ value }) => Effect.sync(() => seen.push(value))),
        Effect.flip,
        elapsing
      )
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.match(error.message, /^inputs\[11\]: /u)
      // Requests in flight fail together: how many answers had arrived by then is random.
      assert.isAtMost(seen.length, 11)
      assert.deepStrictEqual(seen, inputs.slice(0, seen.length))
    }).pipe(
      Effect.provide(Cached.layer({ service: { limits: { maxItems: 4 }, refuse: (input) => input === "refused" } }))
    ))

  it.effect("ends as the values end, after all earlier results", () =>
    Effect.gen(function*() {
      yield* EmbeddingService.embed("a")
      const seen: Array<unknown> = []
      const values = Stream.concat(Stream.make("a", "new", "a"), Stream.fail("no more"))
      const error = yield* EmbeddingService.embedStream(values).pipe(
        Stream.runForEach(({ value }) => Effect.sync(() => seen.push(value))),
        Effect.flip,
        elapsing
      )
      assert.strictEqual(error, "no more")
      assert.deepStrictEqual(seen, ["a", "new", "a"])
    }).pipe(Effect.provide(Cached.layer())))

  it.effect("interrupts the request in flight when its reader stops", () =>
    Effect.gen(function*() {
      const { context, probe } = yield* probed({ answer: () => Effect.never })
      const reading = Stream.runDrain(EmbeddingService.embedStream(Stream.make("a 1")))
      const fiber = yield* Effect.forkChild(Effect.provideContext(reading, context))
      yield* elapseUntil(() => probe.sent.length === 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(probe.interrupted, 1)
      assert.strictEqual(probe.inFlight, 0)
    }))

  it.effect("continues without a failing store", () =>
    Effect.gen(function*() {
      const inputs = Cached.texts(300)
      const embedded = yield* collect(Stream.fromIterable(inputs))
      assert.deepStrictEqual(embedded.map(({ value }) => value), [...inputs])
    }).pipe(Effect.provide(Cached.layer({
      store: Layer.succeed(EmbeddingCache.EmbeddingCache, {
        getMany: () => Effect.fail(new EmbeddingCache.EmbeddingCacheError({ message: "down" })),
        setMany: () => Effect.fail(new EmbeddingCache.EmbeddingCacheError({ message: "down" }))
      })
    }))))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import type * as Embedding from "../src/embedding/Embedding.ts"
import * as EmbeddingCache from "../src/embedding/EmbeddingCache.ts"
import * as EmbeddingService from "../src/embedding/EmbeddingService.ts"
import * as CacheStore from "../src/embedding/internal/cache/store.ts"
import * as Cached from "./EmbeddingCacheFixture.ts"
import * as EmbeddingProbe from "./EmbeddingProbe.ts"

const vectors = ({ embeddings }: Embedding.EmbeddingBatch) => embeddings.map(({ vector }) => vector)

const failed = new EmbeddingCache.EmbeddingCacheError({ message: "no route to the store" })

/** A store that fails on demand. */
const brokenStore = (
  down: { read: boolean; write: boolean },
  failure: Effect.Effect<never, EmbeddingCache.EmbeddingCacheError>
) => {
  const { kept } = Cached.openStore()
  return Layer.succeed(EmbeddingCache.EmbeddingCache, {
    getMany: (keys) => down.read ? failure : Effect.succeed(keys.map((key) => kept.get(key))),
    setMany: (entries) =>
      down.write ? failure : Effect.sync(() => entries.forEach(([key, value]) => kept.set(key, value)))
  })
}

describe("A store of the embedding cache", () => {
  it.effect("round-trips every kind of vector exactly", () =>
    Effect.gen(function*() {
      const kinds = {
        float: Float32Array.of(0.1, -0, NaN, Infinity, 1e-45),
        int8: Int8Array.of(-128, 127),
        uint8: Uint8Array.of(0, 255),
        binary: Uint8Array.of(1, 2, 3)
      }
      const { probe, service } = yield* EmbeddingProbe.make({
        answer: ({ options }) => Effect.succeed({ vectors: [kinds[options.vectorType]] })
      })
      const layer = EmbeddingService.withCache(Layer.succeed(EmbeddingService.EmbeddingService, service))
      yield* Effect.gen(function*() {
        for (const times of ["sent", "kept"]) {
          for (const vectorType of ["float", "int8", "uint8", "binary"] as const) {
            assert.deepStrictEqual(
              (yield* EmbeddingService.embed("a", { vectorType })).vector,
              kinds[vectorType],
              times
            )
          }
        }
        assert.strictEqual(probe.sent.length, 4)
      }).pipe(Effect.provide(Layer.provide(layer, EmbeddingCache.layerMemory())))
    }))

  it.effect("is not affected by writing into a cached vector", () =>
    Effect.gen(function*() {
      const first = yield* EmbeddingService.embed("a")
      const expected = first.vector.slice()
      first.vector.fill(7)
      const second = yield* EmbeddingService.embed("a")
      second.vector.fill(8)
      assert.deepStrictEqual((yield* EmbeddingService.embed("a")).vector, expected)
      assert.strictEqual((yield* Cached.sent).length, 1)
    }).pipe(Effect.provide(Cached.layer())))

  it.effect.prop("may return damaged bytes: they are misses, and replaced", {
    damage: Schema.Literals(["flip", "cut", "grow", "replace", "empty", "short"]),
    place: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 })),
    bit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))
  }, ({ bit, damage, place }) => {
    const { kept, store } = Cached.openStore()
    const damaged = (bytes: Uint8Array): Uint8Array => {
      switch (damage) {
        case "flip":
          return bytes.map((byte, index) => index === place % bytes.length ? byte ^ (1 << bit) : byte)
        case "cut":
          return bytes.subarray(0, place % bytes.length)
        case "grow":
          return Uint8Array.from([...bytes, bit])
        case "replace":
          return Uint8Array.from({ length: 1 + place % 100 }, (_, index) => index * place)
        case "empty":
          return new Uint8Array(0)
        case "short":
          return new Uint8Array(12)
      }
    }
    return Effect.gen(function*() {
      const first = yield* EmbeddingService.embedMany(["a b c"])
      for (const [key, value] of kept) kept.set(key, damaged(value))
      const second = yield* EmbeddingService.embedMany(["a b c"])
      assert.deepStrictEqual(vectors(second), vectors(first))
      assert.strictEqual(second.requests, 1)
      assert.strictEqual((yield* EmbeddingService.embedMany(["a b c"])).requests, 0)
    }).pipe(Effect.provide(Cached.layer({ store, service: { dimensions: 4 } })))
  })

  it.effect("may return a vector of another length than requested: it is a miss", () => {
    const { kept, store } = Cached.openStore()
    return Effect.gen(function*() {
      yield* EmbeddingService.embed("a", { dimensions: 4 })
      const [four] = kept.values()
      yield* EmbeddingService.embed("a", { dimensions: 8 })
      for (const key of kept.keys()) kept.set(key, four!)
      const { vector } = yield* EmbeddingService.embed("a", { dimensions: 8 })
      assert.strictEqual(vector.length, 8)
    }).pipe(Effect.provide(Cached.layer({ store })))
  })

  it.effect("may return unaligned bytes", () => {
    const { kept, store } = Cached.openStore()
    return Effect.gen(function*() {
      yield* EmbeddingService.embed("a")
      for (const [key, value] of kept) {
        const shifted = new Uint8Array(value.length + 3)
        shifted.set(value, 1)
        kept.set(key, shifted.subarray(1, 1 + value.length))
      }
      yield* EmbeddingService.embed("a")
      assert.strictEqual((yield* Cached.sent).length, 1)
    }).pipe(Effect.provide(Cached.layer({ store })))
  })

  it.effect("fails open: the first error of an outage is logged, and each is counted", () => {
    const logged: Array<unknown> = []
    const logger = Logger.layer([Logger.make(({ message }) => logged.push(message))])
    const down = { read: true, write: true }
    return Effect.gen(function*() {
      for (let call = 0; call < 3; call++) {
        assert.strictEqual((yield* EmbeddingService.embedMany(Cached.texts(300))).requests, 4)
      }
      assert.strictEqual(logged.length, 1)
      assert.strictEqual(yield* Cached.counted(CacheStore.metrics.failures), 6)
      down.read = down.write = false
      yield* TestClock.adjust("5 seconds")
      yield* EmbeddingService.embedMany(["a"])
      assert.strictEqual((yield* EmbeddingService.embedMany(["a"])).requests, 0)
      down.read = true
      assert.strictEqual((yield* EmbeddingService.embedMany(["a"])).requests, 1)
      assert.strictEqual(logged.length, 3)
    }).pipe(Effect.provide([Cached.layer({ store: brokenStore(down, Effect.fail(failed)) }), logger]), Cached.alone)
  })

  it.effect("fails open on defects too", () =>
    Effect.gen(function*() {
      yield* EmbeddingService.embed("a")
      yield* EmbeddingService.embedEach(["a"])
      assert.strictEqual((yield* Cached.sent).length, 2)
    }).pipe(
      Effect.provide([
        Cached.layer({ store: brokenStore({ read: true, write: true }, Effect.die("bug")) }),
        Logger.layer([])
      ])
    ))
})

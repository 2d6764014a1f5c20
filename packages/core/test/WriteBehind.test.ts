import { assert, describe, it } from "@effect/vitest"
import * as ChatCache from "@strata/core/chat/ChatCache"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingCache from "@strata/core/embedding/EmbeddingCache"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Telemetry from "@strata/core/Telemetry"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as CacheMetrics from "../src/cache/internal/metrics.ts"
import * as WriteBehind from "../src/cache/internal/writeBehind.ts"

const target = { operation: "chat", provider: "test", model: "model" } as const

const metrics = CacheMetrics.make("test", "Lookups", "values")

const counted = (metric: Metric.Counter<number>) =>
  Effect.map(Metric.value(Metric.withAttributes(metric, Telemetry.attributes(target))), ({ count }) => count)

/** The effect with metrics of its own. */
const alone = Effect.provideServiceEffect(Metric.MetricRegistry, Effect.sync(() => new Map()))

/** A store whose writes wait for a gate. */
const open = Effect.gen(function*() {
  const gate = yield* Deferred.make<void>()
  const kept = new Map<string, Uint8Array>()
  const seen = { writes: 0 }
  const scope = yield* Scope.make()
  const cache = yield* WriteBehind.make({
    getMany: (keys) => Effect.succeed(keys.map((key) => kept.get(key))),
    setMany: (entries) =>
      Effect.map(Deferred.await(gate), () => {
        seen.writes++
        for (const [key, value] of entries) kept.set(key, value)
      })
  }, {
    store: {},
    name: "The cache",
    meanwhile: "nothing is kept",
    metrics
  }).pipe(Scope.provide(scope))
  return { cache, kept, seen, scope, letThrough: Deferred.succeed(gate, undefined) }
})

const bytes = Uint8Array.of(1, 2, 3)

describe("queued writes of a cache", () => {
  it.effect("do not delay the caller, can be read, and are written in batches", () =>
    Effect.gen(function*() {
      const { cache, kept, letThrough, seen } = yield* open
      for (const key of ["a", "b", "c", "d"]) yield* cache.setMany([[key, bytes]], target)
      assert.strictEqual(kept.size, 0)
      assert.deepStrictEqual(yield* cache.getMany(["b", "x"], target), [bytes, undefined])
      yield* letThrough
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([...kept.keys()], ["a", "b", "c", "d"])
      assert.strictEqual(seen.writes, 2)
    }))

  it.effect("are dropped and counted beyond a bound", () =>
    Effect.gen(function*() {
      const { cache, kept, letThrough } = yield* open
      const entries = Array.from({ length: 5_000 }, (_, index) => [`${index}`, bytes] as const)
      yield* cache.setMany(entries, target)
      assert.strictEqual(yield* counted(metrics.drops), 5_000 - 4_096)
      yield* cache.setMany([["large", new Uint8Array(65 * 1024 * 1024)]], target)
      assert.strictEqual(yield* counted(metrics.drops), 5_001 - 4_096)
      yield* letThrough
      yield* TestClock.adjust(0)
      assert.strictEqual(kept.size, 4_096)
      yield* cache.setMany([["later", bytes]], target)
      assert.isTrue(kept.has("later"))
    }).pipe(alone))

  it.effect("are written before the scope closes, which waits for a bounded time", () =>
    Effect.gen(function*() {
      const { cache, kept, letThrough, scope } = yield* open
      yield* cache.setMany([["a", bytes]], target)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      assert.isUndefined(closing.pollUnsafe())
      yield* letThrough
      yield* Fiber.join(closing)
      assert.isTrue(kept.has("a"))

      const silent = yield* open
      yield* silent.cache.setMany([["a", bytes]], target)
      const other = yield* Effect.forkChild(Scope.close(silent.scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(other)
      assert.strictEqual(yield* counted(metrics.failures), 1)
    }).pipe(alone))
})

describe("a cached service", () => {
  const hold = Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    return { kept: new Map<string, Uint8Array>(), gate, answered: yield* Deferred.make<void, unknown>() }
  })

  it.effect("answers before the store has written, and loses no write of an interrupted caller: chat", () =>
    Effect.gen(function*() {
      const { answered, gate, kept } = yield* hold
      const store = Layer.succeed(ChatCache.ChatCache, {
        get: (key) => Effect.sync(() => kept.get(key)),
        set: (key, value) => Effect.map(Deferred.await(gate), () => void kept.set(key, value))
      })
      const chat = ChatService.withCache(TestChat.layer(["So."])).pipe(Layer.provide(store))
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(
          Effect.andThen(Deferred.into(Effect.asVoid(ChatService.text("Why?")), answered), Effect.never)
        )
        yield* Deferred.await(answered)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(kept.size, 0)
        yield* Deferred.succeed(gate, undefined)
        yield* TestClock.adjust(0)
        assert.strictEqual(kept.size, 1)
      }).pipe(Effect.provide(chat))
    }))

  it.effect("answers before the store has written, and loses no write of an interrupted caller: embeddings", () =>
    Effect.gen(function*() {
      const { answered, gate, kept } = yield* hold
      const store = Layer.succeed(EmbeddingCache.EmbeddingCache, {
        getMany: (keys) => Effect.sync(() => keys.map((key) => kept.get(key))),
        setMany: (entries) =>
          Effect.map(Deferred.await(gate), () => entries.forEach(([key, value]) => kept.set(key, value)))
      })
      const service = EmbeddingService.withCache(TestEmbedding.layer()).pipe(Layer.provide(store))
      yield* Effect.gen(function*() {
        const calls = Effect.all([EmbeddingService.embed("a"), EmbeddingService.embedMany(["b", "c"])])
        const fiber = yield* Effect.forkChild(
          Effect.andThen(Deferred.into(Effect.asVoid(calls), answered), Effect.never)
        )
        yield* Deferred.await(answered)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(kept.size, 0)
        yield* Deferred.succeed(gate, undefined)
        yield* TestClock.adjust(0)
        assert.strictEqual(kept.size, 3)
      }).pipe(Effect.provide(service))
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as ChatCache from "@strata/core/chat/ChatCache"
import * as ChatService from "@strata/core/chat/ChatService"
import type * as ProviderError from "@strata/core/ProviderError"
import { ChatCachePersistence } from "@strata/persistence"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistence from "effect/persistence/Persistence"
import * as TestClock from "effect/testing/TestClock"
import * as Cached from "../../core/test/ChatCacheFixture.ts"
import * as Sqlite from "./support/Sqlite.ts"

const persistence = ChatCachePersistence.layerPersistence
const keyValueStore = ChatCachePersistence.layerKeyValueStore

const stores: ReadonlyArray<readonly [string, () => Layer.Layer<never, ProviderError.InvalidRequestError>]> = [
  ["persistence in memory", () => Layer.provide(persistence(), Persistence.layerBackingMemory)],
  [
    "persistence in a key value store",
    () => persistence().pipe(Layer.provide(Persistence.layerBackingKvs), Layer.provide(KeyValueStore.layerMemory))
  ],
  [
    "persistence in SQL",
    () => persistence().pipe(Layer.provide(Persistence.layerBackingSql), Layer.provide(Sqlite.layer), Layer.orDie)
  ],
  ["a key value store", () => Layer.provide(keyValueStore(), KeyValueStore.layerMemory)]
]

describe("ChatCachePersistence", () => {
  it.effect.each(stores)(
    "%s serves the next process, until an answer's time is over",
    ([, store]) =>
      Effect.gen(function*() {
        const shared = Layer.succeed(ChatCache.ChatCache, yield* ChatCache.ChatCache)
        const next = Effect.gen(function*() {
          const { cached, text } = yield* ChatService.generate("Why?")
          assert.strictEqual(text, "Because.")
          return cached
        }).pipe(Effect.provide(Cached.layer(["Because."], { store: shared, cache: { timeToLive: "1 hour" } })))
        assert.isUndefined(yield* next)
        yield* TestClock.adjust("59 minutes")
        assert.isTrue(yield* next)
        yield* TestClock.adjust("1 minute")
        assert.isUndefined(yield* next)
      }).pipe(Effect.provide(store()))
  )

  it.effect("separates answers and vectors in one store, and treats foreign values as misses", () =>
    Effect.gen(function*() {
      const cache = yield* ChatCache.ChatCache
      const backing = yield* Persistence.BackingPersistence
      yield* (yield* backing.make("strata-embeddings")).set("a", { bytes: "AQID" }, undefined)
      yield* (yield* backing.make("strata-answers")).set("b", { bytes: 1 }, undefined)
      yield* cache.set("c", Uint8Array.of(1, 2, 3), Duration.hours(1))
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b", "c"], cache.get), [
        undefined,
        undefined,
        Uint8Array.of(1, 2, 3)
      ])
    }).pipe(Effect.provide(Layer.provideMerge(persistence(), Persistence.layerBackingMemory))))

  it.effect("gives the cause of a failing store", () =>
    Effect.gen(function*() {
      const cache = yield* ChatCache.ChatCache
      for (const step of [Effect.asVoid(cache.get("a")), cache.set("a", Uint8Array.of(1))]) {
        const error = yield* Effect.flip(step)
        assert.deepStrictEqual([error._tag, error.message], ["ChatCacheError", "it is full"])
      }
    }).pipe(Effect.provide(Layer.provide(
      persistence({ storeId: "mine" }),
      Layer.succeed(Persistence.BackingPersistence, {
        make: () => {
          const failure = Effect.fail(new Persistence.PersistenceError({ message: "it is full" }))
          return Effect.succeed({
            get: () => failure,
            getMany: () => failure,
            set: () => failure,
            setMany: () => failure,
            remove: () => failure,
            clear: failure
          })
        }
      })
    ))))
})

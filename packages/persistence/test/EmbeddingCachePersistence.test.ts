import { assert, describe, it } from "@effect/vitest"
import * as EmbeddingCache from "@strata/core/embedding/EmbeddingCache"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import type * as ProviderError from "@strata/core/ProviderError"
import { EmbeddingCachePersistence } from "@strata/persistence"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistence from "effect/persistence/Persistence"
import * as PlatformError from "effect/PlatformError"
import * as TestClock from "effect/testing/TestClock"
import * as Cached from "../../core/test/EmbeddingCacheFixture.ts"
import * as Sqlite from "./support/Sqlite.ts"

const denied = PlatformError.systemError({ _tag: "PermissionDenied", module: "FileSystem", method: "open" })
const notFound = PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "open" })

/** Files in memory, as far as a key value store needs them. */
const files = () => {
  const kept = new Map<string, Uint8Array>()
  const layer = Layer.merge(
    FileSystem.layerNoop({
      exists: () => Effect.succeed(true),
      readFile: (path) =>
        Effect.suspend(() => {
          const value = kept.get(path)
          // A file is read into memory that is shared with other files.
          return value === undefined ? Effect.fail(notFound) : Effect.succeed(new Uint8Array([0, ...value]).subarray(1))
        }),
      writeFile: (path, data) => Effect.sync(() => void kept.set(path, data.slice())),
      remove: (path) => Effect.sync(() => void kept.delete(path))
    }),
    Path.layer
  )
  return { kept, layer }
}

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
  ["a key value store in memory", () => Layer.provide(keyValueStore(), KeyValueStore.layerMemory)],
  ["a key value store of strings", () => Layer.provide(keyValueStore(), stringStore)],
  ["a key value store of files", () =>
    keyValueStore().pipe(
      Layer.provide(KeyValueStore.layerFileSystem("/cache")),
      Layer.provide(files().layer),
      Layer.orDie
    )]
]

const persistence = EmbeddingCachePersistence.layerPersistence
const keyValueStore = EmbeddingCachePersistence.layerKeyValueStore

const stringStore = Layer.sync(KeyValueStore.KeyValueStore, () => {
  const kept = new Map<string, string>()
  return KeyValueStore.makeStringOnly({
    get: (key) => Effect.sync(() => kept.get(key)),
    set: (key, value) => Effect.sync(() => void kept.set(key, value)),
    remove: (key) => Effect.sync(() => void kept.delete(key)),
    clear: Effect.sync(() => kept.clear()),
    size: Effect.sync(() => kept.size),
    keys: Effect.sync(() => [...kept.keys()])
  })
})

/** A service of its own before a store that others share, as in another process. */
const process = (store: EmbeddingCache.EmbeddingCache, cache?: EmbeddingCache.Options) =>
  Cached.layer({
    store: Layer.succeed(EmbeddingCache.EmbeddingCache, store),
    ...(cache === undefined ? {} : { cache })
  })

describe("EmbeddingCachePersistence", () => {
  it.effect.each(stores)(
    "%s serves the next process, until a vector's time is over",
    ([, store]) =>
      Effect.gen(function*() {
        const shared = yield* EmbeddingCache.EmbeddingCache
        const texts = Cached.texts(100)
        const next = EmbeddingService.embedMany(texts).pipe(Effect.provide(process(shared, { timeToLive: "1 hour" })))
        const first = yield* next
        assert.strictEqual(first.requests, 2)
        yield* TestClock.adjust("59 minutes")
        const second = yield* next
        assert.strictEqual(second.requests, 0)
        assert.deepStrictEqual(
          second.embeddings.map(({ vector }) => vector),
          first.embeddings.map(({ vector }) => vector)
        )
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* next).requests, 2)
      }).pipe(Effect.provide(store()))
  )

  it.effect.each(stores)("%s does not expire vectors by default", ([, store]) =>
    Effect.gen(function*() {
      const shared = yield* EmbeddingCache.EmbeddingCache
      const next = EmbeddingService.embedMany(["a"]).pipe(Effect.provide(process(shared)))
      yield* next
      yield* TestClock.adjust("2 days")
      assert.strictEqual((yield* next).requests, 0)
      assert.deepStrictEqual(yield* shared.getMany([]), [])
      yield* shared.setMany([])
    }).pipe(Effect.provide(store())))

  it.effect("treats foreign values as misses", () =>
    Effect.gen(function*() {
      const backing = yield* (yield* Persistence.BackingPersistence).make("strata-embeddings")
      const cache = yield* EmbeddingCache.EmbeddingCache
      yield* backing.set("a", { bytes: 1 }, undefined)
      yield* backing.set("b", { bytes: "?" }, undefined)
      yield* backing.set("c", [], undefined)
      yield* cache.setMany([["d", Uint8Array.of(1, 2, 3)]])
      assert.deepStrictEqual(yield* cache.getMany(["a", "b", "c", "d", "e"]), [
        undefined,
        undefined,
        undefined,
        Uint8Array.of(1, 2, 3),
        undefined
      ])
    }).pipe(Effect.provide(Layer.provideMerge(persistence(), Persistence.layerBackingMemory))))

  it.effect("keeps a file of raw bytes for each vector, and removes it when it has expired", () => {
    const { kept, layer } = files()
    return Effect.gen(function*() {
      const cache = yield* EmbeddingCache.EmbeddingCache
      yield* cache.setMany([["a", Uint8Array.of(1, 2, 3)]], Duration.hours(1))
      assert.deepStrictEqual([...kept.keys()], ["/cache/mine-a"])
      assert.strictEqual(kept.get("/cache/mine-a")?.length, 8 + 3)
      kept.set("/cache/mine-b", Uint8Array.of(1))
      assert.deepStrictEqual(yield* cache.getMany(["a", "b"]), [Uint8Array.of(1, 2, 3), undefined])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* cache.getMany(["a"]), [undefined])
      assert.isFalse(kept.has("/cache/mine-a"))
    }).pipe(
      Effect.provide(
        keyValueStore({ prefix: "mine-" }).pipe(
          Layer.provide(KeyValueStore.layerFileSystem("/cache")),
          Layer.provide(layer)
        )
      )
    )
  })

  it.effect("gives the cause of a failing store", () =>
    Effect.gen(function*() {
      const cache = yield* EmbeddingCache.EmbeddingCache
      const error = yield* Effect.flip(cache.getMany(["a"]))
      assert.strictEqual(error._tag, "EmbeddingCacheError")
      assert.strictEqual(error.message, "Unable to get item with key strata-embeddings-a")
      assert.strictEqual((yield* Effect.flip(cache.setMany([["a", Uint8Array.of(1)]])))._tag, "EmbeddingCacheError")
    }).pipe(
      Effect.provide(
        keyValueStore().pipe(
          Layer.provide(KeyValueStore.layerFileSystem("/cache")),
          Layer.provide(Layer.merge(
            FileSystem.layerNoop({
              exists: () => Effect.succeed(true),
              readFile: () => Effect.fail(denied),
              writeFile: () => Effect.fail(denied)
            }),
            Path.layer
          ))
        )
      )
    ))
})

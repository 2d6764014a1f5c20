import { assert, describe, it } from "@effect/vitest"
import * as Persistence_ from "@strata/persistence"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistence from "effect/persistence/Persistence"
import * as Redis from "effect/persistence/Redis"
import * as References from "effect/References"
import { type Calls, fields } from "../../core/test/support/AnyCalls.ts"
import * as AnyValue from "../../core/test/support/AnyValue.ts"

const { ChatCachePersistence, EmbeddingCachePersistence, SharedState } = Persistence_

const persisted = <A, E>(layer: Layer.Layer<A, E, Persistence.BackingPersistence | KeyValueStore.KeyValueStore>) =>
  Layer.provide(layer, [Persistence.layerBackingMemory, KeyValueStore.layerMemory])

const redis = Layer.succeed(
  Redis.Redis,
  // Nothing is asked of it while layers are built.
  { eval: () => () => Effect.never, send: () => Effect.succeed([]) } as unknown as Redis.Redis["Service"]
)

const calls: Readonly<Record<string, Calls>> = {
  "ChatCachePersistence.layerKeyValueStore": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () =>
      persisted(ChatCachePersistence.layerKeyValueStore(options))
    ),
  "ChatCachePersistence.layerPersistence": (any) =>
    [any, ...fields(["storeId"], any)].map((options) => () =>
      persisted(ChatCachePersistence.layerPersistence(options))
    ),
  "EmbeddingCachePersistence.layerKeyValueStore": (any) =>
    [any, ...fields(["prefix"], any)].map((options) => () =>
      persisted(EmbeddingCachePersistence.layerKeyValueStore(options))
    ),
  "EmbeddingCachePersistence.layerPersistence": (any) =>
    [any, ...fields(["storeId"], any)].map((options) => () =>
      persisted(EmbeddingCachePersistence.layerPersistence(options))
    ),
  "SharedState.layerRedis": (any) => [
    () => SharedState.layerRedis(any),
    ...[any, ...fields(["prefix"], any)].map((options) => () => SharedState.layerRedis(redis, options))
  ]
}

describe("Every public function", () => {
  it("is tested here", () => {
    const functions = Object.entries(Persistence_).flatMap(([module, exports]) =>
      Object.keys(exports).map((name) => `${module}.${name}`)
    )
    assert.deepStrictEqual(functions.sort(), Object.keys(calls).sort())
  })

  for (const [name, any] of Object.entries(calls)) {
    it.live(`has an answer or a typed error for any value: ${name}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* AnyValue.troublesOf(any), [])
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
  }

  it.effect("names an option that is wrong", () =>
    Effect.gen(function*() {
      // Types are not there at run time.
      const layer = ChatCachePersistence.layerKeyValueStore({ prefix: Symbol("a") as never })
      const error = yield* Effect.flip(Layer.build(persisted(layer)))
      assert.strictEqual(error.field, "prefix")
    }))
})

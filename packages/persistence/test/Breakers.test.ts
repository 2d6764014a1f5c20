import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as DocumentsMemory from "../../core/test/support/DocumentsMemory.ts"
import * as SqlBreakers from "../src/sql/SqlBreakers.ts"
import { specification } from "./support/BreakerSpecification.ts"
import * as Databases from "./support/Databases.ts"
import * as RedisServer from "./support/RedisServer.ts"

const storeOf = <R>(layer: Layer.Layer<CircuitBreaker.CircuitBreakerStore, never, R>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, CircuitBreaker.CircuitBreakerStore))

describe("circuit breakers in memory", () => {
  specification(
    it.effect,
    Effect.map(storeOf(CircuitBreaker.layerStoreMemory()), (store) => ({ store, advance: TestClock.adjust }))
  )
})

describe("circuit breakers as texts", () => {
  const world = Effect.sync(() => ({ store: SqlBreakers.make(DocumentsMemory.make()), advance: TestClock.adjust }))
  specification(it.effect, world)

  const fail = (store: CircuitBreaker.CircuitBreakerStore["Service"], openFor: Duration.Duration) =>
    Effect.flatMap(Effect.scoped(store.admit("k")), ({ generation }) =>
      store.record({
        key: "k",
        generation,
        outcome: "Failure",
        tripPolicy: CircuitBreaker.consecutive(1),
        openFor
      }))

  it.effect("a probe that takes long stays the only one; one that died is followed after ten seconds", () =>
    Effect.gen(function*() {
      const { store } = yield* world
      yield* fail(store, Duration.seconds(1))
      yield* TestClock.adjust("1 second")
      const scope = yield* Scope.make()
      yield* Scope.provide(store.admit("k"), scope)
      yield* TestClock.adjust("1 minute")
      const other = Effect.scoped(store.admit("k"))
      assert.strictEqual((yield* Effect.flip(other)).reason._tag, "CircuitHalfOpen")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* Effect.flip(other)).reason._tag, "CircuitHalfOpen")
      yield* TestClock.adjust("4 seconds")
      assert.isTrue((yield* other).probe)
    }))

  it.effect("is forgotten an hour after it was used, or would have closed", () =>
    Effect.gen(function*() {
      const entries = new Map<string, DocumentsMemory.Entry>()
      const store = SqlBreakers.make(DocumentsMemory.make(entries))
      yield* store.state("k")
      assert.strictEqual(entries.size, 0)
      yield* Effect.scoped(store.admit("k"))
      assert.strictEqual(entries.get("k")?.until, 3_600_000)
      yield* fail(store, Duration.minutes(1))
      assert.strictEqual(entries.get("k")?.until, 3_660_000)
    }))

  it.effect("fails where a text is none of its own", () =>
    Effect.gen(function*() {
      const store = SqlBreakers.make(DocumentsMemory.make(new Map([["k", { text: "{}", until: 0 }]])))
      const error = yield* Effect.flip(store.state("k"))
      assert.strictEqual(error.reason._tag, "CircuitBreakerStoreError")
    }))
})

RedisServer.suite("circuit breakers in Redis", (it) => {
  const store = storeOf(CircuitBreaker.layerStoreRedis({ prefix: "breakers:" }))
  // The timer of a process and the clock of a server do not tick at once.
  specification(it.effect, Effect.map(store, (store) => ({ store, advance: (millis) => Effect.sleep(millis + 20) })))
})

Databases.suites("circuit breakers in SQL", (it) => {
  specification(
    it.effect,
    Effect.map(Databases.standing("breakers"), ({ advance, documents }) => ({
      store: SqlBreakers.make(documents),
      advance
    }))
  )
})

import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "@strata/core/policy/Breaker"
import * as ProviderError from "@strata/core/ProviderError"
import * as Telemetry from "@strata/core/Telemetry"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as TestClock from "effect/testing/TestClock"
import * as BreakerGate from "../src/policy/internal/breakerGate.ts"
import * as Circuits from "../src/state/internal/circuits.ts"
import { errors, target, watched } from "./ChatFixture.ts"

type Tag = ProviderError.ProviderError["_tag"]

/** A gate, and what becomes of calls through it: `ok`, or the tag they fail with. */
const gateOf = (breaker: Breaker.Breaker | undefined) =>
  Effect.map(BreakerGate.make(breaker), (gate) => {
    const protect = <A>(self: Effect.Effect<A, ProviderError.ProviderError>, at = target) => gate.protect(self, at)
    return {
      ...gate,
      protect,
      call: (tag: Tag | "ok", at = target) =>
        protect(tag === "ok" ? Effect.void : Effect.fail(errors[tag]), at).pipe(
          Effect.match({ onFailure: ({ _tag }) => _tag, onSuccess: () => "ok" as const })
        )
    }
  })

type Gate = Effect.Success<ReturnType<typeof gateOf>>

const fail = (gate: Gate, times: number, at = target) =>
  Effect.repeat(gate.call("ConnectionError", at), { times: times - 1 })

const state = Metric.value(Metric.withAttributes(Telemetry.breaker, {
  "gen_ai.provider.name": target.provider,
  "gen_ai.request.model": target.model
}))

const threeInARow = Breaker.consecutive(3, { open: "30 seconds" })

describe("Breaker", () => {
  it("is open for half a minute, and looks at as many calls as it has, unless said otherwise", () => {
    assert.deepStrictEqual(Breaker.consecutive(5).open, Duration.seconds(30))
    assert.deepStrictEqual(Breaker.rate({ threshold: 0.5, size: 4 }).trip, {
      type: "rate",
      threshold: 0.5,
      size: 4,
      minimumCalls: 4
    })
  })

  it.effect("opens after that many failures in a row, and then sends nothing", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(threeInARow)
      yield* fail(gate, 2)
      assert.strictEqual(yield* gate.call("ok"), "ok")
      yield* fail(gate, 2)
      assert.strictEqual(yield* gate.call("ModelUnavailableError"), "ModelUnavailableError")
      let sent = 0
      const error = yield* Effect.flip(gate.protect(Effect.sync(() => sent++)))
      assert.strictEqual(sent, 0)
      assert.strictEqual(error._tag, "CircuitOpenError")
      assert.isTrue(ProviderError.isTransient(error))
    }))

  it.effect("opens when a share of the last calls failed", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(Breaker.rate({ threshold: 0.5, size: 10, minimumCalls: 4 }))
      for (const tag of ["ok", "ConnectionError", "ok", "TimeoutError"] as const) yield* gate.call(tag)
      assert.strictEqual(yield* gate.call("ok"), "CircuitOpenError")
    }))

  const counted = new Set<Tag>(["ModelUnavailableError", "ProviderInternalError", "TimeoutError", "ConnectionError"])

  it.effect.each(Object.values(errors))(
    "counts $_tag only if it tells that the provider is not there",
    (error) =>
      Effect.gen(function*() {
        const gate = yield* gateOf(threeInARow)
        yield* Effect.repeat(gate.call(error._tag), { times: 4 })
        assert.strictEqual(yield* gate.call("ok"), counted.has(error._tag) ? "CircuitOpenError" : "ok")
      })
  )

  it.effect("takes a refusal neither for a failure nor for an answer", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(threeInARow)
      for (const tag of ["ConnectionError", "RateLimitError", "ConnectionError", "InvalidRequestError"] as const) {
        yield* gate.call(tag)
      }
      yield* gate.call("ConnectionError")
      assert.strictEqual(yield* gate.call("ok"), "CircuitOpenError")
    }))

  it.effect("does not count interruptions and defects", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(Breaker.consecutive(1))
      const fiber = yield* Effect.forkChild(gate.protect(Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasDies(yield* Effect.exit(gate.protect(Effect.die("bug")))))
      assert.strictEqual(yield* gate.call("ok"), "ok")
    }))

  it.effect("says whose circuit is open, for how long, and what to do", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(threeInARow)
      const at = { ...target, scope: "eu-west-1" }
      yield* fail(gate, 3, at)
      yield* TestClock.adjust(12_345.5)
      const error = yield* Effect.flip(gate.protect(Effect.void, at))
      assert.deepInclude(error, { provider: "test.provider", model: "test-model" })
      assert.deepStrictEqual(ProviderError.retryAfter(error), Duration.millis(17_655))
      assert.strictEqual(
        error.message,
        "The circuit of test-model of test.provider in eu-west-1 is open after repeated failures: " +
          "no call is sent for another 18s. Nothing was sent. Try again later, or use another model."
      )
    }))

  it.effect("tries with one call at a time, and closes when it is answered", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(threeInARow)
      yield* fail(gate, 3)
      yield* TestClock.adjust("30 seconds")
      const probe = yield* Effect.forkChild(gate.protect(Effect.sleep("5 seconds")), { startImmediately: true })
      const error = yield* Effect.flip(gate.protect(Effect.void))
      assert.strictEqual(error._tag, "CircuitOpenError")
      assert.deepStrictEqual(ProviderError.retryAfter(error), Duration.seconds(1))
      assert.include(error.message, "one call is probing the provider")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(probe)
      assert.strictEqual(yield* gate.call("ok"), "ok")
      yield* fail(gate, 2)
      assert.strictEqual(yield* gate.call("ok"), "ok")
    }))

  it.effect("stays open when the call that tries fails", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(threeInARow)
      yield* fail(gate, 3)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* gate.call("TimeoutError"), "TimeoutError")
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(yield* gate.call("ok"), "CircuitOpenError")
    }))

  it.effect.each(["refused", "interrupted"] as const)(
    "lets another call try when the first one is %s",
    (how) =>
      Effect.gen(function*() {
        const gate = yield* gateOf(threeInARow)
        yield* fail(gate, 3)
        yield* TestClock.adjust("30 seconds")
        if (how === "refused") yield* gate.call("RateLimitError")
        else {
          const probe = yield* Effect.forkChild(gate.protect(Effect.never), { startImmediately: true })
          yield* Fiber.interrupt(probe)
        }
        assert.strictEqual(yield* gate.call("ok"), "ok")
        assert.strictEqual(yield* gate.call("ok"), "ok")
      })
  )

  it.effect("has a circuit for each provider, scope and model", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(threeInARow)
      yield* fail(gate, 3)
      for (const other of [{ model: "other" }, { provider: "other" }, { scope: "eu-west-1" }]) {
        assert.strictEqual(yield* gate.call("ok", { ...target, ...other }), "ok")
      }
      assert.strictEqual(yield* gate.call("ok", { ...target, operation: "embeddings" }), "CircuitOpenError")
    }))

  it.effect("shows its state, and says when it opens and closes", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const gate = yield* gateOf(threeInARow)
        const states: Array<number> = []
        const look = Effect.map(state, ({ value }) => states.push(value))
        yield* fail(gate, 2)
        assert.deepStrictEqual(logs, [])
        yield* fail(gate, 1)
        yield* look
        yield* TestClock.adjust("30 seconds")
        yield* gate.protect(Effect.andThen(look, Effect.void))
        yield* look
        assert.deepStrictEqual(states, [2, 1, 0])
        assert.deepStrictEqual(logs.map(({ level, message }) => [level, message]), [
          ["Warn", ["The circuit is open for 30s: the provider keeps failing"]],
          ["Info", ["The circuit is closed again: the provider answers"]]
        ])
        assert.deepInclude(logs[0]?.annotations, { provider: "test.provider", model: "test-model" })
      })
    ))

  it.effect("warns once in an outage, however often the circuit opens anew", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const gate = yield* gateOf(threeInARow)
        yield* fail(gate, 3)
        for (let tries = 0; tries < 5; tries++) {
          yield* TestClock.adjust("30 seconds")
          yield* fail(gate, 1)
        }
        yield* TestClock.adjust("30 seconds")
        yield* gate.call("ok")
        yield* fail(gate, 3)
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn", "Info", "Warn"])
      })
    ))

  it.effect("tells calls that wait when the circuit of their target opens", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(threeInARow)
      const other = { ...target, model: "other" }
      yield* fail(gate, 2)
      const waiting = yield* Effect.forkChild(gate.opened(target), { startImmediately: true })
      const elsewhere = yield* Effect.forkChild(gate.opened(other), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isUndefined(waiting.pollUnsafe())
      yield* fail(gate, 1)
      yield* Fiber.join(waiting)
      yield* gate.opened(target)
      assert.isUndefined(elsewhere.pollUnsafe())
    }))

  it.effect("forgets circuits that are closed, and calls that wait no longer", () =>
    Effect.gen(function*() {
      const [seen, waiters] = [new Map<string, BreakerGate.NotClosed>(), new Map<string, Set<() => void>>()]
      const one = Breaker.consecutive(1)
      const gate = BreakerGate.inForce(seen, yield* Circuits.make(one), one, waiters)
      const waiting = yield* Effect.forkChild(Effect.all([gate.opened(target), gate.opened(target)]), {
        startImmediately: true
      })
      const other = yield* Effect.forkChild(gate.opened(target), { startImmediately: true })
      assert.strictEqual([...waiters.values()][0]?.size, 2)
      yield* Fiber.interrupt(other)
      assert.strictEqual([...waiters.values()][0]?.size, 1)
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(waiters.size, 0)

      yield* Effect.flip(gate.protect(Effect.fail(errors.ConnectionError), target))
      assert.strictEqual(seen.size, 1)
      yield* TestClock.adjust("30 seconds")
      yield* gate.protect(Effect.void, target)
      assert.strictEqual(seen.size, 0)
    }))

  it.effect("tells for which targets a circuit is open, until its time is over", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(threeInARow)
      assert.isFalse(yield* gate.isOpen(target))
      yield* fail(gate, 3)
      assert.isTrue(yield* gate.isOpen(target))
      assert.isFalse(yield* gate.isOpen({ ...target, model: "other" }))
      yield* TestClock.adjust("29999 millis")
      assert.isTrue(yield* gate.isOpen(target))
      assert.include((yield* Effect.flip(gate.protect(Effect.void))).message, "no call is sent for another 1ms.")
      yield* TestClock.adjust("1 millis")
      assert.isFalse(yield* gate.isOpen(target))
    }))

  it.effect("names the scope in its log, where there is one", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const gate = yield* gateOf(threeInARow)
        yield* fail(gate, 3)
        yield* fail(gate, 3, { ...target, scope: "eu-west-1" })
        const named = { provider: "test.provider", model: "test-model" }
        assert.deepStrictEqual(logs.map(({ annotations }) => annotations), [named, { ...named, scope: "eu-west-1" }])
      })
    ))

  it.effect("remembers a bounded number of circuits that are not closed", () =>
    Effect.gen(function*() {
      const seen = new Map<string, BreakerGate.NotClosed>()
      const one = Breaker.consecutive(1)
      const gate = BreakerGate.inForce(seen, yield* Circuits.make(one), one)
      for (let model = 0; model < 1_500; model++) {
        yield* Effect.flip(gate.protect(Effect.fail(errors.ConnectionError), { ...target, model: `model-${model}` }))
      }
      assert.strictEqual(seen.size, 1_000)
      yield* gate.opened({ ...target, model: "model-1499" })
    }))

  it.effect("lets everything through without a breaker", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(undefined)
      const waiting = yield* Effect.forkChild(gate.opened(target), { startImmediately: true })
      yield* fail(gate, 100)
      assert.strictEqual(yield* gate.call("ok"), "ok")
      assert.isFalse(yield* gate.isOpen(target))
      assert.isUndefined(waiting.pollUnsafe())
    }))

  it.effect("forgets failures after ten minutes without a call", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(threeInARow)
      yield* fail(gate, 2)
      yield* TestClock.adjust("10 minutes")
      yield* fail(gate, 2)
      assert.strictEqual(yield* gate.call("ok"), "ok")
    }))
})

describe("Breaker with a store of its context", () => {
  it.effect("shares its circuits with others that use the store", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* gateOf(threeInARow), yield* gateOf(threeInARow)]
      yield* fail(one, 2)
      yield* fail(other, 1)
      assert.strictEqual(yield* one.call("ok"), "CircuitOpenError")
    }).pipe(Effect.provide(CircuitBreaker.layerStoreMemory())))

  it.effect("shows that a circuit was closed by another", () =>
    watched(() =>
      Effect.gen(function*() {
        const [one, other] = [yield* gateOf(threeInARow), yield* gateOf(threeInARow)]
        yield* fail(one, 3)
        yield* TestClock.adjust("30 seconds")
        yield* Effect.provideService(other.call("ok"), Metric.MetricRegistry, new Map())
        assert.strictEqual((yield* state).value, 2)
        yield* one.call("ok")
        assert.strictEqual((yield* state).value, 0)
      }).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()))
    ))

  const broken = (answer: Effect.Effect<never, CircuitBreaker.CircuitBreakerError>) =>
    CircuitBreaker.CircuitBreakerStore.of({ admit: () => answer, record: () => answer, state: () => answer })

  const down = new CircuitBreaker.CircuitBreakerError({
    reason: new CircuitBreaker.CircuitBreakerStoreError({ message: "down" })
  })

  it.effect("goes on with circuits of its own when the store fails, and says so once", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const gate = yield* gateOf(threeInARow)
        assert.strictEqual(yield* gate.call("ok"), "ok")
        yield* fail(gate, 3)
        assert.strictEqual(yield* gate.call("ok"), "CircuitOpenError")
        const warnings = logs.filter(({ message }) => String(message).includes("store of circuit breakers"))
        assert.strictEqual(warnings.length, 1)
      }).pipe(Effect.provideService(CircuitBreaker.CircuitBreakerStore, broken(Effect.fail(down))))
    ))

  it.effect("keeps a circuit open that the store said is open, when the store fails", () =>
    Effect.gen(function*() {
      const memory = yield* CircuitBreaker.CircuitBreakerStore
      let isDown = false
      const store = CircuitBreaker.CircuitBreakerStore.of({
        ...memory,
        admit: (key) => isDown ? Effect.fail(down) : memory.admit(key)
      })
      const [one, other] = yield* Effect.provideService(
        Effect.all([gateOf(threeInARow), gateOf(threeInARow)]),
        CircuitBreaker.CircuitBreakerStore,
        store
      )
      yield* fail(other, 3)
      assert.strictEqual(yield* one.call("ok"), "CircuitOpenError")
      isDown = true
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(yield* one.call("ok"), "CircuitOpenError")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* one.call("ok"), "ok")
    }).pipe(Effect.provide(CircuitBreaker.layerStoreMemory())))

  it.effect("waits a second for a store that does not answer, and then leaves it alone", () =>
    Effect.gen(function*() {
      const gate = yield* gateOf(threeInARow)
      const first = yield* Effect.forkChild(gate.call("ok"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(first), "ok")
      assert.strictEqual(yield* gate.call("ok"), "ok")
    }).pipe(Effect.provideService(CircuitBreaker.CircuitBreakerStore, broken(Effect.never))))
})

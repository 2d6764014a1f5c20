/** What every store of circuit breakers does: the same tests for Effect's own, in memory and in Redis, and for ours. */
import { assert, type Vitest } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Scope from "effect/Scope"

type Store = CircuitBreaker.CircuitBreakerStore["Service"]

/** A store, and what lets this many milliseconds pass for it. */
export interface World {
  readonly store: Store
  readonly advance: (millis: number) => Effect.Effect<void>
}

const twice = CircuitBreaker.consecutive(2)
const half = CircuitBreaker.rate({ threshold: 0.5, size: 4, minimumCalls: 4 })

/** One circuit: `ask` answers the admission, or the tag of the refusal. */
const open = ({ advance, store }: World, key: string) => {
  const ask = Effect.gen(function*() {
    return yield* store.admit(key)
  }).pipe(Effect.catch((error) => Effect.succeed(error.reason._tag)))
  const admitted = Effect.flatMap(
    ask,
    (answer) => typeof answer === "string" ? Effect.die(`${key}: ${answer}`) : Effect.succeed(answer)
  )
  const record = (
    { generation }: CircuitBreaker.Admission,
    outcome: "Success" | "Failure" | "Ignored",
    openFor = 1_000,
    tripPolicy = twice
  ) => store.record({ key, generation, outcome, tripPolicy, openFor: Duration.millis(openFor) })
  return {
    advance,
    ask,
    admitted,
    record,
    state: store.state(key),
    fail: (times: number, openFor?: number) =>
      Effect.repeat(Effect.flatMap(admitted, (admission) => record(admission, "Failure", openFor)), {
        times: times - 1
      })
  }
}

/** Declares the tests; each has a key of its own. */
export const specification = <R>(
  effect: Vitest.Test<R | Scope.Scope>,
  world: Effect.Effect<World, never, R | Scope.Scope>
): void => {
  const it = (
    name: string,
    test: (circuit: ReturnType<typeof open>) => Effect.Effect<void, CircuitBreaker.CircuitBreakerError, Scope.Scope>
  ) => effect(name, () => Effect.flatMap(world, (world) => test(open(world, name))))

  it("opens after failures in a row, and says for how long", ({ admitted, ask, fail, record, state }) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* state)._tag, "Closed")
      const first = yield* admitted
      assert.deepInclude(first, { probe: false, consecutiveOpenings: 0, transition: undefined })
      assert.isUndefined(yield* record(first, "Failure"))
      assert.isUndefined(yield* record(yield* admitted, "Ignored"))
      assert.isUndefined(yield* record(yield* admitted, "Success"))
      yield* fail(1)
      const moved = yield* record(yield* admitted, "Failure", 60_000)
      assert.deepInclude(moved, { from: "Closed", to: "Open", consecutiveOpenings: 1 })
      assert.strictEqual(yield* ask, "CircuitOpen")
      const now = yield* state
      assert.strictEqual(now._tag, "Open")
      const left = now._tag === "Open" ? Duration.toMillis(now.retryAfter) : 0
      assert.isTrue(left > 50_000 && left <= 60_000)
    }))

  it("opens by the rate of failures among the last calls", ({ admitted, ask, record }) =>
    Effect.gen(function*() {
      const end = (outcome: "Success" | "Failure") =>
        Effect.flatMap(admitted, (admission) => record(admission, outcome, 60_000, half))
      for (const outcome of ["Failure", "Success", "Success", "Success", "Success", "Failure"] as const) {
        assert.isUndefined(yield* end(outcome))
      }
      assert.strictEqual((yield* end("Failure"))?.to, "Open")
      assert.strictEqual(yield* ask, "CircuitOpen")
    }))

  it("lets one call try a dependency that was down, which closes it", ({ admitted, advance, ask, fail, record, state }) =>
    Effect.gen(function*() {
      yield* fail(2, 100)
      yield* advance(100)
      const probe = yield* admitted
      assert.deepInclude(probe, { probe: true, consecutiveOpenings: 1 })
      assert.deepInclude(probe.transition, { from: "Open", to: "HalfOpen" })
      assert.strictEqual(yield* ask, "CircuitHalfOpen")
      assert.deepInclude(yield* state, { _tag: "HalfOpen", probing: true, consecutiveOpenings: 1 })
      assert.deepInclude(yield* record(probe, "Success"), { from: "HalfOpen", to: "Closed" })
      assert.strictEqual((yield* admitted).probe, false)
    }))

  it("opens again when the probe fails, and counts openings until it was closed as long as it was open", ({ admitted, advance, fail, record }) =>
    Effect.gen(function*() {
      yield* fail(2, 100)
      yield* advance(100)
      const again = yield* record(yield* admitted, "Failure", 100)
      assert.deepInclude(again, { from: "HalfOpen", to: "Open", consecutiveOpenings: 2 })
      yield* advance(100)
      yield* record(yield* admitted, "Success")
      assert.strictEqual((yield* admitted).consecutiveOpenings, 2)
      yield* advance(100)
      assert.strictEqual((yield* admitted).consecutiveOpenings, 0)
    }))

  it("makes the next call the probe after one that says nothing", ({ admitted, advance, ask, fail, record }) =>
    Effect.gen(function*() {
      yield* fail(2, 100)
      yield* advance(100)
      const probe = yield* admitted
      assert.isUndefined(yield* record(probe, "Ignored"))
      const next = yield* admitted
      assert.deepInclude(next, { probe: true, transition: undefined })
      assert.isUndefined(yield* record(probe, "Failure"))
      assert.strictEqual(yield* ask, "CircuitHalfOpen")
    }))

  it("takes nothing from calls that began before it opened", ({ admitted, advance, ask, fail, record }) =>
    Effect.gen(function*() {
      const old = yield* admitted
      yield* fail(2, 100)
      assert.isUndefined(yield* record(old, "Success"))
      assert.strictEqual(yield* ask, "CircuitOpen")
      yield* advance(100)
      yield* admitted
      assert.isUndefined(yield* record(old, "Failure"))
      assert.strictEqual(yield* ask, "CircuitHalfOpen")
    }))
}

import { assert, describe } from "@effect/vitest"
import * as Quota from "@strata/core/policy/Quota"
import * as Ledger from "@strata/core/state/Ledger"
import * as Telemetry from "@strata/core/Telemetry"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { countingClock, failure, settled, target, watched } from "./ChatFixture.ts"
import { balance, enforce, shown, start, test, together, watchedLedger } from "./QuotaFixture.ts"

const quota = Quota.tokens({ perMinute: 1_000 })

describe("Quota of several processes", () => {
  /** Two services with nothing in common but the ledger. */
  const processes = Effect.flatMap(Ledger.Ledger, (ledger) => {
    const process = Effect.suspend(() => Effect.provideService(enforce({ quota }), Ledger.Ledger, { ...ledger }))
    return Effect.all([process, process])
  })

  test("is one, and serves them in the order in which they came", () =>
    Effect.gen(function*() {
      const [one, other] = yield* processes
      yield* one.call({ input: 900 })
      yield* start(other.call({ name: "large", input: 900 }))
      yield* TestClock.adjust("1 second")
      yield* start(one.call({ name: "small", input: 50 }))
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual([...other.times(), ...one.times()], [60_000, 0, 60_000])
    }))

  test("starves none of them", () =>
    Effect.gen(function*() {
      const [one, other] = yield* processes
      yield* together(Array.from({ length: 20 }, (_, index) => [one, other][index % 2]!.call({ input: 450 })))
      const minutes = (times: ReadonlyArray<number>) => times.map((millis) => Math.floor(millis / 60_000))
      assert.deepStrictEqual(minutes(one.times()), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      assert.deepStrictEqual(minutes(other.times()), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }))
})

describe("the ledger of a Quota", () => {
  test("is asked before a call and told after it, once each", () =>
    Effect.gen(function*() {
      const { service, watch } = yield* watchedLedger
      const { call } = yield* Effect.provideService(enforce({ quota }), Ledger.Ledger, service)
      yield* settled(call({ input: 400, maxTokens: 100, output: 50, takes: "20 seconds" }))
      assert.deepInclude(watch, { reserve: 1, settle: 1, leave: 0 })
    }))

  test("may say that there is never room for a call, which is refused then", () =>
    Effect.gen(function*() {
      const ledger = yield* Ledger.Ledger
      const never: Ledger.Decision = { _tag: "never", limit: "1h tokens" }
      const service: Ledger.Ledger = { ...ledger, reserve: () => Effect.succeed(never) }
      const two = Quota.tokens({ perMinute: 1_000, windows: [{ tokens: 5_000, per: "1 hour" }] })
      const { call, sent } = yield* Effect.provideService(enforce({ quota: two }), Ledger.Ledger, service)
      const error = yield* failure(call({ input: 900 }), 0)
      assert.strictEqual(error._tag, "QuotaExceededError")
      assert.include(error.message, "the quota is 5000 in 1h.")
      assert.deepStrictEqual(sent, [])
    }))
})

describe("leases of a Quota", () => {
  test("are renewed while calls are in flight, and not after", () =>
    Effect.gen(function*() {
      const { service, watch } = yield* watchedLedger
      const { call } = yield* Effect.provideService(enforce({ quota }), Ledger.Ledger, service)
      yield* start(call({ input: 400, takes: "10 minutes" }))
      yield* start(call({ input: 400, takes: "9 minutes" }))
      yield* TestClock.adjust("505 seconds")
      assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 800 })
      assert.strictEqual(watch.renew, 25)
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 0 })
      const { renew } = watch
      assert.isAtMost(renew, 30)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(watch.renew, renew)
    }))

  test("end with the scope of the service", () =>
    Effect.gen(function*() {
      const { service, watch } = yield* watchedLedger
      const scope = yield* Scope.make()
      const { call } = yield* Effect.provideService(enforce({ quota }), Ledger.Ledger, service).pipe(
        Scope.provide(scope)
      )
      yield* start(call({ input: 400, takes: "10 minutes" }))
      yield* Scope.close(scope, Exit.void)
      const { balances } = watch
      yield* TestClock.adjust("5 minutes")
      assert.deepInclude(watch, { renew: 0, balances })
    }))
})

describe("timers of a Quota", () => {
  test("are gone a second after the last call", () =>
    Effect.gen(function*() {
      const { counted, timers } = yield* countingClock
      const { call } = yield* Effect.provideService(enforce({ quota }), Clock.Clock, counted)
      const calls = together([1, 2, 3].map(() => call({ input: 500, takes: "10 seconds" })))
      yield* Effect.provideService(calls, Clock.Clock, counted)
      assert.strictEqual(timers.running, 0)
      yield* Effect.provideService(start(call({ input: 10, takes: "10 seconds" })), Clock.Clock, counted)
      assert.isAbove(timers.running, 1)
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(timers.running, 0)
    }))
})

describe("Quota without its ledger", () => {
  test("goes by the memory of the process, says so once, and comes back", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const { service, watch } = yield* watchedLedger
        const { call, times } = yield* Effect.provideService(enforce({ quota }), Ledger.Ledger, service)
        watch.broken = true
        yield* settled(
          Effect.forEach([1, 2, 3], () => call({ input: 500, takes: "3 seconds" }), { concurrency: 3 }),
          "70 seconds"
        )
        assert.deepStrictEqual(times(), [0, 0, 60_000])
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn"])
        assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 0 })

        watch.broken = false
        yield* TestClock.adjust("5 seconds")
        yield* call({ input: 500 })
        // Of the three calls that it was told of, two have left the window.
        assert.deepStrictEqual(yield* balance(quota), { spent: 1_000, reserved: 0 })
        watch.broken = true
        yield* TestClock.adjust("2 minutes")
        yield* call({ input: 100 })
        assert.deepStrictEqual(logs.map(({ level }) => level), ["Warn", "Info", "Warn"])
      })
    ))

  test("leaves it alone for five seconds after a failure", () =>
    watched(() =>
      Effect.gen(function*() {
        const { service, watch } = yield* watchedLedger
        const { call } = yield* Effect.provideService(enforce({ quota }), Ledger.Ledger, service)
        watch.broken = true
        for (let calls = 0; calls < 10; calls++) yield* call({ input: 10 })
        assert.strictEqual(watch.reserve + watch.settle, 1)
        yield* TestClock.adjust("5 seconds")
        yield* call({ input: 10 })
        assert.isAbove(watch.reserve + watch.settle + watch.balances, 1)
      })
    ))

  test("tells it what was spent meanwhile when it works again", () =>
    watched(() =>
      Effect.gen(function*() {
        const { service, watch } = yield* watchedLedger
        const { call, times } = yield* Effect.provideService(enforce({ quota }), Ledger.Ledger, service)
        watch.broken = true
        yield* start(call({ input: 100, maxTokens: 800, takes: "10 seconds" }))
        yield* TestClock.adjust("5 seconds")
        watch.broken = false
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(yield* balance(quota), { spent: 100, reserved: 0 })
        watch.broken = true
        yield* settled(call({ input: 900 }))
        assert.deepStrictEqual(times(), [0, 10_000])
      })
    ))

  test("leaves no place in its own queue when the ledger works again", () =>
    watched(() =>
      Effect.gen(function*() {
        const { service, watch } = yield* watchedLedger
        const { call, times } = yield* Effect.provideService(enforce({ quota }), Ledger.Ledger, service)
        watch.broken = true
        yield* call({ input: 900 })
        yield* start(call({ input: 900, takes: "10 seconds" }))
        watch.broken = false
        yield* TestClock.adjust("90 seconds")
        watch.broken = true
        yield* start(call({ input: 50 }))
        // The second waits for what the ledger was told of.
        assert.deepStrictEqual(times(), [0, 60_000, 90_000])
      })
    ))

  test("settles what the ledger granted when it fails later", () =>
    watched(() =>
      Effect.gen(function*() {
        const { service, watch } = yield* watchedLedger
        const { call, times } = yield* Effect.provideService(enforce({ quota }), Ledger.Ledger, service)
        const first = call({ input: 600, takes: "10 seconds" })
        const broken = Effect.delay(Effect.sync(() => watch.broken = true), "5 seconds")
        yield* settled(Effect.all([first, broken, Effect.delay(call({ input: 600 }), "15 seconds")], {
          concurrency: "unbounded"
        }))
        assert.deepStrictEqual(times(), [0, 60_000])
      })
    ))
})

describe("telemetry of a Quota", () => {
  test("records how long calls waited, those that gave up too", () =>
    watched(() =>
      Effect.gen(function*() {
        const { call } = yield* enforce({ quota, timeouts: { deadline: "40 seconds" } })
        yield* together([
          call({ input: 900, takes: "30 seconds", maxTokens: 100 }),
          call({ input: 100, takes: "1 second" }),
          call({ input: 1_000 })
        ])
        const recorded = yield* Metric.value(
          Metric.withAttributes(Telemetry.waits, { ...Telemetry.attributes(target), "strata.wait.reason": "quota" })
        )
        assert.strictEqual(recorded.count, 2)
        assert.strictEqual(recorded.sum, 30 + 40)
      })
    ))

  test("shows what is on the quota, and asks for that once a second at most", () =>
    watched(() =>
      Effect.gen(function*() {
        const { service, watch } = yield* watchedLedger
        const { call } = yield* Effect.provideService(enforce({ quota }), Ledger.Ledger, service)
        yield* start(call({ input: 300, maxTokens: 200, takes: "10 seconds" }))
        assert.deepStrictEqual(yield* shown(), { spent: 0, reserved: 500, limit: 1_000 })
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* shown(), { spent: 300, reserved: 0, limit: 1_000 })
        yield* TestClock.adjust("1 minute")
        const { balances } = watch
        yield* settled(Effect.replicateEffect(call({ input: 1, takes: 100 }), 20), "10 seconds")
        assert.isAtMost(watch.balances - balances, 4)
        assert.deepInclude(yield* shown(), { spent: 20, reserved: 0 })
      })
    ))

  test("names the account of the quota, where it has one", () =>
    watched(() =>
      Effect.gen(function*() {
        const { call } = yield* enforce({ quota: Quota.tokens({ perMinute: 1_000, scope: "another account" }) })
        yield* start(call({ input: 300, takes: "10 seconds" }))
        assert.deepInclude(yield* shown({ "strata.quota.scope": "another account" }), { reserved: 300 })
        assert.deepInclude(yield* shown(), { reserved: 0 })
      })
    ))
})

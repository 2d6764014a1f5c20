import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Budget from "@strata/core/policy/Budget"
import * as Policy from "@strata/core/policy/Policy"
import * as Quota from "@strata/core/policy/Quota"
import * as RetryBudget from "@strata/core/policy/RetryBudget"
import type * as ProviderError from "@strata/core/ProviderError"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Ledger from "@strata/core/state/Ledger"
import * as Telemetry from "@strata/core/Telemetry"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Enforcement from "../src/policy/internal/enforcement.ts"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import * as BudgetFixture from "./BudgetFixture.ts"
import { errors, target, timed } from "./ChatFixture.ts"

type Work = Effect.Effect<string, ProviderError.CallError>

const other: Telemetry.Target = { ...target, model: "another-model" }

const metering: Enforcement.Metering<unknown> = {
  load: () => Effect.succeed({ inputTokens: 10, outputTokens: 5 }),
  outputBurndown: 1,
  consumed: () => ({ inputTokens: 10, outputTokens: 2 })
}

/** A ledger that grants whatever is not `closed`, and says what was asked of it, and when. */
const ledgerOf = () => {
  const log: Array<string> = []
  const held = new Set<string>()
  const double = { log, held, closed: (_key: string) => false }
  const note = (entry: string) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      log.push(`${now} ${entry}`)
    })
  const ledger: Ledger.Ledger = {
    reserve: ({ id, key }) =>
      Effect.suspend((): Effect.Effect<Ledger.Decision> => {
        if (double.closed(key)) {
          return Effect.succeed({ _tag: "wait", retryAfter: Duration.seconds(1), limit: "minute" })
        }
        held.add(id)
        return Effect.as(note("reserve"), { _tag: "granted" })
      }),
    settle: ({ id }) => Effect.suspend(() => held.delete(id) ? note("settle") : Effect.void),
    leave: () => Effect.void,
    renew: () => Effect.void,
    balances: () => Effect.succeed([])
  }
  return { ledger, double }
}

/** Everything switched on, in a way that stands in nobody's way. */
const everything: Policy.Options = {
  retry: Schedule.spaced("10 seconds"),
  retryBudget: RetryBudget.make(),
  hedge: "1 hour",
  breaker: Breaker.consecutive(100),
  quota: Quota.tokens({ perMinute: 1_000_000 }),
  concurrency: 10,
  timeouts: { attempt: "5 minutes", deadline: "1 day" }
}

const enforce = Effect.fnUntraced(function*(options: Policy.Options) {
  const { double, ledger } = ledgerOf()
  const enforcement = yield* Enforcement.make(Policy.make({ ...everything, ...options })).pipe(
    Effect.provideService(Ledger.Ledger, ledger),
    Effect.provide(AdaptiveLimits.layerMemory)
  )
  let sent = 0
  const call = (work: Work, at = target) =>
    enforcement.call(Effect.andThen(Effect.sync(() => sent++), work), at, metering)
  return { call, enforcement, ledger: double, sent: () => sent }
})

const failing = Effect.fail(errors.ConnectionError)

const answer = (after: Duration.Input): Work => Effect.delay(Effect.succeed("answer"), after)

/** Fails as often, and answers then. */
const failingFirst = (times: number): Work => {
  let attempts = 0
  return Effect.suspend(() => ++attempts > times ? Effect.succeed("answer") : failing)
}

const tagOf = (exit: Exit.Exit<unknown, ProviderError.CallError>) =>
  Effect.match(exit, { onFailure: ({ _tag }) => _tag, onSuccess: () => "ok" as const })

describe("The order of a policy: deadline (retry (hedge (breaker (budget (quota (concurrency (attempt (call))))))))", () => {
  it.effect("retry is around concurrency: no permit is held while a call backs off", () =>
    Effect.gen(function*() {
      const { call } = yield* enforce({ concurrency: 1 })
      const ends = yield* Effect.all([timed(call(failingFirst(1))), timed(call(answer("3 seconds")))], {
        concurrency: 2
      })
      assert.deepStrictEqual(ends.map(({ millis }) => millis), [10_000, 3_000])
    }))

  it.effect("retry is around quota: tokens are released before a call backs off, and reserved again", () =>
    Effect.gen(function*() {
      const { call, ledger } = yield* enforce({})
      yield* timed(call(failingFirst(2)))
      const times = [0, 10_000, 20_000]
      assert.deepStrictEqual(ledger.log, times.flatMap((time) => [`${time} reserve`, `${time} settle`]))
    }))

  it.effect("retry is around the breaker: each attempt counts there, and passes it anew", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({
        breaker: Breaker.consecutive(2, { open: "30 days" }),
        retry: Schedule.recurs(5)
      })
      const { exit } = yield* timed(call(failing))
      assert.strictEqual(yield* tagOf(exit), "CircuitOpenError")
      assert.strictEqual(sent(), 2)
    }))

  it.effect("retry is around hedging: two requests that fail are one failure", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ hedge: "1 second", retry: Schedule.recurs(1) })
      const { exit, millis } = yield* timed(call(Effect.delay(failing, "4 seconds")))
      assert.strictEqual(yield* tagOf(exit), "ConnectionError")
      assert.deepStrictEqual([sent(), millis], [4, 10_000])
    }))

  it.effect("hedging is around concurrency: the second request needs a permit of its own", () =>
    Effect.gen(function*() {
      for (const [concurrency, requests] of [[1, 1], [2, 2]] as const) {
        const { call, sent } = yield* enforce({ concurrency, hedge: "1 second" })
        const { exit } = yield* timed(call(answer("5 seconds")))
        assert.strictEqual(yield* tagOf(exit), "ok")
        assert.strictEqual(sent(), requests)
        const rest = yield* timed(
          Effect.all([1, 2].map(() => call(answer(500))), { concurrency: 2 })
        )
        assert.strictEqual(rest.millis, concurrency === 1 ? 1_000 : 500)
      }
    }))

  it.effect("hedging is around quota: the second request needs tokens of its own", () =>
    Effect.gen(function*() {
      const { call, ledger } = yield* enforce({ hedge: "1 second" })
      yield* timed(call(answer("5 seconds")))
      assert.deepStrictEqual(ledger.log.toSorted(), ["0 reserve", "1000 reserve", "5000 settle", "5000 settle"])
      assert.strictEqual(ledger.held.size, 0)
    }))

  it.effect("hedging is around the breaker: each request counts there", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({
        breaker: Breaker.consecutive(2, { open: "30 days" }),
        hedge: "1 second",
        retry: Schedule.recurs(0)
      })
      yield* timed(call(Effect.delay(failing, "4 seconds")))
      const { exit } = yield* timed(call(answer(0)))
      assert.strictEqual(yield* tagOf(exit), "CircuitOpenError")
      assert.strictEqual(sent(), 2)
    }))

  it.effect("the breaker is around quota and concurrency: an open one asks for no tokens and waits for no permit", () =>
    Effect.gen(function*() {
      const { call, ledger } = yield* enforce({
        breaker: Breaker.consecutive(1, { open: "30 days" }),
        concurrency: 1,
        retry: Schedule.recurs(0)
      })
      yield* timed(call(failing))
      const busy = yield* Effect.forkChild(call(Effect.never, other), { startImmediately: true })
      const before = ledger.log.length
      const exit = yield* Effect.exit(call(answer(0)))
      assert.strictEqual(yield* tagOf(exit), "CircuitOpenError")
      assert.strictEqual(ledger.log.length, before)
      yield* Fiber.interrupt(busy)
    }))

  it.effect("budgets are around quota: a call that one refuses fails at once, whatever room there is", () =>
    BudgetFixture.isolated(Effect.gen(function*() {
      const policy = Policy.make({ quota: Quota.make({ requestsPerMinute: 1 }) })
      const { service } = yield* BudgetFixture.make(Budget.make({ perRun: 0.15 }), { policy })
      yield* service.generate(BudgetFixture.dime)
      const { exit, millis } = yield* timed(Effect.flip(service.generate(BudgetFixture.dime)))
      assert.strictEqual((yield* exit)._tag, "BudgetExceededError")
      assert.strictEqual(millis, 0)
    })))

  it.effect("the breaker is around budgets: an open one fails before they can refuse", () =>
    BudgetFixture.isolated(Effect.gen(function*() {
      const policy = Policy.make({ breaker: Breaker.consecutive(1), retry: Schedule.recurs(0) })
      const { service } = yield* BudgetFixture.make(Budget.make({ perRun: 1 }), { policy })
      yield* Effect.exit(service.generate(BudgetFixture.request({ error: errors.ConnectionError })))
      const error = yield* Effect.flip(service.generate(BudgetFixture.request({}, 10_000)))
      assert.strictEqual(error._tag, "CircuitOpenError")
    })))

  it.effect("quota is around concurrency: who waits for tokens holds no permit", () =>
    Effect.gen(function*() {
      const { call, ledger, sent } = yield* enforce({ concurrency: 1 })
      ledger.closed = (key) => key.endsWith(target.model)
      const waiting = yield* Effect.forkChild(call(answer(0)), { startImmediately: true })
      const { exit, millis } = yield* timed(call(answer("1 second"), other), "1 minute")
      assert.strictEqual(yield* tagOf(exit), "ok")
      assert.deepStrictEqual([sent(), millis], [1, 1_000])
      ledger.closed = () => false
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(waiting), "answer")
    }))

  it.effect("the attempt is inside quota and concurrency: its clock starts after both", () =>
    Effect.gen(function*() {
      const { call, ledger } = yield* enforce({
        concurrency: 1,
        retry: Schedule.recurs(0),
        timeouts: { attempt: "5 seconds", deadline: "1 day" }
      })
      ledger.closed = () => true
      const open = Effect.delay(Effect.sync(() => ledger.closed = () => false), "20 seconds")
      const calls = [1, 2, 3].map(() => call(answer("4 seconds")))
      const { exit, millis } = yield* timed(Effect.all([open, ...calls], { concurrency: "unbounded" }))
      assert.isTrue(Exit.isSuccess(exit))
      assert.isAtLeast(millis, 32_000)
      assert.strictEqual(ledger.held.size, 0)
    }))

  const waits: ReadonlyArray<readonly [string, Policy.Options, (call: (work: Work) => Work) => Work]> = [
    ["the pauses between attempts", { retry: Schedule.spaced("7 seconds") }, (call) => call(failing)],
    [
      "the wait for the retry budget",
      {
        retry: Schedule.recurs(100),
        retryBudget: RetryBudget.make({ reserve: 1, share: 0, perSecond: 0 })
      },
      (call) => call(failing)
    ],
    ["the attempts", {}, (call) => call(Effect.never)],
    ["both requests of a hedged attempt", { hedge: "1 second" }, (call) => call(Effect.never)],
    [
      "the wait for a permit",
      { concurrency: 1 },
      (call) => Effect.raceFirst(Effect.andThen(Effect.sleep(1), call(answer(0))), call(Effect.never))
    ]
  ]

  it.effect.each(waits)(
    "the deadline is around everything: it counts %s",
    ([, options, use]) =>
      Effect.gen(function*() {
        const { call, ledger } = yield* enforce({
          ...options,
          timeouts: { attempt: "1 hour", deadline: "20 seconds" }
        })
        const { exit, millis } = yield* timed(use(call))
        assert.strictEqual(yield* tagOf(exit), "TimeoutError")
        assert.strictEqual(millis, 20_000)
        assert.strictEqual(ledger.held.size, 0)
        const after = yield* timed(call(answer("1 second")))
        assert.strictEqual(after.millis, 1_000)
      })
  )

  it.effect("the deadline is around everything: it counts the wait for tokens", () =>
    Effect.gen(function*() {
      const { call, ledger, sent } = yield* enforce({ timeouts: { deadline: "20 seconds" } })
      ledger.closed = () => true
      const { exit, millis } = yield* timed(call(answer(0)))
      assert.strictEqual(yield* tagOf(exit), "TimeoutError")
      assert.deepStrictEqual([millis, sent()], [20_000, 0])
    }))

  it.effect("an interrupted call releases everything, wherever it is", () =>
    Effect.gen(function*() {
      const { call, ledger } = yield* enforce({ concurrency: 2, hedge: "3 seconds" })
      const calls = [answer("8 seconds"), answer("8 seconds"), failing, answer("2 seconds")].map((work) =>
        Effect.forkChild(call(work))
      )
      for (const [index, start] of calls.entries()) {
        const fiber = yield* start
        yield* TestClock.adjust(1_000 * index)
        if (index > 0) yield* Fiber.interrupt(fiber)
      }
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(ledger.held.size, 0)
      const { exit, millis } = yield* timed(Effect.all([1, 2].map(() => call(answer(500))), { concurrency: 2 }))
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(millis, 500)
    }))

  it.effect.each(["call", "stream"] as const)(
    "a %s loses no permit and no tokens, wherever it is interrupted",
    (how) =>
      Effect.gen(function*() {
        const ledger = LedgerMemory.make()
        const policy = Policy.make({ ...everything, concurrency: 3, quota: Quota.tokens({ perMinute: 1_000 }) })
        const enforcement = yield* Effect.provideService(Enforcement.make(policy), Ledger.Ledger, ledger)
        const one = (millis: number) => {
          const work = Effect.sleep(millis)
          return how === "call"
            ? enforcement.call(work, target, metering)
            : Stream.runDrain(enforcement.stream(Stream.fromEffect(work), target, metering))
        }
        // A fiber that yields after every few steps can be interrupted between any of them.
        const fibers = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, index) => index % 4 === 0 ? 0 : index % 7),
          (millis) => Effect.forkChild(Effect.forEach([1, 2, 3], () => one(millis)))
        ).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, 4))
        for (let turn = 0; turn < fibers.length; turn++) {
          yield* Effect.yieldNow
          if (turn % 10 === 0) yield* TestClock.adjust(1)
          fibers[(turn * 7) % fibers.length]!.interruptUnsafe()
        }
        for (let seconds = 0; seconds < 120; seconds++) yield* TestClock.adjust("1 second")
        yield* Fiber.awaitAll(fibers)

        const { millis } = yield* timed(Effect.all([1, 2, 3].map(() => one(500)), { concurrency: 3 }), "1 minute")
        assert.strictEqual(millis, 500)
        const key = `quota//${Telemetry.keyOf(target)}`
        const balances = yield* ledger.balances(key, [{
          name: "minute",
          unit: "tokens",
          amount: 1_000,
          window: Duration.minutes(1)
        }])
        assert.deepStrictEqual(balances.map(({ reserved }) => reserved), [0])
      })
  )
})

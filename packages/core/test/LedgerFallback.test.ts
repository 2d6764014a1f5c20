import { assert, describe, it } from "@effect/vitest"
import * as Ledger from "@strata/core/state/Ledger"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as LedgerFallback from "../src/state/internal/ledgerFallback.ts"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import { watched } from "./ChatFixture.ts"

const lease = Duration.minutes(1)
const minute: Ledger.Limit = { name: "minute", unit: "tokens", amount: 1_000, window: Duration.minutes(1) }
const forever: Ledger.Limit = { name: "forever", unit: "tokens", amount: 10_000, window: Duration.infinity }
const limits = [minute, forever]
const key = "model"

type Way = "refused" | "dies" | "interrupts" | "silent"
const ways: ReadonlyArray<Way> = ["refused", "dies", "interrupts", "silent"]
const operations = ["reserve", "settle", "leave", "renew", "balances"] as const

const failing: { readonly [W in Way]: Effect.Effect<never, Ledger.LedgerError> } = {
  refused: Effect.fail(new Ledger.LedgerError({ message: "refused" })),
  dies: Effect.die(new Error("bug")),
  interrupts: Effect.interrupt,
  silent: Effect.never
}

const pairs = (balances: ReadonlyArray<Ledger.Balance>) => balances.map(({ reserved, spent }) => [spent, reserved])

/** A ledger that others use too, and one process of it that may lose it at some operations. */
const open = Effect.gen(function*() {
  const others = LedgerMemory.make()
  const down = new Map<keyof Ledger.Ledger, Way>()
  const shaky = <A>(operation: keyof Ledger.Ledger, self: Effect.Effect<A>) =>
    Effect.suspend((): Effect.Effect<A, Ledger.LedgerError> => {
      const way = down.get(operation)
      return way === undefined ? self : failing[way]
    })
  const lossy: Ledger.Ledger = {
    reserve: (reservation) => shaky("reserve", others.reserve(reservation)),
    settle: (settlement) => shaky("settle", others.settle(settlement)),
    leave: (place) => shaky("leave", others.leave(place)),
    renew: (reservations, lease) => shaky("renew", others.renew(reservations, lease)),
    balances: (key, limits) => shaky("balances", others.balances(key, limits))
  }
  const scope = yield* Scope.make()
  const ledger = yield* Scope.provide(LedgerFallback.make(lossy), scope)
  return {
    ledger,
    others,
    scope,
    lose: (way: Way, ...only: ReadonlyArray<keyof Ledger.Ledger>) => {
      for (const operation of only.length === 0 ? operations : only) down.set(operation, way)
    },
    find: () => down.clear(),
    ask: (id: string, tokens: number) => ledger.reserve({ key, id, amounts: { tokens }, limits, lease }),
    settle: (id: string, tokens: number) => ledger.settle({ key, id, amounts: { tokens }, limits }),
    known: Effect.map(others.balances(key, limits), pairs),
    knownHere: Effect.map(ledger.known(key, limits), pairs)
  }
})

/** The settlements that a ledger is told of from now on. */
const watch = (ledger: LedgerMemory.Mirror): ReadonlyArray<Ledger.Settlement> => {
  const told: Array<Ledger.Settlement> = []
  const { settle } = ledger
  Object.assign(ledger, {
    settle: (settlement: Ledger.Settlement) => {
      told.push(settlement)
      return settle(settlement)
    }
  })
  return told
}

/** Lets the clock run until an effect is done. */
const inTime = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self, { startImmediately: true })
    for (let millis = 0; millis < 5_000 && fiber.pollUnsafe() === undefined; millis += 250) {
      yield* TestClock.adjust("250 millis")
    }
    return yield* Fiber.join(fiber)
  })

const cases = operations.flatMap((operation) => ways.map((way) => [operation, way] as const))

describe("a ledger that is lost at one operation", () => {
  it.effect.each(cases)(
    "fails no call and loses no spending: %s, %s",
    ([operation, way]) =>
      watched(({ logs }) =>
        Effect.gen(function*() {
          const { ask, find, known, ledger, lose, settle } = yield* open
          lose(way, operation)
          assert.strictEqual((yield* inTime(ask("a", 300)))._tag, "granted")
          assert.strictEqual((yield* inTime(ask("b", 300)))._tag, "granted")
          yield* inTime(ledger.renew([{ key, id: "a" }], lease))
          yield* inTime(settle("a", 250))
          yield* inTime(ledger.leave({ key, id: "b" }))
          assert.deepStrictEqual(
            pairs(yield* inTime(ledger.balances(key, limits))),
            [[250, 0], [250, 0]]
          )
          const warnings = logs.filter(({ level }) => level === "Warn")
          assert.strictEqual(warnings.length, 1)
          assert.include(
            String(warnings[0]?.message),
            "The ledger of quotas and budgets cannot be reached: this process goes on from its last known balances"
          )
          find()
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual((yield* known)[1], [250, 0])
        })
      )
  )
})

describe("a ledger that is lost", () => {
  it.effect("leaves the process with its own reservations and spendings", () =>
    watched(() =>
      Effect.gen(function*() {
        const { ask, lose, settle } = yield* open
        yield* ask("a", 400)
        yield* ask("b", 400)
        yield* settle("b", 300)
        lose("refused")
        assert.strictEqual((yield* ask("c", 400))._tag, "wait")
        assert.strictEqual((yield* ask("c", 300))._tag, "granted")
      })
    ))

  it.effect("leaves the process with what others had on it, until that has left its window", () =>
    watched(() =>
      Effect.gen(function*() {
        const { ask, knownHere, lose, others } = yield* open
        yield* others.settle({ key, id: "theirs", amounts: { tokens: 700 }, limits })
        yield* ask("a", 100)
        lose("refused")
        const wait = yield* ask("b", 400)
        assert.strictEqual(wait._tag, "wait")
        assert.strictEqual(wait._tag === "wait" && Duration.toMillis(wait.retryAfter), 60_000)
        assert.strictEqual((yield* ask("c", 200))._tag, "granted")
        assert.deepStrictEqual(yield* knownHere, [[700, 300], [700, 300]])
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* ask("b", 400))._tag, "granted")
        assert.strictEqual((yield* ask("d", 700))._tag, "wait")
        assert.deepStrictEqual(yield* knownHere, [[0, 400], [700, 400]])
      })
    ))

  it.effect("leaves the process with no place in the queue of the ledger for what it had granted", () =>
    watched(() =>
      Effect.gen(function*() {
        const { ask, lose, others } = yield* open
        yield* others.reserve({ key, id: "theirs", amounts: { tokens: 900 }, limits, lease })
        assert.strictEqual((yield* ask("a", 500))._tag, "wait")
        lose("refused")
        assert.strictEqual((yield* ask("a", 500))._tag, "wait")
        assert.strictEqual((yield* ask("b", 500))._tag, "wait")
      })
    ))

  it.effect("leaves the process with nothing of others where the ledger gave no balances, or not those asked for", () =>
    watched(() =>
      Effect.forEach([undefined, [{ limit: "minute", spent: 900, reserved: 0 }]], (balances) =>
        Effect.gen(function*() {
          const { ask, lose, others } = yield* open
          const { reserve } = others
          Object.assign(others, {
            reserve: (reservation: Ledger.Reservation) =>
              Effect.map(reserve(reservation), (decision) => ({ ...decision, balances }))
          })
          assert.strictEqual((yield* ask("a", 500))._tag, "granted")
          lose("refused")
          assert.strictEqual((yield* ask("b", 500))._tag, "granted")
          assert.strictEqual((yield* ask("c", 1))._tag, "wait")
        }))
    ))

  it.effect("does not take what does not fit beside others for what never fits", () =>
    watched(() =>
      Effect.gen(function*() {
        const { ask, lose, others } = yield* open
        yield* others.settle({ key, id: "theirs", amounts: { tokens: 900 }, limits })
        yield* ask("a", 10)
        lose("refused")
        assert.strictEqual((yield* ask("b", 500))._tag, "wait")
        assert.strictEqual((yield* ask("c", 1_001))._tag, "never")
      })
    ))

  it.effect("says which limit has no room beside others, and for how long", () =>
    watched(() =>
      Effect.gen(function*() {
        const { ask, lose, others } = yield* open
        yield* others.settle({ key, id: "theirs", amounts: { tokens: 9_500 }, limits: [forever] })
        yield* TestClock.adjust("1 minute")
        yield* ask("a", 10)
        lose("refused")
        const wait = yield* ask("b", 600)
        assert.deepInclude(wait, { _tag: "wait", limit: "forever", retryAfter: Duration.infinity })
      })
    ))

  it.effect("is told of every settlement when it is back, before it is asked for more", () =>
    watched(() =>
      Effect.gen(function*() {
        const { ask, find, known, lose, settle } = yield* open
        yield* ask("granted there", 400)
        lose("refused")
        yield* ask("granted here", 300)
        yield* settle("granted there", 350)
        yield* settle("granted here", 250)
        find()
        yield* TestClock.adjust("4999 millis")
        assert.deepStrictEqual(yield* known, [[0, 400], [0, 400]])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(yield* known, [[600, 0], [600, 0]])
        assert.strictEqual((yield* ask("more", 500))._tag, "wait")
      })
    ))

  it.effect("is told when spending happened", () =>
    watched(() =>
      Effect.gen(function*() {
        const { find, known, lose, settle } = yield* open
        lose("refused")
        yield* settle("a", 100)
        yield* TestClock.adjust("50 seconds")
        find()
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual(yield* known, [[100, 0], [100, 0]])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* known, [[0, 0], [100, 0]])
      })
    ))

  it.effect("is told of any number of settlements, added up beyond a bound", () =>
    watched(() =>
      Effect.gen(function*() {
        const { find, known, lose, others, settle } = yield* open
        lose("refused")
        for (let call = 0; call < 1_000; call++) yield* settle(`${call}`, 1)
        find()
        const told = watch(others)
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual((yield* known)[1], [1_000, 0])
        assert.strictEqual(told.length, 100)
        assert.deepStrictEqual(told.map(({ amounts }) => amounts.tokens), [...Array(99).fill(1), 901])
      })
    ))

  it.effect("is told of what was added up as spent when the last of it was, on all of its limits", () =>
    watched(() =>
      Effect.gen(function*() {
        const { find, ledger, lose, others, settle } = yield* open
        lose("refused")
        yield* TestClock.adjust("2 seconds")
        for (let call = 0; call < 99; call++) yield* settle(`${call}`, 1)
        const spend = (id: string, limit: Ledger.Limit) =>
          ledger.settle({ key, id, amounts: { tokens: 1 }, limits: [limit] })
        yield* spend("99", minute)
        yield* TestClock.adjust("3 seconds")
        yield* spend("100", forever)
        yield* spend("101", forever)
        const told = watch(others)
        find()
        yield* TestClock.adjust("2 seconds")
        const described = told.map(({ age, amounts, limits }) => [
          age && Duration.toSeconds(age),
          amounts.tokens,
          ...limits.map(({ name }) => name)
        ])
        assert.deepStrictEqual(described[0], [5, 1, "minute", "forever"])
        assert.deepStrictEqual(described[99], [2, 3, "minute", "forever"])
      })
    ))

  it.effect("is told a last time when the scope of a service closes", () =>
    watched(() =>
      Effect.gen(function*() {
        const { find, known, lose, scope, settle } = yield* open
        lose("refused")
        yield* settle("a", 100)
        yield* TestClock.adjust("4900 millis")
        find()
        yield* TestClock.adjust("100 millis")
        yield* settle("b", 1)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual((yield* known)[1], [101, 0])
      })
    ))

  it.effect("is not waited for without end by a program that has nothing else to do: two minutes", () =>
    watched(() =>
      Effect.gen(function*() {
        const { find, known, lose, settle } = yield* open
        lose("refused")
        yield* settle("a", 100)
        yield* TestClock.adjust("2 minutes")
        find()
        yield* TestClock.adjust("10 minutes")
        assert.deepStrictEqual((yield* known)[1], [0, 0])
        yield* settle("b", 1)
        yield* TestClock.adjust("10 minutes")
      })
    ))

  it.effect("is waited for anew after each outage", () =>
    watched(() =>
      Effect.gen(function*() {
        const { find, known, lose, settle } = yield* open
        lose("refused")
        yield* settle("a", 100)
        yield* TestClock.adjust("1 second")
        find()
        yield* TestClock.adjust("59 seconds")
        assert.deepStrictEqual((yield* known)[1], [100, 0])
        lose("refused")
        yield* settle("b", 1)
        yield* TestClock.adjust("90 seconds")
        find()
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual((yield* known)[1], [101, 0])
      })
    ))
})

describe("a ledger that is not lost", () => {
  it.effect("is told of everything, and read", () =>
    Effect.gen(function*() {
      const { ask, known, ledger, others } = yield* open
      yield* ask("a", 300)
      yield* ask("b", 400)
      yield* ledger.leave({ key, id: "b" })
      assert.deepStrictEqual(yield* known, [[0, 300], [0, 300]])
      yield* others.settle({ key, id: "theirs", amounts: { tokens: 100 }, limits })
      assert.deepStrictEqual(pairs(yield* ledger.balances(key, limits)), [[100, 300], [100, 300]])
      yield* TestClock.adjust("59 seconds")
      yield* ledger.renew([{ key, id: "a" }], lease)
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* known, [[0, 300], [100, 300]])
    }))

  it.effect("is used as it is in memory", () =>
    Effect.gen(function*() {
      const memory = LedgerMemory.make()
      assert.deepStrictEqual(yield* LedgerFallback.make(memory), { ...memory, known: memory.balances })
    }))
})

/**
 * What every ledger promises, wherever it is kept: the same tests for the one in memory and the one in Redis.
 */
import { assert, type Vitest } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Ledger from "../../src/state/Ledger.ts"

/** A ledger and its time, in milliseconds. */
export interface World {
  readonly ledger: Ledger.Ledger
  readonly advance: (millis: number) => Effect.Effect<void>
}

export const minute: Ledger.Limit = { name: "minute", unit: "tokens", amount: 100, window: Duration.minutes(1) }
const day: Ledger.Limit = { name: "day", unit: "tokens", amount: 150, window: Duration.days(1) }
const forever: Ledger.Limit = { name: "forever", unit: "tokens", amount: 100, window: Duration.infinity }

/** A ledger with one key and, unless said otherwise, one limit of 100 a minute and leases of an hour. */
export const open = ({ advance, ledger }: World, key: string) => ({
  advance,
  ask: (
    id: string,
    amount: number,
    { lease = "1 hour", limits = [minute], share }: {
      readonly lease?: Duration.Input
      readonly share?: string
      readonly limits?: ReadonlyArray<Ledger.Limit>
    } = {}
  ) =>
    Effect.map(
      ledger.reserve({ key, id, amounts: { tokens: amount }, limits, lease: Duration.fromInputUnsafe(lease), share }),
      (decision) =>
        decision._tag === "wait"
          ? `${decision.limit} ${Duration.toMillis(decision.retryAfter)}`
          : decision._tag === "never"
          ? `never ${decision.limit}`
          : decision._tag
    ),
  settle: (id: string, amount: number, limits: ReadonlyArray<Ledger.Limit> = [minute]) =>
    ledger.settle({ key, id, amounts: { tokens: amount }, limits }),
  late: (id: string, amount: number, age: Duration.Input) =>
    ledger.settle({
      key,
      id,
      amounts: { tokens: amount },
      limits: [minute],
      age: Duration.fromInputUnsafe(age)
    }),
  mixed: (limits: ReadonlyArray<Ledger.Limit>) => ({
    reserve: (id: string, amounts: Ledger.Amounts, share?: string) =>
      Effect.map(
        ledger.reserve({ key, id, amounts, limits, lease: Duration.hours(1), share }),
        (decision) => decision._tag === "granted" ? decision._tag : `${decision._tag} ${decision.limit}`
      ),
    settle: (id: string, amounts: Ledger.Amounts) => ledger.settle({ key, id, amounts, limits })
  }),
  leave: (id: string) => ledger.leave({ key, id }),
  renew: (id: string, lease: Duration.Input) => ledger.renew([{ key, id }], Duration.fromInputUnsafe(lease)),
  balances: (limits: ReadonlyArray<Ledger.Limit> = [minute]) =>
    Effect.map(ledger.balances(key, limits), (balances) => balances.map(({ reserved, spent }) => [spent, reserved]))
})

/** Declares the tests; each has a key of its own. */
export const specification = <R>(
  effect: Vitest.Test<R | Scope.Scope>,
  world: Effect.Effect<World, never, R | Scope.Scope>
): void => {
  const it = (
    name: string,
    test: (key: ReturnType<typeof open>) => Effect.Effect<void, Ledger.LedgerError>
  ) => effect(name, () => Effect.flatMap(world, (world) => test(open(world, name))))

  it("reserves what there is room for, and no more", ({ ask, balances }) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask("a", 60), "granted")
      assert.strictEqual(yield* ask("b", 40), "granted")
      assert.strictEqual(yield* ask("c", 1), "minute 100")
      assert.deepStrictEqual(yield* balances(), [[0, 100]])
    }))

  it("replaces a reservation by what was spent, at the moment it was granted", ({ advance, ask, balances, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 80)
      yield* advance(30_000)
      yield* settle("a", 50)
      assert.deepStrictEqual(yield* balances(), [[50, 0]])
      assert.strictEqual(yield* ask("b", 60), "minute 30000")
      yield* advance(29_999)
      assert.strictEqual(yield* ask("b", 60), "minute 1")
      yield* advance(1)
      assert.strictEqual(yield* ask("b", 60), "granted")
      assert.deepStrictEqual(yield* balances(), [[0, 60]])
    }))

  it("slides: there is no moment at which the whole amount comes back", ({ advance, ask, settle }) =>
    Effect.gen(function*() {
      for (const id of ["a", "b", "c", "d"]) {
        yield* ask(id, 25)
        yield* settle(id, 25)
        yield* advance(15_000)
      }
      assert.strictEqual(yield* ask("e", 25), "granted")
      yield* settle("e", 25)
      assert.strictEqual(yield* ask("f", 26), "minute 30000")
    }))

  it("foresees how much has to leave", ({ advance, ask, settle }) =>
    Effect.gen(function*() {
      for (const id of ["a", "b", "c", "d"]) {
        yield* settle(id, 25)
        yield* advance(1500)
      }
      assert.strictEqual(yield* ask("e", 51), "minute 57000")
      assert.strictEqual(yield* ask("e", 50), "minute 55500")
      assert.strictEqual(yield* ask("e", 1), "minute 54000")
    }))

  it("groups spendings into slots of a sixtieth, which leave with their newest", ({ advance, balances, settle }) =>
    Effect.gen(function*() {
      yield* settle("a", 1)
      yield* advance(400)
      yield* settle("b", 2)
      yield* advance(59_600)
      const early = (yield* balances())[0]?.[0]
      yield* advance(400)
      assert.include([2, 3], early)
      assert.deepStrictEqual(yield* balances(), [[0, 0]])
    }))

  it("counts a reservation in flight whatever its age", ({ advance, ask, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 100)
      yield* advance(600_000)
      assert.strictEqual(yield* ask("b", 1), "minute 100")
      yield* settle("a", 100)
      assert.strictEqual(yield* ask("b", 100), "granted")
    }))

  it("releases all with an empty settlement", ({ ask, balances, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 100)
      yield* settle("a", 0)
      assert.deepStrictEqual(yield* balances(), [[0, 0]])
      assert.strictEqual(yield* ask("b", 100), "granted")
    }))

  it("enters more than was reserved, to be paid back by waiting", ({ advance, ask, balances, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 10)
      yield* settle("a", 150)
      assert.deepStrictEqual(yield* balances(), [[150, 0]])
      assert.strictEqual(yield* ask("b", 0), "minute 60000")
      yield* advance(60_000)
      assert.strictEqual(yield* ask("b", 0), "granted")
    }))

  it("enters what it does not know as spent now", ({ advance, ask, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 10, { lease: "1 second" })
      yield* advance(20_000)
      yield* settle("a", 60)
      yield* settle("stranger", 40)
      assert.strictEqual(yield* ask("b", 60), "minute 60000")
    }))

  it("counts what is asked for twice once", ({ ask, balances }) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask("a", 60), "granted")
      assert.strictEqual(yield* ask("a", 60), "granted")
      assert.deepStrictEqual(yield* balances(), [[0, 60]])
    }))

  it("lets no waiter overtake, even where there is room for it", ({ ask, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 50)
      assert.strictEqual(yield* ask("large", 80), "minute 100")
      assert.strictEqual(yield* ask("small", 10), "queue 100")
      assert.strictEqual(yield* ask("large", 80), "minute 100")
      yield* settle("a", 0)
      assert.strictEqual(yield* ask("small", 10), "granted")
      assert.strictEqual(yield* ask("large", 80), "granted")
    }))

  it("reserves for the waiter as soon as there is room, before it asks again", ({ ask, balances, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 100)
      yield* ask("b", 60)
      yield* ask("c", 60)
      yield* settle("a", 0)
      assert.deepStrictEqual(yield* balances(), [[0, 60]])
      assert.strictEqual(yield* ask("d", 10), "queue 100")
      assert.strictEqual(yield* ask("b", 60), "granted")
      assert.strictEqual(yield* ask("c", 60), "minute 100")
    }))

  it("asks those further behind to come back later", ({ ask }) =>
    Effect.gen(function*() {
      yield* ask("a", 100)
      const answers = yield* Effect.forEach(Array.from({ length: 13 }, (_, index) => `${index}`), (id) => ask(id, 1))
      assert.deepStrictEqual(answers.slice(0, 4), ["minute 100", "queue 100", "queue 200", "queue 300"])
      assert.deepStrictEqual(answers.slice(10), ["queue 1000", "queue 1000", "queue 1000"])
    }))

  it("keeps the place of who asks again for another amount", ({ ask, leave }) =>
    Effect.gen(function*() {
      yield* ask("a", 50)
      yield* ask("b", 90)
      yield* ask("c", 10)
      assert.strictEqual(yield* ask("b", 45), "granted")
      assert.strictEqual(yield* ask("c", 10), "minute 100")
      yield* leave("c")
      assert.strictEqual(yield* ask("d", 5), "granted")
    }))

  it("moves up when a waiter leaves the queue", ({ ask, balances, leave }) =>
    Effect.gen(function*() {
      yield* ask("a", 50)
      yield* ask("b", 90)
      yield* ask("c", 10)
      yield* leave("b")
      assert.deepStrictEqual(yield* balances(), [[0, 60]])
      assert.strictEqual(yield* ask("c", 10), "granted")
    }))

  it("drops places that are not renewed by asking again", ({ advance, ask }) =>
    Effect.gen(function*() {
      yield* ask("a", 50)
      yield* ask("dead", 90, { lease: "10 seconds" })
      yield* ask("b", 20, { lease: "10 seconds" })
      yield* advance(9999)
      assert.strictEqual(yield* ask("b", 20, { lease: "10 seconds" }), "queue 100")
      yield* advance(1)
      assert.strictEqual(yield* ask("b", 20, { lease: "10 seconds" }), "granted")
      assert.strictEqual(yield* ask("dead", 90, { lease: "10 seconds" }), "minute 100")
    }))

  it("takes reservations back that are not renewed", ({ advance, ask, renew }) =>
    Effect.gen(function*() {
      yield* ask("a", 60, { lease: "10 seconds" })
      yield* ask("b", 40, { lease: "10 seconds" })
      yield* advance(9999)
      yield* renew("a", "10 seconds")
      yield* renew("nobody", "10 seconds")
      assert.strictEqual(yield* ask("c", 40), "minute 100")
      yield* advance(1)
      assert.strictEqual(yield* ask("c", 40), "granted")
      assert.strictEqual(yield* ask("d", 60), "minute 100")
      yield* advance(9999)
      yield* renew("a", "10 seconds")
      assert.strictEqual(yield* ask("d", 60), "granted")
    }))

  it("refuses what will never fit, and keeps no place for it", ({ ask }) =>
    Effect.gen(function*() {
      yield* ask("a", 95)
      assert.strictEqual(yield* ask("b", 101, { limits: [day, minute] }), "never minute")
      assert.strictEqual(yield* ask("c", 10), "minute 100")
      assert.strictEqual(yield* ask("d", 5), "queue 100")
      assert.strictEqual(yield* ask("c", 101), "never minute")
      assert.strictEqual(yield* ask("d", 5), "granted")
    }))

  it("holds all limits, and waits for the slowest", ({ advance, ask, balances, settle }) =>
    Effect.gen(function*() {
      const limits = [minute, day]
      yield* settle("a", 90, limits)
      yield* advance(3_600_000)
      yield* settle("b", 50, limits)
      assert.deepStrictEqual(yield* balances(limits), [[50, 0], [140, 0]])
      for (const each of [limits, [day, minute]]) {
        assert.strictEqual(yield* ask("c", 60, { limits: each }), `day ${86_400_000 - 3_600_000}`)
      }
      assert.strictEqual(yield* ask("c", 60, { limits: [day, { ...day, name: "same" }] }), "day 82800000")
      assert.strictEqual(yield* ask("c", 10, { limits }), "granted")
    }))

  it("enters what was spent some time ago when it was spent, and nothing that has left its window", ({ ask, late }) =>
    Effect.gen(function*() {
      yield* late("a", 60, "30 seconds")
      yield* late("b", 70, "1 minute")
      assert.strictEqual(yield* ask("c", 50), "minute 30000")
      assert.strictEqual(yield* ask("d", 40), "queue 100")
    }))

  it("draws different amounts from limits of different units, from all of them or from none", ({ balances, leave, mixed }) =>
    Effect.gen(function*() {
      const limits: ReadonlyArray<Ledger.Limit> = [minute, { ...minute, name: "requests", unit: "requests", amount: 2 }]
      const { reserve, settle } = mixed(limits)
      assert.strictEqual(yield* reserve("a", { tokens: 60, requests: 1 }), "granted")
      assert.strictEqual(yield* reserve("b", { tokens: 10, requests: 2 }), "wait requests")
      assert.deepStrictEqual(yield* balances(limits), [[0, 60], [0, 1]])
      yield* leave("b")
      assert.strictEqual(yield* reserve("c", { tokens: 50, requests: 1 }), "wait minute")
      assert.deepStrictEqual(yield* balances(limits), [[0, 60], [0, 1]])
      yield* settle("a", { tokens: 50, requests: 1 })
      assert.strictEqual(yield* reserve("c", { tokens: 50, requests: 1 }), "granted")
      yield* settle("c", { tokens: 0 })
      assert.deepStrictEqual(yield* balances(limits), [[50, 0], [1, 0]])
      assert.strictEqual(yield* reserve("d", { requests: 3 }), "never requests")
    }))

  it("enters a spending in every window of its key", ({ balances, settle }) =>
    Effect.gen(function*() {
      yield* settle("a", 10, [minute, day])
      yield* settle("b", 10, [minute])
      assert.deepStrictEqual(yield* balances([minute, day]), [[20, 0], [20, 0]])
    }))

  it("never forgets in an infinite window", ({ advance, ask, balances, settle }) =>
    Effect.gen(function*() {
      const limits = [forever]
      yield* settle("a", 60, limits)
      yield* advance(1e12)
      yield* settle("b", 30, limits)
      assert.deepStrictEqual(yield* balances(limits), [[90, 0]])
      assert.strictEqual(yield* ask("c", 11, { limits }), "forever Infinity")
      assert.strictEqual(yield* ask("c", 10, { limits }), "granted")
    }))

  it("holds nothing in a window of no length but what is in flight", ({ ask, settle }) =>
    Effect.gen(function*() {
      const limits = [{ ...minute, window: Duration.zero }]
      assert.strictEqual(yield* ask("a", 100, { limits }), "granted")
      assert.strictEqual(yield* ask("b", 100, { limits }), "minute 100")
      yield* settle("a", 100, limits)
      assert.strictEqual(yield* ask("b", 100, { limits }), "granted")
    }))

  it("grants everything where there is no limit", ({ ask, settle }) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask("a", 1e12, { limits: [] }), "granted")
      yield* settle("a", 1e12, [])
      const limits = [{ ...minute, amount: Infinity }, { ...minute, amount: NaN }]
      assert.strictEqual(yield* ask("b", Infinity, { limits }), "granted")
      assert.strictEqual(yield* ask("c", Infinity, { limits }), "granted")
    }))

  it("takes amounts that are no number or negative for nothing, infinite ones for too much", ({ ask, balances, settle }) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask("a", NaN), "granted")
      assert.strictEqual(yield* ask("b", -50), "granted")
      assert.strictEqual(yield* ask("c", Infinity), "never minute")
      assert.strictEqual(yield* ask("d", 1, { limits: [{ ...minute, amount: -5 }] }), "never minute")
      yield* settle("a", NaN)
      yield* settle("b", -50)
      assert.deepStrictEqual(yield* balances(), [[0, 0]])
      yield* settle("e", Infinity)
      assert.deepStrictEqual(yield* balances(), [[Number.MAX_SAFE_INTEGER, 0]])
    }))

  it("adds fractions up without dust", ({ advance, ask, balances, settle }) =>
    Effect.gen(function*() {
      const limits = [{ ...minute, amount: 0.3 }]
      for (const id of ["a", "b", "c"]) assert.strictEqual(yield* ask(id, 0.1, { limits }), "granted")
      assert.strictEqual(yield* ask("d", 1e-6, { limits }), "minute 100")
      for (const id of ["a", "b", "c"]) yield* settle(id, 0.1, limits)
      const [sums] = yield* balances(limits)
      assert.deepStrictEqual(sums, [0.1 + 0.1 + 0.1, 0])
      yield* advance(60_000)
      assert.deepStrictEqual(yield* balances(limits), [[0, 1e-6]])
      yield* settle("d", 0, limits)
      assert.strictEqual(yield* ask("e", 0.3, { limits }), "granted")
    }))

  it("has nothing on a key it has not seen", ({ balances, leave, renew }) =>
    Effect.gen(function*() {
      yield* leave("a")
      yield* renew("a", "1 second")
      assert.deepStrictEqual(yield* balances([minute, forever]), [[0, 0], [0, 0]])
      assert.deepStrictEqual(yield* balances([]), [])
    }))

  effect("keeps keys apart", () =>
    Effect.gen(function*() {
      const { advance, ledger } = yield* world
      const one = open({ advance, ledger }, "one")
      const other = open({ advance, ledger }, "}other{")
      yield* one.ask("a", 100)
      assert.strictEqual(yield* other.ask("a", 100), "granted")
      yield* ledger.renew([{ key: "one", id: "a" }, { key: "}other{", id: "a" }], Duration.minutes(1))
      yield* advance(60_000)
      assert.deepStrictEqual([yield* one.balances(), yield* other.balances()], [[[0, 0]], [[0, 0]]])
    }))
}

import { assert, describe, it } from "@effect/vitest"
import * as Budget from "@strata/core/policy/Budget"
import type * as Ledger from "@strata/core/state/Ledger"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as BudgetAccount from "../src/policy/internal/budget/account.ts"
import * as KeyedAccounts from "../src/policy/internal/budget/keyedAccounts.ts"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import { tenant } from "./BudgetFixture.ts"
import { watched } from "./ChatFixture.ts"

/** The accounts of a budget with keys: `hold` takes those of so many keys, each of which has spent something where `spent`. */
const accountsOn = (ledger: Ledger.Ledger) => {
  const [accounts] = BudgetAccount.of(Budget.make({ name: "many", perDay: 1, key: tenant }), ledger)
  assert.isDefined(accounts)
  const take = (key: string | number) => KeyedAccounts.take(accounts, `${key}`)
  const place = (key: string | number) => Effect.map(KeyedAccounts.look(accounts, `${key}`), ({ key }) => key)
  const hold = (count: number, { spent } = { spent: false }) =>
    Effect.forEach(
      Array.from({ length: count }, (_, index) => index),
      (key) => Effect.tap(take(key), ({ account }) => spent ? spend(account.key) : Effect.void)
    )
  const spend = (key: string) =>
    Effect.orDie(ledger.settle({ key, id: "spent", amounts: { nanodollars: 1 }, limits: accounts.limits }))
  return { accounts, take, place, hold, spend }
}

/** An account looks at two others whenever one is taken: half as many takes look at all. */
const most = 10_000

describe("the accounts of keys on a ledger in memory", () => {
  it.effect("are one for each key, until very many are in use: new keys then share one, which is logged once", () =>
    watched(({ logs }) =>
      Effect.gen(function*() {
        const { accounts, hold, place, take } = accountsOn(LedgerMemory.make())
        const held = yield* hold(most)
        assert.strictEqual(new Set(held.map(({ account }) => account.key)).size, most)
        assert.isFalse(held.some(({ isShared }) => isShared))
        assert.deepStrictEqual(logs, [])

        for (const key of ["new", "newer"]) {
          const { account, isShared, release } = yield* take(key)
          assert.deepStrictEqual([account.key, isShared, yield* place(key)], [accounts.other, true, accounts.other])
          yield* release
        }
        assert.deepStrictEqual(logs.map(({ annotations, level }) => [level, annotations["budget"]]), [["Warn", "many"]])
        const { account, isShared } = yield* take(7)
        assert.deepStrictEqual([account.key, isShared, yield* place(7)], [accounts.at("7"), false, accounts.at("7")])
      })
    ))

  it.effect("are free for others when the last call of a key that spent nothing has ended", () =>
    Effect.gen(function*() {
      const { hold, take } = accountsOn(LedgerMemory.make())
      yield* hold(most - 1)
      const [one, other] = [yield* take("last"), yield* take("last")]
      yield* one.release
      assert.isTrue((yield* take("new")).isShared)
      yield* other.release
      assert.isFalse((yield* take("new")).isShared)
      assert.isTrue((yield* take("last")).isShared)
    }))

  it.effect("are kept while calls are in flight, however often others come and go", () =>
    Effect.gen(function*() {
      const { hold, take } = accountsOn(LedgerMemory.make())
      yield* hold(most - 1)
      yield* Effect.forEach(
        Array.from({ length: most }),
        () => Effect.flatMap(take("other"), ({ release }) => release),
        { discard: true }
      )
      yield* take("last")
      assert.isTrue((yield* take("new")).isShared)
    }))

  it.effect("are kept while something is spent, and forgotten when that has left its window", () =>
    Effect.gen(function*() {
      const { hold, place, take } = accountsOn(LedgerMemory.make())
      for (const { release } of yield* hold(most, { spent: true })) yield* release
      assert.isTrue((yield* take("new")).isShared)
      yield* TestClock.adjust("23 hours")
      yield* Effect.forEach(Array.from({ length: most / 2 }), () => take("new"), { discard: true })
      assert.isTrue((yield* take("new")).isShared)
      yield* TestClock.adjust("2 hours")
      assert.isFalse((yield* take("new")).isShared)
      assert.isFalse((yield* take("newer")).isShared)
      assert.notStrictEqual(yield* place("new"), yield* place("newer"))
    }))

  it.effect("are not given to new keys while the one that they shared has spending, which may be theirs", () =>
    Effect.gen(function*() {
      const { accounts, hold, place, spend, take } = accountsOn(LedgerMemory.make())
      const held = yield* hold(most)
      yield* spend((yield* take("new")).account.key)
      for (const { release } of held) yield* release
      assert.isTrue((yield* take("new")).isShared)
      assert.strictEqual(yield* place("newer"), accounts.other)
      yield* TestClock.adjust(Duration.days(1))
      assert.isFalse((yield* take("new")).isShared)
      assert.strictEqual(yield* place("newer"), accounts.at("newer"))
    }))
})

describe("the accounts of keys on a ledger of another kind", () => {
  it.effect("are one for each key, however many there are", () =>
    Effect.gen(function*() {
      const { accounts, hold, place, take } = accountsOn({ ...LedgerMemory.make() })
      yield* hold(most)
      const { account, isShared } = yield* take("new")
      assert.deepStrictEqual([account.key, isShared, yield* place("new")], [
        accounts.at("new"),
        false,
        accounts.at("new")
      ])
    }))
})

describe("the account of a budget without keys", () => {
  it.effect("is its own, however many keys have theirs", () =>
    Effect.gen(function*() {
      const { accounts, hold } = accountsOn(LedgerMemory.make())
      yield* hold(most)
      const { account, isShared } = yield* KeyedAccounts.take(accounts, undefined)
      const looked = yield* KeyedAccounts.look(accounts, undefined)
      const key = accounts.at(undefined)
      assert.deepStrictEqual([account.key, isShared, looked.key], [key, false, key])
    }))
})

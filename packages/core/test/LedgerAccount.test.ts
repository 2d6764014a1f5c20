import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as LedgerAccount from "../src/state/internal/ledgerAccount.ts"
import type { Limit, Reservation } from "../src/state/internal/ledgerData.ts"

const minute: Limit = { name: "minute", unit: "tokens", amount: 100, window: Duration.minutes(1) }
const day: Limit = { name: "day", unit: "tokens", amount: 1_000, window: Duration.days(1) }
const requests: Limit = { ...minute, name: "requests", unit: "requests" }

const reservation = (id: string, tokens: number): Reservation => ({
  key: "key",
  id,
  amounts: { tokens },
  limits: [minute],
  lease: Duration.seconds(10)
})

const settlement = (tokens: number, limits: ReadonlyArray<Limit> = [minute]) => ({
  key: "key",
  id: "a",
  amounts: { tokens },
  limits
})

describe("one account of a ledger", () => {
  it("charges a share the first unit that is limited and asked for, or one", () => {
    const costs: ReadonlyArray<readonly [expected: number, demand: Pick<Reservation, "amounts" | "limits">]> = [
      [60, { amounts: { requests: 2, tokens: 60 }, limits: [requests, minute] }],
      [2, { amounts: { requests: 2, tokens: 60 }, limits: [requests] }],
      [2, { amounts: { requests: 2, tokens: 0 }, limits: [minute, requests] }],
      [1, { amounts: { tokens: 0 }, limits: [minute] }],
      [1, { amounts: { tokens: 60 }, limits: [] }]
    ]
    for (const [expected, demand] of costs) assert.strictEqual(LedgerAccount.costOf(demand), expected)
  })

  it("is in use while something is reserved, or waited for", () => {
    const account = LedgerAccount.make()
    assert.isFalse(account.isInUse())
    account.settle(0, settlement(100))
    assert.isFalse(account.isInUse())
    account.reserve(0, reservation("waits", 50))
    assert.isTrue(account.isInUse())
    account.leave(0, "waits")
    account.reserve(0, reservation("held", 0))
    assert.isTrue(account.isInUse())
    account.leave(0, "held")
    assert.isFalse(account.isInUse())
  })

  it("is empty when its reservations have expired, and all windows have nothing left", () => {
    const account = LedgerAccount.make()
    assert.isTrue(account.isEmpty(0))
    account.reserve(0, reservation("a", 50))
    assert.isFalse(account.isEmpty(9_999))
    assert.isTrue(account.isEmpty(10_000))
    account.settle(10_000, settlement(10, [minute, day]))
    assert.isFalse(account.isEmpty(70_000))
    assert.isTrue(account.isEmpty(86_410_000))
  })

  it("keeps no window, and no slot, of what spent nothing", () => {
    const account = LedgerAccount.make()
    account.settle(0, settlement(0))
    assert.deepStrictEqual(account.saved().windows, [])
    account.settle(0, settlement(5))
    account.settle(30_000, settlement(0))
    assert.deepStrictEqual(account.saved().windows, [{ unit: "tokens", millis: 60_000, slots: [[0, 5]] }])
  })

  it("groups what was spent within a sixtieth of a window, and the rest apart", () => {
    const account = LedgerAccount.make()
    for (const at of [0, 400, 999, 1_000, 1_999]) account.settle(at, settlement(1))
    assert.deepStrictEqual(account.saved().windows[0]?.slots, [[999, 3], [1_999, 2]])
    assert.strictEqual(account.ends(), 61_999)
  })

  it("adds nothing that is too old to the slot that its time belongs to", () => {
    const account = LedgerAccount.make()
    account.settle(500, settlement(10))
    for (const age of [60_000, 60_200]) account.settle(60_200, { ...settlement(5), age: Duration.millis(age) })
    assert.deepStrictEqual(account.balances(60_200, [minute]), [{ limit: "minute", spent: 10, reserved: 0 }])
  })

  it("takes what is settled while it waits out of the queue", () => {
    const account = LedgerAccount.make()
    account.reserve(0, reservation("full", 100))
    account.reserve(0, reservation("a", 50))
    assert.strictEqual(account.saved().queue.length, 1)
    account.settle(0, settlement(5))
    assert.deepStrictEqual(account.saved().queue, [])
    assert.deepStrictEqual(account.balances(0, [minute]), [{ limit: "minute", spent: 5, reserved: 100 }])
  })

  it("foresees what leaves first, in whatever order it was entered", () => {
    const account = LedgerAccount.make()
    account.settle(90_000, settlement(40))
    account.settle(90_000, { ...settlement(60), age: Duration.seconds(30) })
    assert.deepInclude(account.reserve(90_000, reservation("b", 40)), { retryAfter: Duration.seconds(30) })
  })

  it("adds what is old to nothing that has left its slot", () => {
    const account = LedgerAccount.make()
    account.settle(0, settlement(10))
    account.settle(60_000, { ...settlement(7), age: Duration.millis(59_900) })
    assert.deepStrictEqual(account.balances(60_000, [minute]), [{ limit: "minute", spent: 7, reserved: 0 }])
  })

  it("adopts what another ledger has granted, at the time it was granted first", () => {
    const account = LedgerAccount.make()
    account.reserve(0, reservation("full", 100))
    account.reserve(0, reservation("a", 60))
    account.adopt(1_000, reservation("a", 60))
    assert.deepStrictEqual(account.balances(1_000, [minute]), [{ limit: "minute", spent: 0, reserved: 160 }])
    account.adopt(9_000, reservation("a", 50))
    assert.deepStrictEqual(account.saved().held.map(([id, { at, until }]) => [id, at, until]), [
      ["full", 0, 10_000],
      ["a", 1_000, 19_000]
    ])
    assert.deepStrictEqual(account.saved().queue, [])
    account.adopt(10_000, reservation("full", 100))
    assert.strictEqual(account.saved().held.at(-1)?.[1].at, 10_000, "one that has expired is granted anew")
  })
})

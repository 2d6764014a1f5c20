import { assert, describe } from "@effect/vitest"
import * as Key from "@strata/core/policy/Key"
import * as Quota from "@strata/core/policy/Quota"
import * as Ledger from "@strata/core/state/Ledger"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { errors } from "./ChatFixture.ts"
import { arrive, enforce, reserveAhead, test } from "./QuotaFixture.ts"

const quota = Quota.tokens({ perMinute: 1_000, key: Key.metadata("tenant") })

/** Calls under a quota whose ledger takes a time to answer; `asked` are the tenants that it was asked for, one each time. */
const enforceOn = (delay: Duration.Input, given = quota) =>
  Effect.gen(function*() {
    const ledger = yield* Ledger.Ledger
    const asked: Array<string | undefined> = []
    const service: Ledger.Ledger = {
      ...ledger,
      reserve: (reservation) =>
        Effect.suspend(() => {
          asked.push(reservation.share)
          return Effect.tap(ledger.reserve(reservation), () => Effect.sleep(delay))
        })
    }
    return { ...(yield* Effect.provideService(enforce({ quota: given }), Ledger.Ledger, service)), asked }
  })

/** A call of a tenant that does not end. */
const endless = (tenant: string, input = 100) => ({ name: tenant, tenant, input, takes: "1 hour" as const })

describe("a call that waits for a Quota", () => {
  test("asks the ledger again to renew its place, when something is released, and when there is room", () =>
    Effect.gen(function*() {
      const both = Quota.make({ tokensPerMinute: 1_000, requestsPerMinute: 100 })
      const { asked, call, times } = yield* enforceOn(0, both)
      yield* arrive(call, [{ input: 0, takes: "30 seconds" }, { input: 1_000 }, { input: 1_000 }])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(times(), [0, 0, 60_000])
      // The third at the beginning, and after 20, 30, 50 and 60 seconds.
      assert.strictEqual(asked.length, 2 + 5)
    }))

  test("asks again at once where something was released while the ledger answered", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforceOn("50 millis")
      yield* arrive(call, [{ input: 1_000, tenant: "a", fails: errors.RateLimitError, takes: "30 millis" }])
      yield* TestClock.adjust("60 millis")
      yield* arrive(call, [{ input: 1_000, tenant: "a" }])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(times(), [50, 160])
    }))

  test("asks again once where that was too little", () =>
    Effect.gen(function*() {
      const { asked, call } = yield* enforceOn("50 millis")
      const calls = yield* arrive(call, [
        endless("a", 500),
        { input: 400, tenant: "a", fails: errors.RateLimitError, takes: "30 millis" }
      ])
      yield* TestClock.adjust("110 millis")
      calls.push(...yield* arrive(call, [endless("a", 1_000)]))
      asked.length = 0
      // Something was released after 130 milliseconds, and the answer of the first question came after 160.
      yield* TestClock.adjust("190 millis")
      assert.strictEqual(asked.length, 1)
      yield* TestClock.adjust("20 millis")
      assert.strictEqual(asked.length, 2)
      yield* Fiber.interruptAll(calls)
    }))

  test("asks no sooner where another is interrupted", () =>
    Effect.gen(function*() {
      yield* reserveAhead("sent", 1_000)
      yield* reserveAhead("waits", 1_000)
      const { asked, call } = yield* enforceOn(0)
      const [first, second] = yield* arrive(call, [endless("a"), endless("b")])
      yield* TestClock.adjust("50 millis")
      yield* Fiber.interrupt(second!)
      yield* arrive(call, [endless("c")])
      assert.deepStrictEqual(asked, ["a", "b", "c"])
      yield* Fiber.interrupt(first!)
    }))
})

describe("calls of several tenants that wait behind those of another process", () => {
  /** How long the ledger takes to answer, when there is room, and when the calls are sent, in milliseconds. */
  const cases: ReadonlyArray<readonly [delay: number, room: number, sent: Array<number>]> = [
    [0, 50, [100, 100, 100, 100]],
    [30, 100, [160, 190, 220, 250]],
    // Two have asked when the first is granted.
    [30, 250, [290, 290, 320, 350]]
  ]
  for (const [delay, room, expected] of cases) {
    test(`see what it has granted as soon as the first sees it: an answer takes ${delay} ms, room comes after ${room}`, () =>
      Effect.gen(function*() {
        const sending = yield* reserveAhead("sent", 1_000)
        const first = yield* reserveAhead("waits", 1_000)
        const { call, times } = yield* enforceOn(delay)
        const waiting = yield* arrive(call, ["a", "b", "c", "a"].map((tenant) => endless(tenant)))
        yield* TestClock.adjust(room)
        yield* first.leave
        yield* sending.settle(0)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(times(), expected)
        yield* Fiber.interruptAll(waiting)
      }))
  }

  /** For how many calls there is room, which calls the ledger is asked for then, and when those are sent that it grants. */
  const partial: ReadonlyArray<readonly [room: number, asked: Array<string>, sent: Array<number>]> = [
    [1, ["a", "b"], [120]],
    [2, ["a", "b", "c"], [120, 130]]
  ]
  for (const [room, questions, expected] of partial) {
    test(`are asked for in order, up to the first without room: ${room} of 3 have room`, () =>
      Effect.gen(function*() {
        const sending = yield* reserveAhead("sent", 1_000)
        const first = yield* reserveAhead("waits", 1_000)
        const { asked, call, times } = yield* enforceOn("10 millis")
        const waiting = yield* arrive(call, ["a", "b", "c", "a"].map((tenant) => endless(tenant)))
        yield* TestClock.adjust("50 millis")
        yield* first.leave
        yield* sending.settle(1_000 - room * 100)
        asked.length = 0
        yield* TestClock.adjust("150 millis")
        assert.deepStrictEqual([asked, times()], [questions, expected])
        yield* Fiber.interruptAll(waiting)
      }))
  }

  test("see at once what it has granted to one that had more than others before", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforceOn(0)
      yield* arrive(call, [{ input: 500, tenant: "b", fails: errors.RateLimitError }])
      const sending = yield* reserveAhead("sent", 1_000)
      const first = yield* reserveAhead("waits", 1_000)
      const waiting = yield* arrive(call, ["a", "b", "a"].map((tenant) => endless(tenant)))
      yield* first.leave
      // Room for one call of each.
      yield* sending.settle(800)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(times(), [0, 100, 100])
      yield* Fiber.interruptAll(waiting)
    }))

  test("are woken in the order of the ledger where something is released", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforceOn(0)
      const calls = yield* arrive(call, [
        { input: 100, tenant: "r", takes: "250 millis", fails: errors.RateLimitError }
      ])
      yield* reserveAhead("a", 100, { share: "a" })
      yield* reserveAhead("c", 100, { share: "c" })
      yield* reserveAhead("sent", 700)
      const first = yield* reserveAhead("waits", 1_000)
      calls.push(...yield* arrive(call, ["a", "b", "c"].map((tenant) => endless(tenant))))
      yield* TestClock.adjust("240 millis")
      yield* first.leave
      yield* TestClock.adjust("60 millis")
      assert.deepStrictEqual(sent.slice(1), [["b", 250]])
      yield* Fiber.interruptAll(calls)
    }))

  test("are joined by no other once the first waits for room only", () =>
    Effect.gen(function*() {
      yield* reserveAhead("sent", 1_000)
      const first = yield* reserveAhead("waits", 1_000)
      const { asked, call } = yield* enforceOn(0)
      const calls = yield* arrive(call, [endless("a"), endless("b")])
      yield* first.leave
      yield* TestClock.adjust("250 millis")
      calls.push(...yield* arrive(call, [endless("c")]))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([...new Set(asked)], ["a", "b"])
      yield* Fiber.interruptAll(calls)
    }))
})

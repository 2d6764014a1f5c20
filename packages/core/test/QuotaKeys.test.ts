import { assert, describe, it } from "@effect/vitest"
import * as Key from "@strata/core/policy/Key"
import * as Policy from "@strata/core/policy/Policy"
import * as Quota from "@strata/core/policy/Quota"
import * as RequestMetadata from "@strata/core/RequestMetadata"
import * as Ledger from "@strata/core/state/Ledger"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Enforcement from "../src/policy/internal/enforcement.ts"
import { target } from "./ChatFixture.ts"
import {
  arrive,
  balance,
  enforce,
  keyOf,
  many,
  reserveAhead,
  test,
  together,
  watchedLedger,
  type Work
} from "./QuotaFixture.ts"

const quota = Quota.tokens({ perMinute: 1_000, key: Key.metadata("tenant") })

/** Asks of several processes: each has queues of its own over the same ledger. */
const process = (options: Policy.Options) =>
  Effect.gen(function*() {
    const { service, watch } = yield* watchedLedger
    return { ...(yield* Effect.provideService(enforce(options), Ledger.Ledger, service)), watch }
  })

/** Scopes of quotas, their keys, whether the first call is the first in the ledger, and how many ask. */
const cases = [
  ["first", Key.metadata("tenant"), true, 1],
  ["behind", Key.metadata("tenant"), false, 16],
  ["without a key", undefined, false, 1]
] as const

describe("Quota with a key", () => {
  test("grants a call of a modest tenant next, however many a greedy one has waiting", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      const waiting = yield* arrive(call, many(1_000, { tenant: "greedy", input: 900 }))
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(sent.length, 11)
      yield* arrive(call, [{ name: "modest", tenant: "modest", input: 900 }])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(sent.slice(10).map(([name]) => name), ["greedy 10", "modest"])
      yield* Fiber.interruptAll(waiting)
    }))

  test("grants those that wait as many tokens each, not as many calls", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      const waiting = yield* arrive(call, [
        ...many(200, { tenant: "long", input: 300 }),
        ...many(900, { tenant: "short", input: 20 })
      ])
      yield* TestClock.adjust("1 minute")
      const before = sent.length
      yield* TestClock.adjust("20 minutes")
      const of = (tenant: string) => sent.slice(before).filter(([name]) => name.startsWith(tenant)).length
      assert.isAtMost(Math.abs(of("long") * 300 - of("short") * 20), 300 + 20)
      // In a minute less is left than the next long call needs.
      assert.isAtLeast(of("long") * 300 + of("short") * 20, 20 * (1_000 - 300))
      yield* Fiber.interruptAll(waiting)
    }))

  test("shares requests where it has no tokens", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({
        quota: Quota.make({ requestsPerMinute: 10, key: Key.metadata("tenant") })
      })
      const waiting = yield* arrive(call, [
        ...many(200, { tenant: "long", input: 300 }),
        ...many(200, { tenant: "short", input: 20 })
      ])
      yield* TestClock.adjust("10 minutes")
      const of = (tenant: string) => sent.slice(10).filter(([name]) => name.startsWith(tenant)).length
      assert.deepStrictEqual([of("long"), of("short")], [50, 50])
      yield* Fiber.interruptAll(waiting)
    }))

  test("keeps the order of arrival within a tenant", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      const works = many(60, { tenant: "a", input: 0 }).map((work, index) => ({ ...work, input: 20 + index * 7 % 300 }))
      yield* together(works.map((work) => call(work)))
      assert.deepStrictEqual(sent.map(([name]) => name), works.map(({ name }) => name))
    }))

  test("lets a large call wait for room, and no smaller one overtake it", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      yield* together([
        call({ name: "first", tenant: "a", input: 600 }),
        call({ name: "large", tenant: "b", input: 900 }),
        call({ name: "small", tenant: "c", input: 10 })
      ])
      assert.deepStrictEqual(sent.map(([, at]) => at), [0, 60_000, 60_000])
    }))

  test("gives a tenant all there is while no other wants it", () =>
    Effect.gen(function*() {
      const { call, times } = yield* enforce({ quota })
      yield* together([1, 2, 3, 4].map(() => call({ tenant: "a", input: 500 })))
      assert.deepStrictEqual(times(), [0, 0, 60_000, 60_000])
    }))

  test("keeps the tenants of other processes from starving", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* process({ quota }), yield* process({ quota })]
      const greedy = yield* arrive(one.call, many(500, { tenant: "greedy", input: 400 }))
      const modest = yield* arrive(other.call, many(10, { tenant: "modest", input: 400 }))
      yield* TestClock.adjust("11 minutes")
      assert.strictEqual(other.sent.length, 10)
      assert.isAtLeast(one.sent.length, 10)
      yield* Fiber.interruptAll([...greedy, ...modest])
    }))

  test("asks the ledger for one call, and for those of 16 tenants at most while other processes are before it", () =>
    Effect.gen(function*() {
      const ledger = yield* Ledger.Ledger
      const asked = new Map<string, string | undefined>()
      const service: Ledger.Ledger = {
        ...ledger,
        reserve: (reservation) => {
          asked.set(reservation.id, reservation.share)
          return ledger.reserve(reservation)
        }
      }
      for (const [scope, key, isFirst, expected] of cases) {
        yield* reserveAhead("sent", 1_000, { scope })
        if (!isFirst) yield* reserveAhead("waits", 1_000, { scope })
        const options = { quota: Quota.tokens({ perMinute: 1_000, scope, key }) }
        const { call } = yield* Effect.provideService(enforce(options), Ledger.Ledger, service)
        asked.clear()
        const waiting = yield* arrive(
          call,
          Array.from({ length: 120 }, (_, index) => ({ tenant: `${index % 40}`, input: 100 }))
        )
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual([scope, asked.size, new Set(asked.values()).size], [scope, expected, expected])
        yield* Fiber.interruptAll(waiting)
      }
    }))

  test("asks for the next call of a tenant when it has seen what was granted to those before it", () =>
    Effect.gen(function*() {
      const sending = yield* reserveAhead("sent", 1_000)
      const first = yield* reserveAhead("waits", 1_000)
      const { call, sent } = yield* enforce({ quota })
      const waiting = yield* arrive(call, [
        ...many(5, { tenant: "long", input: 100, takes: "1 hour" }),
        ...many(50, { tenant: "short", input: 10, takes: "1 hour" })
      ])
      yield* first.leave
      yield* sending.settle(790)
      yield* TestClock.adjust("1 second")
      const of = (tenant: string) => sent.filter(([name]) => name.startsWith(tenant)).length
      assert.deepStrictEqual([of("long"), of("short")], [1, 10])
      yield* Fiber.interruptAll(waiting)
    }))

  test("shares between its tenants what room comes at once, also behind the calls of another process", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* process({ quota }), yield* process({ quota })]
      const waiting = [
        ...yield* arrive(other.call, many(200, { tenant: "other", input: 400 })),
        ...yield* arrive(one.call, [
          ...many(200, { tenant: "long", input: 100 }),
          ...many(900, { tenant: "short", input: 10 })
        ])
      ]
      yield* TestClock.adjust("30 minutes")
      const of = (tenant: string) => one.sent.filter(([name]) => name.startsWith(tenant)).length
      assert.isAtMost(Math.abs(of("long") * 100 - of("short") * 10), 2 * 100)
      yield* Fiber.interruptAll(waiting)
    }))

  test("leaves nothing of waits that are interrupted: asking or behind, of any tenant", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      yield* call({ tenant: "sent", input: 700 })
      const waiting = yield* arrive(
        call,
        Array.from({ length: 200 }, (_, index) => ({ tenant: `${index % 30}`, input: 400 }))
      )
      yield* TestClock.adjust("10 seconds")
      for (const [index, fiber] of waiting.entries()) {
        yield* Fiber.interrupt(waiting[(index * 7) % waiting.length] ?? fiber)
        if (index % 50 === 0) yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual(yield* balance(quota), { spent: 700, reserved: 0 })
      const ledger = yield* Ledger.Ledger
      const limits = [{ name: "minute", unit: "tokens" as const, amount: 1_000, window: Duration.minutes(1) }]
      const other = {
        key: keyOf(),
        id: "of another process",
        amounts: { tokens: 300 },
        limits,
        lease: Duration.minutes(1)
      }
      assert.strictEqual((yield* ledger.reserve(other))._tag, "granted")
      yield* ledger.leave(other)
      yield* together([call({ name: "last", tenant: "0", input: 300 })])
      assert.strictEqual(sent.at(-1)?.[0], "last")
      assert.strictEqual(sent.length, 2)
    }))

  // A call of each, and one that had a place in the ledger before the other tenant came.
  const most = 3 * 400
  it.effect.prop("grants tenants that wait as much as others, whatever arrives", {
    calls: Schema.Array(
      Schema.Struct({
        tenant: Schema.Literals(["greedy", "a", "b", "c"]),
        count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 })),
        input: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 400 })),
        after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))
      })
    ).check(Schema.isMinLength(3), Schema.isMaxLength(12))
  }, ({ calls }) =>
    Effect.gen(function*() {
      const { call, sent } = yield* enforce({ quota })
      const works = new Map<string, Work & { readonly tenant: string }>()
      const left = new Map<string, number>()
      const apart = new Map<string, number>()
      const check = () => {
        for (const [name] of sent.splice(0)) {
          const { input, tenant } = works.get(name)!
          left.set(tenant, left.get(tenant)! - 1)
          for (const other of left.keys()) {
            const ahead = (apart.get(`${tenant} ${other}`) ?? 0) + input
            apart.set(`${tenant} ${other}`, ahead)
            apart.set(`${other} ${tenant}`, -ahead)
          }
        }
        for (const [pair, ahead] of apart) {
          if (pair.split(" ").every((tenant) => left.get(tenant)! > 0)) assert.isAtMost(ahead, most, pair)
        }
      }
      for (const { after, count, input, tenant } of calls) {
        check()
        const added = Array.from({ length: tenant === "greedy" ? 20 * count : count }, (_, index) => ({
          name: `${works.size + index}`,
          tenant,
          input
        }))
        for (const work of added) works.set(work.name, work)
        if ((left.get(tenant) ?? 0) === 0) {
          for (const other of ["greedy", "a", "b", "c"]) {
            apart.set(`${tenant} ${other}`, 0)
            apart.set(`${other} ${tenant}`, 0)
          }
        }
        left.set(tenant, (left.get(tenant) ?? 0) + added.length)
        yield* arrive(call, added)
        for (let second = 0; second < after; second++) {
          check()
          yield* TestClock.adjust("1 second")
        }
      }
      for (let second = 0; second < 600; second++) {
        check()
        yield* TestClock.adjust("1 second")
      }
    }).pipe(Effect.scoped, Effect.provide(Ledger.layerMemory)), { arbitrary: { runs: 40 } })
})

const bad: ReadonlyArray<readonly [string, unknown]> = [
  ["throws", () => {
    // A key of a program may do so.
    throw new Error("no tenant")
  }],
  ["gives nothing", () => undefined],
  ["gives no text", () => 7],
  ["gives an empty text", () => ""],
  ["gives a text that is too long", () => "x".repeat(257)],
  ["gives a promise", () => Promise.resolve("a")],
  ["finds no such pair", Key.metadata("user")]
]

describe("A key that", () => {
  for (const [what, key] of bad) {
    test(`${what} fails the call, and nothing is reserved or sent`, () =>
      Effect.gen(function*() {
        const keyed = Quota.tokens({ perMinute: 1_000, key: key as Key.Key })
        const { call, sent } = yield* enforce({ quota: keyed })
        const error = yield* Effect.flip(call({ tenant: "a", input: 10 }))
        assert.deepInclude(error, { _tag: "InvalidRequestError", field: "policy.quota.key" })
        assert.deepStrictEqual([sent.length, yield* balance(keyed)], [0, { spent: 0, reserved: 0 }])
      }))
  }

  test("is no function is refused with the policy", () =>
    Effect.gen(function*() {
      for (const key of ["tenant", 7, {}, null]) {
        const policy = Policy.make({ quota: Quota.tokens({ perMinute: 1_000, key: key as never }) })
        const error = yield* Effect.flip(Enforcement.make(policy))
        assert.deepInclude(error, { _tag: "InvalidRequestError", field: "policy.quota.key" })
      }
    }))

  test("reads the request metadata of the fiber, where the provider has none", () =>
    Effect.gen(function*() {
      const seen: Array<Key.Call> = []
      const { call } = yield* enforce({
        quota: Quota.tokens({
          perMinute: 1_000,
          key: (call) => {
            seen.push(call)
            return "a"
          }
        })
      })
      yield* Effect.provideService(call({ input: 1 }), RequestMetadata.RequestMetadata, { tenant: "of the fiber" })
      yield* call({ input: 1, tenant: "of the call" })
      assert.deepStrictEqual(seen.map(({ metadata }) => metadata["tenant"]), ["of the fiber", "of the call"])
      assert.deepInclude(seen[0], { provider: target.provider, model: target.model })
    }))
})

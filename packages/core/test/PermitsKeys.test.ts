import { assert, describe, it } from "@effect/vitest"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Key from "@strata/core/policy/Key"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import type * as ProviderError from "@strata/core/ProviderError"
import * as RequestMetadata from "@strata/core/RequestMetadata"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import type * as Permit from "../src/policy/internal/concurrency/permit.ts"
import * as Permits from "../src/policy/internal/concurrency/permits.ts"
import * as Enforcement from "../src/policy/internal/enforcement.ts"
import { target } from "./ChatFixture.ts"

const key = Key.metadata("tenant")

const limits: ReadonlyArray<readonly [string, (permits: number) => Concurrency.Concurrency]> = [
  ["fixed", (permits) => Concurrency.fixed(permits, { key })],
  ["adaptive", (permits) => Concurrency.adaptive({ min: permits, max: permits, key })]
]

/** Calls that hold a permit until they are ended, and those that were granted one, in order. */
const watch = (permits: Permit.Permits) => {
  const granted: Array<string> = []
  const running = new Map<string, Array<Permit.Permit>>()
  return {
    granted,
    used: (tenant: string) => running.get(tenant)?.length ?? 0,
    call: (tenant: string) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.map(permits.take(target, restore, { metadata: Effect.succeed({ tenant }) }), (permit) => {
          granted.push(tenant)
          running.set(tenant, [...running.get(tenant) ?? [], permit])
        })
      ).pipe(Effect.forkChild({ startImmediately: true })),
    end: (tenant: string) =>
      Effect.andThen(
        Effect.suspend(() => running.get(tenant)?.shift()?.release("answered") ?? Effect.void),
        TestClock.adjust(0)
      )
  }
}

const many = <A, E>(count: number, self: Effect.Effect<A, E>) =>
  Effect.forEach(Array.from({ length: count }), () => self)

describe.each(limits)("A %s limit of concurrency with a key", (_name, limit) => {
  const test = (name: string, self: Effect.Effect<void, ProviderError.CallError, Scope.Scope>) =>
    it.effect(name, () => self.pipe(Effect.scoped, Effect.provide(AdaptiveLimits.layerMemory)))
  const make = (permits: number) => Effect.map(Permits.make(limit(permits)), watch)

  test(
    "gives the next permit to the tenant with the fewest in use",
    Effect.gen(function*() {
      const { call, end, granted, used } = yield* make(4)
      yield* many(1_000, call("greedy"))
      assert.strictEqual(used("greedy"), 4)
      yield* many(3, call("modest"))
      for (let round = 0; round < 4; round++) yield* end("greedy")
      assert.deepStrictEqual(granted.slice(4), ["modest", "modest", "greedy", "greedy"])
      yield* end("modest")
      assert.deepStrictEqual([granted.at(-1), used("greedy"), used("modest")], ["modest", 2, 2])
    })
  )

  test(
    "takes turns among tenants with as many, by who was served longest ago",
    Effect.gen(function*() {
      const { call, end, granted } = yield* make(1)
      yield* many(4, call("a"))
      yield* many(2, call("b"))
      yield* many(2, call("c"))
      for (let round = 0; round < 7; round++) yield* end(granted.at(-1)!)
      assert.deepStrictEqual(granted, ["a", "b", "c", "a", "b", "c", "a", "a"])
    })
  )

  test(
    "starves nobody by tenants that come and go",
    Effect.gen(function*() {
      const { call, end, granted } = yield* make(1)
      yield* many(3, call("greedy"))
      for (let round = 0; round < 10; round++) {
        yield* call(`new ${round}`)
        yield* call(`other ${round}`)
        yield* end(granted.at(-1)!)
      }
      assert.include(granted.slice(1, 4), "greedy")
    })
  )

  test(
    "gives a tenant all permits while no other wants one",
    Effect.gen(function*() {
      const { call, used } = yield* make(8)
      yield* many(8, call("a"))
      assert.strictEqual(used("a"), 8)
    })
  )

  test(
    "leaves nothing of waits that are interrupted, called or not",
    Effect.gen(function*() {
      const { call, end, granted, used } = yield* make(2)
      yield* many(2, call("a"))
      const waiting = [...yield* many(20, call("b")), ...yield* many(20, call("a"))]
      for (const fiber of waiting.slice(1)) yield* Fiber.interrupt(fiber)
      waiting[0]!.interruptUnsafe()
      yield* end("a")
      yield* end("a")
      yield* many(3, call("c"))
      assert.deepStrictEqual([granted, used("c")], [["a", "a", "c", "c"], 2])
    })
  )

  it.effect.prop("never lets a tenant wait while another gets more than it, whatever arrives", {
    steps: Schema.Array(Schema.Struct({
      tenant: Schema.Literals(["greedy", "a", "b"]),
      calls: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 }))
    })).check(Schema.isMaxLength(60))
  }, ({ steps }) =>
    Effect.gen(function*() {
      const { call, end, granted, used } = yield* make(3)
      const left = new Map([["greedy", 0], ["a", 0], ["b", 0]])
      for (const { calls, tenant } of steps) {
        if (calls > 0) {
          yield* many(tenant === "greedy" ? calls * 20 : calls, call(tenant))
          left.set(tenant, left.get(tenant)! + (tenant === "greedy" ? calls * 20 : calls))
        }
        for (const name of granted.splice(0)) left.set(name, left.get(name)! - 1)
        if (calls > 0) continue
        yield* end(tenant)
        const [next] = granted.splice(0)
        if (next === undefined) continue
        for (const [other, waiting] of left) if (waiting > 0) assert.isAtLeast(used(other), used(next) - 1)
        left.set(next, left.get(next)! - 1)
      }
    }).pipe(Effect.scoped, Effect.provide(AdaptiveLimits.layerMemory)), { arbitrary: { runs: 60 } })
})

const bad: ReadonlyArray<unknown> = [
  () => {
    // A key of a program may do so.
    throw new Error("no tenant")
  },
  () => undefined,
  () => "",
  () => "x".repeat(257),
  () => Promise.resolve("a"),
  Key.metadata("user")
]

describe("A key of concurrency", () => {
  it.effect("that fails or gives no text fails the call: nothing is sent, and no permit is taken", () =>
    Effect.gen(function*() {
      let isBad = true
      for (const key of bad) {
        const given = { key: (call: Key.Call) => isBad ? (key as Key.Key)(call) : "a" }
        for (const concurrency of [Concurrency.fixed(1, given), Concurrency.adaptive({ max: 1, ...given })]) {
          isBad = true
          let sent = 0
          const { call } = yield* Enforcement.make(Policy.make({ concurrency, retry: Retry.never }))
          const ask = call(Effect.sync(() => sent++), target)
          const error = yield* Effect.flip(ask)
          assert.deepInclude(error, { _tag: "InvalidRequestError", field: "policy.concurrency.key" })
          assert.strictEqual(sent, 0)
          isBad = false
          yield* ask
          assert.strictEqual(sent, 1)
        }
      }
    }).pipe(Effect.scoped, Effect.provide(AdaptiveLimits.layerMemory)))

  it.effect("is a function, or the policy is refused", () =>
    Effect.gen(function*() {
      for (const value of ["tenant", 7, {}, null]) {
        // Values from JavaScript.
        const given = { key: value as never }
        for (const concurrency of [Concurrency.fixed(1, given), Concurrency.adaptive(given)]) {
          const error = yield* Effect.flip(Enforcement.make(Policy.make({ concurrency })))
          assert.deepInclude(error, { _tag: "InvalidRequestError", field: "policy.concurrency.key" })
        }
      }
      const error = yield* Effect.flip(Enforcement.make(Policy.make({ concurrency: Concurrency.fixed(0) })))
      assert.deepInclude(error, { _tag: "InvalidRequestError", field: "policy.concurrency.permits" })
    }).pipe(Effect.scoped))

  it.effect("reads the request metadata of the fiber, where the provider has none", () =>
    Effect.gen(function*() {
      const seen: Array<string | undefined> = []
      const concurrency = Concurrency.fixed(1, {
        key: ({ metadata }) => {
          seen.push(metadata["tenant"])
          return "a"
        }
      })
      const { call, window } = yield* Enforcement.make(Policy.make({ concurrency }))
      assert.strictEqual(window, 1)
      yield* Effect.provideService(call(Effect.void, target), RequestMetadata.RequestMetadata, { tenant: "mine" })
      assert.deepStrictEqual(seen, ["mine"])
    }).pipe(Effect.scoped))
})

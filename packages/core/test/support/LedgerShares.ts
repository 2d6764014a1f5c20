/** What every ledger promises to the shares of a key, such as tenants. */
import { assert, type Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Ledger from "../../src/state/Ledger.ts"
import { minute, open, type World } from "./LedgerSpecification.ts"

/** Declares the tests; each has a key of its own. */
export const specification = <R>(
  effect: Vitest.Test<R | Scope.Scope>,
  world: Effect.Effect<World, never, R | Scope.Scope>
): void => {
  const it = (
    name: string,
    test: (key: ReturnType<typeof open>) => Effect.Effect<void, Ledger.LedgerError>
  ) => effect(name, () => Effect.flatMap(world, (world) => test(open(world, name))))

  it("grants the share first that was granted least, and FIFO within each", ({ ask, settle }) =>
    Effect.gen(function*() {
      yield* ask("busy", 100)
      for (const id of ["g1", "g2", "g3"]) yield* ask(id, 60, { share: "greedy" })
      for (const id of ["m1", "m2", "m3"]) yield* ask(id, 51, { share: "modest" })
      const order = ["busy"]
      for (let last = "busy"; order.length < 7; last = order.at(-1)!) {
        yield* settle(last, 0)
        for (const [share, amount] of [["greedy", 60], ["modest", 51]] as const) {
          for (const id of [1, 2, 3].map((number) => `${share[0]}${number}`)) {
            if (!order.includes(id) && (yield* ask(id, amount, { share })) === "granted") order.push(id)
          }
        }
        assert.notStrictEqual(order.at(-1), last)
      }
      assert.deepStrictEqual(order, ["busy", "g1", "m1", "m2", "g2", "m3", "g3"])
    }))

  it("remembers what a share was granted while nobody waited", ({ ask, settle }) =>
    Effect.gen(function*() {
      yield* ask("g1", 60, { share: "greedy" })
      yield* ask("g2", 60, { share: "greedy" })
      yield* ask("m1", 60, { share: "modest" })
      yield* settle("g1", 0)
      assert.strictEqual(yield* ask("g2", 60, { share: "greedy" }), "minute 100")
      assert.strictEqual(yield* ask("m1", 60, { share: "modest" }), "granted")
    }))

  it("lets a share that comes anew begin where the others are", ({ ask, settle }) =>
    Effect.gen(function*() {
      yield* ask("busy", 100)
      const place = { share: "early" }
      for (const id of ["e1", "e2", "e3"]) yield* ask(id, 60, place)
      yield* settle("busy", 0)
      yield* settle("e1", 0)
      for (const id of ["n1", "n2"]) yield* ask(id, 60, { share: "new" })
      yield* settle("e2", 0)
      assert.strictEqual(yield* ask("n1", 60, { share: "new" }), "granted")
      yield* settle("n1", 0)
      assert.strictEqual(yield* ask("e3", 60, place), "granted")
      assert.strictEqual(yield* ask("n2", 60, { share: "new" }), "minute 100")
    }))

  it("lets no share overtake the head, even where there is room for it", ({ ask, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 50)
      assert.strictEqual(yield* ask("large", 80, { share: "a" }), "minute 100")
      assert.strictEqual(yield* ask("small", 10, { share: "b" }), "queue 100")
      assert.strictEqual(yield* ask("smaller", 5, { share: "b" }), "queue 200")
      yield* settle("a", 0)
      assert.strictEqual(yield* ask("large", 80, { share: "a" }), "granted")
      assert.strictEqual(yield* ask("small", 10, { share: "b" }), "granted")
    }))

  it("charges a share nothing for what leaves the queue or expires", ({ advance, ask, leave, settle }) =>
    Effect.gen(function*() {
      yield* ask("busy", 100)
      yield* ask("m1", 90, { share: "modest" })
      yield* ask("m2", 90, { share: "modest", lease: "10 seconds" })
      yield* ask("m3", 90, { share: "modest" })
      yield* ask("g1", 90, { share: "greedy" })
      yield* leave("m1")
      yield* advance(10_000)
      yield* settle("busy", 0)
      // The share was there first, whatever has left it.
      assert.strictEqual(yield* ask("g1", 90, { share: "greedy" }), "minute 100")
      assert.strictEqual(yield* ask("m3", 90, { share: "modest" }), "granted")
    }))

  it("charges requests where no tokens are limited", ({ mixed }) =>
    Effect.gen(function*() {
      const { reserve, settle } = mixed([{ ...minute, unit: "requests", amount: 1 }])
      yield* reserve("busy", { requests: 1 }, "other")
      yield* reserve("a1", { requests: 1, tokens: 900 }, "a")
      yield* reserve("a2", { requests: 1, tokens: 900 }, "a")
      yield* reserve("b1", { requests: 1, tokens: 1 }, "b")
      yield* reserve("b2", { requests: 1, tokens: 1 }, "b")
      for (
        const [last, next, share] of [["busy", "a1", "a"], ["a1", "b1", "b"], ["b1", "a2", "a"], ["a2", "b2", "b"]]
      ) {
        yield* settle(last!, {})
        assert.strictEqual(yield* reserve(next!, { requests: 1 }, share), "granted")
      }
    }))
}

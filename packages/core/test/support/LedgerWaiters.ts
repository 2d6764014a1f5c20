/** What every ledger promises to those that wait: when they are granted, and what is left of their places and grants. */
import { assert, type Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Ledger from "../../src/state/Ledger.ts"
import { open, type World } from "./LedgerSpecification.ts"

/** Declares the tests; each has a key of its own. */
export const specification = <R>(
  effect: Vitest.Test<R | Scope.Scope>,
  world: Effect.Effect<World, never, R | Scope.Scope>
): void => {
  const it = (
    name: string,
    test: (key: ReturnType<typeof open>) => Effect.Effect<void, Ledger.LedgerError>
  ) => effect(name, () => Effect.flatMap(world, (world) => test(open(world, name))))

  it("enters what a waiter spends when there was room for it, though it asks later", ({ advance, ask, leave, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 100)
      yield* ask("b", 60)
      yield* ask("c", 60)
      yield* settle("a", 0)
      yield* advance(10_000)
      yield* settle("b", 10)
      yield* leave("c")
      yield* ask("d", 100)
      yield* leave("d")
      yield* advance(10_000)
      assert.strictEqual(yield* ask("e", 100), "minute 40000")
    }))

  it("enters what a waiter spends when another left, though it asks later", ({ advance, ask, leave, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 100)
      yield* ask("b", 60)
      yield* leave("a")
      yield* advance(10_000)
      yield* settle("b", 60)
      assert.strictEqual(yield* ask("c", 100), "minute 50000")
    }))

  it("foresees what leaves first, in whatever order it was entered", ({ ask, late }) =>
    Effect.gen(function*() {
      yield* late("new", 40, 0)
      yield* late("old", 60, "30 seconds")
      assert.strictEqual(yield* ask("a", 40), "minute 30000")
    }))

  it("sends a waiter whose place expired to the end of the queue", ({ advance, ask }) =>
    Effect.gen(function*() {
      yield* ask("a", 50)
      yield* ask("late", 90, { lease: "10 seconds" })
      yield* ask("b", 90)
      yield* advance(10_000)
      assert.strictEqual(yield* ask("late", 90, { lease: "10 seconds" }), "queue 100")
    }))

  it("releases an unobserved grant when the lease of its place expires", ({ advance, ask, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 100)
      yield* ask("dead", 100, { lease: "10 seconds" })
      yield* ask("b", 100)
      yield* settle("a", 0)
      yield* advance(9999)
      assert.strictEqual(yield* ask("b", 100), "minute 100")
      yield* advance(1)
      assert.strictEqual(yield* ask("b", 100), "granted")
    }))

  it("releases an unobserved grant when its owner leaves", ({ ask, balances, leave, settle }) =>
    Effect.gen(function*() {
      yield* ask("a", 100)
      yield* ask("b", 100)
      yield* settle("a", 0)
      yield* leave("b")
      yield* leave("nobody")
      assert.deepStrictEqual(yield* balances(), [[0, 0]])
    }))
}

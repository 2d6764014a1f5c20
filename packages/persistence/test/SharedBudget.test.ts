import { assert, type Vitest } from "@effect/vitest"
import * as Budget from "@strata/core/policy/Budget"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Fixture from "../../core/test/BudgetFixture.ts"
import * as Databases from "./support/Databases.ts"
import * as RedisServer from "./support/RedisServer.ts"
import * as Stores from "./support/Stores.ts"

/** What a budget promises; `store` is shared by all that calls `elsewhere`, as other processes would. */
const specification = <R>(effect: Vitest.Test<R | Scope.Scope>, store: Effect.Effect<Stores.Store, never, R>) => {
  const elsewhere = <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      // What is made goes on calling: the connection lasts as long as the test.
      const context = yield* Layer.build(Layer.fresh(Stores.shared(yield* store)))
      return yield* Effect.provideContext(self, context)
    })

  effect("is one for all processes that share its name", () =>
    Effect.gen(function*() {
      const asked = Fixture.request({ inputTokens: 30, outputTokens: 100 })
      const make = () => Budget.make({ name: "many", run: "1", perRun: 5 * Fixture.mostDollars(asked), perDay: 1000 })
      const processes = yield* Effect.forEach([1, 2, 3], () => elsewhere(Fixture.make(make())))
      const slow = Fixture.request({ ...Fixture.playOf(asked), delay: 300 })
      const exits = yield* Effect.forEach(
        processes.flatMap(({ service }) => [1, 2, 3, 4].map(() => service)),
        (service) => Effect.exit(service.generate(slow)),
        { concurrency: "unbounded" }
      )
      const { day, run } = yield* elsewhere(Budget.spent(make()))
      const answered = exits.filter(Exit.isSuccess).length
      assert.isAtLeast(answered, 3)
      assert.isAtMost(answered, 5)
      assert.strictEqual(run?.reserved, 0)
      assert.strictEqual(Fixture.rounded(run?.spent ?? 0), Fixture.rounded(answered * 0.23))
      assert.strictEqual(day?.spent, run?.spent)
    }))

  effect("lets the small pass while the large are refused, from wherever they come", () =>
    Effect.gen(function*() {
      const budget = Budget.make({ name: "mixed", run: "1", perRun: 100 })
      const [one, two] = yield* Effect.forEach([1, 2] as const, () => elsewhere(Fixture.make(budget)))
      const large = Fixture.request({ inputTokens: 1, outputTokens: 0 }, 49_000)
      const held = yield* Effect.forkScoped(one!.service.generate(Fixture.request({ delay: 10_000 }, 10_000)))
      yield* Effect.sleep("50 millis")
      const exits = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, index) => index % 2 === 0),
        (isLarge) =>
          isLarge
            ? Effect.exit(one!.service.generate(large))
            : Effect.exit(two!.service.generate(Fixture.request({ outputTokens: 0 }, 10))),
        { concurrency: 8 }
      )
      assert.deepStrictEqual(exits.map(Exit.isSuccess), exits.map((_, index) => index % 2 === 1))
      assert.isUndefined(held.pollUnsafe())
    }))
}

RedisServer.suite("a budget in Redis", (it) => {
  specification(it.effect, Effect.map(RedisServer.RedisServer, ({ url }) => ({ kind: "redis", place: url })))
})

Databases.suites("a budget in SQL", (it, kind) => {
  specification(it.effect, Effect.map(Databases.Database, ({ place }) => ({ kind, place })))
})

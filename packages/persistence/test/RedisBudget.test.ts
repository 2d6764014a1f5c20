import { assert } from "@effect/vitest"
import * as Budget from "@strata/core/policy/Budget"
import { SharedState } from "@strata/persistence"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fixture from "../../core/test/BudgetFixture.ts"
import * as RedisServer from "./support/RedisServer.ts"

/** As another process would: nothing is shared but Redis. */
const elsewhere = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.provide(self, SharedState.layerRedis(RedisServer.connection, { prefix: "budget:" }), { local: true })

RedisServer.suite("a budget in Redis", (it) => {
  it.effect("is one for all processes that share its name", () =>
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

  it.effect("lets the small pass while the large are refused, from wherever they come", () =>
    Effect.gen(function*() {
      const budget = Budget.make({ name: "mixed", run: "1", perRun: 100 })
      const [one, two] = yield* Effect.forEach([1, 2] as const, () => elsewhere(Fixture.make(budget)))
      const large = Fixture.request({ inputTokens: 1, outputTokens: 0 }, 49_000)
      const held = yield* Effect.forkChild(one!.service.generate(Fixture.request({ delay: 10_000 }, 10_000)))
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
})

import { assert } from "@effect/vitest"
import * as Budget from "@strata/core/policy/Budget"
import { SharedState } from "@strata/persistence"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as BudgetFixture from "../../core/test/BudgetFixture.ts"
import { watched } from "../../core/test/ChatFixture.ts"
import * as Postgres from "./support/Postgres.ts"
import * as Sharing from "./support/Sharing.ts"

Postgres.suite("SharedState.layerSql and an outage of PostgreSQL", (it) => {
  it.effect(
    "calls go on, one warning says so, and what they spend meanwhile is entered when it is back",
    () =>
      watched((seen) =>
        Effect.gen(function*() {
          const server = yield* Postgres.start()
          const shared = () => Layer.build(Layer.fresh(SharedState.layerSql(Postgres.connection(server.url))))
          const budget = Budget.make({ name: "budget", perDay: 100 })
          const one = yield* shared()
          const { service } = yield* BudgetFixture.make(budget).pipe(
            Effect.provideContext(Context.merge(yield* Effect.context(), one))
          )
          const call = service.generate(BudgetFixture.request({ inputTokens: 30, outputTokens: 100 }))
          const spent = Effect.map(
            Effect.flatMap(shared(), (other) => Effect.provideContext(Budget.spent(budget), other)),
            ({ day }) => BudgetFixture.rounded(day?.spent ?? 0)
          )
          yield* call
          assert.deepStrictEqual(Sharing.outages(seen), [])
          // What was committed in the last second before a crash may be lost with it.
          yield* Effect.sleep("1 second")
          yield* server.stop
          yield* call
          yield* call
          assert.match(Sharing.outages(seen).join(), /^The ledger of quotas and budgets cannot be reached[^,]*$/)
          yield* server.restart
          yield* Effect.repeat(Effect.scoped(spent), {
            until: (spent) => spent === BudgetFixture.rounded(3 * 0.23),
            times: 150,
            schedule: Schedule.spaced("100 millis")
          })
          assert.strictEqual(yield* Effect.scoped(spent), BudgetFixture.rounded(3 * 0.23))
          assert.isTrue(Sharing.outages(seen).some((message) => message.includes("can be reached again")))
        })
      ),
    60_000
  )
})

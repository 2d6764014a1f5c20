import * as Effect from "effect/Effect"
import * as BudgetKeys from "./support/BudgetKeys.ts"
import * as Postgres from "./support/Postgres.ts"

Postgres.suite("two processes on a budget with keys in PostgreSQL", (it) => {
  it.effect(
    "spend no more than it allows a key, also when one is killed with calls in flight",
    () => Effect.flatMap(Postgres.Postgres, ({ url }) => BudgetKeys.spend({ kind: "postgres", place: url })),
    240_000
  )
})

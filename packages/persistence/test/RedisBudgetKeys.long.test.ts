import * as Effect from "effect/Effect"
import * as BudgetKeys from "./support/BudgetKeys.ts"
import * as RedisServer from "./support/RedisServer.ts"

RedisServer.suite("two processes on a budget with keys in Redis", (it) => {
  it.effect(
    "spend no more than it allows a key, also when one is killed with calls in flight",
    () => Effect.flatMap(RedisServer.RedisServer, ({ url }) => BudgetKeys.spend({ kind: "redis", place: url })),
    240_000
  )
})

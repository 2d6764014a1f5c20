/**
 * Three tenants, one quota: each gets its fair share of it, however much another one asks, has a budget of its own, and what
 * it used is written into a table.
 *
 * The tenant of a call is in its request metadata, which Bedrock writes into its log of invocations too. One tenant asks 60
 * questions at once, two others five each a moment later: they are answered among the first, and the first is stopped by its
 * budget. Offline, the emulator has a quota of 4,000 tokens in two seconds. The table is in an SQLite in memory; a
 * PostgreSQL is another layer.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Budget, ChatService, Key, Policy, Pricing, Quota, RequestMetadata, UsageEvents } from "@strata/core"
import { SqliteClient } from "@strata/persistence"
import { Array, Clock, Console, Effect, Layer, Result } from "effect"
import { SqlClient } from "effect/sql"
import * as Provider from "./src/Provider.ts"

const tokens = 4_000

const tenant = Key.metadata("tenant")

/** For each tenant, in US dollars. */
const budget = Budget.make({ name: "tenants", perDay: 0.012, key: tenant })

const Chat = Provider.limited({ "*": { tokensPerMinute: tokens, window: "2 seconds" } }).pipe(
  ChatService.withPolicy(
    Policy.make({ quota: Quota.tokens({ windows: [{ tokens, per: "2 seconds" }], key: tenant }) })
  ),
  ChatService.withBudget(budget),
  // Dollars for a million tokens; made up for this example.
  Layer.provide(Pricing.layer([{ model: "*", price: { input: 0.5, output: 2, source: "an example" } }]))
)

/** Writes what was used, a hundred rows at a time. */
const Usage = Layer.unwrap(Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`create table if not exists usage (at bigint, tenant text, model text, tokens integer, dollars float)`
  return UsageEvents.layerWriter((events) =>
    Effect.asVoid(sql`insert into usage ${
      sql.insert(Array.map(events, ({ at, cost, key, model, usage }) => ({
        at,
        tenant: key ?? "none",
        model,
        tokens: usage.totalTokens,
        dollars: cost?.total ?? null
      })))
    }`)
  ).pipe(Layer.provideMerge(UsageEvents.layer({ key: tenant })))
}))

/** A tenant asks so many questions at once. */
const asking = (name: string, count: number) =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const questions = Array.makeBy(count, (index) => `Question ${index + 1}: ${"what is a tenant? ".repeat(20)}`)
    const results = yield* Effect.forEach(
      questions,
      (messages) => Effect.result(ChatService.generate({ messages, maxTokens: 100 })),
      { concurrency: "unbounded" }
    )
    const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
    const [answered, refused] = [results.filter(Result.isSuccess).length, results.find(Result.isFailure)]
    yield* Console.log(`${name}: ${answered} of ${count} answers in ${seconds.toFixed(1)} s`)
    if (refused !== undefined) yield* Console.log(`  ${refused.failure.message}`)
    const { day } = yield* Budget.spent(budget, name)
    yield* Console.log(`  $${day?.spent.toFixed(6)} of $${day?.limit} spent`)
  }).pipe(Effect.provideService(RequestMetadata.RequestMetadata, { tenant: name }))

const program = Effect.gen(function*() {
  // The second one comes when the first has filled the queue, and does not wait for all of it.
  yield* Effect.all([
    asking("greedy", 60),
    Effect.delay(asking("modest", 5), "200 millis"),
    Effect.delay(asking("late", 5), "1 second")
  ], { concurrency: "unbounded" })
}).pipe(Effect.provide(Layer.merge(Chat, Usage)))

/** What is in the table when all events are written. */
const report = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ tenant: string; calls: number; tokens: number }>`
    select tenant, count(*) as calls, sum(tokens) as tokens from usage group by tenant order by tenant
  `
  for (const { calls, tenant, tokens } of rows) yield* Console.log(`${tenant}: ${calls} calls, ${tokens} tokens`)
})

export const main = Effect.andThen(program, report).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))

if (import.meta.main) NodeRuntime.runMain(main)

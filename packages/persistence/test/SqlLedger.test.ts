import * as Ledger from "@strata/core/state/Ledger"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import { specification } from "../../core/test/support/LedgerProperties.ts"
import type { World } from "../../core/test/support/LedgerSpecification.ts"
import * as SqlDocuments from "../src/sql/SqlDocuments.ts"
import * as Databases from "./support/Databases.ts"

/** A clock in the database that stands still, so that the tests are exact. */
const world = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE IF NOT EXISTS clock (now DOUBLE PRECISION)`
  yield* sql`INSERT INTO clock SELECT 1700000000000 WHERE NOT EXISTS (SELECT * FROM clock)`
  const documents = yield* SqlDocuments.make(sql, "standing", "(SELECT now FROM clock)")
  const world: World = {
    ledger: Ledger.fromDocuments(documents!),
    advance: (millis) => Effect.orDie(sql`UPDATE clock SET now = now + ${millis}`)
  }
  return world
}).pipe(Effect.orDie)

Databases.suites("a ledger in SQL", (it) => {
  specification(it.effect, world, { runs: 15, greed: 5, forgets: true })
})

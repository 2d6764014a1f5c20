/**
 * The right to change a collection, of one process at a time.
 *
 * It is held for a while and renewed; that of a process that was killed ends by itself. The clock is that of the database.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as SqlError from "effect/sql/SqlError"
import * as Os from "node:os"
import * as CommandError from "../process/CommandError.ts"
import type { At } from "./sql/Database.ts"
import * as Tables from "./sql/Tables.ts"

/** How long it is held without being renewed, in milliseconds. */
export const duration = 20_000

/** `within`: a transaction that changes something only while this process still holds the lease. */
export interface Lease {
  readonly within: <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | SqlError.SqlError | CommandError.CommandError, R>
}

/** Takes the lease of a collection until the scope closes. Fails with the name of the process that has it. */
export const acquire = Effect.fnUntraced(function*({ at, collection, name, sql }: {
  readonly sql: SqlClient.SqlClient
  readonly collection: number
  readonly name: string
  readonly at: At
}) {
  const holder = `${yield* Random.nextIntBetween(0, 2 ** 48)}`
  const now = Tables.now(sql)
  const self = `process ${process.pid} on ${Os.hostname()}`
  const take =
    sql`UPDATE strata_collection SET holder = ${holder}, holder_name = ${self}, holder_until = ${now} + ${duration}
    WHERE id = ${collection} AND (holder IS NULL OR holder_until < ${now}) RETURNING id`
  const release = sql`UPDATE strata_collection SET holder = NULL, holder_until = 0
    WHERE id = ${collection} AND holder = ${holder}`
  const renew = sql`UPDATE strata_collection SET holder_until = ${now} + ${duration}
    WHERE id = ${collection} AND holder = ${holder} RETURNING id`

  const taken = yield* Effect.acquireRelease(
    Effect.flatMap(
      at("taking the lease", take),
      (rows) =>
        rows.length > 0 ? Effect.succeed(true) : at(
          "taking the lease",
          Effect.gen(function*() {
            const [row] = yield* sql<
              { holder_name: string; rest: number }
            >`SELECT holder_name, holder_until - ${now} AS rest
          FROM strata_collection WHERE id = ${collection}`
            return yield* CommandError.failed(
              `The collection "${name}" is being changed by ${
                row?.holder_name ?? "another process"
              }. Wait for it; if it was ` +
                `killed, try again in ${Math.ceil(Number(row?.rest ?? duration) / 1000)} seconds`
            )
          })
        )
    ),
    () => Effect.ignore(release)
  )
  yield* Effect.forkScoped(Effect.repeat(Effect.ignore(renew), Schedule.spaced(duration / 4)))
  const within: Lease["within"] = (effect) =>
    sql.withTransaction(Effect.gen(function*() {
      const rows = yield* renew
      if (rows.length === 0) {
        return yield* CommandError.failed(
          `Another process has begun to change the collection "${name}", since this one did not respond for long: it stops here`
        )
      }
      return yield* effect
    }))
  return { within, taken }
})

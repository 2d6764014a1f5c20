/** Failures of a database, in words for the user of a command. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as SqlError from "effect/sql/SqlError"
import * as CommandError from "../../process/CommandError.ts"

/** A failure of the database as one of the command. */
export type At = <A, R>(
  doing: string,
  effect: Effect.Effect<A, SqlError.SqlError | Schema.SchemaError | CommandError.CommandError, R>
) => Effect.Effect<A, CommandError.CommandError, R>

/** {@link At} for a database in a place. */
export const failedAt = (place: string): At => (doing, effect) =>
  Effect.mapError(effect, (error) => {
    if (error._tag === "CommandError") return error
    const cause = error._tag === "SqlError" ? error.reason.cause : error
    return CommandError.failed(`${place}: ${doing}: ${cause instanceof Error ? cause.message : error.message}`, error)
  })

/**
 * A log of texts in a table of SQLite or PostgreSQL, a row for each text. Its primary key decides between two that append at
 * the same moment; a statement is an append, so there is no transaction.
 */
import type * as ConversationStore from "@strata/core/conversation/ConversationStore"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

/** Makes the table where there is none, and the log on it; `undefined` for a database that is neither of the two. */
export const make = Effect.fnUntraced(function*(
  client: SqlClient.SqlClient,
  name: string
): Effect.fn.Return<ConversationStore.Log<SqlError> | undefined, SqlError, Scope.Scope> {
  const sql = client.withoutTransforms()
  const statements = sql.onDialectOrElse({
    sqlite: () => sqlite(quoted(name)),
    pg: () => postgres(quoted(name)),
    orElse: () => undefined
  })
  if (statements === undefined) return undefined
  yield* sql.unsafe(statements.create).unprepared
  const run = yield* FiberSet.makeRuntime()
  /** Runs a statement in the context of the layer: a transaction of the caller is not the log's. */
  const ask = <Row extends object>(statement: string, ...params: ReadonlyArray<unknown>) =>
    Effect.suspend(() => {
      const fiber = run(sql.unsafe<Row>(statement, params))
      return Effect.onInterrupt(Fiber.join(fiber), () => Fiber.interrupt(fiber))
    })
  return {
    append: (key, position, text) =>
      Effect.map(ask(statements.append, key, position, text), (rows) => rows.length > 0).pipe(
        // That is how PostgreSQL says that others were faster, where transactions are REPEATABLE READ.
        Effect.catchIf(({ reason }) => reason._tag === "SerializationError", () => Effect.succeed(false))
      ),
    read: (key, from) =>
      Effect.map(ask<{ readonly text: string }>(statements.read, key, from), (rows) => rows.map(({ text }) => text)),
    list: ({ after, limit, prefix }) =>
      Effect.map(
        ask<{ readonly id: string }>(statements.list, after, prefix, limit),
        (rows) => rows.map(({ id }) => id)
      )
  }
})

/** A name that may be a word of SQL, and may have a schema before it. */
const quoted = (name: string) => name.split(".").map((part) => `"${part}"`).join(".")

/** `append` returns a row if it wrote one: if the last position is the one before. */
interface Statements {
  readonly create: string
  readonly append: string
  readonly read: string
  readonly list: string
}

const sqlite = (table: string): Statements => ({
  create: `CREATE TABLE IF NOT EXISTS ${table} (id TEXT NOT NULL, position INTEGER NOT NULL, text TEXT NOT NULL, ` +
    "PRIMARY KEY (id, position)) WITHOUT ROWID",
  append: `INSERT INTO ${table} (id, position, text) SELECT t.id, t.position, t.text ` +
    "FROM (SELECT ? AS id, ? AS position, ? AS text) AS t " +
    `WHERE t.position = (SELECT coalesce(max(position) + 1, 0) FROM ${table} AS known WHERE known.id = t.id) ` +
    "ON CONFLICT DO NOTHING RETURNING position",
  read: `SELECT text FROM ${table} WHERE id = ? AND position >= ? ORDER BY position`,
  list: `SELECT t.id FROM ${table} AS t, (SELECT ? AS after, ? AS prefix) AS page ` +
    "WHERE t.position = 0 AND t.id > page.after AND substr(t.id, 1, length(page.prefix)) = page.prefix " +
    "ORDER BY t.id LIMIT ?"
})

const postgres = (table: string): Statements => ({
  // `IF NOT EXISTS` alone may fail where two do it at once, and needs the right to create a table that is there already.
  create: `DO $$ BEGIN
    IF to_regclass('${table}') IS NULL THEN
      PERFORM pg_advisory_xact_lock(8246133172);
      CREATE TABLE IF NOT EXISTS ${table} (
        id TEXT COLLATE "C" NOT NULL, position INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (id, position)
      );
    END IF;
  END $$`,
  append: `INSERT INTO ${table} (id, position, text) SELECT $1::text, $2::integer, $3::text ` +
    `WHERE $2::integer = (SELECT coalesce(max(position) + 1, 0) FROM ${table} WHERE id = $1::text) ` +
    "ON CONFLICT DO NOTHING RETURNING position",
  read: `SELECT text FROM ${table} WHERE id = $1 AND position >= $2::integer ORDER BY position`,
  list: `SELECT id FROM ${table} WHERE position = 0 AND id > $1 AND starts_with(id, $2) ORDER BY id LIMIT $3::integer`
})

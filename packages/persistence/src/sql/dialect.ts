/** The statements of {@link SqlDocuments}, as SQLite and PostgreSQL take them. */
import type * as SqlClient from "effect/sql/SqlClient"

/**
 * - `create`: the statements that make a table where there is none, also if other processes do so at the same moment.
 * - `clock`: the time of the database, in milliseconds since 1970.
 * - `place`: of a parameter, counted from 1.
 * - `lock`, `written`: what is added to a selection of rows to be removed, and what writing a row returns.
 */
export interface Dialect {
  readonly create: (table: string) => ReadonlyArray<string>
  readonly clock: string
  readonly place: (index: number) => string
  readonly lock: string
  readonly written: string
}

/** The dialect of a client; `undefined` if it is neither of the two. */
export const of = (sql: SqlClient.SqlClient): Dialect | undefined =>
  sql.onDialectOrElse({ sqlite: () => sqlite, pg: () => postgres, orElse: () => undefined })

/** A double holds a version, which is a time of milliseconds, exactly, and is a number in every driver. */
const columns = "key TEXT PRIMARY KEY, state TEXT NOT NULL, version DOUBLE PRECISION NOT NULL, " +
  "expires DOUBLE PRECISION NOT NULL"

/** The name of the index is in the schema of its table. */
const indexOf = (table: string) => `${table.replaceAll(".", "_")}_expires`

const sqlite: Dialect = {
  create: (table) => [
    `CREATE TABLE IF NOT EXISTS ${table} (${columns})`,
    `CREATE INDEX IF NOT EXISTS ${indexOf(table)} ON ${table} (expires)`
  ],
  clock: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
  place: () => "?",
  lock: "",
  written: "1 AS written"
}

const postgres: Dialect = {
  // `IF NOT EXISTS` alone may fail where two do it at once, and needs the right to create a table that is there already.
  // There is room on the page for more versions of the row, which then need no new entries in the indexes.
  create: (table) => [
    `DO $$ BEGIN
      IF to_regclass('${table}') IS NULL THEN
        PERFORM pg_advisory_xact_lock(8246133171);
        CREATE TABLE IF NOT EXISTS ${table} (${columns}) WITH (fillfactor = 50);
        CREATE INDEX IF NOT EXISTS ${indexOf(table)} ON ${table} (expires);
      END IF;
    END $$`
  ],
  clock: "floor(extract(epoch FROM clock_timestamp()) * 1000)::float8",
  place: (index) => `$${index}`,
  lock: " FOR UPDATE SKIP LOCKED",
  // A commit does not wait for the disk: what a crash of the server loses are balances of less than a second.
  written: "set_config('synchronous_commit', 'off', true) AS written"
}

/**
 * - `read`: by key, one row in any case: the time, and the row of the key if there is one.
 * - `write`: the row, unless its version is another than the last parameter; returns a row if it did.
 * - `sweep`: removes some rows that expired before a time, which is given twice, around their number.
 */
export const statements = ({ lock, place, written }: Dialect, table: string, clock: string) => ({
  read: `SELECT ${clock} AS now, t.state, t.version, t.expires ` +
    `FROM (SELECT 1 AS one) AS one LEFT JOIN ${table} AS t ON t.key = ${place(1)}`,
  write: `INSERT INTO ${table} AS t (key, state, version, expires) ` +
    `VALUES (${place(1)}, ${place(2)}, ${place(3)}, ${place(4)}) ` +
    `ON CONFLICT (key) DO UPDATE SET state = excluded.state, version = excluded.version, expires = excluded.expires ` +
    `WHERE t.version = ${place(5)} RETURNING ${written}`,
  sweep: `DELETE FROM ${table} WHERE key IN ` +
    `(SELECT key FROM ${table} WHERE expires < ${place(1)} LIMIT ${place(2)}${lock}) AND expires < ${place(3)}`
})

/** The text of a key without what PostgreSQL refuses in a text: NUL, and halves of surrogate pairs. */
export const keyText = (key: string): string => JSON.stringify(key).slice(1, -1)

/** The statements of {@link SqlDocuments}, as SQLite and PostgreSQL take them. */
import type * as SqlClient from "effect/sql/SqlClient"

/**
 * - `create`: the statements that make a table where there is none, also if other processes do so at the same moment.
 * - `clock`: the time of the database, in milliseconds since 1970.
 * - `place`: of a parameter, counted from 1.
 * - `begin`: begins a transaction that waits for the locks of rows; `undefined` where rows have none.
 * - `skip`, `written`: what is added to a selection of rows to be removed, and what writing a row returns.
 */
export interface Dialect {
  readonly create: (table: string) => ReadonlyArray<string>
  readonly clock: string
  readonly place: (index: number) => string
  readonly begin: string | undefined
  readonly skip: string
  readonly written: string
}

/** The dialect of a client; `undefined` if it is neither of the two. */
export const of = (sql: SqlClient.SqlClient): Dialect | undefined =>
  sql.onDialectOrElse({ sqlite: () => sqlite, pg: () => postgres, orElse: () => undefined })

/** A double holds a version, which is a time of milliseconds, exactly, and is a number in every driver. */
const columns = "key TEXT PRIMARY KEY, state TEXT NOT NULL, version DOUBLE PRECISION NOT NULL, " +
  "expires DOUBLE PRECISION NOT NULL"

/** A name that may be a word of SQL, and may have a schema before it. */
const quoted = (...parts: ReadonlyArray<string>) => parts.map((part) => `"${part}"`).join(".")

/** The parts of the name of a table, and the name of its index. */
const namesOf = (table: string) => {
  const parts = table.split(".")
  const name = parts.at(-1) ?? table
  return { schema: parts.slice(0, -1), name, index: `${name}_expires` }
}

const sqlite: Dialect = {
  create: (table) => {
    const { index, name, schema } = namesOf(table)
    return [
      `CREATE TABLE IF NOT EXISTS ${quoted(...schema, name)} (${columns})`,
      `CREATE INDEX IF NOT EXISTS ${quoted(...schema, index)} ON ${quoted(name)} (expires)`
    ]
  },
  clock: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
  place: () => "?",
  begin: undefined,
  skip: "",
  written: "1 AS written"
}

const postgres: Dialect = {
  // `IF NOT EXISTS` alone may fail where two do it at once, and needs the right to create a table that is there already.
  // There is room on the page for more versions of the row, which then need no new entries in the indexes.
  create: (table) => {
    const { index, name, schema } = namesOf(table)
    const place = quoted(...schema, name)
    return [
      `DO $$ BEGIN
        IF to_regclass('${place}') IS NULL THEN
          PERFORM pg_advisory_xact_lock(8246133171);
          CREATE TABLE IF NOT EXISTS ${place} (${columns}) WITH (fillfactor = 50);
          CREATE INDEX IF NOT EXISTS ${quoted(index)} ON ${place} (expires);
        END IF;
      END $$`
    ]
  },
  clock: "floor(extract(epoch FROM clock_timestamp()) * 1000)::float8",
  place: (index) => `$${index}`,
  begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
  skip: " FOR UPDATE SKIP LOCKED",
  // A commit does not wait for the disk: what a crash of the server loses are balances of less than a second.
  written: "set_config('synchronous_commit', 'off', true) AS written"
}

/**
 * - `read`: by key, one row in any case: the time, and the row of the key if there is one.
 * - `lock`: the same, if there is a row, which is locked.
 * - `write`: the row, unless its version is another than the last parameter; returns a row if it did.
 * - `sweep`: removes some rows that expired before a time, which is given twice, around their number.
 */
export const statements = ({ place, skip, written }: Dialect, named: string, clock: string) => {
  const table = quoted(...named.split("."))
  return {
    read: `SELECT ${clock} AS now, t.state, t.version, t.expires ` +
      `FROM (SELECT 1 AS one) AS one LEFT JOIN ${table} AS t ON t.key = ${place(1)}`,
    lock: `SELECT ${clock} AS now, state, version, expires FROM ${table} WHERE key = ${place(1)} FOR UPDATE`,
    write: `INSERT INTO ${table} AS t (key, state, version, expires) ` +
      `VALUES (${place(1)}, ${place(2)}, ${place(3)}, ${place(4)}) ` +
      `ON CONFLICT (key) DO UPDATE SET state = excluded.state, version = excluded.version, expires = excluded.expires ` +
      `WHERE t.version = ${place(5)} RETURNING ${written}`,
    sweep: `DELETE FROM ${table} WHERE key IN ` +
      `(SELECT key FROM ${table} WHERE expires < ${place(1)} LIMIT ${place(2)}${skip}) AND expires < ${place(3)}`
  }
}

/** The text of a key without what PostgreSQL refuses in a text: NUL, and halves of surrogate pairs. */
export const keyText = (key: string): string => JSON.stringify(key).slice(1, -1)

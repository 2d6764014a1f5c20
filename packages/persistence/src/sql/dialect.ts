/** The statements of {@link SqlDocuments}, as SQLite and PostgreSQL take them. */
import type * as SqlClient from "effect/sql/SqlClient"

/**
 * - `create`: the statements that make a table where there is none, also if other processes do so at the same moment.
 * - `clock`: the time of the database, in milliseconds since 1970.
 * - `place`: of a parameter, counted from 1.
 * - `begin`: begins a transaction that waits for the locks of rows; `undefined` where rows have none.
 * - `written`: what writing a row returns.
 * - `insert`, `sweep`: see {@link statements}.
 */
export interface Dialect {
  readonly create: (table: string) => ReadonlyArray<string>
  readonly clock: string
  readonly place: (index: number) => string
  readonly begin: string | undefined
  readonly written: string
  readonly insert: (table: string) => string
  readonly sweep: (table: string) => string
}

/** The dialect of a client; `undefined` if it is neither of the two. */
export const of = (sql: SqlClient.SqlClient): Dialect | undefined =>
  sql.onDialectOrElse({ sqlite: () => sqlite, pg: () => postgres, orElse: () => undefined })

/** A double holds a version, which is a time of milliseconds, exactly, and is a number in every driver. */
const columns = "key TEXT NOT NULL, state TEXT NOT NULL, version DOUBLE PRECISION NOT NULL, " +
  "expires DOUBLE PRECISION NOT NULL"

const names = "(key, state, version, expires)"

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
      `CREATE TABLE IF NOT EXISTS ${quoted(...schema, name)} (${columns}, PRIMARY KEY (key))`,
      `CREATE INDEX IF NOT EXISTS ${quoted(...schema, index)} ON ${quoted(name)} (expires)`
    ]
  },
  clock: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
  place: () => "?",
  begin: undefined,
  written: "1 AS written",
  insert: (table) => `INSERT INTO ${table} ${names} VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1 AS written`,
  sweep: (table) => `DELETE FROM ${table} WHERE key IN (SELECT key FROM ${table} WHERE expires < ? LIMIT ?)`
}

/** A commit does not wait for the disk: what a crash of the server loses are balances of less than a second. */
const unflushed = "set_config('synchronous_commit', 'off', true) AS written"

/**
 * While some transaction is old, no version of a row is removed, and an index of keys leads to all of them. So the primary
 * key is of key and version, of which the newest is found at once; and a second row for each key, of version 0, which is
 * never changed, sees to it that there are not two of a key.
 */
const postgres: Dialect = {
  // `IF NOT EXISTS` alone may fail where two do it at once, and needs the right to create a table that is there already.
  create: (table) => {
    const { index, name, schema } = namesOf(table)
    const place = quoted(...schema, name)
    return [
      `DO $$ BEGIN
        IF to_regclass('${place}') IS NULL THEN
          PERFORM pg_advisory_xact_lock(8246133171);
          CREATE TABLE IF NOT EXISTS ${place} (${columns}, PRIMARY KEY (key, version));
          CREATE INDEX IF NOT EXISTS ${quoted(index)} ON ${place} (expires);
        END IF;
      END $$`
    ]
  },
  clock: "floor(extract(epoch FROM clock_timestamp()) * 1000)::float8",
  place: (index) => `$${index}`,
  begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
  written: unflushed,
  insert: (table) =>
    `WITH first AS (INSERT INTO ${table} ${names} VALUES ($1, '', 0, 'Infinity') ON CONFLICT DO NOTHING RETURNING key) ` +
    `INSERT INTO ${table} ${names} SELECT key, $2, $3::float8, $4::float8 FROM first RETURNING ${unflushed}`,
  // A row that was written meanwhile is looked at again, and stays.
  sweep: (table) =>
    `WITH gone AS (DELETE FROM ${table} WHERE (key, version) IN (SELECT key, version FROM ${table} ` +
    `WHERE expires < $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING key) ` +
    `DELETE FROM ${table} WHERE version = 0 AND key IN (SELECT key FROM gone)`
}

/**
 * - `read`: by key, one row in any case: the time, and the row of the key if there is one.
 * - `lock`: the same, if there is a row, which is locked.
 * - `insert`: a row, of key, state, version and expiry, unless there is one of the key; returns a row if it did.
 * - `update`: the same, of a row whose version is the last parameter.
 * - `sweep`: removes some rows that expired before a time.
 */
export const statements = ({ insert, place, sweep, written }: Dialect, named: string, clock: string) => {
  const table = quoted(...named.split("."))
  const newest = `FROM ${table} WHERE key = ${place(1)} AND version > 0 ORDER BY version DESC LIMIT 1`
  return {
    read: `SELECT ${clock} AS now, t.state, t.version, t.expires FROM (SELECT 1 AS one) AS one ` +
      `LEFT JOIN (SELECT state, version, expires ${newest}) AS t ON 1 = 1`,
    // A process that is cut off while it has the lock loses it.
    lock: `SELECT ${clock} AS now, state, version, expires, ` +
      `set_config('idle_in_transaction_session_timeout', '5s', true) ${newest} FOR UPDATE`,
    insert: insert(table),
    update: `UPDATE ${table} SET state = ${place(1)}, version = ${place(2)}, expires = ${place(3)} ` +
      `WHERE key = ${place(4)} AND version = ${place(5)} RETURNING ${written}`,
    sweep: sweep(table)
  }
}

/** The text of a key without what PostgreSQL refuses in a text: NUL, and halves of surrogate pairs. */
export const keyText = (key: string): string => JSON.stringify(key).slice(1, -1)

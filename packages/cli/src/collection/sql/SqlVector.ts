/** Vectors as databases store them: a BLOB of 32-bit floats, little endian, in SQLite; pgvector's type in PostgreSQL. */
import type * as SqlClient from "effect/sql/SqlClient"
import type * as Statement from "effect/sql/Statement"

/** What a column holds. */
export type Stored = Uint8Array | string

/** - `column`: an expression for the column; `read`, `write`: its values. `parameter`: a vector in a condition. */
export interface Codec {
  readonly column: Statement.Fragment
  readonly read: (stored: Stored) => Float32Array
  readonly write: (vector: Float32Array) => Stored
}

/** The codec of a database. */
export const make = (sql: SqlClient.SqlClient): Codec =>
  sql.onDialectOrElse({
    pg: () => ({ column: sql.literal("CAST(vector AS TEXT)"), read, write: (vector) => `[${vector.join(",")}]` }),
    orElse: () => ({ column: sql.literal("vector"), read, write: bytesOf })
  })

const read = (stored: Stored): Float32Array => {
  if (typeof stored === "string") return Float32Array.from(stored.slice(1, -1).split(","), Number)
  const bytes = stored.byteOffset % 4 === 0 ? stored : stored.slice()
  return isLittleEndian ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4) : swapped(bytes)
}

const bytesOf = (vector: Float32Array): Uint8Array => {
  const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
  return isLittleEndian ? bytes : new Uint8Array(swapped(bytes).buffer)
}

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** Floats whose bytes are the other way round. */
const swapped = (bytes: Uint8Array): Float32Array => {
  const copy = Buffer.from(bytes).swap32()
  return new Float32Array(new Uint8Array(copy).buffer)
}

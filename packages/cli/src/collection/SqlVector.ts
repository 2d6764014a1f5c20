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
  const vector = new Float32Array(stored.byteLength / 4)
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength)
  for (let index = 0; index < vector.length; index++) vector[index] = view.getFloat32(4 * index, true)
  return vector
}

const bytesOf = (vector: Float32Array): Uint8Array => {
  const bytes = new Uint8Array(4 * vector.length)
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < vector.length; index++) view.setFloat32(4 * index, vector[index] ?? 0, true)
  return bytes
}

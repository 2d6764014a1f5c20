/** A PostgreSQL with pgvector inside this process. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { PGlite } from "@electric-sql/pglite"
import { vector } from "@electric-sql/pglite-pgvector"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import { Duplex } from "node:stream"

/** A connection without a network: what the client writes goes in, what PostgreSQL answers comes out. */
const connect = (database: PGlite) =>
  new Duplex({
    read() {},
    write(messages, _encoding, done) {
      database.execProtocolRaw(messages).then((answer) => {
        this.push(answer)
        done()
      }, done)
    },
    final(done) {
      this.push(null)
      done()
    }
  })

/** An empty database, gone with the layer. */
export const layer: Layer.Layer<SqlClient.SqlClient> = Layer.unwrap(Effect.map(
  Effect.acquireRelease(
    Effect.promise(() => PGlite.create({ extensions: { vector } })),
    (database) => Effect.promise(() => database.close())
  ),
  (database) =>
    PgClient.layer({
      stream: () => connect(database),
      username: "postgres",
      // It is one session: a second connection would share its transactions.
      maxConnections: 1
    })
)).pipe(Layer.orDie)

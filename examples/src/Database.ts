/**
 * A PostgreSQL with pgvector: the server that `DATABASE_URL` names, or one inside this process.
 *
 * The embedded one is PGlite, PostgreSQL compiled to WebAssembly, in memory or in the directory `PGLITE_DIRECTORY`. It
 * speaks PostgreSQL's own protocol, so the same client talks to either, over a socket or over a function call.
 */
import { PgClient } from "@effect/sql-pg"
import { PGlite } from "@electric-sql/pglite"
import { vector } from "@electric-sql/pglite-pgvector"
import { dataDir } from "@electric-sql/pglite-prepopulatedfs"
import { Config, Effect, Layer, Option } from "effect"
import { SqlError } from "effect/sql"
import { Duplex } from "node:stream"

/** `PgClient` and `SqlClient` of the database that the configuration asks for. */
export const layer = Layer.unwrap(Effect.gen(function*() {
  const url = yield* Config.option(Config.Redacted("DATABASE_URL"))
  if (Option.isSome(url)) return PgClient.layer({ url: url.value })
  return layerEmbedded(Option.getOrUndefined(yield* directory))
}))

/** The same for a PostgreSQL inside this process: empty and gone with the layer, unless a directory keeps it. */
export const layerEmbedded = (directory?: string) =>
  Layer.unwrap(Effect.map(embedded(directory), (database) =>
    PgClient.layer({
      stream: () => connect(database),
      username: "postgres",
      // PGlite is one session: a second connection would share its transactions.
      maxConnections: 1
    })))

const directory = Config.option(Config.NonEmptyString("PGLITE_DIRECTORY"))

/** A PostgreSQL inside this process. */
export const embedded = (directory?: string) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () =>
        PGlite.create({
          extensions: { vector },
          // A copy of a new database: to make one takes seconds.
          ...(directory === undefined ? { loadDataDir: await dataDir() } : { dataDir: directory })
        }),
      catch: (cause) =>
        new SqlError.SqlError({
          reason: new SqlError.ConnectionError({ cause, message: "PGlite did not start", operation: "start" })
        })
    }),
    (database) => Effect.promise(() => database.close())
  )

/** A connection without a network: what the client writes goes in, what PostgreSQL answers comes out. */
export const connect = (database: PGlite) =>
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

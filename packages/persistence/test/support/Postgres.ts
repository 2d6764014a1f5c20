/**
 * A PostgreSQL of one's own: a server on 127.0.0.1 with a new cluster in a temporary folder, both gone with their scope.
 *
 * In a test, `Postgres.suite` starts one for the whole block and is skipped, with a message, where there is none to start:
 *
 *     Postgres.suite("a queue", (it) => {
 *       it.effect("keeps an item", () =>
 *         Effect.gen(function*() {
 *           const { port, url } = yield* Postgres.Postgres   // for other processes
 *           const sql = yield* SqlClient.SqlClient           // connected
 *         }))
 *     })
 *
 * The clock of such a block is the real one, and all its tests share the server: give each tables of its own. A test that
 * stops the server starts one for itself, with `Effect.provide(Layer.fresh(Postgres.layer))`.
 *
 * PostgreSQL does not run as root: started by root, the server runs as the user `postgres` that its package makes. Tests of
 * other packages import this file by its path and have `{ "path": "../persistence/tsconfig.test.json" }` among the
 * references of their `tsconfig.test.json`.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as PgClient from "@effect/sql-pg/PgClient"
import { describe, layer as layerSuite, type Vitest } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { spawnSync } from "node:child_process"
import { existsSync, globSync } from "node:fs"
import { freePort } from "./RedisServer.ts"

/**
 * Where it listens. `url` has a user, `postgres`, and no password. `stop` ends it before its scope does, as a crash would,
 * and `restart` starts it again with the same data.
 */
export class Postgres extends Context.Service<Postgres, {
  readonly port: number
  readonly url: string
  readonly stop: Effect.Effect<void>
  readonly restart: Effect.Effect<void>
}>()("@strata/persistence/test/Postgres") {}

class NotStarted extends Schema.TaggedError<NotStarted>()("NotStarted", { message: Schema.String }) {}

/** The folder of its programs: Debian keeps those of each version apart, and out of the way. */
const programs = [
  ...globSync("/usr/lib/postgresql/*/bin").sort().reverse(),
  ...(process.env["PATH"] ?? "").split(":")
].find((folder) => ["initdb", "postgres"].every((program) => existsSync(`${folder}/${program}`)))

/** Whether this process may become another user, and has to. */
export const isRoot = process.getuid?.() === 0

/** A command as a user who is not root. `setpriv` becomes the program that it starts, so a signal reaches that. */
export const asUser = (path: string, ...options: ReadonlyArray<string>): [string, Array<string>] =>
  isRoot
    ? ["setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", path, ...options]]
    : [path, [...options]]

/** Whether a server can be started. */
export const isInstalled: boolean = programs !== undefined &&
  spawnSync(...asUser(`${programs}/postgres`, "--version")).status === 0

/** Starts a server on a free port, with settings such as `max_connections=20`. */
export const start = (
  settings: ReadonlyArray<string> = []
): Effect.Effect<Postgres["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const folder = yield* files.makeTempDirectoryScoped({ prefix: "strata-postgres-" })
    if (isRoot) spawnSync("chown", ["postgres", folder])
    const data = `${folder}/data`
    const made = yield* ChildProcess.make(
      ...asUser(`${programs}/initdb`, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"),
      { stdout: "ignore", stderr: "inherit" }
    )
    yield* made.exitCode
    const serve = Effect.fnUntraced(function*(port: number) {
      return { port, server: yield* startAt(data, port, settings) }
    })
    let { port, server } = yield* Effect.retry(Effect.flatMap(freePort, serve), { times: 4 })
    const context = yield* Effect.context<Effect.Services<ReturnType<typeof serve>>>()
    return {
      port,
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      stop: Effect.suspend(() => Effect.orDie(server.kill({ killSignal: "SIGQUIT" }))),
      restart: Effect.map(serve(port), (started) => void (server = started.server)).pipe(
        Effect.provideContext(context),
        Effect.orDie
      )
    }
  }).pipe(Effect.provide(NodeServices.layer), Effect.orDie)

/** Starts a server. */
export const layerServer: Layer.Layer<Postgres> = Layer.effect(Postgres, start())

/** A connection, with more of the options of the client. */
export const connection = (url: string, options: PgClient.PgPoolConfig = {}) =>
  PgClient.layer({ url: Redacted.make(url), ...options })

/** Starts a server and connects to it. */
export const layer: Layer.Layer<Postgres | SqlClient.SqlClient> = Layer.unwrap(
  Effect.map(Postgres, ({ url }) => connection(url))
).pipe(Layer.provideMerge(layerServer), Layer.orDie)

/** A `describe` whose tests share a server. */
export const suite = (
  name: string,
  tests: (it: Vitest.MethodsNonLive<Postgres | SqlClient.SqlClient>) => void
): void => {
  if (!isInstalled) console.warn(`Skipped, for want of a PostgreSQL server: ${name}`)
  const block = isInstalled ? describe : describe.skip
  block(name, () => {
    layerSuite(layer, { excludeTestServices: true, timeout: "30 seconds" })(tests)
  })
}

const startAt = Effect.fnUntraced(function*(data: string, port: number, settings: ReadonlyArray<string>) {
  const fixed = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
  const server = yield* ChildProcess.make(
    ...asUser(`${programs}/postgres`, "-D", data, ...[...fixed, ...settings].flatMap((setting) => ["-c", setting])),
    { killSignal: "SIGQUIT" }
  )
  yield* server.stderr.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.includes("ready to accept connections")),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption),
    Effect.timeout("20 seconds"),
    Effect.catch(() => Effect.fail(new NotStarted({ message: `PostgreSQL does not listen on ${port}` })))
  )
  return server
})

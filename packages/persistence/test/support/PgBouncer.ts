/**
 * A PgBouncer in transaction mode before a PostgreSQL of one's own: two sessions for all its clients. Used as `Postgres.ts`
 * is; `url` leads through it.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, layer as layerSuite, type Vitest } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import * as Postgres from "./Postgres.ts"
import { freePort } from "./RedisServer.ts"

export class PgBouncer extends Context.Service<PgBouncer, { readonly url: string }>()(
  "@strata/persistence/test/PgBouncer"
) {}

/** Debian keeps it where only root looks. */
const program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"].find((path) =>
  existsSync(path)
)

/** Starts both. */
export const layer: Layer.Layer<PgBouncer | Postgres.Postgres> = Layer.effect(
  PgBouncer,
  Effect.gen(function*() {
    const server = yield* Postgres.Postgres
    const files = yield* FileSystem.FileSystem
    const folder = yield* files.makeTempDirectoryScoped({ prefix: "strata-pgbouncer-" })
    const port = yield* freePort
    yield* files.writeFileString(`${folder}/users.txt`, `"postgres" ""\n`)
    yield* files.writeFileString(
      `${folder}/pgbouncer.ini`,
      `[databases]
postgres = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${folder}/users.txt
pool_mode = transaction
default_pool_size = 2
`
    )
    if (Postgres.isRoot) spawnSync("chown", ["-R", "postgres", folder])
    const pooler = yield* ChildProcess.make(...Postgres.asUser(program ?? "pgbouncer", `${folder}/pgbouncer.ini`), {
      killSignal: "SIGKILL"
    })
    yield* pooler.stderr.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.filter((line) => line.includes("process up")),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption),
      Effect.timeout("10 seconds")
    )
    return { url: `postgres://postgres@127.0.0.1:${port}/postgres` }
  })
).pipe(Layer.provideMerge(Postgres.layerServer), Layer.provide(NodeServices.layer), Layer.orDie)

/** A `describe` whose tests share both; skipped, with a message, where there is no PgBouncer or no PostgreSQL. */
export const suite = (
  name: string,
  tests: (it: Vitest.MethodsNonLive<PgBouncer | Postgres.Postgres>) => void
): void => {
  const isInstalled = program !== undefined && Postgres.isInstalled
  if (!isInstalled) console.warn(`Skipped, for want of PgBouncer and PostgreSQL: ${name}`)
  const block = isInstalled ? describe : describe.skip
  block(name, () => {
    layerSuite(layer, { excludeTestServices: true, timeout: "30 seconds" })(tests)
  })
}

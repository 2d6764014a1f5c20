/**
 * The programs of pages that need a database or a Redis: each runs as a process of its own, against a server of the test.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Redis } from "effect/persistence"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import * as RedisServer from "../../packages/persistence/test/support/RedisServer.ts"
import { expected } from "../../packages/snippets/test/support/expected.ts"
import * as Files from "../../packages/snippets/test/support/Files.ts"
import * as Programs from "../../packages/snippets/test/support/Programs.ts"
import * as Database from "../src/Database.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => Files.make("served-programs")),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true }))
)

/** Where a new PostgreSQL with pgvector listens. It has one session: a program has to do with one connection. */
const databaseUrl = Effect.gen(function*() {
  const database = yield* Database.embedded()
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => createServer((socket) => socket.pipe(Database.connect(database)).pipe(socket))),
    (server) => Effect.sync(() => server.close())
  )
  const port = yield* Effect.callback<number>((resume) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
    })
  })
  return `postgres://postgres@127.0.0.1:${port}/postgres`
})

describe("The program with PostgreSQL", () => {
  for (const program of Programs.needing("DATABASE_URL")) {
    it.live(
      `${program.page.name}:${program.snippet.line} prints what the page says, and finds its table again`,
      () =>
        Effect.gen(function*() {
          const variables = { DATABASE_URL: yield* databaseUrl }
          yield* expected(program, yield* folder, variables)
          const { code, stderr, stdout } = yield* Programs.run(program, yield* folder, variables)
          assert.strictEqual(code, 0, stderr)
          assert.match(stdout, /^1 embedded, 2 unchanged$/m)
          assert.include(program.page.text, "`1 embedded, 2 unchanged`")
        }).pipe(Effect.scoped),
      300_000
    )
  }
})

RedisServer.suite("The program with Redis", (it) => {
  for (const program of Programs.needing("REDIS_URL")) {
    it.effect(
      `${program.page.name}:${program.snippet.line} prints what the page says, twice at a time`,
      () =>
        Effect.gen(function*() {
          const { url } = yield* RedisServer.RedisServer
          const once = expected(program, yield* folder, { REDIS_URL: url })
          yield* Effect.all([once, once], { concurrency: 2 })
          const { send } = yield* Redis.Redis
          assert.isNotEmpty(yield* send<ReadonlyArray<string>>("KEYS", "production:*"))
        }).pipe(Effect.scoped),
      300_000
    )
  }
})

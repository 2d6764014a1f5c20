/**
 * Runs an example as a user would.
 */
import { NodeServices } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { spawnSync } from "node:child_process"

/** Whether there is a `redis-server` to start; says so where there is none. */
export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0
if (!hasRedis) console.warn("Skipped, for want of a redis-server: the example shared-redis")

/** With the offline defaults, whatever the environment of the tests says; gives what it printed. */
export const run = (name: string) =>
  Effect.gen(function*() {
    const file = new URL(`../${name}.ts`, import.meta.url).pathname
    const child = yield* ChildProcess.make(process.execPath, [file], {
      env: { STRATA_PROVIDER: "local", DATABASE_URL: undefined, PGLITE_DIRECTORY: undefined, REDIS_URL: undefined },
      extendEnv: true,
      stdin: "ignore"
    })
    const output = yield* child.all.pipe(Stream.decodeText(), Stream.mkString)
    assert.strictEqual(yield* child.exitCode, 0, output)
    return output
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

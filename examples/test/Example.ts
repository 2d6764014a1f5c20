/**
 * Runs an example as a user would.
 */
import { NodeServices } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { ChildProcess } from "effect/process"

/** With the offline defaults, whatever the environment of the tests says; gives what it printed. */
export const run = (name: string) =>
  Effect.gen(function*() {
    const file = new URL(`../${name}.ts`, import.meta.url).pathname
    const child = yield* ChildProcess.make(process.execPath, [file], {
      env: { STRATA_PROVIDER: "local", DATABASE_URL: undefined, PGLITE_DIRECTORY: undefined },
      extendEnv: true,
      stdin: "ignore"
    })
    const output = yield* child.all.pipe(Stream.decodeText(), Stream.mkString)
    assert.strictEqual(yield* child.exitCode, 0, output)
    return output
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

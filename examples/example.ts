/**
 * Runs an example by its name: `pnpm example chat`. Without one, lists them.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, FileSystem } from "effect"

/** What each of them exports: the program with its layers, for `NodeRuntime` or a test to run. */
interface Example {
  readonly main: Effect.Effect<void, unknown, NodeServices.NodeServices>
}

const program = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const names = (yield* fs.readDirectory(import.meta.dirname))
    .filter((file) => file.endsWith(".ts") && file !== "example.ts")
    .map((file) => file.slice(0, -".ts".length))
  const name = process.argv[2]
  if (name === undefined || !names.includes(name)) {
    return yield* Console.log(`Which one? ${names.join(", ")}`)
  }
  const { main } = yield* Effect.promise<Example>(() => import(`./${name}.ts`))
  yield* main
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)

/**
 * Runs an example by its name: `pnpm example chat`. Without one, lists them.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, FileSystem } from "effect"

const program = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const names = (yield* fs.readDirectory(import.meta.dirname))
    .filter((file) => file.endsWith(".ts") && file !== "example.ts")
    .map((file) => file.slice(0, -".ts".length))
  const name = process.argv[2]
  if (name === undefined || !names.includes(name)) {
    return yield* Console.log(`Which one? ${names.join(", ")}`)
  }
  yield* Effect.promise(() => import(`./${name}.ts`))
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)

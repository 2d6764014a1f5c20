/**
 * Where examples keep what outlives them: in the folder that `STRATA_DATA` names, or in `examples/.data`; what Bedrock and
 * what this machine has answered apart from each other. Delete it to begin anew.
 */
import { JobStore } from "@strata/jobs"
import { Config, Effect, FileSystem, Layer, Path } from "effect"
import * as Provider from "./Provider.ts"

/** The folder of an example, made if it is missing. */
export const folder = Effect.fnUntraced(function*(example: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* Config.NonEmptyString("STRATA_DATA").pipe(
    Config.withDefault(path.join(import.meta.dirname, "..", ".data"))
  )
  const folder = path.join(root, yield* Provider.name, example)
  yield* fs.makeDirectory(folder, { recursive: true })
  return folder
})

/** Jobs in the SQLite database of an example. */
export const jobs = (example: string) =>
  Layer.unwrap(Effect.gen(function*() {
    const path = yield* Path.Path
    return JobStore.layerSqlite({ filename: path.join(yield* folder(example), "jobs.db") })
  }))

/**
 * Where examples keep what outlives them: in the folder that `STRATA_DATA` names, or in `examples/.data`. Delete it to begin
 * anew.
 */
import { JobStore } from "@strata/jobs"
import { Config, Effect, FileSystem, Layer, Path } from "effect"

/** The folder of an example, made if it is missing. */
export const folder = Effect.fnUntraced(function*(example: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* Config.NonEmptyString("STRATA_DATA").pipe(
    Config.withDefault(path.join(import.meta.dirname, "..", ".data"))
  )
  const folder = path.join(root, example)
  yield* fs.makeDirectory(folder, { recursive: true })
  return folder
})

/** Jobs in the SQLite database of an example. */
export const jobs = (example: string) =>
  Layer.unwrap(Effect.gen(function*() {
    const path = yield* Path.Path
    return JobStore.layerSqlite({ filename: path.join(yield* folder(example), "jobs.db") })
  }))

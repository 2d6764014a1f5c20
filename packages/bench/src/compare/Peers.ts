/**
 * Clients of other makers. They are no part of the workspace: who only tests or uses Strata does not download them.
 */
import { Console, Effect, FileSystem, Schema } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"

/** They could not be installed. */
export class PeersError extends Schema.TaggedError<PeersError>()("PeersError", { message: Schema.String }) {}

export type Needs = FileSystem.FileSystem | ChildProcessSpawner.ChildProcessSpawner

const directory = new URL("../../peers/", import.meta.url)

/** Installs them, the first time. */
export const install = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  if (yield* fs.exists(new URL("node_modules/ai", directory).pathname)) return
  yield* Console.log("Installing the clients to compare with …")
  const npm = yield* ChildProcess.make(
    "npm",
    ["ci", "--no-audit", "--no-fund", "--prefix", directory.pathname],
    { stderr: "inherit" }
  )
  const code = yield* npm.exitCode
  if (code !== 0) return yield* new PeersError({ message: `npm ended with ${code}; it needs the package registry` })
}).pipe(Effect.scoped)

/** A module beside their packages, in plain JavaScript, so that the workspace needs no types of theirs. */
export const load = <Module>(file: string): Promise<Module> => import(new URL(file, directory).href)

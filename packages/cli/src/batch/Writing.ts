/** Lines that go to a file as a whole, or to standard output. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs/promises"
import * as CommandError from "../process/CommandError.ts"
import * as Files from "../process/Files.ts"
import { Output } from "../process/Output.ts"
import type { OutputClosed } from "../process/Streams.ts"
import * as ReplaceFile from "../rows/ReplaceFile.ts"

/** - `write`: adds text; `finish`: puts the file in its place. */
export interface Writing {
  readonly write: (text: string) => Effect.Effect<void, CommandError.CommandError | OutputClosed>
  readonly finish: Effect.Effect<void, CommandError.CommandError>
}

/** Begins a file, or standard output without one; nothing is written there when `isSilent`. */
export const open = Effect.fnUntraced(function*(
  file: string | undefined,
  { isSilent = false }: { readonly isSilent?: boolean } = {}
): Effect.fn.Return<Writing, CommandError.CommandError, Output | Scope.Scope> {
  const output = yield* Output
  if (file === undefined) return { write: isSilent ? () => Effect.void : output.raw, finish: Effect.void }
  const target = `${file}.${yield* Random.nextIntBetween(0, 2 ** 32)}.tmp`
  const failed = ({ message }: Files.FileError) => CommandError.failed(`${file} cannot be written: ${message}`)
  const handle = yield* Effect.acquireRelease(
    Effect.mapError(Files.attempt(() => Fs.open(target, "w")), failed),
    (handle) =>
      Effect.andThen(
        Effect.ignore(Files.attempt(() => handle.close())),
        Effect.ignore(Files.attempt(() => Fs.rm(target, { force: true })))
      )
  )
  return {
    write: (text) => Effect.mapError(Files.attempt(() => handle.writeFile(text)), failed),
    finish: Files.attempt(() => handle.sync()).pipe(
      Effect.andThen(ReplaceFile.replace(target, file)),
      Effect.mapError(failed)
    )
  }
})

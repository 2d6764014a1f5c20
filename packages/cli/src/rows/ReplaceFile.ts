/**
 * Puts a new file in the place of an old one, as a whole: whatever happens, one of the two is there.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Fs from "node:fs/promises"
import * as Files from "../process/Files.ts"

/**
 * Renames a new file. On Windows a scanner may hold the old one for a moment: that is tried again for about a second. If it
 * cannot be, the new file is removed and the old one stays.
 */
export const replace = (
  from: string,
  to: string,
  rename: (from: string, to: string) => Promise<void> = Fs.rename
): Effect.Effect<void, Files.FileError> =>
  Files.attempt(() => rename(from, to)).pipe(
    Effect.retry({ while: ({ code }) => held.has(code ?? ""), schedule: pauses }),
    Effect.onError(() => Effect.ignore(Files.attempt(() => Fs.rm(from, { force: true }))))
  )

const held: ReadonlySet<string> = new Set(["EPERM", "EACCES", "EBUSY"])

const pauses = Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 10 }))

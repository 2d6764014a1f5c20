/**
 * Plays recordings in all directions, and classifies the differences.
 */
import * as Effect from "effect/Effect"
import type { Check } from "./Check.ts"
import type { Difference } from "./Difference.ts"
import * as Known from "./Known.ts"
import type { File, Recording } from "./Recording.ts"

/**
 * The result of one exchange in one direction. `listed`: its known differences; `failed`: the unknown ones; `changes`:
 * the changes the product reported.
 */
export interface Result {
  readonly file: string
  readonly id: string
  readonly direction: Known.Direction
  readonly listed: ReadonlyArray<Listed>
  readonly failed: ReadonlyArray<Difference>
  readonly changes: ReadonlyArray<string>
}

/** A difference of a known kind. */
export interface Listed {
  readonly kind: Known.Known
  readonly difference: Difference
}

/** The checks, by direction. */
export type Checks<R> = { readonly [D in Known.Direction]: Check<Recording, R> }

/** Plays files in these directions, one exchange after the other. */
export const play = Effect.fnUntraced(function*<R>(
  files: ReadonlyArray<File>,
  checks: Checks<R>,
  directions: ReadonlyArray<Known.Direction>
) {
  const results: Array<Result> = []
  for (const file of files) {
    for (const recording of file.recordings) {
      for (const direction of directions) {
        const finding = yield* checks[direction](recording)
        if (finding === undefined) continue
        const listed: Array<Listed> = []
        const failed: Array<Difference> = []
        for (const difference of finding.differences) {
          const kind = Known.find(difference, direction, recording)
          if (kind === undefined) failed.push(difference)
          else listed.push({ kind, difference })
        }
        const { changes = [] } = finding
        results.push({ file: file.name, id: recording.id, direction, listed, failed, changes })
      }
    }
  }
  return results
})

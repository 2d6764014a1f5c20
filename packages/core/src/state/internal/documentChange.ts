/** A change in a store of texts that anybody may have made: whatever goes wrong is one typed error. */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import * as Check from "../../Check.ts"
import type { Change, Documents } from "../Documents.ts"

export const run = <A, E, E2, E3>(
  documents: Documents<E>,
  key: string,
  change: (text: string | undefined, now: number) => Result.Result<Change<A>, E2>,
  failed: (cause: unknown) => E3
): Effect.Effect<A, E3> =>
  Effect.suspend((): Effect.Effect<A, unknown> => {
    const changed = documents.change(key, change)
    return Check.holds(Effect.isEffect, changed) ? changed : Effect.fail("`change` does not return an effect")
  }).pipe(
    Effect.mapError(failed),
    Effect.catchDefect((defect) => Effect.fail(failed(defect)))
  )

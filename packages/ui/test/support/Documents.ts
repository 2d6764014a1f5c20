/** Documents in memory, which go through text as those of a store do. */
import type { Documents } from "@strata/core"
import { Clock, Effect, Result } from "effect"

/** A store, which fails with `failure` as long as it says something. */
export const make = (failure: () => Error | undefined = () => undefined): Documents.Documents<Error> => {
  const texts = new Map<string, string>()
  return {
    change: <A, E>(
      key: string,
      change: (text: string | undefined, now: number) => Result.Result<Documents.Change<A>, E>
    ) =>
      Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        const failed = failure()
        if (failed !== undefined) return yield* Effect.fail(failed)
        const { answer, text } = yield* Effect.fromResult(change(texts.get(key), now))
        if (text === undefined) texts.delete(key)
        else texts.set(key, text)
        return answer
      })
  }
}

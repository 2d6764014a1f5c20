/** Texts in memory, at the time of the test. Each change is run twice, as if somebody else had written meanwhile. */
import type * as Documents from "@strata/core/state/Documents"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

/** `until`: when the store may forget the text. */
export interface Entry {
  readonly text: string
  readonly until: number
}

export const make = (entries = new Map<string, Entry>()): Documents.Documents<never> => ({
  change: (key, change) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const text = entries.get(key)?.text
      change(text, now + 0.25)
      const changed = change(text, now + 0.5)
      if (Result.isFailure(changed)) return Effect.fail(changed.failure)
      const { answer, keep, text: next } = changed.success
      if (next === undefined) entries.delete(key)
      else entries.set(key, { text: next, until: now + keep })
      return Effect.succeed(answer)
    })
})

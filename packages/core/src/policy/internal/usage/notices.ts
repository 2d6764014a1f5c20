/** Warnings of something that may happen for every call: counted, and logged once a minute at most. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export interface Notices {
  /** Counts, and logs what was counted since the last warning. */
  readonly add: (count: number) => Effect.Effect<void>
  /** Logs what is counted and not logged yet. */
  readonly flush: Effect.Effect<void>
}

/** `message` is of a count. */
export const make = (message: (count: number) => string): Notices => {
  let last = -Infinity
  let count = 0
  const flush = Effect.suspend(() => {
    if (count === 0) return Effect.void
    const logged = message(count)
    count = 0
    return Effect.logWarning(logged)
  })
  return {
    flush,
    add: (more) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        count += more
        if (now - last < pause) return Effect.void
        last = now
        return flush
      })
  }
}

/** Milliseconds between two warnings. */
const pause = 60_000

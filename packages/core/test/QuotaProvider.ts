/**
 * A provider with a token quota of its own, that does what Bedrock says it does: at the start of a request it sets
 * prompt and `maxTokens` aside, at its end it takes prompt and output, the latter times the burndown. A request that
 * finds too little is throttled.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { errors } from "./ChatFixture.ts"
import type { Work } from "./QuotaFixture.ts"

/** What keeps the tokens; all times are in milliseconds. `settle` gives back, or takes more when that is negative. */
export interface Meter {
  readonly take: (now: number, tokens: number) => void
  readonly settle: (now: number, tokens: number, takenAt: number) => void
  readonly overdraft: (now: number) => number
}

/** A bucket of `tokens` that fills evenly within a window. */
export const bucket = (tokens: number, window: number): Meter => {
  let level = tokens
  let filledAt = 0
  const fill = (now: number) => {
    level = Math.min(tokens, level + (now - filledAt) * tokens / window)
    filledAt = now
  }
  return {
    take: (now, amount) => {
      fill(now)
      level -= amount
    },
    settle: (now, amount) => {
      fill(now)
      level += amount
    },
    overdraft: (now) => {
      fill(now)
      return -level
    }
  }
}

/** `tokens` for each window of the clock, the first of which ends early by `phase`; what began in one is settled there. */
export const fixedWindows = (tokens: number, window: number, phase: number): Meter => {
  const taken = new Map<number, number>()
  const add = (at: number, amount: number) => {
    const index = Math.floor((at + phase) / window)
    taken.set(index, (taken.get(index) ?? 0) + amount)
  }
  return {
    take: add,
    settle: (_, amount, takenAt) => add(takenAt, -amount),
    overdraft: (now) => (taken.get(Math.floor((now + phase) / window)) ?? 0) - tokens
  }
}

/**
 * Answers calls.
 *
 * - `overdraft`: the most by which its quota was exceeded; `throttled`: by how many calls when they came.
 * - `sent`: the calls in the order in which they came, and what was taken for each; `taken` in all.
 */
export const make = (meter: Meter) => {
  const seen = { overdraft: -Infinity, throttled: 0, taken: 0, sent: new Map<string, number>() }
  const look = (now: number) => seen.overdraft = Math.max(seen.overdraft, meter.overdraft(now))
  const answer = (work: Work) =>
    Effect.gen(function*() {
      const name = work.name ?? `${seen.sent.size}`
      seen.sent.set(name, 0)
      if (work.fails?._tag === "RateLimitError") return yield* work.fails
      const start = yield* Clock.currentTimeMillis
      const setAside = work.input + (work.maxTokens ?? 0)
      meter.take(start, setAside)
      if (meter.overdraft(start) > 1e-6) seen.throttled++
      look(start)
      let spent = work.input
      const settle = Effect.map(Clock.currentTimeMillis, (end) => {
        meter.settle(end, setAside - spent, start)
        seen.taken += spent
        seen.sent.set(name, spent)
        look(end)
      })
      return yield* Effect.sleep(work.takes ?? 0).pipe(
        Effect.andThen(work.fails === undefined ? Effect.void : Effect.fail(errors.ConnectionError)),
        Effect.andThen(Effect.sync(() => {
          spent += (work.output ?? 0) * (work.burndown ?? 1)
          return { inputTokens: work.input, outputTokens: work.output ?? 0 }
        })),
        Effect.ensuring(settle)
      )
    })
  return { answer, seen }
}

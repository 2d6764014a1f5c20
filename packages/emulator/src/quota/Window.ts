/**
 * The rest of a quota that refills over time: of tokens, or of requests counted as tokens.
 *
 * Times are milliseconds. Nothing is refused here: the rest may become negative.
 */

/** Tokens taken, and when. */
export interface Taken {
  readonly tokens: number
  readonly at: number
}

/**
 * - `left`: the remaining tokens; negative after an overshoot.
 * - `peek`: the same, without keeping it, for any time from the latest change on.
 * - `wait`: the milliseconds until so many are left, if none are taken; infinite when there are never so many.
 * - `settle`: corrects a number of tokens taken.
 */
export interface Window {
  readonly left: (now: number) => number
  readonly peek: (now: number) => number
  readonly wait: (tokens: number, now: number) => number
  readonly take: (tokens: number, now: number) => Taken
  readonly settle: (taken: Taken, used: number, now: number) => void
}

/** Full at first, then refilled continuously: `limit` tokens in `length` milliseconds. */
export const bucket = (limit: number, length: number, start: number): Window => {
  let level = limit
  let latest = start
  const refill = (now: number) => {
    level = Math.min(limit, level + Math.max(0, now - latest) * limit / length)
    latest = Math.max(latest, now)
    return level
  }
  return {
    left: refill,
    peek: (now) => Math.min(limit, level + Math.max(0, now - latest) * limit / length),
    wait: (tokens, now) => tokens > limit ? Infinity : Math.max(0, tokens - refill(now)) * length / limit,
    take: (tokens, now) => {
      level = refill(now) - tokens
      return { tokens, at: now }
    },
    settle: ({ tokens }, used, now) => {
      level = Math.min(limit, refill(now) + tokens - used)
    }
  }
}

/**
 * Full again every `length` milliseconds, counted from `start`. Tokens taken in an earlier window are not returned, and
 * only their excess is charged to the current one.
 */
export const fixed = (limit: number, length: number, start: number): Window => {
  let taken = 0
  let current = 0
  const indexOf = (time: number) => Math.floor((time - start) / length)
  const turn = (now: number) => {
    if (indexOf(now) > current) {
      current = indexOf(now)
      taken = 0
    }
  }
  return {
    left: (now) => {
      turn(now)
      return limit - taken
    },
    peek: (now) => indexOf(now) > current ? limit : limit - taken,
    wait: (tokens, now) => {
      turn(now)
      if (tokens > limit) return Infinity
      return tokens <= limit - taken ? 0 : start + (current + 1) * length - now
    },
    take: (tokens, now) => {
      turn(now)
      taken += tokens
      return { tokens, at: now }
    },
    settle: ({ at, tokens }, used, now) => {
      turn(now)
      taken += indexOf(at) === current ? used - tokens : Math.max(0, used - tokens)
    }
  }
}

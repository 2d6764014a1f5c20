/** When a server says to come back: in headers, or in its words. */
import * as Duration from "effect/Duration"
import type { Facts } from "./Facts.ts"

/** The hint, if there is one; `now` is the time in milliseconds, for hints that are dates. */
export const retryAfter = ({ headers, raw }: Facts, now: number): Duration.Duration | undefined => {
  const millis = ofHeaders(headers, now) ?? ofWords(raw)
  return millis === undefined || millis > mostMillis ? undefined : Duration.millis(Math.max(0, Math.ceil(millis)))
}

/** What is longer is no hint for a retry. */
const mostMillis = 24 * 3_600_000

const ofHeaders = (headers: Facts["headers"], now: number): number | undefined => {
  const exact = number(headers["retry-after-ms"] ?? headers["x-ms-retry-after-ms"])
  if (exact !== undefined) return exact
  const after = headers["retry-after"]
  if (after !== undefined) {
    const seconds = number(after)
    if (seconds !== undefined) return seconds * 1000
    const date = Date.parse(after)
    if (!Number.isNaN(date)) return date - now
  }
  // Only a limit with nothing left is the one that was met.
  const waits = ["requests", "tokens"].flatMap((what) => {
    const reset = headers[`x-ratelimit-reset-${what}`]
    const wait = reset === undefined || headers[`x-ratelimit-remaining-${what}`] !== "0" ? undefined : length(reset)
    return wait === undefined ? [] : [wait]
  })
  return waits.length === 0 ? undefined : Math.max(...waits)
}

/** "Please try again in 1.2s.", "Please retry after 26 seconds." */
const ofWords = (words: string): number | undefined => {
  const [, said] =
    /(?:try again in|retry after|retry in)\s+((?:[\d.]+\s*(?:ms|milliseconds?|h|hours?|m|min|minutes?|s|seconds?)\s*)+)/i
      .exec(words) ?? []
  return said === undefined ? undefined : length(said)
}

/** "6m0s", "20ms", "1.5s", "26 seconds", or a number of seconds. */
const length = (text: string): number | undefined => {
  const seconds = number(text)
  if (seconds !== undefined) return seconds * 1000
  let total: number | undefined
  for (const [, amount, unit = ""] of text.matchAll(/([\d.]+)\s*(ms|milliseconds?|h|m|s)/gi)) {
    total = (total ?? 0) + Number(amount) * (units.get(unit.toLowerCase().replace(/^milli.*/, "ms")) ?? 0)
  }
  return Number.isNaN(total) ? undefined : total
}

const units: ReadonlyMap<string, number> = new Map([["ms", 1], ["s", 1000], ["m", 60_000], ["h", 3_600_000]])

const number = (text: string | undefined): number | undefined =>
  text !== undefined && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined

/** Tokens spent by one call, as the provider counted them. */
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import * as Total from "./internal/total.ts"

/**
 * The tokens that a call used, by kind.
 *
 * - `inputTokens`: tokens of the prompt, those read from or written to a cache not included.
 * - `cacheReadTokens`, `cacheWriteTokens`: tokens of the prompt served from, or stored in, the provider's cache.
 * - `outputTokens`: tokens of the answer.
 * - `totalTokens`: their sum, as the provider counts it.
 */
export class Usage extends Schema.Opaque<Usage>()(Schema.Struct({
  inputTokens: Schema.Finite,
  cacheReadTokens: Schema.Finite,
  cacheWriteTokens: Schema.Finite,
  outputTokens: Schema.Finite,
  totalTokens: Schema.Finite
})) {}

/** No tokens at all. */
export const empty: Usage = { inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0, totalTokens: 0 }

/** A usage from the known counters; a missing total is their sum. {@link empty} for a value that is not a usage. */
export const make: (counters: Partial<Usage>) => Usage = Total.make((counters) => {
  const usage = { ...empty, ...counters }
  const sum = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens + usage.outputTokens
  return { ...usage, totalTokens: counters.totalTokens ?? sum }
}, () => empty)

/** The sum of two usages. {@link empty} for a value that is not a usage. */
export const add: (self: Usage, that: Usage) => Usage = Total.make(
  (self, that) => Record.map(empty, (_, kind) => self[kind] + that[kind]),
  () => empty
)

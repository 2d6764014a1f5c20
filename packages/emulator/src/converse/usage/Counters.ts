/**
 * The `usage` of an answer: the answering service's count, divided by the prompt cache.
 */
import * as Usage from "@strata/core/Usage"
import type * as PromptCache from "./PromptCache.ts"

/**
 * Divides the input tokens by the prompt cache. `counted` replaces the count of an answering service that counts no
 * input, and any count with `always`; the service's own cache counters are kept.
 */
export const settle = (usage: Usage.Usage, counted: PromptCache.Counted, always: boolean): Usage.Usage => {
  if (usage.cacheReadTokens + usage.cacheWriteTokens > 0 && !always) return usage
  const total = always || usage.inputTokens === 0 ? counted.total : usage.inputTokens
  const share = (tokens: number) => counted.total === 0 ? 0 : Math.round(total * tokens / counted.total)
  const cacheReadTokens = share(counted.read)
  const cacheWriteTokens = share(counted.read + counted.written["5m"] + counted.written["1h"]) - cacheReadTokens
  const inputTokens = total - cacheReadTokens - cacheWriteTokens
  return cacheReadTokens + cacheWriteTokens === 0 && inputTokens === usage.inputTokens
    ? usage
    : Usage.make({ inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens: usage.outputTokens })
}

/**
 * The counters on the wire. Those of the prompt cache are sent when it was used or requested, or `always`, and then
 * twice, as the service does.
 */
export const toWire = (usage: Usage.Usage, counted: PromptCache.Counted | undefined, always: boolean) => ({
  ...(usage.cacheReadTokens + usage.cacheWriteTokens > 0 || counted?.asked === true || always
    ? {
      ...(usage.cacheWriteTokens === 0 ? undefined : { cacheDetails: cacheDetails(usage.cacheWriteTokens, counted) }),
      cacheReadInputTokenCount: usage.cacheReadTokens,
      cacheReadInputTokens: usage.cacheReadTokens,
      cacheWriteInputTokenCount: usage.cacheWriteTokens,
      cacheWriteInputTokens: usage.cacheWriteTokens
    }
    : undefined),
  inputTokens: usage.inputTokens,
  outputTokens: usage.outputTokens,
  serverToolUsage: {},
  totalTokens: usage.totalTokens
})

/** Cache writes by time to live, the longer one first. */
const cacheDetails = (written: number, counted: PromptCache.Counted | undefined) => {
  const divided = byLifetime(written, counted)
  return (["1h", "5m"] as const).flatMap((ttl) => divided[ttl] > 0 ? [{ ttl, inputTokens: divided[ttl] }] : [])
}

/** Divides a number of written tokens like the cache's count. */
export const byLifetime = (
  written: number,
  counted: PromptCache.Counted | undefined
): Readonly<Record<PromptCache.TimeToLive, number>> => {
  const { "1h": long, "5m": short } = counted?.written ?? { "1h": 0, "5m": 0 }
  const hour = long + short === 0 ? 0 : Math.round(written * long / (long + short))
  return { "1h": hour, "5m": written - hour }
}

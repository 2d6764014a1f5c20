/** Prompts that are longer than the context window, as servers say it. */
import type * as ProviderError from "@strata/core/ProviderError"
import type { Facts } from "./Facts.ts"

const codes: ReadonlySet<string> = new Set([
  "context_length_exceeded",
  "exceed_context_size_error",
  "max_tokens_per_request",
  "ContextWindowExceededError"
])

const words =
  /maximum context length|maximum input length|context (?:length|size|window)[^.]{0,40}(?:exceed|overflow|too)|exceeds? (?:the |model'?s? )*(?:available |maximum )?(?:context|input length)|input is too long|prompt is too long|too many (?:input )?tokens in|context the overflows|max(?:imum)? \d+ tokens per request/i

/** Whether the prompt, or a text to embed, is too long. */
export const isTooLong = (facts: Facts): boolean => facts.codes.some((code) => codes.has(code)) || words.test(facts.raw)

/** How long it is and may be, where the server says both. */
export const measured = ({ detail, raw }: Facts): typeof ProviderError.Measured.Type | undefined => {
  const actual = count(detail["n_prompt_tokens"]) ?? first(raw, actuals)
  const limit = count(detail["n_ctx"]) ?? first(raw, limits)
  return actual === undefined || limit === undefined || actual <= limit
    ? undefined
    : { unit: "tokens", actual, limit }
}

const limits: ReadonlyArray<RegExp> = [
  /maximum (?:context|input|model) length (?:is|of|\()\s*\(?([\d,]+)/i,
  /(?:context|input) length of only ([\d,]+)/i,
  /context (?:size|window)[^\d]{0,30}([\d,]+)/i,
  /max(?:imum)?[^\d]{0,20}([\d,]+) tokens per request/i,
  />\s*([\d,]+) maximum/i
]

const actuals: ReadonlyArray<RegExp> = [
  /(?:requested|resulted in|request has|contains?(?: at least)?|keep the first)\s+(?:about )?([\d,]+)/i,
  /(?:input|prompt) (?:length|tokens?)\s*\(?([\d,]+)/i,
  /request \(([\d,]+) tokens/i,
  /prompt is too long: ([\d,]+)/i
]

const first = (text: string, patterns: ReadonlyArray<RegExp>): number | undefined => {
  for (const pattern of patterns) {
    const found = count(pattern.exec(text)?.[1]?.replaceAll(",", ""))
    if (found !== undefined) return found
  }
}

const count = (value: unknown): number | undefined => {
  const number = typeof value === "string" && value !== "" ? Number(value) : value
  return typeof number === "number" && Number.isSafeInteger(number) && number > 0 ? number : undefined
}

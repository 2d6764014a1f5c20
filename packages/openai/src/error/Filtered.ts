/**
 * Prompts that a filter withheld. Azure refuses them with status 400 instead of answering, so that the refusal is an outcome of the call,
 * as a withheld answer is.
 */
import type * as ProviderError from "@strata/core/ProviderError"
import type { ContentFilter } from "../OpenAiOptions.ts"
import { type Facts, record } from "./Facts.ts"

const codes: ReadonlySet<string> = new Set([
  "content_filter",
  "ResponsibleAIPolicyViolation",
  "content_policy_violation",
  "ContentPolicyViolationError"
])

/** What was found, if a filter refused the prompt. */
export const read = ({ codes: given, detail, status }: Facts): ContentFilter | undefined => {
  if (status >= 500 || !given.some((code) => codes.has(code))) return undefined
  const inner = record(detail["innererror"] ?? detail["inner_error"])
  const found = inner["content_filter_result"] ?? inner["content_filter_results"] ?? detail["content_filter_result"] ??
    detail["content_filter_results"]
  return { blocked: "prompt", categories: record(found) }
}

const known = new WeakMap<ProviderError.ProviderError, ContentFilter>()

/** Remembers what a filter found with the error of the call. */
export const mark = <E extends ProviderError.ProviderError>(error: E, found: ContentFilter): E => {
  known.set(error, found)
  return error
}

/** What a filter found, if the error is of a prompt that it withheld. */
export const of = (error: ProviderError.ProviderError): ContentFilter | undefined => known.get(error)

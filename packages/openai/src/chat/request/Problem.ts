/** What keeps a request from being written, found before anything is sent. */
import * as ProviderError from "@strata/core/ProviderError"
import type { Warning } from "../../OpenAiOptions.ts"

/** Who would be asked. */
export interface Who {
  readonly provider: string
  readonly model: string
}

/** A part that the server, or the format, does not have. */
export const unsupported = (
  { model, provider }: Who,
  field: string,
  feature: string,
  remedy: string
): ProviderError.UnsupportedFeatureError => {
  const problem = `${model} of ${provider} takes no ${feature} here. ${remedy}.`
  return new ProviderError.UnsupportedFeatureError({
    provider,
    model,
    field,
    feature,
    problem,
    message: `${field}: ${problem}`
  })
}

/** Collects what was done to a request. */
export interface Report {
  readonly add: (type: Warning["type"], field: string, message: string) => void
  readonly warnings: Array<Warning>
}

/** A report; it is bounded, as a history may have thousands of the same. */
export const makeReport = (): Report => {
  const warnings: Array<Warning> = []
  return {
    warnings,
    add: (type, field, message) => {
      if (warnings.length < 100) warnings.push({ type, field, message })
    }
  }
}

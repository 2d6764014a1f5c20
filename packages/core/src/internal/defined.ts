import * as Record from "effect/Record"
import { isPlain } from "./check/json.ts"

/** A copy of options without those that are `undefined`. */
export const defined = <A extends object>(options: A): A => {
  const copy: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) if (value !== undefined) copy[name] = value
  return copy as A // Nothing but what may be missing is left out.
}

/** A copy without the `requestMetadata` of providers, which changes no answer; what is then empty is left out. */
export const untagged = <A extends { readonly providerOptions?: object | undefined }>(options: A) => ({
  ...options,
  providerOptions: filled(Record.map({ ...options.providerOptions }, withoutTags))
})

const withoutTags = (own: unknown) => isPlain(own) ? filled({ ...own, requestMetadata: undefined }) : own

const filled = (given: object) => Object.keys(defined(given)).length === 0 ? undefined : given

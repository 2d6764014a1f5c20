/**
 * Quotas of tokens and requests: calls wait in the client instead of being refused by the provider.
 *
 * Bedrock reserves tokens when a request starts, the prompt and `maxTokens` (the model's maximum when it is unset), and
 * settles when it ends. A quota computes the same in the client, first come first served. One account, region and model
 * have one quota, for chat and embeddings together. A sent request counts as 1 request, however it ends.
 *
 * With a `key` the calls that wait are served fairly by key, such as a tenant: one with thousands of calls does not keep
 * the calls of another waiting. There is one quota all the same, of which a key may have all while no other wants it.
 *
 * A call that no window can hold fails with `QuotaExceededError` before anything is sent; others wait until the deadline.
 */
import * as Duration from "effect/Duration"
import * as Check from "../Check.ts"
import * as Key from "./Key.ts"

/** At most `tokens`, and at most `requests`, within any span of `window`; `undefined` is no limit. */
export interface Window {
  readonly name: string
  readonly tokens?: number | undefined
  readonly requests?: number | undefined
  readonly window: Duration.Duration
}

/**
 * A quota of tokens and requests; {@link make} makes one.
 *
 * - `windows`: all of them apply.
 * - `outputBurndown`: the quota that a token of output uses; the provider's figure for the model when `undefined`.
 * - `count`: how the prompt is counted: `estimate`, at first too high and then corrected by what the provider counts; or
 *   `exact`, by one more small request for each call, where the provider can count.
 * - `scope`: the name of an account, to separate its quota from others of the same model and region.
 * - `key`: whose a call is, for fair shares; without one, first come first served.
 *
 * Keys that have calls waiting get the same number of tokens (start-time fair queuing; of requests, if the quota has no
 * tokens): the key that was granted least comes first, and within a key the call that came first. A call of a key that has
 * none waiting, and was not granted more than others, waits for one call of each other key at most. Over any time in which
 * two keys have calls waiting, what they are granted differs by the largest call of each at most. A large call whose turn
 * it is waits for room and keeps the others back, so that it is not starved.
 *
 * Processes that share a ledger share fairly, too, among the calls that wait in its queue: each process has one call of a
 * key there, of 16 keys at most. Where room for many calls comes at once, processes take turns by calls, not by tokens.
 */
export interface Quota {
  readonly windows: ReadonlyArray<Window>
  readonly outputBurndown: number | undefined
  readonly count: "estimate" | "exact"
  readonly scope: string
  readonly key?: Key.Key | undefined
}

/** What {@link make} takes. `Infinity` is no limit. */
export interface Options {
  readonly tokensPerMinute?: number | undefined
  readonly requestsPerMinute?: number | undefined
  readonly tokensPerDay?: number | undefined
  /** Windows of other lengths, of tokens, of requests, or of both. */
  readonly windows?:
    | ReadonlyArray<{
      readonly tokens?: number | undefined
      readonly requests?: number | undefined
      readonly per: Duration.Input
    }>
    | undefined
  readonly outputBurndown?: number | undefined
  readonly count?: "estimate" | "exact" | undefined
  readonly scope?: string | undefined
  readonly key?: Key.Key | undefined
}

/**
 * A quota. The figures of an account stand in the Service Quotas console.
 *
 * @example
 * Policy.make({ quota: Quota.make({ tokensPerMinute: 400_000, requestsPerMinute: 1_000, tokensPerDay: 200_000_000 }) })
 *
 * @example
 * // a tenant with many calls does not keep the others waiting
 * Quota.make({ tokensPerMinute: 400_000, key: Key.metadata("tenant") })
 */
export const make = (options: Options): Quota => {
  const { requestsPerMinute, tokensPerDay, tokensPerMinute, windows = [], ...given } = Check.fieldsOf(options)
  const others = Check.itemsOf(windows)
  const all = (others: ReadonlyArray<unknown>) =>
    [
      { name: "minute", tokens: tokensPerMinute ?? Infinity, requests: requestsPerMinute, window: Duration.minutes(1) },
      { name: "day", tokens: tokensPerDay ?? Infinity, window: Duration.days(1) },
      ...others.map(windowOf)
    ].filter(isBounded)
  // Whatever was given is checked where the policy is put in force.
  return {
    windows: others === undefined ? windows : all(others),
    outputBurndown: undefined,
    count: "estimate",
    scope: "",
    ...given
  } as Quota
}

/** A quota of tokens alone, for short: `Quota.tokens({ perMinute: 400_000 })`. */
export const tokens = (
  options: Omit<Options, "tokensPerMinute" | "requestsPerMinute" | "tokensPerDay"> & {
    readonly perMinute?: number | undefined
    readonly perDay?: number | undefined
  }
): Quota => {
  const { perDay, perMinute, ...given } = Check.fieldsOf(options)
  // Whatever was given is checked where the policy is put in force.
  return make({ ...given, tokensPerMinute: perMinute, tokensPerDay: perDay } as Options)
}

/** Whether a window limits anything, or is one that was given without a limit. */
const isBounded = (window: { readonly tokens?: unknown; readonly requests?: unknown }) => {
  const given = [window.tokens, window.requests].filter((amount) => amount !== undefined)
  return given.length === 0 || given.some((amount) => amount !== Infinity)
}

const windowOf = (given: unknown) => {
  // A value that is no object is refused as its field.
  const { per, ...rest } = Check.fieldsOf<{ readonly per?: unknown; readonly tokens?: unknown }>(given as object)
  const window = Check.toDuration(per)
  return {
    name: window === undefined ? "" : Duration.format(window),
    window: window ?? per,
    ...rest
  }
}

const window = Check.struct<Window>({
  name: Check.text,
  tokens: Check.optional(Check.number({ above: 0, what: "a number of tokens", remedy: "Use a number above 0" })),
  requests: Check.optional(Check.number({ min: 1, what: "a number of requests", remedy: "Use a number from 1" })),
  window: Check.duration({ zero: false })
})

/** @internal */
export const check: Check.Check<Quota> = Check.struct<Quota>({
  windows: Check.list((given, at) => {
    const found = window(given, at)
    return found === Check.refused || found.tokens !== undefined || found.requests !== undefined
      ? found
      : Check.refuse(at, "the window has no limit", "Give it `tokens`, `requests` or both")
  }),
  outputBurndown: Check.optional(
    Check.number({ above: 0, max: Number.MAX_VALUE, remedy: "Use a number above 0, or leave it out" })
  ),
  count: Check.word(["estimate", "exact"]),
  scope: Check.text,
  key: Check.optional(Key.check)
}, { remedy: "Use `Quota.make`" })

/** The tokens a request will use, `outputTokens` as the provider reserves them; `counted` if it counted the prompt. */
export interface Load {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly counted?: boolean | undefined
}

/**
 * The tokens a request has used.
 *
 * - `inputTokens`: of the prompt, with those written to a cache and without those read from it.
 * - `outputTokens`: of the answer, before any burndown.
 * - `promptTokens`: of the whole prompt: the measure of an estimate. The `inputTokens` when missing.
 */
export interface Consumption {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly promptTokens?: number | undefined
}

/**
 * What a provider knows about its quotas, for each model.
 *
 * - `scope`: the region or endpoint: the same model has a quota of its own in each.
 * - `maxOutputTokens`: reserved for an answer when a request has no `maxTokens`.
 * - `outputBurndown`: the quota that a token of output uses; 1 when missing.
 */
export interface Metering {
  readonly scope?: ((model: string) => string) | undefined
  readonly maxOutputTokens?: ((model: string) => number | undefined) | undefined
  readonly outputBurndown?: ((model: string) => number | undefined) | undefined
}

/**
 * Token quotas: calls wait for their turn here instead of being refused there.
 *
 * Bedrock sets tokens aside when a request starts, the prompt and `maxTokens` (the model's maximum when it is unset), and
 * settles when it ends. A quota does the same sum on this side, first come first served. What is counted where: one
 * account, region and model have one quota, whether chat or embeddings draw on it.
 *
 * A call that no window can hold fails with `QuotaExceededError` before anything is sent; the others wait, at most until
 * the deadline of the policy.
 */
import * as Duration from "effect/Duration"

/** At most `tokens` within any span of `window`. */
export interface Window {
  readonly name: string
  readonly tokens: number
  readonly window: Duration.Duration
}

/**
 * - `windows`: all of them hold.
 * - `outputBurndown`: what a token of output costs; the provider's figure for the model when `undefined`.
 * - `count`: how long a prompt is: `estimate`, cheap, at first rather too high and then corrected by what the provider
 *   counts; or `exact`, by asking the provider, one small request more for each call, where it can count.
 * - `scope`: sets a quota apart from others of the same model and region: the name of an account.
 */
export interface Quota {
  readonly windows: ReadonlyArray<Window>
  readonly outputBurndown: number | undefined
  readonly count: "estimate" | "exact"
  readonly scope: string
}

/** What {@link tokens} takes. Figures that are no positive numbers are no limit. */
export interface Options {
  readonly perMinute?: number | undefined
  readonly perDay?: number | undefined
  /** Windows of other lengths. */
  readonly windows?: ReadonlyArray<{ readonly tokens: number; readonly per: Duration.Input }> | undefined
  readonly outputBurndown?: number | undefined
  readonly count?: "estimate" | "exact" | undefined
  readonly scope?: string | undefined
}

/**
 * A quota in tokens. The figures of an account stand in the Service Quotas console.
 *
 * @example
 * Policy.make({ quota: Quota.tokens({ perMinute: 400_000, perDay: 200_000_000 }) })
 */
export const tokens = (options: Options): Quota => ({
  windows: [
    { name: "minute", tokens: options.perMinute ?? Infinity, window: Duration.minutes(1) },
    { name: "day", tokens: options.perDay ?? Infinity, window: Duration.days(1) },
    ...(options.windows ?? []).map(({ per, tokens }) => {
      const window = Duration.fromInputUnsafe(per)
      return { name: Duration.format(window), tokens, window }
    })
  ].filter(({ tokens, window }) => tokens > 0 && tokens < Infinity && Duration.toMillis(window) > 0),
  outputBurndown: positive(options.outputBurndown),
  count: options.count ?? "estimate",
  scope: options.scope ?? ""
})

/**
 * What a request will draw, before it is sent.
 *
 * - `inputTokens`: of the prompt.
 * - `outputTokens`: what the provider sets aside for the answer.
 * - `counted`: whether the provider counted the prompt; an estimate when missing.
 */
export interface Load {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly counted?: boolean | undefined
}

/**
 * What a request has drawn.
 *
 * - `inputTokens`: of the prompt, those written to a cache included and those read from it not.
 * - `outputTokens`: of the answer, as they were counted, before any burndown.
 * - `promptTokens`: of the whole prompt, those read from a cache included: what an estimate is measured by. The
 *   `inputTokens` when missing.
 */
export interface Consumption {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly promptTokens?: number | undefined
}

/**
 * What a provider knows about its quotas, for each model.
 *
 * - `scope`: where the model is asked, such as a region: the same model has a quota of its own in each.
 * - `maxOutputTokens`: what it sets aside for an answer when a request has no `maxTokens`.
 * - `outputBurndown`: what a token of output costs; 1 when missing.
 */
export interface Metering {
  readonly scope?: ((model: string) => string) | undefined
  readonly maxOutputTokens?: ((model: string) => number | undefined) | undefined
  readonly outputBurndown?: ((model: string) => number | undefined) | undefined
}

const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 && value < Infinity ? value : undefined

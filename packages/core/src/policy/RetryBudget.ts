/**
 * Keeps retries from becoming the load: they are a share of the traffic, whatever every single call would like.
 */

/**
 * Retries, of all calls together, never exceed `share` of the calls plus `reserve`, plus `perSecond` for each second that
 * goes by. What is not used is saved, up to `reserve`. A retry above that waits, first come first served; it does not
 * fail, so that nothing is lost that a deadline would have allowed. With neither `share` nor `perSecond` it waits for ever.
 */
export interface RetryBudget {
  readonly share: number
  readonly reserve: number
  readonly perSecond: number
}

/**
 * - `share`: 0.2 unless said otherwise: one retry for every five calls.
 * - `reserve`: 500 retries in a burst.
 * - `perSecond`: 10, so that retries go on when no new calls come.
 */
export const make = (options?: Partial<RetryBudget>): RetryBudget => ({
  share: atLeast(0, options?.share ?? 0.2),
  reserve: atLeast(1, options?.reserve ?? 500),
  perSecond: atLeast(0, options?.perSecond ?? 10)
})

const atLeast = (least: number, value: number) => Math.max(least, value) || least

/** Bounds retries to a share of the traffic, whatever the schedule of each call allows. */
import * as Check from "../Check.ts"

/**
 * Retries, of all calls together, never exceed `share` of the calls plus `reserve`, plus `perSecond` for each second. Unused
 * retries are saved, up to `reserve`. A retry above that waits in a FIFO queue; it does not fail. With neither `share` nor
 * `perSecond` it waits until the deadline, or until the circuit of its target opens.
 */
export interface RetryBudget {
  readonly share: number
  readonly reserve: number
  readonly perSecond: number
}

/**
 * Bounds the retries of all calls together to a share of the calls.
 *
 * - `share`: 0.2 unless said otherwise: one retry for every five calls.
 * - `reserve`: 500 retries in a burst.
 * - `perSecond`: 10, so that retries go on when no new calls come.
 *
 * @example
 * Policy.make({ retryBudget: RetryBudget.make({ share: 0.1 }) })
 */
export const make = (options?: Partial<RetryBudget>): RetryBudget =>
  // Whatever was given is checked where the policy is put in force.
  ({ share: 0.2, reserve: 500, perSecond: 10, ...Check.fieldsOf(options) }) as RetryBudget

/** @internal */
export const check: Check.Check<RetryBudget> = Check.struct<RetryBudget>({
  share: Check.number({ min: 0, remedy: "Use a number from 0: retries for each call" }),
  reserve: Check.number({ min: 1, remedy: "Use a number of retries from 1" }),
  perSecond: Check.number({ min: 0, remedy: "Use a number from 0: retries for each second" })
}, { remedy: "Use `RetryBudget.make()`, or \"unlimited\"" })

/**
 * How many calls are in flight at the same time: a number, or a limit that finds the right number itself.
 */

/**
 * A limit that adapts: it grows by one for about `limit` calls that were answered, and is multiplied by `decrease` when a
 * call is refused with `RateLimitError`, at most once for the calls that were in flight together. One limit for each
 * provider, region and model.
 *
 * - `initial`: where it starts; `min`, never below 1, and `max` are its bounds.
 *
 * Only answers count that came while all permits were in use: what was not tried is not known to work. Each adds
 * `1 / limit`, so from `a` to `b` it takes `(b² − a²) / 2` answers, or `b − a` rounds of calls:
 *
 * | from → to | answers | with calls of 5 s |
 * | --------- | ------- | ----------------- |
 * | 1 → 8     | 32      | 35 s              |
 * | 8 → 16    | 96      | 40 s              |
 * | 16 → 32   | 384     | 80 s              |
 * | 32 → 128  | 7,680   | 8 min             |
 *
 * That is slow on purpose, as slow as TCP avoids congestion: say with `initial` what the account takes. Where calls always
 * wait, the limit swings between `decrease` and the whole of what the provider takes: with one half, three quarters of it
 * on average.
 */
export interface Adaptive {
  readonly initial: number
  readonly min: number
  readonly max: number
  readonly decrease: number
}

/** Permits for a number of calls, or as many as {@link Adaptive} finds right. */
export type Concurrency = number | Adaptive

/**
 * A limit that adapts to what the provider takes: from `initial` (16) between `min` (1) and `max` (256), and down to
 * one half after a `RateLimitError`.
 *
 * @example
 * Policy.make({ concurrency: Concurrency.adaptive({ max: 128 }) })
 */
export const adaptive = (options?: Partial<Adaptive>): Adaptive => {
  const whole = (value: number | undefined, fallback: number) => Math.max(1, Math.floor(value ?? fallback) || 1)
  const min = whole(options?.min, 1)
  const max = Math.max(min, whole(options?.max, 256))
  const decrease = options?.decrease ?? 0.5
  return {
    initial: Math.min(max, Math.max(min, whole(options?.initial, 16))),
    min,
    max,
    decrease: decrease > 0 && decrease < 1 ? decrease : 0.5
  }
}

/** The most calls that can ever be in flight. */
export const most = (concurrency: Concurrency): number =>
  typeof concurrency === "number" ? concurrency : concurrency.max

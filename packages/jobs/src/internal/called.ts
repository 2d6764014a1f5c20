/** Calls a function of the program that is to give an effect. */
import * as Effect from "effect/Effect"

/** Dies where it throws or gives something else, which a fiber that ran it would not survive. */
export const called = <A, E, R>(call: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const effect = call()
    return Effect.isEffect(effect) ? effect : Effect.die(new TypeError("The function gave no effect."))
  })

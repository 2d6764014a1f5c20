/** Hooks of the program. */
import * as Effect from "effect/Effect"
import * as Check from "../../Check.ts"
import type * as ProviderError from "../../ProviderError.ts"

/** Runs a hook; one that throws, or does not return an effect, is an invalid option. */
export const run = <A, E, R>(
  field: string,
  hook: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ProviderError.InvalidRequestError, R> =>
  Effect.flatMap(
    Effect.try({ try: hook, catch: (cause) => Check.threw({ provider: "strata" }, field, cause) }),
    (effect): Effect.Effect<A, E | ProviderError.InvalidRequestError, R> =>
      Check.holds(Effect.isEffect, effect)
        ? effect
        : Effect.fail(Check.invalid(field, "the function does not return an effect", "Return an `Effect`"))
  )

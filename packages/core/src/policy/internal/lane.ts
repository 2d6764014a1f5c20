/** The lane of a pool that makes a call. */
import * as Context from "effect/Context"

/** The name of the lane that the calls of a fiber go through; none outside of a pool. */
export const Lane = Context.Reference<string | undefined>("@strata/core/policy/Lane", {
  defaultValue: () => undefined
})

/** The name of a lane; of pools in pools the names of all of them. */
export const within = (outer: string | undefined, name: string): string =>
  outer === undefined ? name : `${outer}/${name}`

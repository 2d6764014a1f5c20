/** The lane of a pool that a call takes, for events of usage. */
import * as Context from "effect/Context"

/** The name of the lane; `undefined` outside of pools. */
export const Lane = Context.Reference<string | undefined>("@strata/core/policy/Lane", { defaultValue: () => undefined })

/**
 * What every service carries besides its functions: who it is, and the cores its calls end in.
 */
import type { Identity } from "../Identity.ts"

/**
 * A service that `make` built of a provider: where calls leave for the network, and where gates are applied. It is known
 * by reference.
 */
export interface Core {
  readonly provider: string
}

/** Where a service keeps the cores below it: one for a provider, those of all members for a fallback. */
export const cores: unique symbol = Symbol.for("@strata/core/cores")

/**
 * The data of a service. A test double may leave all of it out.
 *
 * - `provider`: its name in errors and telemetry.
 * - `defaultModel`: asked when a call names none.
 * - `identity`: see {@link Identity}.
 */
export interface Trait {
  readonly provider?: string | undefined
  readonly defaultModel?: string | undefined
  readonly identity?: Identity | undefined
  readonly [cores]?: ReadonlyArray<Core> | undefined
}

/** The data of a service without its functions. */
export const dataOf = (self: Trait): Trait => ({
  provider: self.provider,
  defaultModel: self.defaultModel,
  identity: self.identity,
  [cores]: self[cores]
})

/** The data of a decorated service: where the decorator says nothing, that of the service below. */
export const joined = (below: Trait, above: Trait): Trait => ({
  provider: "provider" in above ? above.provider : below.provider,
  defaultModel: "defaultModel" in above ? above.defaultModel : below.defaultModel,
  identity: "identity" in above ? above.identity : below.identity,
  [cores]: cores in above ? above[cores] : below[cores]
})

/** The data of every service besides its functions: its identity, and the cores its calls end in. */
import type { Identity } from "../Identity.ts"

/** The innermost service of a provider, where gates apply and calls leave for the network. Compared by reference. */
export interface Core {
  readonly provider: string
}

/** The key of the cores below a service: one for a provider, those of all members for a fallback. */
export const cores: unique symbol = Symbol.for("@strata/core/cores")

/**
 * The data of a service; all optional, so that a test double needs none.
 *
 * - `provider`: its name in errors and telemetry.
 * - `defaultModel`: for calls that name no model.
 * - `identity`: see {@link Identity}.
 */
export interface Trait {
  readonly provider?: string | undefined
  readonly defaultModel?: string | undefined
  readonly identity?: Identity | undefined
  readonly [cores]?: ReadonlyArray<Core> | undefined
}

export const dataOf = (self: Trait): Trait => ({
  provider: self.provider,
  defaultModel: self.defaultModel,
  identity: self.identity,
  [cores]: self[cores]
})

/** The data of a service that passes its calls to others, of which the first gives its name and model. */
export const ofMembers = (members: ReadonlyArray<Trait>): Trait => ({
  provider: members[0]?.provider,
  defaultModel: members[0]?.defaultModel,
  identity: members.map(({ defaultModel = null, identity = null, provider = null }) => [
    provider,
    defaultModel,
    identity
  ]),
  [cores]: [...new Set(members.flatMap((member) => member[cores] ?? []))]
})

export const joined = (below: Trait, above: Trait): Trait => ({
  provider: "provider" in above ? above.provider : below.provider,
  defaultModel: "defaultModel" in above ? above.defaultModel : below.defaultModel,
  identity: "identity" in above ? above.identity : below.identity,
  [cores]: cores in above ? above[cores] : below[cores]
})

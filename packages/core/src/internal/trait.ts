/** The data of every service besides its functions: its identity, and the cores its calls end in. */
import type { Identity } from "../Identity.ts"

/** The innermost service of a provider, where gates apply and calls leave for the network. Compared by reference. */
export interface Core {
  readonly provider: string
}

/** The key of the cores below a service: one for a provider, those of all members for a fallback. */
export const cores: unique symbol = Symbol.for("@strata/core/cores")

/** The key of the policies that decorators of a service put in force for its cores, for what looks at them before a call. */
export const policies: unique symbol = Symbol.for("@strata/core/policies")

/**
 * The data of a service; all optional, so that a test double needs none.
 *
 * - `provider`: its name in errors and telemetry.
 * - `defaultModel`: for calls that name no model.
 * - `identity`: see {@link Identity}.
 * - `contextWindow`: tokens of prompt and answer together that it takes, where it was told.
 */
export interface Trait {
  readonly provider?: string | undefined
  readonly defaultModel?: string | undefined
  readonly identity?: Identity | undefined
  readonly contextWindow?: number | undefined
  readonly [cores]?: ReadonlyArray<Core> | undefined
  readonly [policies]?: ReadonlyMap<Core, unknown> | undefined
}

export const dataOf = (self: Trait): Trait => ({
  provider: self.provider,
  defaultModel: self.defaultModel,
  identity: self.identity,
  contextWindow: self.contextWindow,
  [cores]: self[cores],
  [policies]: self[policies]
})

/**
 * The data of a service that passes its calls to others: the name and the model of the first, and the smallest window that is
 * known.
 */
export const ofMembers = (members: ReadonlyArray<Trait>): Trait => ({
  contextWindow: leastOf(members.flatMap(({ contextWindow }) => contextWindow ?? [])),
  provider: members[0]?.provider,
  defaultModel: members[0]?.defaultModel,
  identity: members.map(({ defaultModel = null, identity = null, provider = null }) => [
    provider,
    defaultModel,
    identity
  ]),
  [cores]: [...new Set(members.flatMap((member) => member[cores] ?? []))],
  // A core that several members share is called by the first one first.
  [policies]: new Map(members.toReversed().flatMap((member) => [...member[policies] ?? []]))
})

const leastOf = (windows: ReadonlyArray<number>) => windows.length === 0 ? undefined : Math.min(...windows)

export const joined = (below: Trait, above: Trait): Trait => ({
  provider: "provider" in above ? above.provider : below.provider,
  defaultModel: "defaultModel" in above ? above.defaultModel : below.defaultModel,
  identity: "identity" in above ? above.identity : below.identity,
  contextWindow: "contextWindow" in above ? above.contextWindow : below.contextWindow,
  [cores]: cores in above ? above[cores] : below[cores],
  [policies]: policies in above ? above[policies] : below[policies]
})

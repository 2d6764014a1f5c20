/**
 * What an emulator keeps for each of its regions: the models, the quotas and the prompt cache of one know nothing of the others.
 */
import * as Effect from "effect/Effect"
import * as Converse from "../converse/Converse.ts"
import * as Model from "../model/Model.ts"
import * as OpenAiCall from "../openai/Call.ts"
import * as OpenAiModels from "../openai/Models.ts"
import type * as OpenAi from "../openai/Options.ts"
import * as Quota from "../quota/Quota.ts"
import type * as Region from "./Region.ts"

/** The state of one region. */
export interface RegionState {
  readonly catalog: Model.Catalog
  readonly quotas: Quota.Quotas
  readonly memory: Converse.Memory
  readonly openai: OpenAiCall.State
}

/** What the regions are made of: all options are checked. */
export interface Options {
  readonly served: Region.Served
  readonly models?: ReadonlyArray<Model.Model> | undefined
  readonly applicationProfiles?: Readonly<Record<string, string>> | undefined
  readonly quota: Quota.Limits
  readonly openai: OpenAi.Options
}

/** The regions by name. Thoughts that one has sealed are known in all. */
export const make = Effect.fnUntraced(function*({ applicationProfiles, models, openai, quota, served }: Options) {
  const { seals } = Converse.makeMemory()
  const regions = new Map<string, RegionState>()
  for (const region of served) {
    const catalog = Model.catalog({ region, models, applicationProfiles })
    regions.set(region, {
      catalog,
      openai: {
        ...OpenAiCall.makeMemory(),
        known: OpenAiModels.known(catalog, openai.models),
        quirks: new Set(openai.quirks)
      },
      quotas: yield* Quota.make(Quota.limitsIn(region, quota)),
      memory: Converse.makeMemory(seals)
    })
  }
  return regions
})

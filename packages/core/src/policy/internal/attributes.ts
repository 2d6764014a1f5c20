/**
 * Attributes of the metrics that are common to all operations of a target.
 */
import * as ModelLabels from "../../internal/modelLabels.ts"
import type * as Telemetry from "../../Telemetry.ts"

/** Provider, model and scope. */
export const of = ({ model, provider, scope }: Telemetry.Target): Record<string, string> => ({
  "gen_ai.provider.name": provider,
  "gen_ai.request.model": ModelLabels.of(provider, model),
  ...(scope === undefined ? {} : { "strata.scope": scope })
})

/** The cost of the calls of a service, by the prices in force when it was built. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Cost from "../../../Cost.ts"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Usage from "../../../Usage.ts"
import * as Pricing from "../../Pricing.ts"

/**
 * - `cost`: what tokens cost at the price of a model, that of the target unless another answered, where it is known.
 * - `record`: the same, counted in a metric. Logs once for each model why its cost is not known.
 */
export interface Costing {
  readonly cost: (...used: Used) => Cost.Cost | undefined
  readonly record: (...used: Used) => Effect.Effect<Cost.Cost | undefined>
}

type Used = [target: Telemetry.Target, usage: Usage.Usage, model?: string | undefined]

export const make: Effect.Effect<Costing> = Effect.map(Pricing.Prices, (prices) => {
  if (prices.length === 0) return { cost: () => undefined, record: () => Effect.undefined }
  const lookup = Pricing.lookup(prices)
  const known = BoundedMap.make<string, Known>(mostModels)
  const knownOf = (provider: string, model: string) =>
    BoundedMap.getOrMake(
      known,
      JSON.stringify([provider, model]),
      (): Known => ({ price: lookup(model, provider), isNoted: false })
    )

  const cost: Costing["cost"] = ({ provider, ...target }, usage, model = target.model) => {
    const { price } = knownOf(provider, model)
    return price === undefined ? undefined : Pricing.cost(usage, price)
  }
  const note = (provider: string, model: string) => {
    const known = knownOf(provider, model)
    if (known.isNoted) return Effect.void
    known.isNoted = true
    return Effect.logInfo(
      known.price === undefined
        ? "No price is configured for this model: the cost of its calls is not known"
        : "The price of this model does not name all kinds of tokens it uses: the cost of such calls is not known"
    ).pipe(Effect.annotateLogs({ provider, model }))
  }
  return {
    cost,
    record: (target, usage, model = target.model) =>
      Effect.suspend(() => {
        const found = cost(target, usage, model)
        const recorded = found === undefined
          ? note(target.provider, model)
          : Metric.update(Metric.withAttributes(Telemetry.cost, Telemetry.attributes(target)), found.total)
        return Effect.as(recorded, found)
      })
  }
})

/** The price of a model, and whether it was logged that costs are not known. */
interface Known {
  readonly price: Pricing.Price | undefined
  isNoted: boolean
}

/** Requests may name any model: the prices of this many are cached. */
const mostModels = 1_000

/** The cost of the calls of a service, by the prices in force when it was built. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Cost from "../../../Cost.ts"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Usage from "../../../Usage.ts"
import * as Pricing from "../../Pricing.ts"

/**
 * - `cost`: what tokens cost now at the price of a model, that of the target unless another answered, where it is known.
 * - `record`: the same, counted in a metric. Logs once for each model why its cost is not known.
 */
export interface Costing {
  readonly cost: (clock: Clock.Clock, ...used: Used) => Cost.Cost | undefined
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
      (): Known => ({ priceAt: lookup(model, provider), isNoted: false })
    )

  const cost: Costing["cost"] = (clock, { provider, ...target }, usage, model = target.model) => {
    const price = knownOf(provider, model).priceAt(clock.currentTimeMillisUnsafe())
    return price === undefined ? undefined : Pricing.cost(usage, price)
  }
  const note = (now: number, provider: string, model: string) => {
    const known = knownOf(provider, model)
    if (known.isNoted) return Effect.void
    known.isNoted = true
    return Effect.logInfo(
      known.priceAt(now) === undefined
        ? "No price is configured for this model: the cost of its calls is not known"
        : "The price of this model does not name all kinds of tokens it uses: the cost of such calls is not known"
    ).pipe(Effect.annotateLogs({ provider, model }))
  }
  return {
    cost,
    record: (target, usage, model = target.model) =>
      Clock.clockWith((clock) => {
        const found = cost(clock, target, usage, model)
        const recorded = found === undefined
          ? note(clock.currentTimeMillisUnsafe(), target.provider, model)
          : Metric.update(Metric.withAttributes(Telemetry.cost, labels(target, found)), found.total)
        return Effect.as(recorded, found)
      })
  }
})

const labels = (target: Telemetry.Target, { currency }: Cost.Cost): Record<string, string> => ({
  ...Telemetry.attributes(target),
  ...(currency !== undefined && { "strata.cost.currency": currency })
})

/** A cost as attributes of a span. */
export const attributes = (cost: Cost.Cost | undefined): Record<string, unknown> =>
  cost === undefined
    ? {}
    : cost.currency === undefined
    ? { "strata.cost.usd": cost.total }
    : { "strata.cost.total": cost.total, "strata.cost.currency": cost.currency }

/** The prices of a model, and whether it was logged that costs are not known. */
interface Known {
  readonly priceAt: (now: number) => Pricing.PriceInForce | undefined
  isNoted: boolean
}

/** Requests may name any model: the prices of this many are cached. */
const mostModels = 1_000

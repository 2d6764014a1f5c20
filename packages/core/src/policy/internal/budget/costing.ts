/**
 * Works out what the calls of a service cost, by the prices in force when it was built.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Cost from "../../../Cost.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Usage from "../../../Usage.ts"
import * as Pricing from "../../Pricing.ts"

/**
 * - `cost`: what tokens of the target's model cost; `undefined` where that is not known.
 * - `record`: the same, counted as spent, for the model that answered if that is another. Says once for each model that
 *   its cost is not known, and why.
 */
export interface Costing {
  readonly cost: (target: Telemetry.Target, usage: Usage.Usage, model?: string) => Cost.Cost | undefined
  readonly record: (
    target: Telemetry.Target,
    usage: Usage.Usage,
    model?: string
  ) => Effect.Effect<Cost.Cost | undefined>
}

/** Builds it. Without any prices there is nothing to say. */
export const make: Effect.Effect<Costing> = Effect.map(Pricing.Prices, (prices) => {
  if (prices.length === 0) return { cost: () => undefined, record: () => Effect.undefined }
  const lookup = Pricing.lookup(prices)
  const known = new Map<string, Pricing.Price | undefined>()
  const noted = new Set<string>()

  const priceOf = (provider: string, model: string) => {
    if (known.has(model)) return known.get(model)
    // Requests name models, and may name any number of them.
    if (known.size >= mostModels) known.clear()
    const price = lookup(model, provider)
    known.set(model, price)
    return price
  }
  const cost: Costing["cost"] = ({ provider, ...target }, usage, model = target.model) => {
    const price = priceOf(provider, model)
    return price === undefined ? undefined : Pricing.cost(usage, price)
  }
  const note = (provider: string, model: string) => {
    if (noted.has(model) || noted.size >= mostModels) return Effect.void
    noted.add(model)
    return Effect.logInfo(
      priceOf(provider, model) === undefined
        ? "There is no price of this model: what its calls cost is not known"
        : "The price of this model does not name all kinds of tokens it uses: what such calls cost is not known"
    ).pipe(Effect.annotateLogs({ provider, model }))
  }

  return {
    cost,
    record: (target, usage, model = target.model) =>
      Effect.suspend(() => {
        const found = cost(target, usage, model)
        return found === undefined
          ? Effect.as(note(target.provider, model), undefined)
          : Effect.as(
            Metric.update(Metric.withAttributes(Telemetry.cost, Telemetry.attributes(target)), found.total),
            found
          )
      })
  }
})

const mostModels = 1_000

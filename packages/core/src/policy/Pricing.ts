/**
 * What tokens cost: prices of models as data, given by the program.
 *
 * None are built in: prices change, and differ by region, geography and contract. There is one price for each kind of token;
 * service tiers, batch discounts, prices that rise with the length of the prompt, by image or by query are not modelled.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Check from "../Check.ts"
import * as Cost from "../Cost.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Usage from "../Usage.ts"

const PerMillion = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * US dollars for a million tokens.
 *
 * - `input`: of the prompt; `output`: of the answer, which a model that only embeds has none of.
 * - `cacheRead`, `cacheWrite`: of the prompt, read from or written to the provider's cache. While one is missing, a call
 *   that used such tokens has no known cost.
 * - `source`, `asOf`: the origin and the date of the figures, as free text.
 */
export class Price extends Schema.Opaque<Price>()(Schema.Struct({
  input: PerMillion,
  output: Schema.optional(PerMillion),
  cacheRead: Schema.optional(PerMillion),
  cacheWrite: Schema.optional(PerMillion),
  source: Schema.optional(Schema.String),
  asOf: Schema.optional(Schema.String)
})) {}

/**
 * The price of one model, or of several.
 *
 * - `model`: the exact id in requests; `*` stands for any characters, also none. On Bedrock
 *   `amazon.nova-lite-v1:0` is that model in the region alone, `us.amazon.nova-lite-v1:0` its profile of one geography, and
 *   `*amazon.nova-lite-v1:0` both of them and every ARN that ends in its name. Other ARNs need entries of their own.
 * - `provider`: only for this one, by the name in `ChatResponse.provider`; any provider when missing.
 */
export class Entry extends Schema.Opaque<Entry>()(Schema.Struct({
  model: Schema.String,
  provider: Schema.optional(Schema.String),
  price: Price
})) {}

/**
 * A list of prices, from the general to the specific: the last entry that matches a model is its price.
 *
 * @example
 * // prices.json: [{ "model": "*my-model-v1:0", "price": { "input": 1, "output": 5, "asOf": "2026-01-31" } }]
 * const FromFile = Layer.unwrap(Effect.gen(function*() {
 *   const files = yield* FileSystem.FileSystem
 *   const json = yield* files.readFileString("prices.json")
 *   return Pricing.layer(yield* Schema.decodeEffect(Schema.fromJsonString(Pricing.Entries))(json))
 * }))
 */
export type Entries = typeof Entries.Type
export const Entries = Schema.Array(Entry)

/** The prices in force; none unless a layer says otherwise. Services read them when they are built. */
export const Prices: Context.Reference<Entries> = Context.Reference("@strata/core/Pricing/Prices", {
  defaultValue: (): Entries => []
})

/**
 * Appends entries to the prices in force where the layer is built. Of two such layers in `Layer.merge` only one takes
 * effect: give one list, or provide one layer to the other. Fails with `InvalidRequestError` (`prices[2].price.input`).
 */
export const layer = (entries: Entries): Layer.Layer<never, ProviderError.InvalidRequestError> =>
  Layer.effect(
    Prices,
    Effect.gen(function*() {
      const added = yield* Check.run(Check.list(entry), entries, { provider: "strata", field: "prices" })
      return [...yield* Prices, ...added]
    })
  )

/** The price of a model in the prices in force; entries for one provider alone count only where it is named. */
export const of = (model: string, provider?: string): Effect.Effect<Price | undefined> =>
  Effect.map(Prices, (prices) => lookup(prices)(model, provider))

/** What tokens cost at a price; `undefined` where there are tokens of a kind the price does not have. */
export const cost = (usage: Usage.Usage, price: Price): Cost.Cost | undefined => {
  const known = Check.settle(priced, { usage, price })
  if (Result.isFailure(known)) return undefined
  const { price: each, usage: tokens } = known.success
  const parts = {
    input: dollars(tokens.inputTokens, each.input),
    cacheRead: dollars(tokens.cacheReadTokens, each.cacheRead),
    cacheWrite: dollars(tokens.cacheWriteTokens, each.cacheWrite),
    output: dollars(tokens.outputTokens, each.output)
  }
  return Object.values(parts).includes(Number.NaN) ? undefined : Cost.make(parts)
}

/** `NaN` where there is no price. */
const dollars = (tokens: number, perMillion = Number.NaN): number => tokens === 0 ? 0 : tokens * perMillion / 1_000_000

/** @internal */
export const lookup = (prices: Entries): (model: string, provider?: string) => Price | undefined => {
  const entries = (Check.itemsOf(prices) ?? []).flatMap((given) =>
    Result.match(Check.settle(entry, given), {
      onFailure: () => [],
      onSuccess: (entry) => [{ ...entry, matches: pattern(entry.model) }]
    })
  )
  return (model, provider) =>
    typeof model === "string"
      ? entries.findLast((entry) => entry.matches(model) && (entry.provider ?? provider) === provider)?.price
      : undefined
}

const perMillion = Check.number({
  min: 0,
  max: Number.MAX_VALUE,
  remedy: "Use US dollars for a million tokens, from 0"
})

const price = Check.struct<Price>({
  input: perMillion,
  output: Check.optional(perMillion),
  cacheRead: Check.optional(perMillion),
  cacheWrite: Check.optional(perMillion),
  source: Check.optional(Check.text),
  asOf: Check.optional(Check.text)
})

const entry = Check.struct<Entry>({ model: Check.filled, provider: Check.optional(Check.text), price })

const count = Check.number({ min: 0, remedy: "Use a number of tokens" })

const priced = Check.struct<{ readonly usage: Omit<Usage.Usage, "totalTokens">; readonly price: Price }>({
  usage: Check.struct<Omit<Usage.Usage, "totalTokens">>({
    inputTokens: count,
    cacheReadTokens: count,
    cacheWriteTokens: count,
    outputTokens: count
  }, { others: "ignored" }),
  price
})

const pattern = (model: string): (id: string) => boolean => {
  const [first = "", ...rest] = model.split("*")
  const last = rest.pop()
  if (last === undefined) return (id) => id === model
  return (id) => {
    if (!id.startsWith(first)) return false
    let end = first.length
    for (const piece of rest) {
      const start = id.indexOf(piece, end)
      if (start < 0) return false
      end = start + piece.length
    }
    return id.length - last.length >= end && id.endsWith(last)
  }
}

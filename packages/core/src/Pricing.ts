/**
 * What tokens cost: prices of models as data, given by the program.
 *
 * There are none built in: prices change, and differ by region, geography and contract, so a list that came along would
 * be wrong somewhere. One price for each kind of token is all there is; service tiers, discounts for batches, prices that
 * rise with the length of the prompt, and prices by image or by query are not modelled.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Cost from "./Cost.ts"
import type * as Usage from "./Usage.ts"

const PerMillion = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * US dollars for a million tokens.
 *
 * - `input`: of the prompt; `output`: of the answer, which a model that only embeds has none of.
 * - `cacheRead`, `cacheWrite`: of the prompt, read from or written to the provider's cache. While one is missing, a call
 *   that used such tokens has no known cost.
 * - `source`, `asOf`: where the figures come from, and from when they are, in words for whoever checks them.
 */
export interface Price extends Schema.Schema.Type<typeof Price> {}
/** @see {@link Price} */
export const Price = Schema.Struct({
  input: PerMillion,
  output: Schema.optional(PerMillion),
  cacheRead: Schema.optional(PerMillion),
  cacheWrite: Schema.optional(PerMillion),
  source: Schema.optional(Schema.String),
  asOf: Schema.optional(Schema.String)
})

/**
 * The price of one model, or of several.
 *
 * - `model`: the id as requests say it, to the letter; `*` stands for any characters, also none. On Bedrock
 *   `amazon.nova-lite-v1:0` is that model in the region alone, `us.amazon.nova-lite-v1:0` its profile of one geography, and
 *   `*amazon.nova-lite-v1:0` both of them and every ARN that ends in its name. An ARN that hides its model needs an entry
 *   of its own.
 * - `provider`: only when this one serves it, named as `ChatResponse.provider` has it; anyone when missing.
 */
export interface Entry extends Schema.Schema.Type<typeof Entry> {}
/** @see {@link Entry} */
export const Entry = Schema.Struct({
  model: Schema.String,
  provider: Schema.optional(Schema.String),
  price: Price
})

/**
 * A list of prices, from the general to the particular: the last entry that matches a model has its price, whole.
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
/** @see {@link Entries} */
export const Entries = Schema.Array(Entry)

/** The prices in force; none unless a layer says otherwise. Services read them when they are built. */
export const Prices: Context.Reference<Entries> = Context.Reference("@strata/core/Pricing/Prices", {
  defaultValue: (): Entries => []
})

/**
 * Lays entries over the prices in force where the layer is built. Of two such layers merged side by side one is lost:
 * give one list, or provide one layer to the other.
 *
 * @example
 * BedrockChat.layer({ model: "us.my-vendor.my-model-v1:0" }).pipe(
 *   Layer.provide(Pricing.layer([
 *     { model: "*my-vendor.my-model-v1:0", price: { input: 1, output: 5, source: "our contract", asOf: "2026-01-31" } }
 *   ]))
 * )
 */
export const layer = (entries: Entries): Layer.Layer<never> =>
  Layer.effect(Prices, Effect.map(Prices, (prices) => [...prices, ...entries]))

/** The price of a model in the prices in force; entries for one provider alone count only where it is named. */
export const of = (model: string, provider?: string): Effect.Effect<Price | undefined> =>
  Effect.map(Prices, (prices) => lookup(prices)(model, provider))

/**
 * What tokens cost at a price; `undefined` where there are tokens of a kind the price does not name: no cost is better
 * than a wrong one.
 */
export const cost = (usage: Usage.Usage, price: Price): Cost.Cost | undefined => {
  const input = dollars(usage.inputTokens, price.input)
  const cacheRead = dollars(usage.cacheReadTokens, price.cacheRead)
  const cacheWrite = dollars(usage.cacheWriteTokens, price.cacheWrite)
  const output = dollars(usage.outputTokens, price.output)
  return input === undefined || cacheRead === undefined || cacheWrite === undefined || output === undefined
    ? undefined
    : Cost.make({ input, cacheRead, cacheWrite, output })
}

/**
 * Readies prices for looking up many times. An entry with a figure that is negative or no number is passed over.
 *
 * @internal
 */
export const lookup = (prices: Entries): (model: string, provider?: string) => Price | undefined => {
  const entries = prices.filter(isEntry).map((entry) => ({ ...entry, matches: pattern(entry.model) }))
  return (model, provider) =>
    entries.findLast((entry) => (entry.provider === undefined || entry.provider === provider) && entry.matches(model))
      ?.price
}

const isEntry = Schema.is(Entry)

const pattern = (model: string): (id: string) => boolean => {
  if (!model.includes("*")) return (id) => id === model
  const parts = model.split("*").map((part) => part.replace(/[^\w-]/gu, "\\$&"))
  const expression = new RegExp(`^${parts.join(".*")}$`, "s")
  return (id) => expression.test(id)
}

const dollars = (tokens: number, perMillion: number | undefined): number | undefined =>
  tokens === 0 ? 0 : perMillion === undefined ? undefined : tokens * perMillion / 1_000_000

/**
 * Prices from the AWS Price List: the JSON that AWS publishes for each service, downloaded by the program or its user.
 *
 * Only what is understood becomes a price: text tokens, on demand, in the standard tier. The rest is in `skipped`, each with
 * its reason. AWS charges by its own records: compare with the bill.
 *
 * https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api.html
 */
import * as Check from "@strata/core/Check"
import type * as Pricing from "@strata/core/policy/Pricing"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import { providerName } from "./internal/provider.ts"
import * as Names from "./pricelist/Names.ts"
import * as Product from "./pricelist/Product.ts"
import * as Terms from "./pricelist/Terms.ts"
import * as Region from "./Region.ts"

/** Model ids, or patterns of `Pricing.Entry`, by the name of a model in the price list. */
export type Models = Names.Models

/**
 * The models known by name, which {@link read} uses unless it is given others. Only names and ids that are certain: add
 * yours with `{ ...PriceList.models, "Some Model": "vendor.some-model-v1:0" }`.
 */
export const models: Models = Names.known

/**
 * Which prices are read from the price list of AWS.
 *
 * - `region`: the region of the client: the list has prices of all of them.
 * - `models`: by names in the list (`model`, `titanModel`, or `servicename` without "(Amazon Bedrock Edition)"). An id has its
 *   own price, and so have its profiles of the geography of the region (`us.`) and `global.`; a pattern with `*` has the
 *   price of the region for all it matches, and none of `global.`.
 */
export interface Options {
  readonly region: string
  readonly models?: Models | undefined
}

/** A product of the region that is no price here: its SKU, what the list calls it, and the reason. */
export interface Skipped {
  readonly sku: string
  readonly name: string | undefined
  readonly usageType: string | undefined
  readonly reason: string
}

/**
 * What was read from the price list of AWS.
 *
 * - `entries`: the prices, for `Pricing.layer`, each from the date on which it takes effect.
 * - `skipped`: products of the region without a price here.
 */
export interface PriceList {
  readonly entries: Pricing.Entries
  readonly skipped: ReadonlyArray<Skipped>
}

/**
 * Reads the offer of `AmazonBedrock`, or of `AmazonBedrockFoundationModels` or `AmazonBedrockService` with models of third
 * parties: JSON text, or its value. Fails with `InvalidRequestError` for anything else. Without network.
 *
 * @example
 * // https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonBedrock/current/us-east-1/index.json
 * const Prices = Layer.unwrap(Effect.gen(function*() {
 *   const files = yield* FileSystem.FileSystem
 *   const { entries, skipped } = yield* PriceList.read(yield* files.readFileString("index.json"), { region: "us-east-1" })
 *   yield* Effect.logDebug("products without a price", skipped)
 *   return Pricing.layer(entries)
 * }))
 */
export const read = (
  json: unknown,
  options: Options
): Effect.Effect<PriceList, ProviderError.InvalidRequestError> =>
  Effect.gen(function*() {
    const settings = yield* Check.run(optionsOf, options, { provider: providerName, field: "options" })
    const value = typeof json !== "string" ? json : yield* Effect.try({
      try: (): unknown => JSON.parse(json),
      catch: (cause) => Check.threw({ provider: providerName }, "json", cause)
    })
    return yield* Check.run(listOf(settings), value, { provider: providerName, field: "json" })
  })

const optionsOf = Check.struct<Options>({ region: Region.check, models: Check.optional(Names.check) })

const listOf = ({ models = Names.known, region }: Options): Check.Check<PriceList> => (given, at) => {
  const { offerCode, products, publicationDate, terms } = Terms.objectOf(given)
  const offer = Product.offers.find((offer) => offer === offerCode)
  if (offer === undefined || !Check.holds(isObject, products) || !Check.holds(isObject, terms)) {
    return Check.refuse(at, "it is no offer of Amazon Bedrock", `Give the index.json of ${Product.offers.join(" or ")}`)
  }
  const onDemand = Terms.objectOf(Terms.objectOf(terms)["OnDemand"])
  const skipped: Array<Skipped> = []
  const prices: Array<Terms.Listed> = []
  for (const [sku, listed] of Object.entries(Terms.objectOf(products))) {
    const attributes = Terms.objectOf(Terms.objectOf(listed)["attributes"])
    const found = Product.read(offer, attributes, region)
    if (found === undefined) continue
    const skip = (reason: string) =>
      skipped.push({ sku, name: found.name, usageType: Product.text(attributes["usagetype"]), reason })
    if ("reason" in found) {
      skip(found.reason)
      continue
    }
    const patterns = Names.patternsOf(models, found, region)
    if (patterns === undefined) {
      skip(`no model id is known for "${found.name}"${found.isGlobal ? " as a global profile" : ""}: see \`models\``)
      continue
    }
    const read = Terms.read(Terms.objectOf(onDemand)[sku])
    if (typeof read === "string") skip(read)
    else prices.push(...read.map((rate): Terms.Listed => ({ ...rate, patterns, part: found.part, skip })))
  }
  const asOf = Product.text(publicationDate)
  const source = `AWS Price List, ${offer}, ${region}`
  const entries = Terms.entriesOf(prices).map(({ price, ...entry }): Pricing.Entry => ({
    ...entry,
    provider: providerName,
    price: { ...price, source, ...(asOf !== undefined && { asOf }) }
  }))
  return { entries, skipped }
}

const isObject = (given: unknown): boolean => typeof given === "object" && given !== null && !Array.isArray(given)

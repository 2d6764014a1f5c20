/**
 * What tokens cost: prices of models as data, given by the program.
 *
 * None are built in: prices change, and differ by region, geography and contract. There is one price for each kind of token;
 * service tiers, prices that rise with the length of the prompt, by image or by query are not modelled.
 * An entry can be valid for a time, so a list holds a change of prices before and after it: the time of a call decides.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Check from "../Check.ts"
import * as Cost from "../Cost.ts"
import { defined } from "../internal/defined.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as TaggedError from "../TaggedError.ts"
import type * as Usage from "../Usage.ts"

const PerMillion = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

const Time = Schema.String.check(
  Schema.makeFilter((text) => timeOf(text) !== undefined, { expected: "a date or a time with its offset" })
)

const Currency = Schema.String.check(Schema.isPattern(/^[A-Z]{3}$/))

/**
 * The price of a million tokens, in the currency of the entry: US dollars unless it names another.
 *
 * - `input`: of the prompt; `output`: of the answer, which a model that only embeds has none of.
 * - `cacheRead`, `cacheWrite`: of the prompt, read from or written to the provider's cache. While one is missing, a call
 *   that used such tokens has no known cost.
 * - `batch`: what a record of a batch job costs, as a factor: 0.5 for the half that Bedrock charges for most models
 *   (https://aws.amazon.com/bedrock/pricing/). While it is missing, the cost of batch jobs is not known.
 * - `source`, `asOf`: the origin and the date of the figures, as free text.
 */
export class Price extends Schema.Opaque<Price>()(Schema.Struct({
  input: PerMillion,
  output: Schema.optional(PerMillion),
  cacheRead: Schema.optional(PerMillion),
  cacheWrite: Schema.optional(PerMillion),
  batch: Schema.optional(PerMillion),
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
 * - `validFrom`, `validUntil`: the entry matches calls from the first until before the second: a date (`2026-01-31`, from its
 *   midnight in UTC) or a time with its offset (`2026-01-31T12:00:00Z`).
 * - `currency`: of the price, by ISO 4217 (`EUR`); `USD` when missing.
 */
export class Entry extends Schema.Opaque<Entry>()(Schema.Struct({
  model: Schema.String,
  provider: Schema.optional(Schema.String),
  price: Price,
  validFrom: Schema.optional(Time),
  validUntil: Schema.optional(Time),
  currency: Schema.optional(Currency)
})) {}

/** A price as it applies to a call; `currency` is missing for US dollars. */
export interface PriceInForce extends Price {
  readonly currency?: string | undefined
}

/**
 * A list of prices, from the general to the specific: the last entry that matches a model, and is valid at the time of the
 * call, is its price.
 *
 * @example
 * const prices: Pricing.Entries = [
 *   { model: "*my-model-v1:0", price: { input: 1, output: 5 } },
 *   { model: "*my-model-v1:0", price: { input: 0.8, output: 4 }, validFrom: "2026-03-01" }
 * ]
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
 *
 * @example
 * const Prices = Pricing.layer([{ model: "*my-model-v1:0", price: { input: 1, output: 5, asOf: "2026-01-31" } }])
 */
export const layer = (entries: Entries): Layer.Layer<never, ProviderError.InvalidRequestError> =>
  Layer.effect(
    Prices,
    Effect.gen(function*() {
      const added = yield* Check.run(Check.list(entry), entries, { provider: "strata", field: "prices" })
      return [...yield* Prices, ...added]
    })
  )

/** What {@link layerFile} needs of a file system; `FileSystem` of Effect has it. */
export interface Files {
  readonly readFileString: (path: string) => Effect.Effect<string, unknown>
}

/**
 * A file of prices cannot be used.
 *
 * When: `Pricing.layerFile` reads a file that does not exist, is not JSON, or has an invalid entry.
 *
 * - `path`: of the file; `field`: the place in it, such as `[2].price.input`, where its content is the problem.
 *
 * Remedy: correct the file as `remedy` says.
 */
export class PricesFileError extends TaggedError.make<PricesFileError>()("PricesFileError", {
  message: Schema.String,
  path: Schema.String,
  field: Schema.optional(Schema.String),
  remedy: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * {@link layer} with the entries of a JSON file: an array of them. Fails with `PricesFileError` for a file that cannot be
 * read, is not JSON, or has an invalid entry. `files` is the file system: the tag of Effect, or an effect with one.
 *
 * @example
 * // prices.json: [{ "model": "*my-model-v1:0", "price": { "input": 1, "output": 5, "asOf": "2026-01-31" } }]
 * const Prices = Pricing.layerFile("prices.json", FileSystem.FileSystem).pipe(Layer.provide(NodeFileSystem.layer))
 */
export const layerFile = <E, R>(
  path: string,
  files: Effect.Effect<Files, E, R>
): Layer.Layer<never, PricesFileError | ProviderError.InvalidRequestError | E, R> =>
  Layer.unwrap(Effect.gen(function*() {
    const file = yield* Check.run(Check.filled, path, { provider: "strata", field: "path" })
    const unusable = (
      problem: string,
      remedy: string,
      details: { readonly field?: string; readonly cause?: unknown }
    ) =>
      new PricesFileError({ path: file, remedy, message: `The prices of "${file}" ${problem}. ${remedy}.`, ...details })
    yield* Effect.asVoid(Check.run(effect, files, { provider: "strata", field: "files" }))
    const system = yield* files
    yield* Check.run(reading, system, { provider: "strata", field: "files" })
    const given = yield* Effect.mapError(
      Effect.suspend(() => system.readFileString(file)),
      (cause) => unusable("cannot be read", "Check that there is such a file, and that it may be read", { cause })
    )
    const text = yield* Check.run(Check.text, given, { provider: "strata", field: "files.readFileString" })
    const json = yield* Effect.try({
      // Some editors begin a file with a byte order mark.
      try: (): unknown => JSON.parse(text.replace(/^\uFEFF/u, "")),
      catch: (cause) => {
        const place = cause instanceof Error ? `: ${cause.message}` : ""
        return unusable(`are not JSON${place}`, "Write an array of entries, as for `Pricing.layer`", { cause })
      }
    })
    const found = Check.settle(Check.list(entry), json, { whole: "the file" })
    if (Result.isSuccess(found)) return layer(found.success)
    const { field, problem, remedy } = found.failure
    return yield* unusable(`have a problem at ${field}: ${problem}`, remedy, { field })
  }))

const effect = Check.instance(Effect.isEffect, "Give the file system, such as the tag `FileSystem.FileSystem`")

const reading: Check.Check<Files> = Check.struct<Files>({ readFileString: Check.callback() }, { others: "ignored" })

/** The price of a model now, by the prices in force; entries for one provider alone count only where it is named. */
export const of = (model: string, provider?: string): Effect.Effect<PriceInForce | undefined> =>
  Effect.zipWith(Prices, Clock.currentTimeMillis, (prices, now) => lookup(prices)(model, provider)(now))

/** What tokens cost at a price; `undefined` where there are tokens of a kind the price does not have. */
export const cost = (usage: Usage.Usage, price: PriceInForce): Cost.Cost | undefined => {
  const known = Check.settle(priced, { usage, price })
  if (Result.isFailure(known)) return undefined
  const { price: each, usage: tokens } = known.success
  const parts = {
    input: dollars(tokens.inputTokens, each.input),
    cacheRead: dollars(tokens.cacheReadTokens, each.cacheRead),
    cacheWrite: dollars(tokens.cacheWriteTokens, each.cacheWrite),
    output: dollars(tokens.outputTokens, each.output)
  }
  return Object.values(parts).includes(Number.NaN)
    ? undefined
    : Cost.make({ ...parts, currency: each.currency })
}

/** The price in a batch job: each kind of tokens times `batch`; `undefined` where the price has no such factor. */
export const inBatch = (price: PriceInForce): PriceInForce | undefined => {
  const known = Check.settle(inForce, price)
  if (Result.isFailure(known) || known.success.batch === undefined) return undefined
  const { batch, cacheRead, cacheWrite, input, output, ...rest } = known.success
  const times = (perMillion: number | undefined) => perMillion === undefined ? undefined : perMillion * batch
  return defined({
    ...rest,
    input: input * batch,
    output: times(output),
    cacheRead: times(cacheRead),
    cacheWrite: times(cacheWrite)
  })
}

/** `NaN` where there is no price. */
const dollars = (tokens: number, perMillion = Number.NaN): number => tokens === 0 ? 0 : tokens * perMillion / 1_000_000

/**
 * The prices of a model by the time of a call, in milliseconds. What it gives for a model can be kept.
 *
 * @internal
 */
export const lookup = (
  prices: Entries
): (model: string, provider?: string) => (now: number) => PriceInForce | undefined => {
  const entries = (Check.itemsOf(prices) ?? []).flatMap((given) =>
    Result.match(Check.settle(entry, given), {
      onFailure: () => [],
      onSuccess: (entry) => [{
        matches: pattern(entry.model),
        provider: entry.provider,
        from: timeOf(entry.validFrom) ?? -Infinity,
        until: timeOf(entry.validUntil) ?? Infinity,
        price: inCurrency(entry)
      }]
    })
  )
  return (model, provider) => {
    const matching = typeof model === "string"
      ? entries.filter((entry) => entry.matches(model) && (entry.provider ?? provider) === provider)
      : []
    return (now) => matching.findLast(({ from, until }) => from <= now && now < until)?.price
  }
}

const inCurrency = ({ currency = "USD", price }: Entry): PriceInForce =>
  currency === "USD" ? price : { ...price, currency }

/** Milliseconds since 1970 of a date or a time with its offset; `undefined` for other texts, such as the 30th of February. */
const timeOf = (text: string | undefined): number | undefined => {
  const [, date, time = "T00:00Z"] = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/u
    .exec(text ?? "") ?? []
  const midnight = Date.parse(`${date}T00:00Z`)
  const isDate = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(`${date}T`)
  const found = isDate ? Date.parse(`${date}${time}`) : Number.NaN
  return Number.isNaN(found) ? undefined : found
}

const perMillion = Check.number({
  min: 0,
  max: Number.MAX_VALUE,
  remedy: "Use US dollars for a million tokens, from 0"
})

const figures: Check.Fields<Price> = {
  input: perMillion,
  output: Check.optional(perMillion),
  cacheRead: Check.optional(perMillion),
  cacheWrite: Check.optional(perMillion),
  batch: Check.optional(
    Check.number({ min: 0, max: 1, remedy: "Use a factor from 0 to 1, such as 0.5 for half the price" })
  ),
  source: Check.optional(Check.text),
  asOf: Check.optional(Check.text)
}

const time: Check.Check<string> = (given, at) =>
  typeof given === "string" && timeOf(given) === undefined
    ? Check.refuse(
      at,
      "it is no date, and no time with its offset",
      "Write it like \"2026-01-31\" or \"2026-01-31T12:00:00Z\""
    )
    : Check.text(given, at)

/**
 * A currency.
 *
 * @internal
 */
export const currency: Check.Check<string> = (given, at) =>
  typeof given === "string" && !/^[A-Z]{3}$/u.test(given)
    ? Check.refuse(at, "it is no currency by ISO 4217", "Write it like \"EUR\"")
    : Check.text(given, at)

const fields = Check.struct<Entry>({
  model: Check.filled,
  provider: Check.optional(Check.text),
  price: Check.struct<Price>(figures),
  validFrom: Check.optional(time),
  validUntil: Check.optional(time),
  currency: Check.optional(currency)
})

const entry: Check.Check<Entry> = (given, at) => {
  const settled = fields(given, at)
  if (settled === Check.refused) return settled
  const [from = -Infinity, until = Infinity] = [timeOf(settled.validFrom), timeOf(settled.validUntil)]
  if (from < until) return settled
  at.path.push("validUntil")
  return Check.refuse(at, "it is not after `validFrom`: the entry is never valid", "Use a later date, or leave one out")
}

const count = Check.number({ min: 0, remedy: "Use a number of tokens" })

const inForce = Check.struct<PriceInForce>({ ...figures, currency: Check.optional(currency) })

const priced = Check.struct<{ readonly usage: Omit<Usage.Usage, "totalTokens">; readonly price: PriceInForce }>({
  usage: Check.struct<Omit<Usage.Usage, "totalTokens">>({
    inputTokens: count,
    cacheReadTokens: count,
    cacheWriteTokens: count,
    outputTokens: count
  }, { others: "ignored" }),
  price: inForce
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

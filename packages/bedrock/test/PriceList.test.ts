import { assert, describe, it } from "@effect/vitest"
import { PriceList } from "@strata/bedrock"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"

interface Product {
  readonly attributes: Record<string, unknown>
  readonly amount?: string
  readonly unit?: string
  readonly currency?: string
  readonly since?: string
}

/** An offer in the format of the bulk files, with one term and one price for each product. */
const offer = (offerCode: string, products: ReadonlyArray<Product>) => ({
  formatVersion: "v1.0",
  offerCode,
  version: "20261101000000",
  publicationDate: "2026-11-01T10:00:00Z",
  products: Object.fromEntries(products.map(({ attributes }, index) => [
    `SKU${index}`,
    { sku: `SKU${index}`, productFamily: "Amazon Bedrock", attributes: { regionCode: "us-east-1", ...attributes } }
  ])),
  terms: {
    OnDemand: Object.fromEntries(
      products.map(({ amount = "0.0010000000", currency = "USD", since = "2026-11-01T00:00:00Z", unit }, index) => [
        `SKU${index}`,
        {
          [`SKU${index}.JRTCKXETXF`]: {
            offerTermCode: "JRTCKXETXF",
            sku: `SKU${index}`,
            effectiveDate: since,
            priceDimensions: {
              [`SKU${index}.JRTCKXETXF.6YS6EN2CT7`]: {
                rateCode: `SKU${index}.JRTCKXETXF.6YS6EN2CT7`,
                unit: unit ?? (offerCode === "AmazonBedrock" ? "1K tokens" : "1M tokens"),
                beginRange: "0",
                endRange: "Inf",
                pricePerUnit: { [currency]: amount }
              }
            },
            termAttributes: {}
          }
        }
      ])
    )
  }
})

const native = (inferenceType: string, usage: string, rest: Omit<Product, "attributes"> = {}, more = {}): Product => ({
  attributes: {
    model: "Nova Lite",
    provider: "Amazon",
    feature: "On-demand Inference",
    inferenceType,
    usagetype: `USE1-NovaLite-${usage}`,
    ...more
  },
  ...rest
})

const marketplace = (usage: string, rest: Omit<Product, "attributes"> = {}, more = {}): Product => ({
  attributes: {
    servicename: "Claude Sonnet 4.6 (Amazon Bedrock Edition)",
    usagetype: `USE1-MP:USE1_${usage}-Units`,
    ...more
  },
  ...rest
})

const novaLite = [
  native("Input tokens", "input-tokens", { amount: "0.0000600000" }),
  native("Output tokens", "output-tokens", { amount: "0.0002400000" }),
  native("Prompt cache read input tokens", "cache-read-input-token-count", { amount: "0.0000150000" }),
  native("Prompt cache write input tokens", "cache-write-input-token-count", { amount: "0.0000000000" })
]

const read = (json: unknown, options: Partial<PriceList.Options> = {}) =>
  PriceList.read(json, { region: "us-east-1", ...options })

const reasons = ({ skipped }: PriceList.PriceList) => skipped.map(({ reason }) => reason)

describe("PriceList", () => {
  it.effect("has the prices of a model of AWS, of its profiles in the geography too", () =>
    Effect.gen(function*() {
      const json = offer("AmazonBedrock", novaLite)
      const list = yield* read(JSON.stringify(json))
      const price = {
        input: 0.06,
        output: 0.24,
        cacheRead: 0.015,
        cacheWrite: 0,
        source: "AWS Price List, AmazonBedrock, us-east-1",
        asOf: "2026-11-01T10:00:00Z"
      }
      const entry = { provider: "aws.bedrock", price, validFrom: "2026-11-01T00:00:00.000Z" }
      assert.deepStrictEqual(list, {
        entries: [{ ...entry, model: "amazon.nova-lite-v1:0" }, { ...entry, model: "us.amazon.nova-lite-v1:0" }],
        skipped: []
      })
      assert.deepStrictEqual(yield* read(json), list)
    }))

  it.effect("has those of third parties, of global profiles apart", () =>
    Effect.gen(function*() {
      const { entries, skipped } = yield* read(offer("AmazonBedrockFoundationModels", [
        marketplace("InputTokenCount", { amount: "3.3000000000" }),
        marketplace("OutputTokenCount", { amount: "16.5000000000" }),
        marketplace("InputTokenCount_Global", { amount: "3.0000000000" }),
        marketplace("output_tokens_global_standard", { amount: "15.0000000000" }),
        marketplace("CacheReadInputTokenCount", { amount: "0.33" })
      ]))
      assert.deepStrictEqual(skipped, [])
      assert.deepStrictEqual(
        entries.map(({ model, price: { cacheRead, input, output } }) => [model, input, output, cacheRead]),
        [
          ["anthropic.claude-sonnet-4-6", 3.3, 16.5, 0.33],
          ["us.anthropic.claude-sonnet-4-6", 3.3, 16.5, 0.33],
          ["global.anthropic.claude-sonnet-4-6", 3, 15, undefined]
        ]
      )
    }))

  it.effect("is what the prices in force are made of, from the date they take effect", () =>
    Effect.gen(function*() {
      const { entries } = yield* read(offer("AmazonBedrock", [
        native("Input tokens", "input-tokens", { amount: "0.001", since: "2026-01-01T00:00:00Z" }),
        native("Input tokens", "input-tokens", { amount: "0.002", since: "2026-02-01T00:00:00Z" }),
        native("Output tokens", "output-tokens", { amount: "0.003", since: "2026-01-01T00:00:00Z" })
      ]))
      const find = Effect.provide(
        Effect.map(Pricing.of("us.amazon.nova-lite-v1:0", "aws.bedrock"), (price) => [price?.input, price?.output]),
        Pricing.layer(entries)
      )
      for (
        const [time, prices] of [
          ["2025-12-31", [undefined, undefined]],
          ["2026-01-31", [1, 3]],
          ["2026-02-01", [2, 3]]
        ] as const
      ) {
        yield* TestClock.setTime(Date.parse(time))
        assert.deepStrictEqual(yield* find, [...prices])
      }
    }))

  it.effect("has the currency of the list", () =>
    Effect.gen(function*() {
      const { entries } = yield* read(
        offer("AmazonBedrock", [native("Input tokens", "input-tokens", { currency: "CNY" })])
      )
      assert.deepStrictEqual(entries.map(({ currency }) => currency), ["CNY", "CNY"])
    }))

  it.effect("takes names of the program, and patterns", () =>
    Effect.gen(function*() {
      const json = offer("AmazonBedrock", [
        native("Input tokens", "input-tokens", {}, { model: undefined, titanModel: "Some Titan" }),
        native("Input tokens", "input-tokens-cross-region-global", {}, { model: undefined, titanModel: "Some Titan" })
      ])
      assert.include(reasons(yield* read(json))[0], "no model id is known for \"Some Titan\": see `models`")
      const list = yield* read(json, { models: { ...PriceList.models, "Some Titan": "*amazon.some-titan*" } })
      assert.deepStrictEqual(list.entries.map(({ model }) => model), ["*amazon.some-titan*"])
      assert.deepStrictEqual(reasons(list), [
        "no model id is known for \"Some Titan\" as a global profile: see `models`"
      ])
    }))

  const others: ReadonlyArray<readonly [why: string, product: Product, reason: string]> = [
    ["batches", native("input tokens batch", "input-tokens-batch"), "inference type"],
    ["batches that only their usage type tells", native("Input tokens", "input-tokens-batch"), "usage type"],
    ["batches by feature", native("Input tokens", "input-tokens", {}, { feature: "Batch Inference" }), "feature"],
    ["batches by attribute", native("Input tokens", "input-tokens", {}, { batch: "true" }), "it is a batch"],
    ["other tiers", native("Input tokens flex", "input-tokens-flex"), "inference type"],
    ["tiers by attribute", native("Input tokens", "input-tokens", {}, { service_tier: "priority" }), "service tier"],
    [
      "provisioned throughput",
      native("Input tokens", "input-tokens", {}, { feature: "Provisioned Throughput Inference - 1 month" }),
      "feature"
    ],
    ["custom models", native("Input tokens", "input-tokens-custom-model"), "usage type"],
    ["other endpoints", native("Input tokens", "mantle-input-tokens-standard"), "usage type"],
    ["images", native("Input Image Token Count", "input-image-token-count"), "inference type"],
    ["kinds that differ", native("Input tokens", "output-tokens"), "usage type"],
    ["long contexts", native("Input tokens long context", "input-tokens"), "inference type"],
    ["other units", native("Input tokens", "input-tokens", { unit: "Units" }), "the unit \"Units\" is not known"],
    ["no region", native("Input tokens", "input-tokens", {}, { regionCode: undefined }), "no region"],
    ["no model", native("Input tokens", "input-tokens", {}, { model: undefined }), "no model"],
    ["amounts that are none", native("Input tokens", "input-tokens", { amount: "free" }), "no amount"],
    ["negative amounts", native("Input tokens", "input-tokens", { amount: "-1" }), "no amount"],
    ["dates that are none", native("Input tokens", "input-tokens", { since: "2026-02-30T00:00:00Z" }), "takes effect"],
    ["output without input", native("Output tokens", "output-tokens"), "no price of input"]
  ]
  it.effect.each(others)("invents no price for %s", ([, product, reason]) =>
    Effect.gen(function*() {
      const list = yield* read(offer("AmazonBedrock", [product]))
      assert.deepStrictEqual(list.entries, [])
      assert.strictEqual(list.skipped.length, 1)
      assert.include(list.skipped[0]?.reason, reason)
      assert.strictEqual(list.skipped[0]?.sku, "SKU0")
    }))

  it.effect.each([
    "CacheWrite1hInputTokenCount",
    "InputTokenCount_Batch",
    "InputTokenCount_Global_Batch",
    "input_tokens_long_ctx_standard",
    "Reserved_3Month_OutputTPM_Global",
    "InputImageCount"
  ])("invents none for %s of third parties", (usage) =>
    Effect.gen(function*() {
      const list = yield* read(offer("AmazonBedrockFoundationModels", [marketplace(usage)]))
      assert.deepStrictEqual(list.entries, [])
      assert.include(list.skipped[0]?.reason, `${usage}-Units" is not known here`)
      assert.strictEqual(list.skipped[0]?.name, "Claude Sonnet 4.6")
    }))

  it.effect("takes no side between prices that contradict each other", () =>
    Effect.gen(function*() {
      const twice = (amount: string) =>
        read(offer("AmazonBedrock", [...novaLite, native("Output tokens", "output-tokens", { amount })]))
      const list = yield* twice("0.0005")
      assert.deepStrictEqual(list.entries.map(({ price: { input, output } }) => [input, output]), [
        [0.06, undefined],
        [0.06, undefined]
      ])
      assert.deepStrictEqual(list.skipped.map(({ sku }) => sku), ["SKU1", "SKU4"])
      assert.deepStrictEqual((yield* twice("0.0002400000")).skipped, [])
    }))

  it.effect("leaves other regions aside", () =>
    Effect.gen(function*() {
      const list = yield* read(offer("AmazonBedrock", novaLite), { region: "eu-west-1" })
      assert.deepStrictEqual(list, { entries: [], skipped: [] })
    }))

  it.effect("refuses what is no offer of Bedrock, and options that cannot be right", () =>
    Effect.gen(function*() {
      for (
        const json of ["{", "null", "[]", {}, 7, undefined, offer("AmazonEC2", novaLite), {
          offerCode: "AmazonBedrock"
        }]
      ) {
        const error = yield* Effect.flip(read(json))
        assert.strictEqual(error.field, "json")
      }
      for (
        const options of [{ region: "US East" }, { models: { "Nova Lite": 7 } }, { models: null }, { regions: "x" }]
      ) {
        const error = yield* Effect.flip(read(offer("AmazonBedrock", novaLite), options as never))
        assert.match(error.field ?? "", /^options\./u)
      }
    }))

  it.effect.prop("has prices or a typed error for any JSON", {
    json: Schema.Json,
    path: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))).check(Schema.isMaxLength(9))
  }, ({ json, path }) =>
    Effect.gen(function*() {
      yield* Effect.exit(read(json))
      // The same somewhere in an offer.
      const mutant = structuredClone(offer("AmazonBedrock", novaLite)) as unknown
      let holder = mutant
      for (const [step, index] of path.entries()) {
        if (typeof holder !== "object" || holder === null) break
        const node = holder as Record<string, unknown>
        const keys = Object.keys(node)
        const key = keys[index % Math.max(1, keys.length)]
        if (key === undefined) break
        if (step === path.length - 1) node[key] = json
        holder = node[key]
      }
      const result = yield* Effect.result(read(mutant))
      if (result._tag === "Success") yield* Layer.build(Pricing.layer(result.success.entries))
      else assert.strictEqual(result.failure._tag, "InvalidRequestError")
    }).pipe(Effect.scoped), { arbitrary: { runs: 300 } })
})

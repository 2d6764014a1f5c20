import { assert, describe, it } from "@effect/vitest"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const priceAt = (input: number): Pricing.Price => ({ input })

/** The input prices of several models, by a list of patterns with theirs. */
const inputPrices = (entries: Record<string, number>, ...models: ReadonlyArray<string>) =>
  Effect.forEach(models, (model) => Effect.map(Pricing.of(model), (price) => price?.input)).pipe(
    Effect.provide(Pricing.layer(Object.entries(entries).map(([model, input]) => ({ model, price: priceAt(input) }))))
  )

const regional = "amazon.nova-lite-v1:0"
const profile = `us.${regional}`
const arn = `arn:aws:bedrock:us-east-1:123456789012:inference-profile/${profile}`

describe("Pricing", () => {
  it.effect("knows no price by itself", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Pricing.Prices, [])
      assert.isUndefined(yield* Pricing.of(regional))
    }))

  it.effect("takes a model by its letter: a geography has prices of its own", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* inputPrices({ [regional]: 1 }, regional, profile, arn, `${regional}:24k`),
        [1, undefined, undefined, undefined]
      )
    }))

  it.effect("lets * stand for anything: a geography, the front of an ARN, a date, nothing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* inputPrices({ [`*${regional}`]: 1 }, regional, profile, arn, `${regional}:24k`),
        [1, 1, 1, undefined]
      )
      assert.deepStrictEqual(
        yield* inputPrices({ "*.model-*-v1": 1 }, "a.model-2026-v1", "a.model--v1", "a.model-v1", "a\nb.model-x-v1"),
        [1, 1, undefined, 1]
      )
    }))

  it.effect("takes every other character of a pattern for itself", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* inputPrices(
          { "*a.b+c(d)[e]{1}^$|\\/?é😀-": 1 },
          "a.b+c(d)[e]{1}^$|\\/?é😀-",
          "aXb+c(d)[e]{1}^$|\\/?é😀-"
        ),
        [1, undefined]
      )
    }))

  it.effect("lets later entries win, and lays one list over another", () =>
    Effect.gen(function*() {
      const general = Pricing.layer([{ model: "*", price: { input: 1, output: 2 } }, {
        model: profile,
        price: priceAt(3)
      }])
      const particular = Pricing.layer([{ model: regional, price: priceAt(4) }])
      const found = yield* Effect.forEach(["other", profile, regional], (model) => Pricing.of(model)).pipe(
        Effect.provide(particular.pipe(Layer.provide(general)))
      )
      assert.deepStrictEqual(found, [{ input: 1, output: 2 }, { input: 3 }, { input: 4 }])
    }))

  it.effect("keeps the prices of one provider for that provider", () =>
    Effect.gen(function*() {
      const found = yield* Effect.forEach(["aws.bedrock", "openai", undefined], (provider) => Pricing.of("m", provider))
        .pipe(Effect.provide(Pricing.layer([{ model: "m", provider: "aws.bedrock", price: priceAt(1) }])))
      assert.deepStrictEqual(found, [{ input: 1 }, undefined, undefined])
    }))

  it.effect("refuses a price that cannot be one, and skips it where it was not checked", () =>
    Effect.gen(function*() {
      for (const wrong of [-1, Number.NaN, Infinity]) {
        const prices = [{ model: "m", price: priceAt(1) }, { model: "m", price: { input: 2, output: wrong } }]
        const error = yield* Effect.flip(Effect.provide(Pricing.of("m"), Pricing.layer(prices)))
        assert.strictEqual(error.field, "prices[1].price.output")
        const found = yield* Effect.provideService(Pricing.of("m"), Pricing.Prices, prices)
        assert.deepStrictEqual(found, { input: 1 })
      }
    }))

  it.effect("matches stars in a time that grows with the length of the id alone", () =>
    Effect.gen(function*() {
      const prices = Pricing.layer([{ model: "*a*a*a*a*a*a*a*a*b", price: priceAt(1) }, {
        model: "x*y*z",
        price: priceAt(2)
      }])
      const found = yield* Effect.forEach(
        ["a".repeat(50_000), `${"a".repeat(50_000)}b`, "xyz", "x-y-y-z", "xy", "xz", "xzy"],
        (model) => Pricing.of(model)
      ).pipe(Effect.provide(prices))
      assert.deepStrictEqual(found.map((price) => price?.input), [undefined, 1, 2, 2, undefined, undefined, undefined])
    }))

  it.effect("reads prices from JSON, and where they come from", () =>
    Effect.gen(function*() {
      const decode = Schema.decodeEffect(Schema.fromJsonString(Pricing.Entries))
      const price = { input: 1, output: 5, cacheRead: 0.1, cacheWrite: 1.25, source: "contract 7", asOf: "2026-01-31" }
      assert.deepStrictEqual(yield* decode(JSON.stringify([{ model: "m", price }])), [{ model: "m", price }])
      for (const entry of [{ model: "m", price: { input: -1 } }, { price }, { model: "m", price: { output: 1 } }]) {
        assert.strictEqual((yield* Effect.flip(decode(JSON.stringify([entry]))))._tag, "SchemaError")
      }
    }))
})

describe("Pricing.cost", () => {
  const price = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 }

  it("is the tokens of each kind at their price for a million", () => {
    const usage = Usage.make({
      inputTokens: 1_000_000,
      cacheReadTokens: 100_000,
      cacheWriteTokens: 20_000,
      outputTokens: 500
    })
    assert.deepStrictEqual(Pricing.cost(usage, price), {
      input: 3,
      cacheRead: 0.03,
      cacheWrite: 0.075,
      output: 0.0075,
      total: 3 + 0.03 + 0.075 + 0.0075
    })
  })

  it("is unknown rather than wrong where tokens have no price", () => {
    for (const kind of ["output", "cacheRead", "cacheWrite"] as const) {
      const { [kind]: _, ...rest } = price
      assert.isUndefined(Pricing.cost(Usage.make({ inputTokens: 1, [`${kind}Tokens`]: 1 }), rest), kind)
      assert.strictEqual(Pricing.cost(Usage.make({ inputTokens: 1_000_000 }), rest)?.total, 3, kind)
    }
  })
})

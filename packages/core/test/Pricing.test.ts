import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Cost from "@strata/core/Cost"
import * as Budget from "@strata/core/policy/Budget"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Telemetry from "@strata/core/Telemetry"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as BudgetFixture from "./BudgetFixture.ts"
import { watched } from "./ChatFixture.ts"

const priceAt = (input: number): Pricing.Price => ({ input })

/** The input prices of several models, by a list of patterns with theirs. */
const inputPrices = (entries: Record<string, number>, ...models: ReadonlyArray<string>) =>
  Effect.forEach(models, (model) => Effect.map(Pricing.of(model), (price) => price?.input)).pipe(
    Effect.provide(Pricing.layer(Object.entries(entries).map(([model, input]) => ({ model, price: priceAt(input) }))))
  )

const regional = "amazon.nova-lite-v1:0"
const profile = `us.${regional}`
const arn = `arn:aws:bedrock:us-east-1:123456789012:inference-profile/${profile}`

describe("Pricing.inBatch", () => {
  it("is each price times the factor", () => {
    const price = { input: 4, output: 20, cacheRead: 1, batch: 0.5, source: "a list", currency: "EUR" }
    assert.deepStrictEqual(Pricing.inBatch(price), {
      input: 2,
      output: 10,
      cacheRead: 0.5,
      source: "a list",
      currency: "EUR"
    })
  })

  it("is not known without a factor: some models have no batch price", () => {
    assert.isUndefined(Pricing.inBatch({ input: 4, output: 20 }))
  })

  it.effect("has a factor from 0 to 1", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(Pricing.layer([{ model: "*", price: { input: 1, batch: 50 } }])))
      assert.deepInclude(error, { _tag: "InvalidRequestError", field: "prices[0].price.batch" })
    }))
})

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

  it.effect("takes what is before the first * from the front of an id alone", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* inputPrices({ "us.*-v1": 1 }, "us.a-v1", "eu.us.a-v1", "eu.a-v1"), [
        1,
        undefined,
        undefined
      ])
    }))

  it.effect("knows none of a model that is no text, nor where the prices are no list", () =>
    Effect.gen(function*() {
      const everything = Pricing.layer([{ model: "*", price: priceAt(1) }])
      assert.isUndefined(yield* Effect.provide(Pricing.of(7 as never), everything))
      assert.isUndefined(yield* Effect.provideService(Pricing.of("m"), Pricing.Prices, 7 as never))
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
      const entry = { model: "m", price, validFrom: "2026-01-31", currency: "EUR" }
      assert.deepStrictEqual(yield* decode(JSON.stringify([entry])), [entry])
      for (const entry of [{ model: "m", price: { input: -1 } }, { price }, { model: "m", price: { output: 1 } }]) {
        assert.strictEqual((yield* Effect.flip(decode(JSON.stringify([entry]))))._tag, "SchemaError")
      }
    }))
})

describe("a price that is valid for a time", () => {
  const january = { model: "m", price: priceAt(1), validFrom: "2026-01-01", validUntil: "2026-02-01" }
  const since = { model: "m", price: priceAt(2), validFrom: "2026-02-01T00:00:00+01:00" }
  const at = (time: string) => TestClock.setTime(Date.parse(time))

  it.effect("counts from the first moment until before the last, and leaves others to older or general entries", () =>
    Effect.gen(function*() {
      const find = Effect.provide(
        Effect.map(Pricing.of("m"), (price) => price?.input),
        Pricing.layer([{ model: "*", price: priceAt(9) }, january, since])
      )
      yield* at("2025-12-31T23:59:59.999Z")
      assert.strictEqual(yield* find, 9)
      yield* at("2026-01-01T00:00:00Z")
      assert.strictEqual(yield* find, 1)
      yield* at("2026-01-31T22:59:59.999Z")
      assert.strictEqual(yield* find, 1)
      yield* at("2026-01-31T23:00:00Z")
      assert.strictEqual(yield* find, 2)
    }))

  it.effect("is not valid any more from its end on, also where no other follows", () =>
    Effect.gen(function*() {
      const find = Effect.provide(Pricing.of("m"), Pricing.layer([january]))
      yield* at("2026-01-31T23:59:59.999Z")
      assert.deepStrictEqual(yield* find, january.price)
      yield* at("2026-02-01T00:00:00Z")
      assert.isUndefined(yield* find)
    }))

  it.effect.each(["2026-02-01", "2026-02-01T00:00Z", "2026-02-01T00:00:00Z", "2026-01-31T22:30:00.000-01:30"])(
    "begins at a time by ISO 8601: %s",
    (validFrom) =>
      Effect.gen(function*() {
        const find = Effect.provide(Pricing.of("m"), Pricing.layer([{ model: "m", price: priceAt(1), validFrom }]))
        yield* at("2026-01-31T23:59:59.999Z")
        assert.isUndefined(yield* find)
        yield* at("2026-02-01T00:00:00Z")
        assert.isDefined(yield* find)
      })
  )

  it.effect("is that of the time of a call, however long the service lives", () =>
    Effect.gen(function*() {
      yield* at("2026-01-31T00:00:00Z")
      const budget = Budget.make({ perRun: 1e9 })
      const inputs = [january, since].map(({ price: { input }, ...entry }) => ({
        ...entry,
        model: "test-model",
        price: { input: input * 1e6, output: 0 }
      }))
      const { service } = yield* BudgetFixture.make(budget, {}, Pricing.layer(inputs))
      const ask = service.generate(BudgetFixture.request({ inputTokens: 1, outputTokens: 0 }))
      assert.strictEqual((yield* ask).cost?.total, 1)
      yield* at("2026-02-01T00:00:00Z")
      assert.strictEqual((yield* ask).cost?.total, 2)
      assert.strictEqual((yield* Budget.spent(budget)).run?.spent, 3)
    }))

  it.effect("refuses what is no time, and a time that never comes", () =>
    Effect.gen(function*() {
      const wrong = [
        [{ validFrom: "2026-02-30" }, "validFrom"],
        [{ validFrom: "2026-1-1" }, "validFrom"],
        [{ validUntil: "2026-01-01T12:00" }, "validUntil"],
        [{ validUntil: "tomorrow" }, "validUntil"],
        [{ validUntil: "on 2026-01-01" }, "validUntil"],
        [{ validUntil: "2026-01-01T12:00:00.Z" }, "validUntil"],
        [{ validUntil: 2026 as never }, "validUntil"],
        [{ validFrom: "2026-02-01", validUntil: "2026-02-01" }, "validUntil"],
        [{ currency: "euro" }, "currency"],
        [{ currency: "EURO" }, "currency"],
        [{ currency: "€UR" }, "currency"],
        [{ currency: 7 as never }, "currency"]
      ] as const
      for (const [fields, field] of wrong) {
        const entries = [{ model: "m", price: priceAt(1), ...fields }]
        const error = yield* Effect.flip(Effect.provide(Pricing.of("m"), Pricing.layer(entries)))
        assert.strictEqual(error.field, `prices[0].${field}`)
        assert.isUndefined(yield* Effect.provideService(Pricing.of("m"), Pricing.Prices, entries))
      }
      for (const wrong of [{ validFrom: "2026-02-30" }, { currency: "euro" }]) {
        const json = JSON.stringify([{ model: "m", price: priceAt(1), ...wrong }])
        yield* Effect.flip(Schema.decodeEffect(Schema.fromJsonString(Pricing.Entries))(json))
      }
    }))
})

describe("a price in another currency", () => {
  const euros = Pricing.layer([{ model: "test-*", currency: "EUR", price: BudgetFixture.price }])
  const asked = BudgetFixture.request({ inputTokens: 100, outputTokens: 0 })

  it.effect("gives costs in that currency, which metrics and spans name", () =>
    watched(({ spans }) =>
      Effect.gen(function*() {
        const service = yield* Effect.provide(ChatService.make(BudgetFixture.makeProvider()), euros)
        const { cost } = yield* service.generate(asked)
        assert.deepStrictEqual([cost?.total, cost?.currency], [0.1, "EUR"])
        const [span] = spans
        assert.strictEqual(span?.attributes.get("strata.cost.total"), 0.1)
        assert.strictEqual(span?.attributes.get("strata.cost.currency"), "EUR")
        assert.isFalse(span?.attributes.has("strata.cost.usd"))
        const labels = Telemetry.attributes({ operation: "chat", provider: "test.provider", model: "test-model" })
        const counted = (more: Record<string, string>) =>
          Effect.map(
            Metric.value(Metric.withAttributes(Telemetry.cost, { ...labels, ...more })),
            ({ count }) => count
          )
        assert.deepStrictEqual([yield* counted({ "strata.cost.currency": "EUR" }), yield* counted({})], [0.1, 0])
      })
    ))

  it.effect("is refused by a budget in US dollars, and counted by one in that currency", () =>
    Effect.gen(function*() {
      const { sent, service } = yield* BudgetFixture.make(Budget.make({ name: "us", perRun: 5 }), {}, euros)
      const error = yield* Effect.flip(service.generate(asked))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.include(error.message, "the price of \"test-model\" is in EUR, and the budget \"us\" is in USD")
      assert.deepStrictEqual(sent, [])

      const budget = Budget.make({ perRun: 0.5, currency: "EUR" })
      const other = yield* BudgetFixture.make(budget, {}, euros)
      yield* other.service.generate(asked)
      assert.strictEqual((yield* Budget.spent(budget)).run?.spent, 0.1)
      const exceeded = yield* Effect.flip(other.service.generate(BudgetFixture.request({}, 1000)))
      assert.include(exceeded.message, "the budget allows 0.5 EUR for the run, of which 0.1 EUR is spent")
      const dollars = yield* BudgetFixture.make(budget)
      const wrong = yield* Effect.flip(dollars.service.generate(asked))
      assert.include(wrong.message, "is in USD, and the budget is in EUR")
      assert.strictEqual(
        (yield* Effect.flip(BudgetFixture.make(Budget.make({ perRun: 1, currency: "€" })))).field,
        "budget.currency"
      )
    }))

  it.effect("keeps budgets of one name in two currencies apart", () =>
    BudgetFixture.isolated(Effect.gen(function*() {
      const make = (currency?: string) => Budget.make({ name: "both", perDay: 10, ...(currency && { currency }) })
      const { service } = yield* BudgetFixture.make(make("EUR"), {}, euros)
      yield* service.generate(asked)
      const spent = (budget: Budget.Budget) => Effect.map(Budget.spent(budget), ({ day }) => day?.spent)
      assert.deepStrictEqual([yield* spent(make("EUR")), yield* spent(make())], [0.1, 0])
    })))

  it("is not added to a cost in US dollars, unless one is nothing", () => {
    const euro = Cost.make({ input: 1, currency: "EUR" })
    const dollar = Cost.make({ input: 2 })
    assert.deepStrictEqual(Cost.add(euro, euro), Cost.make({ input: 2, currency: "EUR" }))
    assert.isNaN(Cost.add(euro, dollar).total)
    assert.isUndefined(Cost.sum([euro, dollar]))
    assert.deepStrictEqual(Cost.sum([Cost.empty, euro, Cost.empty]), euro)
    assert.deepStrictEqual(Cost.make({ input: 2, currency: "USD" }), dollar)
  })
})

describe("Pricing.layerFile", () => {
  const file = (text: string): Effect.Effect<Pricing.Files> =>
    Effect.succeed({ readFileString: (path) => path === "prices.json" ? Effect.succeed(text) : Effect.fail("ENOENT") })
  const read = (text: string, path = "prices.json") =>
    Effect.provide(Pricing.of("m"), Pricing.layerFile(path, file(text)))

  it.effect("has the entries of a file", () =>
    Effect.gen(function*() {
      const text = JSON.stringify([{ model: "m", price: { input: 1, output: 5 }, validFrom: "1969-01-01" }])
      assert.deepStrictEqual(yield* read(text), { input: 1, output: 5 })
      assert.deepStrictEqual(yield* read(`\uFEFF${text}`), { input: 1, output: 5 })
      const source = "a\uFEFFb"
      assert.strictEqual((yield* read(JSON.stringify([{ model: "m", price: { input: 1, source } }])))?.source, source)
    }))

  it.effect("takes the file system of Effect", () =>
    Effect.gen(function*() {
      const readFileString = () => Effect.succeed(JSON.stringify([{ model: "m", price: priceAt(3) }]))
      const files = FileSystem.layerNoop({ readFileString })
      const layer = Pricing.layerFile("prices.json", FileSystem.FileSystem)
      assert.deepStrictEqual(yield* Effect.provide(Pricing.of("m"), Layer.provide(layer, files)), priceAt(3))
    }))

  it.effect("says which file has which problem, where, and what to do", () =>
    Effect.gen(function*() {
      const missing = yield* Effect.flip(read("", "other.json"))
      assert.include(missing.message, "The prices of \"other.json\" cannot be read. Check that there is such a file")
      assert.deepInclude(missing, { cause: "ENOENT" })
      const broken = yield* Effect.flip(read("[{\"model\": }]"))
      assert.include(broken.message, "The prices of \"prices.json\" are not JSON: ")
      assert.include(broken.message, "Unexpected token '}'")
      assert.instanceOf("cause" in broken ? broken.cause : undefined, SyntaxError)
      const wrong = yield* Effect.flip(
        read(JSON.stringify([{ model: "m", price: priceAt(1) }, { model: "n", price: { input: -1 } }]))
      )
      assert.strictEqual(wrong._tag, "PricesFileError")
      assert.include(
        wrong.message,
        "The prices of \"prices.json\" have a problem at [1].price.input: -1 is out of range"
      )
      assert.deepInclude(wrong, { path: "prices.json", field: "[1].price.input" })
      const object = yield* Effect.flip(read("{}"))
      assert.include(object.message, "have a problem at the file: it is an object. Give an array")
    }))

  it.effect.each<[string, () => Layer.Layer<never, unknown>, string]>([
    ["path", () => Pricing.layerFile(7 as never, file("[]")), "path"],
    ["file system", () => Pricing.layerFile("prices.json", 7 as never), "files"],
    [
      "function to read files",
      () => Pricing.layerFile("prices.json", Effect.succeed({} as never)),
      "files.readFileString"
    ],
    ["text in the file", () => Pricing.layerFile("prices.json", file(7 as never)), "files.readFileString"]
  ])("names what is no %s", ([, layer, field]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(layer()))
      assert.deepInclude(error, { _tag: "InvalidRequestError", provider: "strata", field })
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

  it("is unknown at a price, or for a usage, that is none", () => {
    assert.isUndefined(Pricing.cost(Usage.make({ inputTokens: 1 }), { input: -1 }))
    assert.isUndefined(Pricing.cost(7 as never, price))
  })

  it("is unknown rather than wrong where tokens have no price", () => {
    for (const kind of ["output", "cacheRead", "cacheWrite"] as const) {
      const { [kind]: _, ...rest } = price
      assert.isUndefined(Pricing.cost(Usage.make({ inputTokens: 1, [`${kind}Tokens`]: 1 }), rest), kind)
      assert.strictEqual(Pricing.cost(Usage.make({ inputTokens: 1_000_000 }), rest)?.total, 3, kind)
    }
  })
})

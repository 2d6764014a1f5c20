import { assert, describe, it } from "@effect/vitest"
import * as Quota from "@strata/core/policy/Quota"
import * as Ledger from "@strata/core/state/Ledger"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { errors } from "./ChatFixture.ts"
import { balance, enforceWith, keyOf, type Work } from "./QuotaFixture.ts"
import * as QuotaProvider from "./QuotaProvider.ts"
import * as DocumentsMemory from "./support/DocumentsMemory.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** What somebody asks for: `after` is the pause since the call before, in milliseconds as `takes` and `patience` are. */
const Call = Schema.Struct({
  after: between(0, 120),
  input: between(1, 400),
  maxTokens: between(0, 500),
  share: between(0, 100),
  takes: between(0, 1_200),
  end: Schema.Literals(["answer", "answer", "answer", "answer", "refused", "broken"]),
  patience: Schema.Literals(["endless", "endless", "endless", 0, 700, 3_000])
})
type Call = typeof Call.Type

const Calls = Schema.Array(Call).check(Schema.isBetweenLength(1, 30))

/** A minute is a second here, so that nobody has to wait for the ledger to be asked again. */
const window = 1_000
const capacity = 1_000
const quota = Quota.tokens({ windows: [{ tokens: capacity, per: window }] })

const work =
  (burndown: number, estimate: (input: number) => number | undefined) => (call: Call, index: number): Work => {
    const estimated = estimate(call.input)
    return {
      name: `${index}`,
      input: call.input,
      maxTokens: call.maxTokens,
      output: Math.floor(call.maxTokens * call.share / 100),
      burndown,
      takes: call.takes,
      ...(estimated === undefined ? undefined : { estimate: estimated }),
      ...(call.end === "answer"
        ? undefined
        : { fails: call.end === "refused" ? errors.RateLimitError : errors.ConnectionError })
    }
  }

/** What a ledger set aside and settled for each call, in the order in which they were let through. */
const recorded = Effect.map(Ledger.Ledger, (ledger) => {
  const entries = new Map<string, { readonly amount: number; settled: number }>()
  const service: Ledger.Ledger = {
    ...ledger,
    reserve: (reservation) =>
      Effect.tap(
        ledger.reserve(reservation),
        (decision) =>
          Effect.sync(() =>
            decision._tag === "granted" &&
            entries.set(reservation.id, { amount: reservation.amounts.tokens ?? 0, settled: 0 })
          )
      ),
    settle: (settlement) =>
      Effect.suspend(() => {
        const entry = entries.get(settlement.id.replace("+", ""))
        if (entry !== undefined) entry.settled += settlement.amounts.tokens ?? 0
        return ledger.settle(settlement)
      })
  }
  return { entries, service }
})

/**
 * What the provider set aside for calls, or took in the end, beyond what is known of them here; and what it took on top
 * of what it had set aside when the call had begun so long before that here it is half forgotten.
 */
const shortfallOf = (
  sent: ReadonlyMap<string, number>,
  entries: ReadonlyMap<string, { readonly amount: number; readonly settled: number }>,
  works: ReadonlyArray<Work>
) => {
  const known = [...entries.values()]
  return [...sent].reduce((sum, [name, taken], position) => {
    const { input, maxTokens = 0, takes } = works[Number(name)]!
    const { amount, settled } = known[position]!
    const long = takes !== undefined && Duration.toMillis(takes) >= window / 2
    return sum + Math.max(0, input + maxTokens - amount, taken - amount) + Math.max(0, taken - settled) +
      (long ? Math.max(0, taken - input - maxTokens) : 0)
  }, 0)
}

/** The ledger in memory, and one whose accounts are texts that processes share. */
const ledgers = [
  ["", Ledger.layerMemory, 50],
  [
    ", with a ledger of texts",
    Layer.sync(Ledger.Ledger, () => Ledger.fromDocuments(DocumentsMemory.make())),
    15
  ]
] as const

/** Runs calls against a provider, and says by how much they exceeded its quota. */
const run = (
  calls: ReadonlyArray<Call>,
  works: ReadonlyArray<Work>,
  meter: QuotaProvider.Meter,
  ledger: Layer.Layer<never>
) =>
  Effect.gen(function*() {
    const { answer, seen } = QuotaProvider.make(meter)
    const { entries, service } = yield* recorded
    const call = yield* Effect.provideService(enforceWith({ quota }, answer), Ledger.Ledger, service)
    const fibers: Array<Fiber.Fiber<unknown>> = []
    for (const [index, { after, patience }] of calls.entries()) {
      yield* TestClock.adjust(after)
      const once = Effect.exit(call(works[index]!))
      fibers.push(yield* Effect.forkChild(patience === "endless" ? once : Effect.timeoutOption(once, patience)))
      yield* TestClock.adjust(0)
    }
    yield* TestClock.adjust("55 seconds")
    // Before what was left would end by itself.
    assert.isTrue(fibers.every((fiber) => fiber.pollUnsafe() !== undefined), "a call never ended")

    const order = [...seen.sent.keys()].map(Number)
    assert.deepStrictEqual(order, order.toSorted((self, that) => self - that), "a call overtook another")
    const unsent = calls.filter(({ patience }, index) => patience === "endless" && !seen.sent.has(`${index}`))
    assert.deepStrictEqual(unsent, [], "a call was never sent")

    assert.deepStrictEqual(yield* balance(quota), { spent: 0, reserved: 0 })
    const everything: Ledger.Reservation = {
      key: keyOf(),
      id: "another process",
      amounts: { tokens: capacity },
      limits: quota.windows.map(({ name, tokens = 0, window }) => ({
        name,
        unit: "tokens" as const,
        amount: tokens,
        window
      })),
      lease: Duration.minutes(1)
    }
    assert.strictEqual((yield* service.reserve(everything))._tag, "granted", "a place in line was left")
    return { overdraft: seen.overdraft, shortfall: shortfallOf(seen.sent, entries, works) }
  }).pipe(Effect.provide(Layer.fresh(ledger)), Effect.scoped)

const meters = [
  ["a bucket", () => QuotaProvider.bucket(capacity, window)],
  ["windows of the clock", () => QuotaProvider.fixedWindows(capacity, window, 0)],
  ["windows of the clock out of step", () => QuotaProvider.fixedWindows(capacity, window, 337)]
] as const

describe("Quota against a provider with", () => {
  for (const [[against, meter], [where, ledger, runs]] of Arr.cartesian(meters, ledgers)) {
    const name = against + where
    it.effect.prop(
      `${name}: is never throttled, starves nobody and leaves nothing behind`,
      [Calls],
      ([calls]) =>
        Effect.gen(function*() {
          const works = calls.map(work(1, () => undefined))
          const { overdraft } = yield* run(calls, works, meter(), ledger)
          assert.isAtMost(overdraft, 1e-6)
        }),
      { arbitrary: { runs } }
    )

    it.effect.prop(
      `${name}: exceeds it by no more than what could not be known, with a burndown and estimates`,
      [Calls, between(1, 5), between(95, 140)],
      ([calls, burndown, percent]) =>
        Effect.gen(function*() {
          const works = calls.map(work(burndown, (input) => Math.ceil(input * percent / 100)))
          const { overdraft, shortfall } = yield* run(calls, works, meter(), ledger)
          assert.isAtMost(overdraft, shortfall + 1e-6)
        }),
      { arbitrary: { runs } }
    )
  }
})

describe("Quota with plenty of work", () => {
  for (const [name, burndown] of [["output that counts once", 1], ["output that counts five times", 5]] as const) {
    it.effect(`uses over 95 % of it and is never throttled, with ${name}`, () =>
      Effect.gen(function*() {
        const perMinute = 200_000
        const provider = QuotaProvider.make(QuotaProvider.bucket(perMinute, 60_000))
        const call = yield* enforceWith({ quota: Quota.tokens({ perMinute }) }, provider.answer)
        const works = Array.from({ length: 1_500 }, (_, index): Work => ({
          input: 500 + index * 7919 % 2_000,
          estimate: 650 + index * 7919 % 2_000,
          maxTokens: 1_000,
          output: 100 + index * 104_729 % 500,
          burndown,
          takes: 2_000 + index * 31_337 % 6_000
        }))
        yield* Effect.forkChild(Effect.forEach(works, (work) => call(work), { concurrency: "unbounded" }))
        yield* TestClock.adjust("1 minute")
        const { taken } = provider.seen
        yield* TestClock.adjust("4 minutes")
        assert.isBelow(provider.seen.sent.size, works.length)
        const used = (provider.seen.taken - taken) / 4 / perMinute
        assert.isAtLeast(used, 0.95)
        assert.isAtMost(used, 1.01)
        assert.strictEqual(provider.seen.throttled, 0)
      }).pipe(Effect.provide(Ledger.layerMemory)))
  }
})

import { assert, describe, it } from "@effect/vitest"
import * as Budget from "@strata/core/policy/Budget"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Ledger from "@strata/core/state/Ledger"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as BudgetAccount from "../src/policy/internal/budget/account.ts"
import * as BudgetPrice from "../src/policy/internal/budget/price.ts"
import * as LedgerMemory from "../src/state/internal/ledgerMemory.ts"
import * as Fixture from "./BudgetFixture.ts"
import * as DocumentsMemory from "./support/DocumentsMemory.ts"

const Int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** One call: when it begins, how long it takes, how much of its `maxTokens` it uses, and how it ends. */
const Call = Schema.Struct({
  at: Int(0, 60),
  seconds: Int(0, 90),
  maxTokens: Int(0, 200),
  used: Int(0, 200),
  way: Schema.Literals(["generate", "stream", "half a stream"]),
  end: Schema.Literals(["answer", "refused", "broken", "interrupted"])
})

/** A ledger that is looked at after everything that happens to it. */
const observed = (ledger: Ledger.Ledger, seen: (balance: Ledger.Balance) => void): Ledger.Ledger => {
  const look = <A>(
    self: Effect.Effect<A, Ledger.LedgerError>,
    { key, limits }: Pick<Ledger.Reservation, "key" | "limits">
  ) => Effect.tap(self, () => Effect.map(ledger.balances(key, limits), (balances) => balances.forEach(seen)))
  return {
    ...ledger,
    reserve: (reservation) => look(ledger.reserve(reservation), reservation),
    settle: (settlement) => look(ledger.settle(settlement), settlement)
  }
}

describe("a budget", () => {
  it("counts in whole billionths of a dollar, which add up exactly", () => {
    assert.strictEqual(BudgetAccount.toUnits(0.1 + 0.2), 300_000_000)
    assert.strictEqual(BudgetAccount.toUnits(1e-9), 1)
    assert.strictEqual(BudgetAccount.toUnits(1e12), Number.MAX_SAFE_INTEGER)
  })

  it.effect.prop("is never overdrawn, and holds nothing in the end, whatever its calls do and wherever it is kept", {
    isShared: Schema.Boolean,
    calls: Schema.Array(Call).check(Schema.isMaxLength(30)),
    cents: Int(0, 300)
  }, ({ calls, cents, isShared }) =>
    Effect.gen(function*() {
      let highest = 0
      const kept = isShared ? Ledger.fromDocuments(DocumentsMemory.make()) : LedgerMemory.make()
      const ledger = observed(kept, ({ reserved, spent }) => highest = Math.max(highest, reserved + spent))
      const dollars = cents / 100
      const budget = Budget.make({ name: "shared", run: "one", perRun: dollars, perDay: dollars })
      const { service } = yield* Effect.provideService(Fixture.make(budget), Ledger.Ledger, ledger)
      let expected = 0

      const run = Effect.fnUntraced(function*({ at, end, maxTokens, seconds, used, way }: typeof Call.Type) {
        const error = end === "refused" ? Fixture.refused : end === "broken" ? Fixture.broken : undefined
        const draft = {
          words: ["word "],
          outputTokens: Math.min(used, maxTokens),
          delay: seconds * 1000,
          ...(error !== undefined && { error })
        }
        const prompt = Fixture.promptTokens(Fixture.request({ ...draft, inputTokens: 1_000 }))
        const request = Fixture.request({ ...draft, inputTokens: Math.min(prompt, 20) }, maxTokens)
        yield* Effect.sleep(at * 1000)
        const asked = way === "generate"
          ? Effect.asVoid(service.generate(request))
          : Stream.runDrain(Stream.take(service.stream(request), way === "stream" ? 100 : 1))
        const fiber = yield* Effect.forkChild(asked)
        if (end === "interrupted") {
          yield* Effect.sleep(seconds * 500 + 1)
          yield* Fiber.interrupt(fiber)
        }
        const exit = yield* Fiber.await(fiber)
        if (Exit.isSuccess(exit) && way !== "half a stream") {
          expected += Math.min(prompt, 20) * Fixture.inputDollars + Math.min(used, maxTokens) * Fixture.outputDollars
        }
        return exit
      })

      const fiber = yield* Effect.forkChild(Effect.forEach(calls, run, { concurrency: "unbounded" }))
      yield* TestClock.adjust("5 minutes")
      yield* Fiber.join(fiber)
      assert.isAtMost(highest, Math.round(dollars * 1e9))
      const { day, run: total } = yield* Effect.provideService(Budget.spent(budget), Ledger.Ledger, ledger)
      assert.deepStrictEqual([day?.reserved, total?.reserved], [0, 0])
      assert.strictEqual(day?.spent, total?.spent)
      assert.isAtLeast(total?.spent ?? 0, expected - 1e-9)
    }), { arbitrary: { runs: 60 } })

  it.effect.prop("reserves no less than an answer within its estimate costs", {
    price: Schema.Struct({
      input: Int(0, 100),
      output: Int(0, 100),
      cacheRead: Schema.UndefinedOr(Int(0, 100)),
      cacheWrite: Schema.UndefinedOr(Int(0, 100))
    }),
    counted: Schema.Tuple([Int(0, 5000), Int(0, 5000), Int(0, 5000), Int(0, 5000)]),
    more: Schema.Tuple([Int(0, 100), Int(0, 100)])
  }, ({ counted: [inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens], more, price }) =>
    Effect.sync(() => {
      const load = {
        inputTokens: inputTokens + cacheReadTokens + cacheWriteTokens + more[0],
        outputTokens: outputTokens + more[1]
      }
      const usage = Usage.make({ inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens })
      const most = BudgetPrice.most(price, load) ?? Number.NaN
      const dust = most * 1e-12
      const ends: ReadonlyArray<BudgetPrice.End> = [
        { bill: { usage }, outputTokens: 0, isRefused: false },
        { bill: undefined, outputTokens: outputTokens * 2, isRefused: false },
        { bill: undefined, outputTokens: 0, isRefused: true }
      ]
      for (const end of ends) assert.isAtMost(BudgetPrice.spent(price, load, end) ?? Infinity, most + dust)
      const cost = Pricing.cost(usage, price)
      if (cost !== undefined && usage.totalTokens > 0) {
        assert.strictEqual(BudgetPrice.spent(price, load, ends[0]!), cost.total)
      }
    }), { arbitrary: { runs: 100 } })
})

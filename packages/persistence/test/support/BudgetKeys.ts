/** Two processes on a budget with keys in a store, of which one is killed: what is spent, and what comes back. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert } from "@effect/vitest"
import * as Budget from "@strata/core/policy/Budget"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Fixture from "../../../core/test/BudgetFixture.ts"
import * as BudgetProcess from "./BudgetProcess.ts"
import * as Stores from "./Stores.ts"

const balanceOf = (store: Stores.Store) => (key: string) =>
  Budget.spent(BudgetProcess.budget, key).pipe(
    Effect.map(({ day }) => ({
      spent: Fixture.rounded(day?.spent ?? Number.NaN),
      reserved: Fixture.rounded(day?.reserved ?? Number.NaN)
    })),
    Effect.provide(Stores.shared(store), { local: true })
  )

export const spend = Effect.fnUntraced(function*(store: Stores.Store) {
  const balance = balanceOf(store)
  const seen: Array<BudgetProcess.Report> = []
  const count = (type: BudgetProcess.Report["type"], name: string, key: string) =>
    seen.filter((report) => report.type === type && report.name === name && report.key === key).length
  const until = (condition: () => boolean) =>
    Effect.repeat(Effect.sync(condition), { until: (is) => is, schedule: Schedule.spaced("20 millis") })
  const begin = Effect.fnUntraced(function*(name: string, keys: ReadonlyArray<string>, delay: number) {
    const process = yield* BudgetProcess.start(new BudgetProcess.Options({ store, name, keys, delay, atOnce: 4 }))
    yield* Effect.forkScoped(
      Stream.runForEach(process.reports, (report) => Effect.sync(() => void seen.push(report)))
    )
    return process
  })

  // The calls of the victim never end: it has four in flight for each of its keys.
  const victim = yield* begin("victim", ["common", "victims"], 10 * 60_000)
  yield* until(() => count("sent", "victim", "common") === 4 && count("sent", "victim", "victims") === 4)
  const held = (yield* balance("victims")).reserved
  assert.isAbove(held, 0.38)
  assert.deepStrictEqual(yield* balance("common"), { spent: 0, reserved: held })

  yield* begin("other", ["common", "others"], 50)
  yield* until(() => count("answered", "other", "others") >= 2)
  yield* victim.kill
  /** A call is admitted while the most it can cost is left: it costs ten cents. */
  const admitted = (left: number) => Math.floor(Fixture.rounded(left - held / 4) / 0.1 + 1e-9) + 1
  yield* until(() => ["common", "others"].every((key) => count("refused", "other", key) >= 40))
  // What is not its own is as it would be without the victim; of the common key it has the rest.
  assert.strictEqual(count("answered", "other", "others"), admitted(1))
  assert.strictEqual(count("answered", "other", "common"), admitted(1 - held))
  assert.deepStrictEqual(yield* balance("others"), { spent: Fixture.rounded(0.1 * admitted(1)), reserved: 0 })
  assert.strictEqual((yield* balance("victims")).reserved, held)

  // A minute later, the leases of the victim have expired.
  yield* until(() => count("answered", "other", "common") === admitted(1))
  const { reserved, spent } = yield* balance("common")
  assert.isAtMost(spent + reserved, 1)
  assert.strictEqual(spent, Fixture.rounded(0.1 * count("answered", "other", "common")))
  assert.deepStrictEqual(yield* balance("victims"), { spent: 0, reserved: 0 })
}, Effect.provide(NodeServices.layer))

/**
 * The metric `Telemetry.quota`. The ledger may be remote, so it is read once a second at most, and no call waits for it.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"
import type * as Ledger from "../../../state/Ledger.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Quota from "../../Quota.ts"
import type * as QuotaAccounts from "./accounts.ts"

export interface Limit extends Ledger.Limit {
  readonly of: Quota.Window
}

/** Builds the gauges of a gate: run the effect they give when the balances of an account have changed. */
export const make = Effect.fnUntraced(function*(
  ledger: LedgerMemory.LedgerMemory,
  quota: Quota.Quota,
  limits: ReadonlyArray<Limit>
) {
  const scope = yield* Effect.scope

  const read = Effect.fnUntraced(function*(key: string, target: Telemetry.Target) {
    for (const [index, { reserved, spent }] of (yield* ledger.balances(key, limits)).entries()) {
      const { amount, of, unit } = limits[index]!
      const metric = Metric.withAttributes(Telemetry.quota, {
        ...Telemetry.sharedAttributes(target),
        ...(quota.scope === "" ? {} : { "strata.quota.scope": quota.scope }),
        "strata.quota.window": of.name,
        "strata.quota.unit": unit
      })
      for (const [part, value] of Object.entries({ spent, reserved, limit: amount })) {
        yield* Metric.update(Metric.withAttributes(metric, { "strata.quota.part": part }), value)
      }
    }
  })

  const reading = Effect.fnUntraced(
    function*(account: QuotaAccounts.QuotaAccount, target: Telemetry.Target) {
      while (account.gauged === "stale") {
        account.gauged = "fresh"
        yield* read(account.key, target)
        yield* Effect.sleep("1 second")
      }
    },
    (self, account) => Effect.ensuring(self, Effect.sync(() => void (account.gauged = "no")))
  )

  return (account: QuotaAccounts.QuotaAccount, target: Telemetry.Target): Effect.Effect<void> =>
    Effect.suspend(() => {
      const isRead = account.gauged !== "no"
      account.gauged = "stale"
      return isRead ? Effect.void : Effect.asVoid(Effect.forkIn(reading(account, target), scope))
    })
})

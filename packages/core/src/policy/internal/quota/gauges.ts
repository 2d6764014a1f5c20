/**
 * Shows what is on a quota. The ledger may be far away, so it is asked once a second at most, and never for a call.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"
import type * as Ledger from "../../../state/Ledger.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Quota from "../../Quota.ts"
import type * as QuotaAccounts from "./accounts.ts"

/** A limit of the ledger, and the window of the quota that it is of. */
export interface Limit extends Ledger.Limit {
  readonly of: Quota.Window
}

/** `changed`: what is on the quota of a target is no longer what it was. */
export interface QuotaGauges {
  readonly changed: (
    account: QuotaAccounts.QuotaAccount,
    key: string,
    target: Telemetry.Target
  ) => Effect.Effect<void>
}

/** Builds the gauges of a gate; they are read in its scope. */
export const make = (
  ledger: LedgerMemory.LedgerMemory,
  quota: Quota.Quota,
  limits: ReadonlyArray<Limit>
): Effect.Effect<QuotaGauges, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    const read = (key: string, target: Telemetry.Target) =>
      Effect.flatMap(ledger.balances(key, limits), (balances) =>
        Effect.forEach(balances, ({ reserved, spent }, index) => {
          const { amount, of, unit } = limits[index]!
          const show = (part: string, value: number) =>
            Metric.update(
              Metric.withAttributes(Telemetry.quota, {
                ...attributes(quota, target),
                "strata.quota.window": of.name,
                "strata.quota.unit": unit,
                "strata.quota.part": part
              }),
              value
            )
          return Effect.all([show("spent", spent), show("reserved", reserved), show("limit", amount)], {
            discard: true
          })
        }, { discard: true }))

    const reading = (account: QuotaAccounts.QuotaAccount, key: string, target: Telemetry.Target) => {
      const again: Effect.Effect<void> = Effect.suspend(() => {
        if (account.gauged !== "stale") {
          return Effect.void
        }
        account.gauged = "fresh"
        return Effect.andThen(read(key, target), Effect.andThen(Effect.sleep("1 second"), again))
      })
      return Effect.ensuring(
        again,
        Effect.sync(() =>
          account.gauged = "no"
        )
      )
    }

    return {
      changed: (account, key, target) =>
        Effect.suspend(() => {
          const read = account.gauged !== "no"
          account.gauged = "stale"
          return read ? Effect.void : Effect.asVoid(Effect.forkIn(reading(account, key, target), scope))
        })
    }
  })

/** A quota is one for all operations, so none of them is named. */
const attributes = (quota: Quota.Quota, target: Telemetry.Target) => ({
  "gen_ai.provider.name": target.provider,
  "gen_ai.request.model": Telemetry.modelLabel(target.model),
  ...(target.scope === undefined ? {} : { "strata.scope": target.scope }),
  ...(quota.scope === "" ? {} : { "strata.quota.scope": quota.scope })
})

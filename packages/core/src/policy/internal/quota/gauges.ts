/**
 * The metric `Telemetry.quota`. The ledger may be remote, so it is read once a second at most, and no call waits for it.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"
import type * as Ledger from "../../../state/Ledger.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Quota from "../../Quota.ts"
import * as Attributes from "../attributes.ts"
import type * as QuotaAccounts from "./accounts.ts"

/** A limit of the ledger, and its window of the quota. */
export interface Limit extends Ledger.Limit {
  readonly of: Quota.Window
}

/** `changed`: the balances of a key have changed. */
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
                ...Attributes.of(target),
                ...(quota.scope === "" ? {} : { "strata.quota.scope": quota.scope }),
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

    const reading = (account: QuotaAccounts.QuotaAccount, key: string, target: Telemetry.Target) =>
      Effect.ensuring(
        Effect.gen(function*() {
          while (account.gauged === "stale") {
            account.gauged = "fresh"
            yield* read(key, target)
            yield* Effect.sleep("1 second")
          }
        }),
        Effect.sync(() =>
          void (account.gauged = "no")
        )
      )

    return {
      changed: (account, key, target) =>
        Effect.suspend(() => {
          const read = account.gauged !== "no"
          account.gauged = "stale"
          return read ? Effect.void : Effect.asVoid(Effect.forkIn(reading(account, key, target), scope))
        })
    }
  })

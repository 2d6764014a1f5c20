/** The state of a key of a quota in this process, common to all services. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import type * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"
import type * as Ledger from "../../../state/Ledger.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Quota from "../../Quota.ts"
import * as QuotaForecast from "./forecast.ts"
import * as QuotaTurns from "./turns.ts"

/**
 * - `turns`: the queue of calls, of which only the head polls the ledger, or the heads of several keys.
 * - `reservations`: how many are in flight.
 * - `gauged`: whether its balances are about to be read, and whether they changed since.
 */
export interface QuotaAccount {
  readonly key: string
  readonly forecast: QuotaForecast.QuotaForecast
  readonly turns: QuotaTurns.Turns
  readonly isInUse: () => boolean
  reservations: number
  gauged: "no" | "fresh" | "stale"
}

export const get = (ledger: Ledger.Ledger, key: string): QuotaAccount =>
  BoundedMap.getOrMake(
    BoundedMap.getOrMake(all, ledger, () => BoundedMap.make(most, (account) => account.isInUse())),
    key,
    () => make(key)
  )

const all = new WeakMap<Ledger.Ledger, BoundedMap.BoundedMap<string, QuotaAccount>>()

/** Requests may name any model: the accounts of this many are kept. */
const most = 1_000

const make = (key: string): QuotaAccount => {
  const turns = QuotaTurns.make()
  const account: QuotaAccount = {
    key,
    forecast: QuotaForecast.make(),
    turns,
    isInUse: () => turns.isInUse() || account.reservations > 0,
    reservations: 0,
    gauged: "no"
  }
  return account
}

/** A limit of the ledger, and its window of the quota. */
export interface Limit extends Ledger.Limit {
  readonly of: Quota.Window
}

/**
 * Updates the metric `Telemetry.quota`: run the effect it gives when the balances of an account have changed. The ledger may
 * be remote, so it is read once a second at most, and no call waits for it.
 */
export const gauge = Effect.fnUntraced(function*(
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
    function*(account: QuotaAccount, target: Telemetry.Target) {
      while (account.gauged === "stale") {
        account.gauged = "fresh"
        yield* read(account.key, target)
        yield* Effect.sleep("1 second")
      }
    },
    (self, account) => Effect.ensuring(self, Effect.sync(() => void (account.gauged = "no")))
  )

  return (account: QuotaAccount, target: Telemetry.Target): Effect.Effect<void> =>
    Effect.suspend(() => {
      const isRead = account.gauged !== "no"
      account.gauged = "stale"
      return isRead ? Effect.void : Effect.asVoid(Effect.forkIn(reading(account, target), scope))
    })
})

/**
 * A quota in force: calls wait in a queue until there is room for them.
 *
 * The ledger keeps reservations and spending; this module decides the amounts of each call, and which call asks next.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ProviderError from "../../../ProviderError.ts"
import * as Leases from "../../../state/internal/leases.ts"
import * as LedgerFallback from "../../../state/internal/ledgerFallback.ts"
import * as Ledger from "../../../state/Ledger.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Quota from "../../Quota.ts"
import * as Admission from "../admission.ts"
import * as Share from "../share.ts"
import * as WaitQueue from "../waitQueue.ts"
import * as QuotaAccounts from "./accounts.ts"
import type * as QuotaForecast from "./forecast.ts"
import type * as QuotaTurns from "./turns.ts"

/** What the quota needs to know of a call: the tokens it will draw, and the provider's burndown of the model. */
export interface Meter extends Share.Metadata {
  readonly load: (count: Quota.Quota["count"]) => Effect.Effect<Quota.Load, ProviderError.CallError>
  readonly outputBurndown: number
}

/** How a call ended: `refused` drew no tokens; of `unknown` the prompt is assumed. */
export type Outcome = Quota.Consumption | "refused" | "unknown"

/** The reservation of one call: `sent` when it goes out, `settle` with what it has drawn; only the first counts. */
export interface Reservation {
  readonly sent: Effect.Effect<void>
  readonly settle: (outcome: Outcome) => Effect.Effect<void>
}

/**
 * Waits for room. An interrupted wait reserves nothing. Run it where interruption is masked.
 *
 * `load`: how much of the fullest window is used, as this process knows it without asking: 0 to 1, or more.
 */
export interface QuotaGate {
  readonly load: (target: Telemetry.Target) => Effect.Effect<number>
  readonly reserve: (
    target: Telemetry.Target,
    meter: Meter,
    restore: WaitQueue.Restore
  ) => Effect.Effect<Reservation, ProviderError.CallError>
}

/** Builds the gate of a policy on the ledger in force; without a quota every call is admitted. */
export const make = (quota: Quota.Quota | undefined): Effect.Effect<QuotaGate, never, Scope.Scope> =>
  quota === undefined || quota.windows.length === 0 ? Effect.succeed(open) : enforce(quota)

const unlimited: Reservation = { sent: Effect.void, settle: () => Effect.void }

const open: QuotaGate = { load: () => Effect.succeed(0), reserve: () => Effect.succeed(unlimited) }

/** How long a reservation, or a place in the queue, outlives a process that was killed. */
const lease = Duration.minutes(1)

/** A call that is sent within this time after its reservation, in milliseconds, counts as sent at once. */
const atOnce = 500

const limitsOf = ({ windows }: Quota.Quota): ReadonlyArray<QuotaAccounts.Limit> =>
  windows.flatMap((of) =>
    (["tokens", "requests"] as const).flatMap((unit) => {
      const { [unit]: amount = Infinity, name, window } = of
      return amount === Infinity ? [] : [{ name: `${name} ${unit}`, unit, amount, window, of }]
    })
  )

const enforce = Effect.fnUntraced(function*(quota: Quota.Quota): Effect.fn.Return<QuotaGate, never, Scope.Scope> {
  const shared = yield* Ledger.Ledger
  const ledger = yield* LedgerFallback.make(shared)
  const leases = yield* Leases.make<string>(
    lease,
    (held) => ledger.renew(Array.from(held, ([id, key]) => ({ key, id })), lease)
  )
  const limits = limitsOf(quota)
  const gauge = yield* QuotaAccounts.gauge(ledger, quota, limits)
  const shortest = Math.min(...limits.map(({ window }) => Duration.toMillis(window)))
  const ofTokens = limits.filter(({ unit }) => unit === "tokens")
  const requests = ofTokens.length < limits.length ? 1 : 0
  const smallest = Math.min(...ofTokens.map(({ amount }) => amount))

  const waitForRoom = Effect.fnUntraced(
    function*(
      reservation: Ledger.Reservation,
      turn: QuotaTurns.Turn,
      impossible: (limit: string) => ProviderError.QuotaExceededError,
      restore: WaitQueue.Restore
    ) {
      for (;;) {
        const decision = yield* restore(ledger.reserve(reservation))
        if (decision._tag === "granted") return
        if (decision._tag === "never") return yield* impossible(decision.limit)
        yield* Admission.waits
        yield* turn.paused(pauseOf(decision.retryAfter), decision.limit === "queue", restore)
      }
    },
    (self, reservation) =>
      // Whether an interrupted request was granted is not known: this gives up a place and a grant.
      Effect.onInterrupt(self, () => ledger.leave(reservation))
  )

  /** `then`: how much of what was spent counts from its reservation; the rest counts from now. */
  const settlement = Effect.fnUntraced(function*({ id, key }: Ledger.Reservation, spent: Draw, then: Draw) {
    const later = { tokens: Math.max(0, spent.tokens - then.tokens), requests: spent.requests - then.requests }
    if (later.tokens + later.requests > 0) {
      // An id that the ledger does not know is entered as spent now; before the rest, so that there is never too little.
      yield* ledger.settle({ key, id: `${id}+`, amounts: later, limits })
    }
    const amounts = { tokens: Math.min(spent.tokens, then.tokens), requests: then.requests }
    yield* ledger.settle({ key, id, amounts, limits })
  })

  const keyOf = (target: Telemetry.Target) => `quota/${quota.scope}/${Telemetry.keyOf(target)}`

  return {
    load: (target) =>
      Effect.map(
        ledger.known(keyOf(target), limits),
        (balances) =>
          Math.max(...balances.map(({ reserved, spent }, index) => (reserved + spent) / limits[index]!.amount))
      ),
    reserve: Effect.fnUntraced(function*(target, meter, restore) {
      const share = quota.key === undefined ? undefined : yield* restore(Share.of(quota.key, target, meter, option))
      const load = ofTokens.length > 0 ? yield* restore(meter.load(quota.count)) : nothing
      const account = QuotaAccounts.get(shared, keyOf(target))
      const { forecast, key } = account
      const outputBurndown = quota.outputBurndown ?? meter.outputBurndown
      const early = forecast.demand(load, outputBurndown)
      if (early.amount === 0 && requests === 0) return unlimited
      const impossible = (limit: string | undefined) =>
        tooLarge(target, load, early, limits.find(({ name }) => name === limit) ?? limits[0]!)
      if (early.least > smallest) {
        return yield* impossible(ofTokens.find(({ amount }) => amount === smallest)?.name)
      }

      const asking = (turn: QuotaTurns.Turn) => {
        // After a long wait the forecast may be another.
        const demand = forecast.demand(load, outputBurndown)
        const amount = Math.min(demand.amount, smallest)
        const amounts = { tokens: amount, requests }
        const reservation: Ledger.Reservation = { key, id: leases.nextId(), amounts, limits, lease, share }
        return Effect.map(waitForRoom(reservation, turn, impossible, restore), () => {
          turn.cost = amount || 1
          account.reservations++
          return { amount, demand, reservation }
        })
      }
      const { amount, demand, reservation } = yield* WaitQueue.recorded(
        account.turns.take(asking, share, restore),
        target,
        "quota"
      )
      yield* leases.add(reservation.id, key)
      yield* gauge(account, target)
      const at = yield* Clock.currentTimeMillis
      let sentAt: number | undefined
      let isSettled = false

      return {
        sent: Effect.map(Clock.currentTimeMillis, (now) => void (sentAt = now)),
        settle: Effect.fnUntraced(function*(outcome) {
          if (isSettled) return
          isSettled = true
          leases.delete(reservation.id)
          account.reservations--
          const counted = countedBy(outcome)
          if (counted !== undefined) forecast.learn(load, counted)
          const unknown = outcome === "refused" ? 0 : Math.min(demand.inputTokens, amount)
          const spent = {
            tokens: counted === undefined ? unknown : counted.inputTokens + counted.outputTokens * outputBurndown,
            requests: sentAt === undefined ? 0 : requests
          }
          // What was reserved was drawn when the call was sent. Older than the shortest window it is forgotten, but what a
          // burndown adds to it is drawn now.
          const drawn = (yield* Clock.currentTimeMillis) - at < shortest ? amount : Math.min(amount, demand.reserved)
          const isAtOnce = sentAt === undefined || sentAt - at <= atOnce
          yield* settlement(reservation, spent, isAtOnce ? { ...spent, tokens: drawn } : { tokens: 0, requests: 0 })
          account.turns.released()
          yield* gauge(account, target)
        })
      }
    })
  }
})

/** The option that is named where a key is refused. */
const option = "policy.quota.key"

const nothing: Quota.Load = { inputTokens: 0, outputTokens: 0, counted: true }

interface Draw {
  readonly tokens: number
  readonly requests: number
}

/** What a provider counted, if it is numbers. */
const countedBy = (outcome: Outcome): Quota.Consumption | undefined =>
  typeof outcome === "object" && outcome.inputTokens >= 0 && outcome.outputTokens >= 0 &&
    outcome.inputTokens + outcome.outputTokens < Infinity
    ? outcome
    : undefined

/** Long enough for a clock that rounds down, and short enough to renew the place in the queue. */
const pauseOf = (retryAfter: Duration.Duration): Duration.Duration =>
  Duration.millis(Math.min(Math.max(1, Math.ceil(Duration.toMillis(retryAfter))), Duration.toMillis(lease) / 3))

const tooLarge = (
  target: Telemetry.Target,
  load: Quota.Load,
  { inputTokens, least }: QuotaForecast.Demand,
  { amount, window }: Ledger.Limit
) => {
  const output = Math.ceil(load.outputTokens)
  const left = amount - (least - output)
  const remedy = left >= 1 ? `Lower maxTokens to ${Math.floor(left)} at most` : "Shorten the prompt"
  return new ProviderError.QuotaExceededError({
    provider: target.provider,
    model: target.model,
    message:
      `The request to ${Telemetry.nameOf(target)} needs ${inputTokens + output} tokens, ${inputTokens} for its ` +
      `prompt${
        load.counted === true ? "" : " (estimated)"
      } and ${output} reserved for its answer (maxTokens), and the ` +
      `quota is ${amount} in ${Duration.format(window)}. Nothing was sent. ${remedy}, or use a larger quota.`
  })
}

/**
 * A quota in force: calls wait in a queue until there is room for them.
 *
 * The ledger knows what is set aside and spent; here it is decided how much that is for each call, and which call asks next.
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
import type * as WaitQueue from "../waitQueue.ts"
import * as QuotaAccounts from "./accounts.ts"
import type * as QuotaForecast from "./forecast.ts"
import * as QuotaGauges from "./gauges.ts"
import type * as QuotaQueue from "./queue.ts"

/**
 * What the quota needs to know of a call.
 *
 * - `load`: the tokens it will draw, computed only when there is a quota of tokens.
 * - `outputBurndown`: the provider's figure for the model.
 */
export interface Meter {
  readonly load: (count: Quota.Quota["count"]) => Effect.Effect<Quota.Load, ProviderError.CallError>
  readonly outputBurndown: number
}

/**
 * How a call that was let through ended.
 *
 * - a `Consumption`: the provider counted.
 * - `refused`: it drew no tokens, and no request either if it was not sent.
 * - `unknown`: it was sent, and what it drew is not known: the prompt is assumed.
 */
export type Outcome = Quota.Consumption | "refused" | "unknown"

/**
 * What was set aside for one call; it is settled exactly once.
 *
 * - `sent`: the call goes out now.
 */
export interface Reservation {
  readonly sent: Effect.Effect<void>
  readonly settle: (outcome: Outcome) => Effect.Effect<void>
}

/**
 * Waits for room. An interrupted wait leaves nothing behind.
 *
 * A caller that must not lose what it gets runs this uninterruptible and gives `restore`, for the waiting in it.
 */
export interface QuotaGate {
  readonly reserve: (
    target: Telemetry.Target,
    meter: Meter,
    restore?: WaitQueue.Restore
  ) => Effect.Effect<Reservation, ProviderError.CallError>
}

/**
 * Builds the gate of a policy; one that has no quota lets everything through.
 *
 * Calls that need more than a window has fail with `QuotaExceededError` before anything is sent. The ledger is that of
 * the context this is built in.
 */
export const make = (quota: Quota.Quota | undefined): Effect.Effect<QuotaGate, never, Scope.Scope> =>
  quota === undefined || quota.windows.length === 0 ? Effect.succeed(open) : enforce(quota)

const unlimited: Reservation = { sent: Effect.void, settle: () => Effect.void }

const open: QuotaGate = { reserve: () => Effect.succeed(unlimited) }

/** How long a reservation, or a place in the queue, outlives a process that was killed. */
const lease = Duration.minutes(1)

/** A call that went out no later than this after its tokens were set aside, in milliseconds, went out at once. */
const atOnce = 500

/** The limits of a quota on the ledger: for each window those that it has. */
const limitsOf = ({ windows }: Quota.Quota): ReadonlyArray<QuotaGauges.Limit> =>
  windows.flatMap((of) =>
    (["tokens", "requests"] as const).flatMap((unit) => {
      const { [unit]: amount = Infinity, name, window } = of
      return amount === Infinity ? [] : [{ name: `${name} ${unit}`, unit, amount, window, of }]
    })
  )

const enforce = (quota: Quota.Quota): Effect.Effect<QuotaGate, never, Scope.Scope> =>
  Effect.gen(function*() {
    const shared = yield* Ledger.Ledger
    const ledger = yield* LedgerFallback.make(shared)
    const leases = yield* Leases.make<string>(lease, (held) =>
      ledger.renew(Array.from(held, ([id, key]) => ({ key, id })), lease))
    const limits = limitsOf(quota)
    const gauges = yield* QuotaGauges.make(ledger, quota, limits)
    const shortest = Math.min(...limits.map(({ window }) =>
      Duration.toMillis(window)
    ))
    const ofTokens = limits.filter(({ unit }) => unit === "tokens")
    const requests = ofTokens.length < limits.length ? 1 : 0
    /** The most tokens that any window takes. */
    const smallest = Math.min(...ofTokens.map(({ amount }) => amount))

    const waitForRoom = (
      queue: QuotaQueue.QuotaQueue,
      reservation: Ledger.Reservation,
      impossible: (limit: string) => ProviderError.QuotaExceededError,
      restore: WaitQueue.Restore
    ) => {
      const ask: Effect.Effect<void, ProviderError.QuotaExceededError> = Effect.andThen(
        queue.listen,
        Effect.flatMap(restore(ledger.reserve(reservation)), (decision) => {
          switch (decision._tag) {
            case "granted":
              return Effect.void
            case "never":
              return Effect.fail(impossible(decision.limit))
            case "wait":
              return Effect.andThen(restore(queue.pause(pauseOf(decision.retryAfter))), ask)
          }
        })
      )
      // Whether an interrupted request was granted is not known, so both a place and a reservation are given up.
      return Effect.onInterrupt(ask, () =>
        Effect.andThen(ledger.leave(reservation), ledger.settle({ ...reservation, amounts: {} })))
    }

    /** `then`: how much of what was spent counts from when it was set aside; the rest counts from now. */
    const settlement = (
      account: QuotaAccounts.QuotaAccount,
      { id, key }: Ledger.Reservation,
      spent: Draw,
      then: Draw
    ) => {
      const later = { tokens: Math.max(0, spent.tokens - then.tokens), requests: spent.requests - then.requests }
      // An id that the ledger does not know is entered as spent now; before the rest, so that there is never too little.
      const enterNow = later.tokens + later.requests > 0
        ? ledger.settle({ key, id: `${id}+`, amounts: later, limits })
        : Effect.void
      return enterNow.pipe(
        Effect.andThen(ledger.settle({
          key,
          id,
          amounts: { tokens: Math.min(spent.tokens, then.tokens), requests: then.requests },
          limits
        })),
        Effect.andThen(account.queue.wake)
      )
    }

    /**
     * What was set aside was drawn when the call went out. What is older than the shortest window is forgotten, but what a
     * burndown takes on top of that, the provider takes now.
     */
    const drawnBefore = (now: number, at: number, demand: QuotaForecast.Demand, amount: number) =>
      now - at < shortest ? amount : Math.min(amount, demand.setAside)

    return {
      reserve: (target, meter, given) =>
        Effect.uninterruptibleMask((own) => {
          const restore = given ?? own
          const counted = ofTokens.length > 0 ? restore(meter.load(quota.count)) : Effect.succeed(nothing)
          return Effect.flatMap(counted, (load) => {
            const key = ["quota", quota.scope, Telemetry.keyOf(target)].join("/")
            const account = QuotaAccounts.get(shared, key)
            const outputBurndown = quota.outputBurndown ?? meter.outputBurndown
            const forecast = () =>
              account.forecast.demand(load, outputBurndown)
            const early = forecast()
            if (early.amount === 0 && requests === 0) return Effect.succeed(unlimited)
            const impossible = (limit: string | undefined) =>
              tooLarge(target, load, early, limits.find(({ name }) => name === limit) ?? limits[0]!)
            if (early.least > smallest) {
              return Effect.fail(impossible(ofTokens.find(({ amount }) => amount === smallest)?.name))
            }

            const granted = (
              { amount, demand, reservation }: Granted,
              at: number
            ): Reservation => {
              let sentAt: number | undefined
              let settled = false
              return {
                sent: Effect.map(Clock.currentTimeMillis, (now) => void (sentAt = now)),
                settle: (outcome) =>
                  Effect.flatMap(Clock.currentTimeMillis, (now) => {
                    if (settled) return Effect.void
                    settled = true
                    leases.delete(reservation.id)
                    account.reservations--
                    const counted = countedBy(outcome)
                    if (counted !== undefined && ofTokens.length > 0) account.forecast.learn(load, counted)
                    const unknown = outcome === "refused" ? 0 : Math.min(demand.inputTokens, amount)
                    const tokens = counted === undefined
                      ? unknown
                      : counted.inputTokens + counted.outputTokens * outputBurndown
                    const spent = { tokens, requests: outcome === "refused" && sentAt === undefined ? 0 : requests }
                    const then = (sentAt ?? at) - at > atOnce
                      ? { tokens: 0, requests: 0 }
                      : { tokens: drawnBefore(now, at, demand, amount), requests: spent.requests }
                    return Effect.andThen(
                      settlement(account, reservation, spent, then),
                      gauges.changed(account, key, target)
                    )
                  })
              }
            }

            // After a long wait the forecast may be another.
            const turn = Effect.suspend(() => {
              const demand = forecast()
              const amount = Math.min(demand.amount, smallest)
              const amounts = { tokens: amount, requests }
              const reservation: Ledger.Reservation = { key, id: leases.nextId(), amounts, limits, lease }
              const granted: Granted = { amount, demand, reservation }
              return Effect.map(waitForRoom(account.queue, reservation, impossible, restore), () => {
                account.reservations++
                return granted
              })
            })

            return Effect.flatMap(Clock.currentTimeMillis, (start) =>
              Effect.ensuring(
                account.queue.inTurn(turn, restore),
                Effect.flatMap(Clock.currentTimeMillis, (now) => Telemetry.recordWait(target, "quota", now - start))
              )).pipe(
                Effect.tap(({ reservation }) => leases.add(reservation.id, key)),
                Effect.tap(gauges.changed(account, key, target)),
                Effect.flatMap((grant) => Effect.map(Clock.currentTimeMillis, (now) => granted(grant, now)))
              )
          })
        })
    }
  })

const nothing: Quota.Load = { inputTokens: 0, outputTokens: 0, counted: true }

/** What one call draws. */
interface Draw {
  readonly tokens: number
  readonly requests: number
}

/** What was set aside for a call: `amount` tokens, of what it was expected to draw. */
interface Granted {
  readonly amount: number
  readonly demand: QuotaForecast.Demand
  readonly reservation: Ledger.Reservation
}

/** What a provider counted, if it is numbers. */
const countedBy = (outcome: Outcome): Quota.Consumption | undefined =>
  typeof outcome === "object" && outcome.inputTokens >= 0 && outcome.outputTokens >= 0 &&
    outcome.inputTokens + outcome.outputTokens < Infinity
    ? outcome
    : undefined

/** Long enough for a clock that rounds down, and short enough that a place in the queue lives on. */
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
  const remedy = left >= 1 && output > 0
    ? `Lower maxTokens to ${Math.floor(left)} at most, or use a larger quota.`
    : "Shorten the prompt, or use a larger quota."
  return new ProviderError.QuotaExceededError({
    provider: target.provider,
    model: target.model,
    message:
      `The request to ${Telemetry.nameOf(target)} needs ${inputTokens + output} tokens, ${inputTokens} for its prompt` +
      `${
        load.counted === true ? "" : " (estimated)"
      } and ${output} set aside for its answer (maxTokens), and the quota ` +
      `is ${amount} in ${Duration.format(window)}. Nothing was sent. ${remedy}`
  })
}

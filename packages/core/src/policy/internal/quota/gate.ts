/**
 * A quota in force: calls wait in line until there is room for them.
 *
 * The ledger knows what is set aside and spent, here it is decided how much that is for each call, and who asks next.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ProviderError from "../../../ProviderError.ts"
import * as LedgerFallback from "../../../state/internal/ledgerFallback.ts"
import * as Ledger from "../../../state/Ledger.ts"
import * as Telemetry from "../../../Telemetry.ts"
import type * as Quota from "../../Quota.ts"
import type * as WaitingLine from "../waitingLine.ts"
import * as QuotaAccounts from "./accounts.ts"
import type * as QuotaForecast from "./forecast.ts"
import * as QuotaGauges from "./gauges.ts"
import * as QuotaLeases from "./leases.ts"
import type * as QuotaLine from "./line.ts"

/**
 * What the quota needs to know of a call.
 *
 * - `load`: what it will draw, computed only when there is a quota.
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
 * - `refused`: nothing was drawn.
 * - `unknown`: it was sent, and nobody knows what it drew: the prompt is assumed.
 */
export type Outcome = Quota.Consumption | "refused" | "unknown"

/**
 * What was set aside for one call; it is settled exactly once.
 *
 * - `sent`: the call goes out now. Where it is missing, it went out when the tokens were set aside.
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
    restore?: WaitingLine.Restore
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

/** How long a reservation, or a place in line, outlives a process that ended without a word. */
const lease = Duration.minutes(1)

/** A call that went out no later than this after its tokens were set aside, in milliseconds, went out at once. */
const atOnce = 500

const enforce = (quota: Quota.Quota): Effect.Effect<QuotaGate, never, Scope.Scope> =>
  Effect.gen(function*() {
    const ledger = LedgerFallback.of(yield* Ledger.Ledger)
    const leases = yield* QuotaLeases.make(ledger, lease)
    const gauges = yield* QuotaGauges.make(ledger, quota)
    const limits = quota.windows.map(({ name, tokens, window }): Ledger.Limit => ({ name, amount: tokens, window }))
    const shortest = Math.min(...quota.windows.map(({ window }) => Duration.toMillis(window)))
    const smallest = quota.windows.reduce((least, window) => window.tokens < least.tokens ? window : least)

    const waitForRoom = (
      line: QuotaLine.QuotaLine,
      reservation: Ledger.Reservation,
      impossible: (limit: string) => ProviderError.QuotaExceededError,
      restore: WaitingLine.Restore
    ) => {
      const ask: Effect.Effect<void, ProviderError.QuotaExceededError> = Effect.andThen(
        line.listen,
        Effect.flatMap(restore(ledger.reserve(reservation)), (decision) => {
          switch (decision._tag) {
            case "granted":
              return Effect.void
            case "never":
              return Effect.fail(impossible(decision.limit))
            case "wait":
              return Effect.andThen(restore(line.pause(pauseOf(decision.retryAfter))), ask)
          }
        })
      )
      // Whether an interrupted request was granted is not known, so both a place and a reservation are given up.
      return Effect.onInterrupt(ask, () =>
        Effect.andThen(ledger.leave(reservation), ledger.settle({ ...reservation, amount: 0 })))
    }

    /** `then`: how much of what was spent counts from when it was set aside; the rest counts from now. */
    const settlement = (
      account: QuotaAccounts.QuotaAccount,
      { id, key }: Ledger.Reservation,
      spent: number,
      then: number
    ) => {
      // An id that the ledger does not know is entered as spent now; before the rest, so that there is never too little.
      const enterNow = spent > then ? ledger.settle({ key, id: `${id}+`, amount: spent - then, limits }) : Effect.void
      return enterNow.pipe(
        Effect.andThen(ledger.settle({ key, id, amount: Math.min(spent, then), limits })),
        Effect.andThen(account.line.wake)
      )
    }

    /**
     * What was set aside was drawn when the call went out. What is older than the shortest window is forgotten, but what a
     * burndown takes on top of that, the provider takes now.
     */
    const drawnBefore = (now: number, at: number, sentAt: number, demand: QuotaForecast.Demand, amount: number) =>
      sentAt - at > atOnce ? 0 : now - at < shortest ? amount : Math.min(amount, demand.setAside)

    return {
      reserve: (target, meter, given) =>
        Effect.uninterruptibleMask((own) => {
          const restore = given ?? own
          return Effect.flatMap(restore(meter.load(quota.count)), (load) => {
            const key = ["quota", quota.scope, Telemetry.keyOf(target)].join("/")
            const account = QuotaAccounts.get(ledger, key)
            const outputBurndown = quota.outputBurndown ?? meter.outputBurndown
            const forecast = () =>
              account.forecast.demand(load, outputBurndown)
            const early = forecast()
            if (early.amount === 0) return Effect.succeed(unlimited)
            const impossible = (limit: string) =>
              tooLarge(target, load, early, quota.windows.find(({ name }) => name === limit) ?? smallest)
            if (early.least > smallest.tokens) return Effect.fail(impossible(smallest.name))

            const granted = (
              demand: QuotaForecast.Demand,
              reservation: Ledger.Reservation,
              at: number
            ): Reservation => {
              let sentAt = at
              let settled = false
              return {
                sent: Effect.map(Clock.currentTimeMillis, (now) => void (sentAt = now)),
                settle: (outcome) =>
                  Effect.flatMap(Clock.currentTimeMillis, (now) => {
                    if (settled) return Effect.void
                    settled = true
                    leases.delete(reservation.id)
                    const counted = countedBy(outcome)
                    if (counted !== undefined) account.forecast.learn(load, counted)
                    const unknown = outcome === "refused" ? 0 : Math.min(demand.inputTokens, reservation.amount)
                    const spent = counted === undefined
                      ? unknown
                      : counted.inputTokens + counted.outputTokens * outputBurndown
                    return Effect.andThen(
                      settlement(account, reservation, spent, drawnBefore(now, at, sentAt, demand, reservation.amount)),
                      gauges.changed(account, key, target)
                    )
                  })
              }
            }

            // Whoever waited long may have learned something meanwhile.
            const turn = Effect.suspend(() => {
              const demand = forecast()
              const amount = Math.min(demand.amount, smallest.tokens)
              const reservation: Ledger.Reservation = { key, id: leases.nextId(), amount, limits, lease }
              return Effect.as(waitForRoom(account.line, reservation, impossible, restore), { demand, reservation })
            })

            return Effect.flatMap(Clock.currentTimeMillis, (start) =>
              Effect.ensuring(
                account.line.inTurn(turn, restore),
                Effect.flatMap(Clock.currentTimeMillis, (now) => Telemetry.recordWait(target, "quota", now - start))
              )).pipe(
                Effect.tap(({ reservation }) => leases.add(key, reservation.id)),
                Effect.tap(gauges.changed(account, key, target)),
                Effect.flatMap(({ demand, reservation }) =>
                  Effect.map(Clock.currentTimeMillis, (now) => granted(demand, reservation, now))
                )
              )
          })
        })
    }
  })

/** What a provider counted, if it is numbers. */
const countedBy = (outcome: Outcome): Quota.Consumption | undefined =>
  typeof outcome === "object" && outcome.inputTokens >= 0 && outcome.outputTokens >= 0 &&
    outcome.inputTokens + outcome.outputTokens < Infinity
    ? outcome
    : undefined

/** Long enough for a clock that rounds down, and short enough that a place in line lives on. */
const pauseOf = (retryAfter: Duration.Duration): Duration.Duration =>
  Duration.millis(Math.min(Math.max(1, Math.ceil(Duration.toMillis(retryAfter))), Duration.toMillis(lease) / 3))

const tooLarge = (
  target: Telemetry.Target,
  load: Quota.Load,
  { inputTokens, least }: QuotaForecast.Demand,
  window: Quota.Window
) => {
  const output = Math.ceil(load.outputTokens)
  const left = window.tokens - (least - output)
  const remedy = left >= 1 && output > 0
    ? `Lower maxTokens to ${Math.floor(left)} at most, or use a larger quota.`
    : "Shorten the prompt, or use a larger quota."
  return new ProviderError.QuotaExceededError({
    provider: target.provider,
    model: target.model,
    message: `The request needs ${inputTokens + output} tokens, ${inputTokens} for its prompt` +
      `${
        load.counted === true ? "" : " (estimated)"
      } and ${output} set aside for its answer (maxTokens), and the quota ` +
      `is ${window.tokens} in ${Duration.format(window.window)}. Nothing was sent. ${remedy}`
  })
}

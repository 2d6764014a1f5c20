/**
 * A ledger that cannot fail: while the real one is lost, the process goes on from its last known state.
 *
 * A mirror in memory has the reservations and spending of this process. What others had on the ledger when it last
 * answered is subtracted from the limits until it would have left their windows. Settlements made meanwhile are delivered
 * when the ledger is back, before the next reservation.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as BoundedMap from "../../internal/boundedMap.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import type { Ledger } from "../Ledger.ts"
import * as FailingStore from "./failingStore.ts"
import * as LedgerAccount from "./ledgerAccount.ts"
import type { Amounts, Balance, Decision, Limit, Reservation, Settlement, Unit } from "./ledgerData.ts"
import * as LedgerMemory from "./ledgerMemory.ts"

/**
 * The ledger for one user, in whose scope kept settlements are delivered, and a last time when it closes. All users of a
 * ledger share its last known state; a ledger in memory is used as it is.
 */
export const make = (ledger: Ledger): Effect.Effect<LedgerMemory.LedgerMemory, never, Scope.Scope> =>
  LedgerMemory.isMemory(ledger) ? Effect.succeed(ledger) : Effect.gen(function*() {
    const shared = BoundedMap.getOrMake(all, ledger, () => makeShared(ledger))
    const scope = yield* Effect.scope
    yield* Scope.addFinalizer(scope, shared.deliver)
    return {
      ...shared.ledger,
      settle: (settlement) =>
        Effect.flatMap(
          shared.settle(settlement),
          (isEntered) => isEntered ? Effect.void : Effect.asVoid(Effect.forkIn(shared.deliverLater, scope))
        )
    }
  })

/** Keys whose last known state is kept. */
const mostKeys = 10_000

/** Settlements of one key that are kept apart; more are added up. */
const mostSettlements = 100

/** How often delivery is tried without a call, so that it does not keep an ended program alive. */
const mostDeliveries = 24

/** What others had on the limits of a key at a time, by the names of their windows. */
interface Others {
  readonly at: number
  readonly amounts: ReadonlyMap<string, number>
}

/** Settlements of one key to be delivered, by id; the last is the sum of all beyond the bound. */
interface Undelivered {
  readonly limits: Map<string, Limit>
  readonly settlements: Map<string, Kept>
}

/** What was spent, and when, in milliseconds. */
interface Kept {
  readonly amounts: Amounts
  readonly at: number
}

/** Runs an effect, unless it is running already. */
const single = (self: Effect.Effect<void>): Effect.Effect<void> => {
  let isRunning = false
  return Effect.suspend(() => {
    if (isRunning) return Effect.void
    isRunning = true
    return Effect.ensuring(self, Effect.sync(() => void (isRunning = false)))
  })
}

const all = new WeakMap<Ledger, ReturnType<typeof makeShared>>()

const makeShared = (ledger: Ledger) => {
  const { attempt } = FailingStore.of(ledger, {
    name: "The ledger of quotas and budgets",
    meanwhile: "this process goes on from its last known balances"
  })
  const mirror = LedgerMemory.make()
  const others = BoundedMap.make<string, Others>(mostKeys)
  const undelivered = BoundedMap.make<string, Undelivered>(mostKeys)

  /** Keeps what others have: the balances of the ledger without those of this process. */
  const learn = (key: string, limits: ReadonlyArray<Limit>, found: ReadonlyArray<Balance> | undefined) =>
    found === undefined || found.length !== limits.length ?
      Effect.void :
      Effect.flatMap(Watchdog.now, (at) =>
        Effect.map(mirror.balances(key, limits), (own) => {
          const amounts = new Map<string, number>()
          limits.forEach((limit, index) => {
            const total = ({ reserved, spent }: Balance) => reserved + spent
            amounts.set(windowOf(limit), Math.max(0, total(found[index]!) - total(own[index]!)))
          })
          others.set(key, { at, amounts })
        }))

  /** What others are assumed to have on a limit, and for how long. */
  const assumed = (key: string, limit: Limit, now: number) => {
    const known = others.entries.get(key)
    const left = known === undefined ? 0 : known.at + Duration.toMillis(limit.window) - now
    return left > 0 ? { amount: known?.amounts.get(windowOf(limit)) ?? 0, left } : { amount: 0, left: 0 }
  }

  const reserveHere = (reservation: Reservation): Effect.Effect<Decision> =>
    Effect.flatMap(Watchdog.now, (now) => {
      const { key } = reservation
      const limits = reservation.limits.map((limit) => ({
        ...limit,
        amount: limit.amount - assumed(key, limit, now).amount
      }))
      const lacking = LedgerAccount.never({ ...reservation, limits })
      if (lacking?._tag !== "never" || LedgerAccount.never(reservation) !== undefined) {
        return mirror.reserve({ ...reservation, limits })
      }
      // It fits only once what others had has left the window.
      const limit = reservation.limits.find(({ name }) => name === lacking.limit)
      const millis = limit === undefined ? 0 : assumed(key, limit, now).left
      return Effect.as(mirror.leave(reservation), LedgerAccount.wait(millis, lacking.limit))
    })

  const reserve = (reservation: Reservation): Effect.Effect<Decision> =>
    Effect.flatMap(
      Effect.andThen(deliver, attempt(() => ledger.reserve(reservation), Effect.undefined)),
      (decision) => {
        if (decision === undefined) return reserveHere(reservation)
        if (decision._tag === "never") return Effect.as(mirror.leave(reservation), decision)
        return (decision._tag === "granted" ? mirror.adopt(reservation) : mirror.leave(reservation)).pipe(
          Effect.andThen(learn(reservation.key, reservation.limits, decision.balances)),
          Effect.as(decision)
        )
      }
    )

  /** Settles in the mirror, and in the ledger if that is possible: else the settlement is kept. */
  const settle = (settlement: Settlement): Effect.Effect<boolean> =>
    Effect.uninterruptible(Effect.flatMap(Watchdog.now, (now) =>
      Effect.andThen(
        mirror.settle(settlement),
        Effect.tap(enter(settlement), (isEntered) => isEntered ? Effect.void : keep(settlement, now))
      )))

  const enter = (settlement: Settlement) =>
    attempt(() => Effect.as(ledger.settle(settlement), true), Effect.succeed(false))

  const keep = ({ amounts, id, key, limits }: Settlement, at: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const kept: Undelivered = undelivered.get(key) ?? { limits: new Map(), settlements: new Map() }
      for (const limit of limits) kept.limits.set(windowOf(limit), limit)
      const { settlements } = kept
      const merged = settlements.size < mostSettlements ? id : [...settlements.keys()].at(-1)!
      const { amounts: others = {}, at: other = at } = settlements.get(merged) ?? {}
      settlements.set(merged, { amounts: sum(others, amounts), at: Math.max(other, at) })
      return undelivered.set(key, kept).length === 0
        ? Effect.void
        : Effect.logWarning(`More than ${mostKeys} keys have spending to be delivered: that of the oldest is dropped`)
    })

  /** Delivers what is kept, while the ledger works. */
  const deliver = single(Effect.gen(function*() {
    for (const [key, { limits, settlements }] of undelivered.entries) {
      for (const id of settlements.keys()) {
        if (!(yield* deliverOne({ key, id, limits: [...limits.values()] }, settlements))) return
      }
      if (settlements.size === 0) undelivered.delete(key)
    }
  }))

  /** A settlement is taken out while it is delivered: it is delivered once, and others may be added meanwhile. */
  const deliverOne = (settlement: Omit<Settlement, "amounts">, settlements: Map<string, Kept>) =>
    Effect.uninterruptible(Effect.flatMap(Watchdog.now, (now) => {
      const { amounts = {}, at = now } = settlements.get(settlement.id) ?? {}
      settlements.delete(settlement.id)
      return Effect.tap(
        enter({ ...settlement, amounts, age: Duration.millis(now - at) }),
        (isEntered) => isEntered ? Effect.void : keep({ ...settlement, amounts }, at)
      )
    }))

  const deliverLater = single(Effect.gen(function*() {
    for (let tries = 0; undelivered.entries.size > 0 && tries < mostDeliveries; tries++) {
      yield* Effect.sleep(FailingStore.rest)
      yield* deliver
    }
  }))

  const fallback: LedgerMemory.LedgerMemory = {
    reserve,
    settle: (settlement) => Effect.asVoid(settle(settlement)),
    leave: (place) => Effect.andThen(mirror.leave(place), attempt(() => ledger.leave(place), Effect.void)),
    renew: (reservations, lease) =>
      Effect.andThen(mirror.renew(reservations, lease), attempt(() => ledger.renew(reservations, lease), Effect.void)),
    balances: (key, limits) =>
      Effect.flatMap(attempt(() => ledger.balances(key, limits), Effect.undefined), (found) =>
        found !== undefined
          ? Effect.as(learn(key, limits, found), found)
          : Effect.flatMap(Watchdog.now, (now) =>
            Effect.map(mirror.balances(key, limits), (own) =>
              own.map((balance, index) => ({
                ...balance,
                spent: balance.spent + assumed(key, limits[index]!, now).amount
              })))))
  }
  return { ledger: fallback, settle, deliver, deliverLater }
}

const windowOf = ({ unit, window }: Limit): string => `${Duration.toMillis(window)} ${unit}`

const sum = (self: Amounts, that: Amounts): Amounts => {
  const total: { [U in Unit]?: number } = {}
  // The keys of amounts are units.
  for (const unit of Object.keys({ ...self, ...that }) as Array<Unit>) {
    total[unit] = LedgerAccount.amountOf(self, unit) + LedgerAccount.amountOf(that, unit)
  }
  return total
}

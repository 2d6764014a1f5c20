/**
 * A ledger that cannot fail: while the real one is lost, the process goes on from its last known state.
 *
 * A mirror in memory has the reservations and spending of this process. What others had on the ledger when it last
 * answered is subtracted from the limits until it would have left their windows. Settlements made meanwhile,
 * and what was given up, are delivered when the ledger is back, before the next reservation.
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as BoundedMap from "../../internal/boundedMap.ts"
import * as Watchdog from "../../internal/watchdog.ts"
import type { Ledger, LedgerError } from "../Ledger.ts"
import * as FailingStore from "./failingStore.ts"
import * as LedgerAccount from "./ledgerAccount.ts"
import type { Balance, Decision, Limit, Reservation, Settlement } from "./ledgerData.ts"
import * as LedgerMemory from "./ledgerMemory.ts"

/** `known`: the balances as this process last knew them, without asking. */
export interface LedgerFallback extends LedgerMemory.LedgerMemory {
  readonly known: LedgerMemory.LedgerMemory["balances"]
}

/**
 * The ledger for one user, in whose scope kept settlements are delivered, and a last time when it closes. All users of a
 * ledger share its last known state; a ledger in memory is used as it is.
 */
export const make = Effect.fnUntraced(function*(
  ledger: Ledger
): Effect.fn.Return<LedgerFallback, never, Scope.Scope> {
  if (LedgerMemory.isMemory(ledger)) return { ...ledger, known: ledger.balances }
  const { deliver, deliverLater, leave, settle, ...shared } = BoundedMap.getOrMake(
    all,
    ledger,
    () => makeShared(ledger)
  )
  const scope = yield* Effect.scope
  yield* Scope.addFinalizer(scope, deliver)
  const delivered = Effect.flatMap((isEntered: boolean) =>
    isEntered ? Effect.void : Effect.asVoid(Effect.forkIn(deliverLater, scope))
  )
  return {
    ...shared,
    settle: (settlement) => delivered(settle(settlement)),
    leave: (place) => delivered(leave(place))
  }
})

const all = new WeakMap<Ledger, ReturnType<typeof makeShared>>()

/** Keys, and windows of keys, whose last known state is kept; those in use are in any case. */
const mostKeys = 10_000

/** Settlements of one key that are kept apart; more are added up. */
const mostSettlements = 100

/** How often delivery is tried without a call, so that it does not keep an ended program alive. */
const mostDeliveries = 24

/** A settlement to be delivered, and when it was made, in milliseconds. */
interface Kept extends Settlement {
  readonly at: number
}

const makeShared = (ledger: Ledger) => {
  const { attempt } = FailingStore.of(ledger, {
    name: "The ledger of quotas and budgets",
    meanwhile: "this process goes on from its last known balances"
  })
  /** What the ledger knows can be forgotten, so keys that are not in use are. */
  const mirror = LedgerMemory.make(
    BoundedMap.make<string, LedgerAccount.LedgerAccount>(
      mostKeys,
      (account, key) => account.isInUse() || undelivered.entries.has(key)
    )
  )
  /** What others had on a window of a key, and when. */
  const others = BoundedMap.make<string, { readonly at: number; readonly amount: number }>(mostKeys)
  /** By key and id; the last id is the sum of all beyond the bound. */
  const undelivered = BoundedMap.make<string, Map<string, Kept>>(mostKeys)

  /** Keeps what others have: the balances of the ledger without those of this process. */
  const learn = (key: string, limits: ReadonlyArray<Limit>, found: ReadonlyArray<Balance> | undefined) =>
    found === undefined || found.length !== limits.length
      ? Effect.void
      : Effect.zipWith(Watchdog.now, mirror.balances(key, limits), (at, own) => {
        const total = ({ reserved, spent }: Balance) => reserved + spent
        limits.forEach((limit, index) => {
          const amount = Math.max(0, total(found[index]!) - total(own[index]!))
          others.set(`${windowOf(limit)} ${key}`, { at, amount })
        })
      })

  /** What others are assumed to have on a limit, and for how long. */
  const assumed = (key: string, limit: Limit, now: number) => {
    const { amount, at } = others.entries.get(`${windowOf(limit)} ${key}`) ?? { amount: 0, at: now }
    const left = at + Duration.toMillis(limit.window) - now
    return left > 0 ? { amount, left } : { amount: 0, left: 0 }
  }

  const known = (key: string, limits: ReadonlyArray<Limit>) =>
    Effect.zipWith(Watchdog.now, mirror.balances(key, limits), (now, own) =>
      own.map((balance, index) => ({
        ...balance,
        spent: balance.spent + assumed(key, limits[index]!, now).amount
      })))

  const reserveHere = (reservation: Reservation): Effect.Effect<Decision> =>
    Effect.flatMap(Watchdog.now, (now) => {
      const assumedOf = (limit: Limit) => assumed(reservation.key, limit, now)
      const limits = reservation.limits.map((limit) => ({ ...limit, amount: limit.amount - assumedOf(limit).amount }))
      return Effect.map(mirror.reserve({ ...reservation, limits }), (decision) => {
        if (decision._tag !== "never" || LedgerAccount.never(reservation) !== undefined) return decision
        // It fits once what others had has left the window.
        const limit = reservation.limits.find(({ name }) => name === decision.limit)!
        return LedgerAccount.wait(assumedOf(limit).left, limit.name)
      })
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

  /** Enters a settlement of a time, or keeps it to be delivered; answers whether it is entered. */
  const enter = (
    settlement: Settlement,
    at: number,
    told: () => Effect.Effect<void, LedgerError> = () => ledger.settle(settlement)
  ): Effect.Effect<boolean> =>
    Effect.tap(
      attempt(() => Effect.as(told(), true), Effect.succeed(false)),
      (isEntered) => isEntered ? Effect.void : keep(settlement, at)
    )

  const keep = (settlement: Settlement, at: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const kept = undelivered.get(settlement.key) ?? new Map<string, Kept>()
      const id = kept.size < mostSettlements ? settlement.id : [...kept.keys()].at(-1)!
      const other = kept.get(id)
      kept.set(id, other === undefined ? { ...settlement, at } : merged(other, { ...settlement, at }))
      return undelivered.set(settlement.key, kept).length === 0
        ? Effect.void
        : Effect.logWarning(`More than ${mostKeys} keys have spending to be delivered: that of the oldest is dropped`)
    })

  const deliver = single(Effect.gen(function*() {
    for (const [key, settlements] of undelivered.entries) {
      for (const [id, { at, ...settlement }] of settlements) {
        const isEntered = yield* Effect.uninterruptible(Effect.flatMap(Watchdog.now, (now) => {
          // Taken out while it is delivered: it is delivered once, and others may be added meanwhile.
          settlements.delete(id)
          return enter({ ...settlement, age: Duration.millis(now - at) }, at)
        }))
        if (!isEntered) return
      }
      // What was added meanwhile has been delivered, too.
      undelivered.delete(key)
    }
  }))

  const deliverLater = single(Effect.gen(function*() {
    for (let tries = 0; undelivered.entries.size > 0 && tries < mostDeliveries; tries++) {
      yield* Effect.sleep(FailingStore.rest)
      yield* deliver
    }
  }))

  return {
    deliver,
    deliverLater,
    known,
    reserve,
    settle: (settlement: Settlement) =>
      Effect.uninterruptible(
        Effect.flatMap(Watchdog.now, (now) => Effect.andThen(mirror.settle(settlement), enter(settlement, now)))
      ),
    leave: ({ id, key }: Pick<Reservation, "key" | "id">) => {
      const place = { key, id }
      // A settlement of nothing gives up as much.
      const given = (now: number) => enter({ ...place, amounts: {}, limits: [] }, now, () => ledger.leave(place))
      return Effect.uninterruptible(
        Effect.flatMap(Watchdog.now, (now) => Effect.andThen(mirror.leave(place), given(now)))
      )
    },
    renew: (reservations: ReadonlyArray<Pick<Reservation, "key" | "id">>, lease: Duration.Duration) =>
      Effect.andThen(mirror.renew(reservations, lease), attempt(() => ledger.renew(reservations, lease), Effect.void)),
    balances: (key: string, limits: ReadonlyArray<Limit>) =>
      Effect.flatMap(attempt(() => ledger.balances(key, limits), Effect.undefined), (found) =>
        found !== undefined
          ? Effect.as(learn(key, limits, found), found)
          : known(key, limits))
  }
}

/** Runs an effect, unless it is running already. */
const single = (self: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.asVoid(Semaphore.withPermitsIfAvailable(Semaphore.makeUnsafe(1), 1)(self))

const windowOf = ({ unit, window }: Limit): string => `${Duration.toMillis(window)} ${unit}`

/** One settlement of all that two of a key have spent. */
const merged = (self: Kept, that: Kept): Kept => ({
  ...self,
  at: Math.max(self.at, that.at),
  amounts: Object.fromEntries(LedgerAccount.units.map((unit) => [
    unit,
    LedgerAccount.amountOf(self.amounts, unit) + LedgerAccount.amountOf(that.amounts, unit)
  ])),
  limits: Arr.dedupeWith([...self.limits, ...that.limits], (one, other) => windowOf(one) === windowOf(other))
})

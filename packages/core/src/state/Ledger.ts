/**
 * Keeps count of what is set aside and what is spent, under keys, within windows of time: the memory behind quotas and
 * budgets.
 *
 * In this process unless a layer says otherwise; `persistence/SharedState.ts` keeps it in Redis, for many processes.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as LedgerMemory from "./internal/ledgerMemory.ts"

/** The ledger could not be read or written. */
export class LedgerError extends Schema.TaggedError<LedgerError>()("LedgerError", {
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * At most `amount` within any span of `window`; an infinite window never forgets.
 *
 * Spendings leave a window in groups of a sixtieth of it, when the newest of the group is as old as the window: up to so
 * much later than they could, and never earlier.
 *
 * `name` tells the limits of one key apart (`minute`, `day`). An amount that is no number is no limit, and a negative one
 * is 0.
 */
export interface Limit {
  readonly name: string
  readonly amount: number
  readonly window: Duration.Duration
}

/**
 * - `id`: names the reservation, and its place in line before it is granted. Any string that nobody else uses.
 * - `amount`: what is set aside, of the unit of the limits; what is negative or no number is 0.
 * - `lease`: how long a reservation, or a place in line, outlives the last sign of life of its owner. A place is renewed
 *   by asking again, a reservation by {@link Ledger.renew}. What is not renewed comes back as if it had never been.
 */
export interface Reservation {
  readonly key: string
  readonly id: string
  readonly amount: number
  readonly limits: ReadonlyArray<Limit>
  readonly lease: Duration.Duration
}

/**
 * - `granted`: set aside.
 * - `wait`: not now. `retryAfter` is when asking again makes sense: when enough will have left the window, which may be
 *   after the lease, or shortly where it depends on others; infinite when an infinite window is full. `limit` is the name
 *   of what stands in the way for longest, or `line` when others came first.
 * - `never`: `amount` is larger than the limit named `limit`.
 */
export type Decision =
  | { readonly _tag: "granted" }
  | { readonly _tag: "wait"; readonly retryAfter: Duration.Duration; readonly limit: string }
  | { readonly _tag: "never"; readonly limit: string }

/** What one limit has on it now: `spent` and `reserved` within its window. */
export interface Balance {
  readonly limit: string
  readonly spent: number
  readonly reserved: number
}

/**
 * The ledger.
 *
 * - `reserve`: sets an amount aside if every limit has room for it and nobody who came earlier is waiting for the same
 *   key; else takes, or keeps, a place in line. Who waits is granted in his absence, as soon as there is room and he is
 *   first, and learns of it when he asks again. What was reserved counts from the moment it is granted, and in flight it
 *   counts whatever its age. Asking for what is granted already changes nothing.
 * - `settle`: replaces what was set aside by what was really spent, at the moment it was set aside; 0 gives all of it
 *   back. An unknown id, such as one whose lease ran out, is entered as spent now.
 * - `leave`: gives a place in line up, or what was granted and not used.
 * - `renew`: a sign of life for reservations; those whose lease ran out stay lost.
 * - `balances`: what each limit has on it.
 *
 * A larger amount spent than reserved is entered all the same, and is paid back by waiting.
 */
export interface Ledger {
  readonly reserve: (reservation: Reservation) => Effect.Effect<Decision, LedgerError>
  readonly settle: (
    settlement: Omit<Reservation, "lease">
  ) => Effect.Effect<void, LedgerError>
  readonly leave: (place: { readonly key: string; readonly id: string }) => Effect.Effect<void, LedgerError>
  readonly renew: (
    reservations: ReadonlyArray<{ readonly key: string; readonly id: string }>,
    lease: Duration.Duration
  ) => Effect.Effect<void, LedgerError>
  readonly balances: (
    key: string,
    limits: ReadonlyArray<Limit>
  ) => Effect.Effect<ReadonlyArray<Balance>, LedgerError>
}
/** The ledger in force: one in the memory of this process, common to everything in it, unless a layer says otherwise. */
export const Ledger: Context.Reference<Ledger> = Context.Reference<Ledger>("@strata/core/state/Ledger", {
  defaultValue: LedgerMemory.make
})

/** A ledger of its own in the memory of this process: what happens elsewhere in the program is not on it. */
export const layerMemory: Layer.Layer<never> = Layer.sync(Ledger, LedgerMemory.make)

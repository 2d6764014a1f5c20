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

/** What a ledger counts; billionths of a US dollar, since whole numbers add up exactly. */
export type Unit = "tokens" | "requests" | "nanodollars"

/** How much of each unit; what is missing, negative or no number is 0. */
export type Amounts = { readonly [U in Unit]?: number | undefined }

/**
 * At most `amount` of a unit within any span of `window`; an infinite window never forgets.
 *
 * Spendings leave a window in groups of a sixtieth of it, when the newest of the group is as old as the window: up to so
 * much later than they could, and never earlier.
 *
 * `name` tells the limits of one key apart (`minute`, `day`). An amount that is no number is no limit, and a negative one
 * is 0.
 */
export interface Limit {
  readonly name: string
  readonly unit: Unit
  readonly amount: number
  readonly window: Duration.Duration
}

/**
 * - `id`: names the reservation, and its place in the queue before it is granted. Unique among everything that uses the
 *   ledger.
 * - `amounts`: what is set aside, for all limits or for none.
 * - `lease`: how long a reservation, or a place in the queue, outlives the last sign of life of its owner. A place is
 *   renewed by asking again, a reservation by {@link Ledger.renew}. What is not renewed comes back as if it had never been.
 */
export interface Reservation {
  readonly key: string
  readonly id: string
  readonly amounts: Amounts
  readonly limits: ReadonlyArray<Limit>
  readonly lease: Duration.Duration
}

/**
 * What was really spent of a reservation.
 *
 * `age`: how long ago it was spent, where the ledger does not know the id; just now when missing. A ledger that cannot
 * enter the past enters it as spent now.
 */
export interface Settlement extends Omit<Reservation, "lease"> {
  readonly age?: Duration.Duration | undefined
}

/** What one limit has on it now: `spent` and `reserved` within its window. */
export interface Balance {
  readonly limit: string
  readonly spent: number
  readonly reserved: number
}

/**
 * - `granted`: set aside.
 * - `wait`: not now. `retryAfter` is when asking again makes sense: when enough will have left the window, which may be
 *   after the lease, or shortly where it depends on others; infinite when an infinite window is full. `limit` is the name
 *   of the limit that takes longest to have room, or `queue` when others came first.
 * - `never`: an amount is larger than the limit named `limit`.
 *
 * `balances` has what each limit of the reservation has on it after the decision. A process whose ledger is lost goes on
 * from there; without them it knows of its own reservations and spendings only.
 */
export type Decision =
  | { readonly _tag: "granted"; readonly balances?: ReadonlyArray<Balance> | undefined }
  | {
    readonly _tag: "wait"
    readonly retryAfter: Duration.Duration
    readonly limit: string
    readonly balances?: ReadonlyArray<Balance> | undefined
  }
  | { readonly _tag: "never"; readonly limit: string }

/**
 * The ledger.
 *
 * - `reserve`: sets the amounts aside if every limit has room for them and nothing that came earlier waits for the same
 *   key; else takes, or keeps, a place in the queue. Waiters are granted eagerly, in order of arrival and as soon as there
 *   is room; the grant is observed on the next `reserve`. What was reserved counts from the moment it is granted, and in
 *   flight it counts whatever its age. Asking for what is granted already changes nothing.
 * - `settle`: replaces what was set aside by what was really spent, at the moment it was set aside; nothing gives all of
 *   it back. An unknown id, such as one whose lease ran out, is entered as spent `age` ago.
 * - `leave`: gives a place in the queue up, or what was granted and not used.
 * - `renew`: a sign of life for reservations; those whose lease ran out stay lost.
 * - `balances`: what each limit has on it.
 *
 * A larger amount spent than reserved is entered all the same, and is paid back by waiting.
 */
export interface Ledger {
  readonly reserve: (reservation: Reservation) => Effect.Effect<Decision, LedgerError>
  readonly settle: (settlement: Settlement) => Effect.Effect<void, LedgerError>
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

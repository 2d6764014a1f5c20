/** What a ledger is asked and answers; `state/Ledger.ts` is its public name. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/** What a ledger counts; nanodollars are billionths of a US dollar, since whole numbers add up exactly. */
export type Unit = "tokens" | "requests" | "nanodollars"

/** How much of each unit; what is missing, negative or NaN is 0. */
export type Amounts = { readonly [U in Unit]?: number | undefined }

/**
 * At most `amount` of a unit within any span of `window`; an infinite window never forgets.
 *
 * Spending leaves a window in groups of a sixtieth of it, with the newest of each: late by that at most, and never early.
 *
 * `name` tells the limits of one key apart (`minute`, `day`). An amount that is NaN is no limit, and a negative one is 0.
 */
export interface Limit {
  readonly name: string
  readonly unit: Unit
  readonly amount: number
  readonly window: Duration.Duration
}

/**
 * - `id`: of the reservation, and of its place in the queue before it is granted. Unique in the ledger.
 * - `amounts`: reserved for all limits or for none.
 * - `lease`: how long a reservation, or a place in the queue, lives without renewal. A place is renewed by `reserve`, a
 *   reservation by `renew`. What expires is released.
 * - `share`: whose it is, such as a tenant: the queue of a key is fair between shares, and FIFO within each. Those without
 *   one are a share in common, so a queue in which none is named is FIFO.
 */
export interface Reservation {
  readonly key: string
  readonly id: string
  readonly amounts: Amounts
  readonly limits: ReadonlyArray<Limit>
  readonly lease: Duration.Duration
  readonly share?: string | undefined
}

/**
 * What was spent of a reservation.
 *
 * `age`: how long ago it was spent, where the ledger does not know the id; just now when missing. A ledger that cannot
 * enter the past enters it as spent now.
 */
export interface Settlement extends Omit<Reservation, "lease" | "share"> {
  readonly age?: Duration.Duration | undefined
}

/** The use of one limit: `spent` and `reserved` within its window. */
export interface Balance {
  readonly limit: string
  readonly spent: number
  readonly reserved: number
}

/**
 * - `granted`: reserved.
 * - `wait`: not now. `retryAfter` is when to ask again: when enough will have left the window, which may be after the
 *   lease, or shortly where it depends on others; infinite when an infinite window is full. `limit` is the name of the
 *   limit that takes longest to have room, or `queue` when others came first.
 * - `never`: an amount is larger than the limit named `limit`.
 *
 * `balances` has the use of each limit of the reservation after the decision. A process whose ledger is lost goes on from
 * there; without them it knows of its own reservations and spending only.
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

/** The operations of a ledger that fails with `E`; `state/Ledger.ts` says what they do. */
export interface Operations<E> {
  readonly reserve: (reservation: Reservation) => Effect.Effect<Decision, E>
  readonly settle: (settlement: Settlement) => Effect.Effect<void, E>
  readonly leave: (place: { readonly key: string; readonly id: string }) => Effect.Effect<void, E>
  readonly renew: (
    reservations: ReadonlyArray<{ readonly key: string; readonly id: string }>,
    lease: Duration.Duration
  ) => Effect.Effect<void, E>
  readonly balances: (key: string, limits: ReadonlyArray<Limit>) => Effect.Effect<ReadonlyArray<Balance>, E>
}

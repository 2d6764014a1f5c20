/**
 * Counts what is reserved and what is spent, under keys, within windows of time: the state behind quotas and budgets.
 *
 * In this process unless a layer says otherwise; `SharedState` of `@strata/persistence` keeps it in Redis or a SQL database,
 * for many processes.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TaggedError from "../TaggedError.ts"
import type * as Documents from "./Documents.ts"
import type * as LedgerData from "./internal/ledgerData.ts"
import * as LedgerDocuments from "./internal/ledgerDocuments.ts"
import * as LedgerMemory from "./internal/ledgerMemory.ts"

export type { Amounts, Balance, Decision, Limit, Reservation, Settlement, Unit } from "./internal/ledgerData.ts"

/**
 * The ledger of quotas and budgets could not be read or written.
 *
 * When: `Budget.spent` or a ledger of `SharedState` cannot reach its store. Calls are not failed by it: see
 * `SharedState`.
 *
 * Remedy: check the connection to the store.
 */
export class LedgerError extends TaggedError.make<LedgerError>()("LedgerError", {
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * The ledger.
 *
 * - `reserve`: reserves the amounts if every limit has room for them and nothing that came earlier waits for the same key;
 *   else takes, or keeps, a place in the queue. Waiters are granted eagerly, in order of arrival; the grant is observed on
 *   the next `reserve`. A reservation counts from the moment it is granted, whatever its age. Asking again changes nothing.
 *   Where reservations have a `share`, the queue is fair between shares (start-time fair queuing by tokens, or by requests
 *   where only they are limited): the share that was granted least comes first. While two wait, what they are granted
 *   differs by the largest reservation of each at most. The head waits for room, and the others wait behind it.
 * - `settle`: replaces a reservation by what was spent, at the moment it was granted; empty amounts release it. An unknown
 *   id, such as one whose lease expired, is entered as spent `age` ago.
 * - `leave`: gives up a place in the queue, or a grant that was not used.
 * - `renew`: renews the leases of reservations; expired ones stay released.
 * - `balances`: the use of each limit.
 *
 * A larger amount spent than reserved is entered all the same, and delays later reservations.
 */
export interface Ledger extends LedgerData.Operations<LedgerError> {}

/** The ledger in force: one in the memory of this process, shared by everything in it, unless a layer says otherwise. */
export const Ledger: Context.Reference<Ledger> = Context.Reference<Ledger>("@strata/core/state/Ledger", {
  defaultValue: LedgerMemory.make
})

/** A separate ledger in the memory of this process. */
export const layerMemory: Layer.Layer<never> = Layer.sync(Ledger, LedgerMemory.make)

/**
 * A ledger for all processes that use a store of texts, with a text for each key. It goes by the time of the store. An
 * operation is one change of one text, so its time grows with what is in flight and waits on the key: some tens of
 * microseconds, and a millisecond with a thousand.
 *
 * Fails with `LedgerError` when the store does, or when a text is none of its own: remove that key.
 */
export const fromDocuments = <E>(documents: Documents.Documents<E>): Ledger =>
  LedgerDocuments.make(
    documents,
    (operation, cause) => new LedgerError({ message: `The shared ledger: ${operation} failed`, cause })
  )

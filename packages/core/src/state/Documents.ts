/**
 * A store of texts under keys, each of which is changed atomically: a table of a database, a bucket with conditional writes.
 *
 * `Ledger.fromDocuments` and `AdaptiveLimits.fromDocuments` build on one what processes share.
 */
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"

/**
 * What a change comes to.
 *
 * - `text`: the text from now on, of which nothing need be written where it is the one that was read; `undefined` removes
 *   the key.
 * - `keep`: for how long the text says anything, in milliseconds; after that the store may remove the key. May be infinite.
 */
export interface Change<A> {
  readonly answer: A
  readonly text: string | undefined
  readonly keep: number
}

/**
 * The store, which fails with `E`.
 *
 * `change` reads the text of a key and the time, gives both to a function, and writes what that returns if no one else wrote the
 * key meanwhile; else it begins again. A failure of the function is that of the change, and writes nothing. The text is
 * `undefined` for a key that was never written or is removed. `now` is the time of the store, whatever the clocks of
 * the processes say: milliseconds since any moment that is the same for all.
 */
export interface Documents<E> {
  readonly change: <A, E2 = never>(
    key: string,
    change: (text: string | undefined, now: number) => Result.Result<Change<A>, E2>
  ) => Effect.Effect<A, E | E2>
}

/**
 * Bearer tokens that are refreshed: by one caller at a time, in one process or in many that share a store.
 *
 * How a person logs in and where tokens are kept is the program's; this says when to refresh and what to do when it fails.
 */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"

/** What the authorization server gave. A `refreshToken` is often good for one use. */
export interface Tokens {
  readonly accessToken: Redacted.Redacted
  readonly refreshToken?: Redacted.Redacted | undefined
}

/**
 * What a store holds for one server. Each write has another `version`; `refreshingUntil`, in milliseconds since 1970, is
 * the lease of a caller that refreshes the tokens now, so that no other one uses up the same refresh token.
 */
export interface Entry {
  readonly version: number
  readonly tokens: Tokens | undefined
  readonly refreshingUntil?: number | undefined
}

/** Where the tokens for one server are kept, with a compare-and-swap. */
export interface Store {
  /** The present entry, `undefined` when there never was one. */
  readonly get: Effect.Effect<Entry | undefined, unknown>
  /** Writes `entry` if the stored version is `expected` (`undefined`: if nothing is stored), and says whether it did. */
  readonly compareAndSet: (expected: number | undefined, entry: Entry) => Effect.Effect<boolean, unknown>
}

/**
 * How to authenticate. `refresh` gets the tokens that the server refused; when it fails, or is missing, calls fail with
 * `needs-login` until the store has other tokens.
 */
export interface Authentication {
  readonly store: Store
  readonly refresh?: ((tokens: Tokens) => Effect.Effect<Tokens, unknown>) | undefined
}

/** A store in memory, for one process. */
export const makeStore = (tokens?: Tokens): Effect.Effect<Store> =>
  Effect.map(Ref.make<Entry | undefined>(tokens && { version: 1, tokens }), (ref): Store => ({
    get: Ref.get(ref),
    compareAndSet: (expected, entry) =>
      Ref.modify(ref, (present) => present?.version === expected ? [true, entry] : [false, present])
  }))

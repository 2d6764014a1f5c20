/**
 * The bearer token of requests, and its refresh: one at a time in this process, and by a lease in the store, one among all
 * processes. A refresh that has begun is not interrupted: the old refresh token is used up by then.
 */
import * as Check from "@strata/core/Check"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Authentication, Entry, Tokens } from "../McpAuthentication.ts"
import type * as McpError from "../McpError.ts"
import * as Transport from "./transport.ts"

export interface Authenticator {
  /** The present token, if there is one. */
  readonly token: Effect.Effect<string | undefined, McpError.McpError>
  /** The server refused this token: another one, or `needs-login`. */
  readonly refused: (token: string | undefined) => Effect.Effect<string, McpError.McpError>
}

export const none = (server: string): Authenticator => ({
  token: Effect.undefined,
  refused: () => Effect.fail(needsLogin(server, "it wants a login, and there is no `authentication`"))
})

export const make = (
  server: string,
  { refresh, store }: Authentication,
  scope: Scope.Scope
): Authenticator => {
  /** The refresh in flight, and the token that it replaces. */
  let flight: { readonly token: string; readonly next: Deferred.Deferred<string, McpError.McpError> } | undefined
  /** The token whose refresh failed. */
  let spent: string | undefined

  const get = Effect.flatMap(
    guarded(server, "the token store cannot be read", () => store.get),
    (stored) =>
      Result.match(Check.settle(entry, stored), {
        onFailure: () => Effect.fail(needsLogin(server, "the token store returned something else than an entry")),
        onSuccess: Effect.succeed
      })
  )
  const swap = (expected: Entry | undefined, entry: Entry) =>
    Effect.map(
      guarded(server, "the token store cannot be written", () => store.compareAndSet(expected?.version, entry)),
      (written) => written === true
    )

  /** Writes the new tokens over the entry that still holds the old ones, also when another process has its lease by now. */
  const put = Effect.fnUntraced(function*(old: string, tokens: Tokens) {
    for (let tries = 0; tries < mostTries; tries++) {
      const entry = yield* get
      const stored = tokenOf(entry)
      if (stored !== undefined && stored !== old) return stored
      if (yield* swap(entry, { version: (entry?.version ?? 0) + 1, tokens })) return Redacted.value(tokens.accessToken)
    }
    return yield* needsLogin(server, "the token store refused the refreshed tokens")
  })

  const replace = Effect.fnUntraced(function*(old: string) {
    const started = yield* Clock.currentTimeMillis
    while (true) {
      const entry = yield* get
      const stored = tokenOf(entry)
      if (entry === undefined || stored === undefined) return yield* needsLogin(server, "there are no tokens")
      if (stored !== old) return stored
      if (refresh === undefined || spent === old || entry.tokens === undefined) {
        return yield* needsLogin(server, "it refused the token, and there is no other")
      }
      const now = yield* Clock.currentTimeMillis
      if (entry.refreshingUntil !== undefined && entry.refreshingUntil > now) {
        if (now - started > longestWait) return yield* needsLogin(server, "another process does not end its refresh")
        yield* Effect.sleep(pollInterval)
        continue
      }
      const leased = { ...entry, version: entry.version + 1, refreshingUntil: now + Duration.toMillis(refreshTimeout) }
      if (!(yield* swap(entry, leased))) continue
      const present = entry.tokens
      const refreshed = yield* guarded(server, "the refresh of the token failed", () => refresh(present)).pipe(
        Effect.timeoutOrElse({
          duration: refreshTimeout,
          orElse: () => Effect.fail(needsLogin(server, "the refresh of the token took too long"))
        }),
        Effect.flatMap((given) =>
          Result.match(Check.settle(tokens, given), {
            onFailure: () => Effect.fail(needsLogin(server, "the refresh returned no tokens")),
            onSuccess: Effect.succeed
          })
        ),
        Effect.tapError(() => {
          spent = old
          return Effect.ignore(swap(leased, { version: leased.version + 1, tokens: present }))
        })
      )
      return yield* put(old, refreshed)
    }
  })

  const refused = (token: string | undefined) =>
    Effect.suspend(() => {
      if (token === undefined) {
        return Effect.flatMap(get, (entry) => {
          const stored = tokenOf(entry)
          return stored === undefined ? Effect.fail(needsLogin(server, "there are no tokens")) : Effect.succeed(stored)
        })
      }
      if (flight?.token === token) return Deferred.await(flight.next)
      const next = Deferred.makeUnsafe<string, McpError.McpError>()
      const own = flight = { token, next }
      return replace(token).pipe(
        Effect.exit,
        Effect.flatMap((exit) => {
          if (flight === own) flight = undefined
          return Deferred.done(next, exit)
        }),
        Effect.uninterruptible,
        Effect.forkIn(scope),
        Effect.andThen(Deferred.await(next))
      )
    })

  return { token: Effect.map(get, tokenOf), refused }
}

export const needsLogin = (server: string, message: string): McpError.McpError =>
  Transport.fail(server, "needs-login", "not-run", message)

const tokenOf = (entry: Entry | undefined): string | undefined =>
  entry?.tokens === undefined ? undefined : Redacted.value(entry.tokens.accessToken)

/** Runs an effect of the program; of its failure only the tag is told, since it may hold tokens. */
const guarded = <A>(
  server: string,
  problem: string,
  effect: () => Effect.Effect<A, unknown>
): Effect.Effect<A, McpError.McpError> =>
  Effect.suspend(() => {
    const made = Result.getOrUndefined(Result.try(effect))
    return Effect.isEffect(made) ? made : Effect.fail(undefined)
  }).pipe(
    Effect.catchDefect(Effect.fail),
    Effect.mapError((error) =>
      needsLogin(
        server,
        hasProperty(error, "_tag") && typeof error._tag === "string" ? `${problem}: ${error._tag}` : problem
      )
    )
  )

const secret = Check.instance(
  (given): given is Redacted.Redacted => Redacted.isRedacted(given) && typeof Redacted.value(given) === "string",
  "Give a `Redacted` of text"
)

const tokens = Check.struct<Tokens>({ accessToken: secret, refreshToken: Check.optional(secret) }, {
  others: "ignored"
})

const version = Check.number({ remedy: "Give a number" })

const entry = Check.optional(Check.struct<Entry>({
  version,
  tokens: Check.optional(tokens),
  refreshingUntil: Check.optional(version)
}, { others: "ignored" }))

const refreshTimeout = Duration.seconds(15)
const pollInterval = Duration.millis(200)
const longestWait = 60_000
const mostTries = 5

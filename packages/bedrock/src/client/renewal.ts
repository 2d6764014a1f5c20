/**
 * Renews credentials that AWS refuses, and corrects the clock that dates signatures; then a call is tried once more.
 *
 * The SDK caches credentials until their `expiration`. Only an answer of the service reveals that they were revoked or
 * rotated.
 */
import type { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import * as ProviderError from "@strata/core/ProviderError"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as BedrockError from "../BedrockError.ts"
import * as Failure from "../error/Failure.ts"

/** `around`: wraps a call of one of the clients, and sends it again when new credentials or the right time may help. `asked` is for errors. */
export interface Renewal {
  readonly around: <A, R>(
    client: BedrockRuntimeClient,
    asked: Failure.Asked,
    self: Effect.Effect<A, ProviderError.CallError, R>
  ) => Effect.Effect<A, ProviderError.CallError, R>
}

/**
 * How often one call has credentials renewed, and its clock corrected. On a busy machine new credentials may have expired
 * before the call is signed with them, and a call may find that others have renewed those it was not signed with.
 */
const most = { renewals: 3, corrections: 1 }

/** What a call knows when it starts: how many renewals had ended, and which credentials it will be signed with. */
interface Seen {
  readonly generation: number
  readonly version: number
}

/** For the clients that share the credentials of this one, whose `version` is that of `Authentication`. */
export const make = (owner: BedrockRuntimeClient, version: () => number): Renewal => {
  let generation = 0
  let latest: Deferred.Deferred<boolean, ProviderError.CallError> | undefined
  let inFlight = false

  /**
   * Whether credentials differ from those a call has seen. Single-flight: concurrent refusals share one renewal, which
   * continues when the call that started it is interrupted.
   */
  const renewedSince = (seen: Seen): Effect.Effect<boolean, ProviderError.CallError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        // Renewed by themselves, before they expired.
        if (version() > seen.version) return Effect.succeed(true)
        if (latest !== undefined && (inFlight || generation !== seen.generation)) return restore(Deferred.await(latest))
        const renewal = Deferred.makeUnsafe<boolean, ProviderError.CallError>()
        latest = renewal
        inFlight = true
        const renewing = Effect.onExit(renew(owner, version), (exit) => {
          generation++
          inFlight = false
          return Deferred.done(renewal, exit)
        })
        return Effect.andThen(Effect.forkDetach(Effect.interruptible(renewing)), restore(Deferred.await(renewal)))
      })
    )

  return {
    around: (client, asked, self) => {
      const attempt = ({ corrections, renewals }: typeof most): typeof self =>
        Effect.suspend(() => {
          // The first call is signed with the first credentials, which are not there yet.
          const seen = { generation, version: Math.max(1, version()) }
          return Effect.catch(self, (error) => {
            if (error._tag !== "AuthenticationError") return Effect.fail(error)
            const time = BedrockError.timeOfService(error)
            if (time !== undefined && corrections > 0) {
              return Effect.andThen(setClock(client, time), attempt({ corrections: corrections - 1, renewals }))
            }
            if (renewals === 0 || !BedrockError.isRenewable(error)) return Effect.fail(error)
            return Effect.flatMap(
              renewedSince(seen),
              (changed) =>
                changed ? attempt({ corrections, renewals: renewals - 1 }) : Effect.fail(unchanged(error, asked))
            )
          })
        })
      return attempt(most)
    }
  }
}

/** Fetches credentials again, bypassing the cache. Returns whether they differ. */
const renew = Effect.fnUntraced(function*(
  client: BedrockRuntimeClient,
  version: () => number
): Effect.fn.Return<boolean, ProviderError.CallError> {
  const before = version()
  yield* fetch(client)
  if (version() === before) return false
  yield* Effect.logInfo("AWS refused the credentials: renewed them")
  return true
})

/** Fetches the client's credentials, or its API key, bypassing the cache. */
export const fetch = ({ config }: BedrockRuntimeClient): Effect.Effect<void, ProviderError.CallError> =>
  Effect.asVoid(Effect.tryPromise({
    try: () =>
      config.authSchemePreference().then((schemes): Promise<unknown> =>
        schemes.includes("httpBearerAuth")
          ? Promise.resolve(config.token?.({ forceRefresh: true }))
          : config.credentials({ forceRefresh: true })
      ),
    catch: (error) => BedrockError.fromUnknown(error)
  }))

/**
 * The SDK corrects its clock from answers of the service, but not from those of streams.
 * Real time, also under a test clock: the SDK signs with it.
 */
const setClock = (client: BedrockRuntimeClient, time: number): Effect.Effect<void> =>
  Effect.sync(() => {
    client.config.systemClockOffset = time - Clock.Clock.defaultValue().currentTimeMillisUnsafe()
  })

const unchanged = (
  { cause, exception, providerMessage: words = "", requestId, server }: ProviderError.AuthenticationError,
  asked: Failure.Asked
): ProviderError.AuthenticationError =>
  new ProviderError.AuthenticationError({
    ...Failure.toFields(
      { asked: { ...asked, requestId, server }, exception, words, raw: words, silence: "the credentials were refused" },
      "Renewing the credentials returned the same ones: use a credential provider in place of fixed keys, or replace them"
    ),
    cause
  })

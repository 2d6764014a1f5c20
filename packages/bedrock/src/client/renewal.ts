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

/** `around`: wraps a call of one of the clients, and retries it when new credentials or the right time may help. `asked` is for errors. */
export interface Renewal {
  readonly around: <A, R>(
    client: BedrockRuntimeClient,
    asked: Failure.Asked,
    self: Effect.Effect<A, ProviderError.CallError, R>
  ) => Effect.Effect<A, ProviderError.CallError, R>
}

/** For the clients that share the credentials of this one. */
export const make = (owner: BedrockRuntimeClient): Renewal => {
  let generation = 0
  let latest: Deferred.Deferred<boolean, ProviderError.CallError> | undefined
  let inFlight = false

  /**
   * Whether credentials differ from those of an earlier generation. Single-flight: concurrent refusals share one
   * renewal, which continues when the call that started it is interrupted.
   */
  const renewedSince = (seen: number): Effect.Effect<boolean, ProviderError.CallError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        if (latest !== undefined && (inFlight || generation !== seen)) return restore(Deferred.await(latest))
        const renewal = Deferred.makeUnsafe<boolean, ProviderError.CallError>()
        latest = renewal
        inFlight = true
        const renewing = Effect.onExit(renew(owner), (exit) => {
          generation++
          inFlight = false
          return Deferred.done(renewal, exit)
        })
        return Effect.andThen(Effect.forkDetach(Effect.interruptible(renewing)), restore(Deferred.await(renewal)))
      })
    )

  return {
    around: (client, asked, self) =>
      Effect.suspend(() => {
        const seen = generation
        return Effect.catch(self, (error) => {
          if (error._tag !== "AuthenticationError") return Effect.fail(error)
          const time = BedrockError.timeOfService(error)
          if (time !== undefined) return Effect.andThen(setClock(client, time), self)
          if (!BedrockError.isRenewable(error)) return Effect.fail(error)
          return Effect.flatMap(renewedSince(seen), (changed) => changed ? self : Effect.fail(unchanged(error, asked)))
        })
      })
  }
}

/** Fetches credentials again, bypassing the SDK's cache. Returns whether they differ. */
const renew = Effect.fnUntraced(function*(
  client: BedrockRuntimeClient
): Effect.fn.Return<boolean, ProviderError.CallError> {
  // `undefined` where a provider failed
  const before = yield* Effect.orElseSucceed(identity(client, false), () => undefined)
  const after = yield* identity(client, true)
  if (before === after) return false
  yield* Effect.logInfo("AWS refused the credentials: renewed them")
  return true
})

/** The client's credentials as one text, for comparison. */
const identity = (
  client: BedrockRuntimeClient,
  forceRefresh: boolean
): Effect.Effect<string, ProviderError.CallError> =>
  Effect.tryPromise({
    try: () =>
      client.config.authSchemePreference().then((schemes) =>
        schemes.includes("httpBearerAuth")
          ? Promise.resolve(client.config.token?.({ forceRefresh })).then((identity) =>
            JSON.stringify([identity?.token])
          )
          : client.config.credentials({ forceRefresh }).then(({ accessKeyId, secretAccessKey, sessionToken }) =>
            JSON.stringify([accessKeyId, secretAccessKey, sessionToken])
          )
      ),
    catch: BedrockError.fromCredentials
  })

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

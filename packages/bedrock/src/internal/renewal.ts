/**
 * Renews credentials that AWS refuses, and sets the clock right that signatures are dated by; then a call is tried once
 * more.
 *
 * The SDK keeps credentials until their `expiration`. That they were revoked, or rotated where they come from, only an
 * answer of the service tells.
 */
import type { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import * as ProviderError from "@strata/core/ProviderError"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as BedrockError from "../BedrockError.ts"

/** `around`: a call of one of the clients, tried again when new credentials or the right time may help. */
export interface Renewal {
  readonly around: <A, R>(
    client: BedrockRuntimeClient,
    self: Effect.Effect<A, ProviderError.CallError, R>
  ) => Effect.Effect<A, ProviderError.CallError, R>
}

/** For the clients that share the credentials of this one. */
export const make = (owner: BedrockRuntimeClient): Renewal => {
  let generation = 0
  let latest: Deferred.Deferred<boolean, ProviderError.CallError> | undefined
  let underWay = false

  /**
   * Whether credentials differ from those of an earlier generation. Calls that were refused together ask once, and the
   * renewal goes on when the call that began it is interrupted.
   */
  const renewedSince = (seen: number): Effect.Effect<boolean, ProviderError.CallError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        if (latest !== undefined && (underWay || generation !== seen)) return restore(Deferred.await(latest))
        const renewal = Deferred.makeUnsafe<boolean, ProviderError.CallError>()
        latest = renewal
        underWay = true
        const renewing = Effect.onExit(renew(owner), (exit) => {
          generation++
          underWay = false
          return Deferred.done(renewal, exit)
        })
        return Effect.andThen(Effect.forkDetach(Effect.interruptible(renewing)), restore(Deferred.await(renewal)))
      })
    )

  return {
    around: (client, self) =>
      Effect.suspend(() => {
        const seen = generation
        return Effect.catch(self, (error) => {
          if (error._tag !== "AuthenticationError") return Effect.fail(error)
          const time = BedrockError.timeOfService(error)
          if (time !== undefined) return Effect.andThen(setClock(client, time), self)
          if (!BedrockError.isRenewable(error)) return Effect.fail(error)
          return Effect.flatMap(renewedSince(seen), (changed) => changed ? self : Effect.fail(unchanged(error)))
        })
      })
  }
}

/** Asks for credentials again, whatever the SDK has kept. Says whether it got other ones. */
const renew = (client: BedrockRuntimeClient): Effect.Effect<boolean, ProviderError.CallError> =>
  Effect.gen(function*() {
    // none, where a provider did not get this far
    const before = yield* Effect.orElseSucceed(identity(client, false), () => undefined)
    const after = yield* identity(client, true)
    if (before === after) return false
    yield* Effect.logInfo("AWS refused the credentials: asked for new ones")
    return true
  })

/** What the client signs with, as one text. */
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
 * The SDK sets its clock by what a service answers, but not by the answers of streams.
 *
 * Real time, also under a test clock: it is what the SDK signs with.
 */
const setClock = (client: BedrockRuntimeClient, time: number): Effect.Effect<void> =>
  Effect.sync(() => {
    client.config.systemClockOffset = time - Clock.Clock.defaultValue().currentTimeMillisUnsafe()
  })

const unchanged = (error: ProviderError.AuthenticationError): ProviderError.AuthenticationError =>
  new ProviderError.AuthenticationError({
    provider: error.provider,
    model: error.model,
    requestId: error.requestId,
    exception: error.exception,
    cause: error.cause,
    message: `${error.message} Asking for them again gives the same ones: they cannot be renewed from here. ` +
      "Keys written in the options stay as they are; a provider of credentials is asked for new ones."
  })

/**
 * Sources of credentials, as effects, and the ones the AWS SDK implements.
 *
 * Each of the SDK's is imported when it is asked, from the package of it alone: these are what the SDK's client has as well, so
 * that a bundle holds nothing more for them.
 */
import type { BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Problem from "./Problem.ts"

/** A provider of credentials of the AWS SDK. */
export type SdkProvider = Exclude<
  NonNullable<BedrockRuntimeClientConfig["credentials"]>,
  { readonly accessKeyId: string }
>

/** Credentials as the SDK signs with them. */
export type SdkCredentials = Awaited<ReturnType<SdkProvider>>

/** What the SDK's own clients send their requests with. */
export type Network = NonNullable<BedrockRuntimeClientConfig["requestHandler"]>

/**
 * What a source is asked with.
 *
 * - `properties`: those of the SDK, for its providers: the client that asks, and whether it wants new credentials.
 * - `network`: what its requests are sent with; the SDK's default when `undefined`.
 * - `secrets`: what no problem may quote; a source adds its own.
 */
export interface Request {
  readonly properties: Parameters<SdkProvider>[0]
  readonly network: Network | undefined
  readonly secrets: Set<string>
}

/** Gets credentials, each time it runs. */
export type Source = (request: Request) => Effect.Effect<SdkCredentials, Problem.Problem>

/** What an effect or a provider of the program gives, which may be anything. It has its own timeouts. */
export const ofProgram =
  (provider: Effect.Effect<unknown, unknown> | SdkProvider) =>
  (request: Request): Effect.Effect<unknown, Problem.Problem> => {
    const who = "the credential provider"
    return Effect.isEffect(provider)
      ? explained(provider, who, request)
      : Effect.tryPromise({
        // A provider may throw before it returns a promise.
        try: () => Promise.resolve(request.properties).then(provider),
        catch: (error) => explain(error, who, request.secrets)
      })
  }

/** Any failure of an effect of the program, a defect included, as a problem of `who`. */
export const explained = <A>(
  effect: Effect.Effect<A, unknown>,
  who: string,
  request: Pick<Request, "secrets">
): Effect.Effect<A, Problem.Problem> =>
  Effect.catchCause(effect, (cause) => Effect.fail(explain(Cause.squash(cause), who, request.secrets)))

/** A failure inside the program. */
export const explain = (error: unknown, who: string, secrets: ReadonlySet<string>): Problem.Problem =>
  Problem.explain(error, { who, secrets: [...secrets], remedy: () => "Check where it gets the credentials from" })

/** Options of the SDK's providers that say how their clients send requests. */
export const sending = (
  { network }: Pick<Request, "network">
): { readonly clientConfig?: { readonly requestHandler: Network } } =>
  network === undefined ? {} : { clientConfig: { requestHandler: network } }

/** A provider of the SDK, once it is loaded. It gets a minute: it may wait for a server that never answers. */
export const ofSdk = (
  load: () => Promise<SdkProvider>,
  { properties }: Request,
  {
    problem,
    who
  }: { readonly who: string; readonly problem: (error: unknown) => Problem.Problem }
): Effect.Effect<SdkCredentials, Problem.Problem> =>
  Effect.tryPromise({
    try: () => load().then((provider) => provider(properties)),
    catch: problem
  }).pipe(
    Effect.timeoutOrElse({
      duration: "1 minute",
      orElse: () =>
        Effect.fail(Problem.unanswered(who, "it did not answer within a minute", "Check the network on the way to it"))
    })
  )

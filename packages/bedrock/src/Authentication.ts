/**
 * Authentication: turns the user's options into what the SDK takes.
 *
 * Explicit options win over the environment. Credentials are fetched at the first call; the SDK caches them and renews
 * them before they expire. When AWS refuses them as expired or unknown they are renewed once for all calls in flight,
 * and each of these calls is sent once more.
 */
import type { BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as BedrockError from "./BedrockError.ts"
import { fromIni, fromNodeProviderChain, fromTemporaryCredentials } from "./client/credentialProviders.ts"
import * as Environment from "./internal/environment.ts"
import { providerName } from "./internal/provider.ts"

/** AWS keys. `expiration`, in milliseconds since 1970, makes the SDK ask their provider again in time. */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: Redacted.Redacted
  readonly sessionToken?: Redacted.Redacted | undefined
  readonly expiration?: number | undefined
}

/**
 * A source of credentials: an effect, or a provider of the AWS SDK such as `fromSSO()`. It runs at the first call, and
 * again when the credentials are about to expire or are refused.
 */
export type CredentialsProvider = Effect.Effect<Credentials, unknown> | SdkProvider

/**
 * A role to assume with AWS STS before calling Bedrock.
 *
 * - `duration`: how long each session lasts; an hour when missing.
 * - `sessionName`: what CloudTrail shows; "strata" when missing.
 */
export interface AssumeRole {
  readonly roleArn: string
  readonly sessionName?: string | undefined
  readonly externalId?: string | undefined
  readonly duration?: Duration.Input | undefined
}

/**
 * One way to authenticate:
 *
 * - `credentials`: keys, or a source of them.
 * - `profile`: a profile of the AWS configuration files.
 * - `apiKey`: a Bedrock API key, sent as a bearer token, or an effect that gets one: it runs at the first call, and
 *   again when the key is refused.
 * - none of these: `AWS_BEARER_TOKEN_BEDROCK`, else the SDK's chain (environment, profile, web identity, container,
 *   instance).
 *
 * `assumeRole` takes on a role with the credentials of any way but `apiKey`.
 */
export interface Options {
  readonly credentials?: Credentials | CredentialsProvider | undefined
  readonly profile?: string | undefined
  readonly apiKey?: Redacted.Redacted | Effect.Effect<Redacted.Redacted, unknown> | undefined
  readonly assumeRole?: AssumeRole | undefined
}

/** What the SDK's client takes. `authSchemePreference` is always set: without it a token in the environment wins. */
export interface SdkAuthentication extends
  Pick<
    BedrockRuntimeClientConfig,
    "credentials" | "credentialDefaultProvider" | "token" | "authSchemePreference" | "profile"
  >
{}

/**
 * - `sdk`: what to give the SDK's client.
 * - `secrets`: the values of the credentials in force, for keeping them out of errors. None before the first call.
 */
export interface Authentication {
  readonly sdk: SdkAuthentication
  readonly secrets: () => ReadonlyArray<string>
}

/** Options that may be any value, field by field. No problem shows a key. */
export const fields: Check.Fields<Options> = {
  credentials: Check.optional((given, at) =>
    Check.holds((given) => Effect.isEffect(given) || Predicate.isFunction(given), given)
      // Of these no more can be known before they are run.
      ? given as CredentialsProvider
      : credentials(given, at)
  ),
  profile: Check.optional(Check.filled),
  apiKey: Check.optional((given, at) =>
    Check.holds(Effect.isEffect, given)
      // Of an effect no more can be known before it is run.
      ? given as Effect.Effect<Redacted.Redacted, unknown>
      : secret(given, at)
  ),
  assumeRole: Check.optional(Check.struct<AssumeRole>({
    roleArn: Check.filled,
    sessionName: Check.optional(Check.filled),
    externalId: Check.optional(Check.filled),
    duration: Check.optional(Check.duration({ zero: false }))
  }))
}

const secret: Check.Check<Redacted.Redacted> = (given, at) =>
  Redacted.isRedacted(given) && typeof Redacted.value(given) === "string"
    ? given as Redacted.Redacted
    : Check.refuseKind(at, given, "Wrap the text of the secret: `Redacted.make(secret)`")

const credentials = Check.struct<Credentials>({
  accessKeyId: Check.filled,
  secretAccessKey: secret,
  sessionToken: Check.optional(secret),
  expiration: Check.optional(Check.number({ remedy: "Use milliseconds since 1970" }))
}, { remedy: "Give keys, an effect that gets them, or a provider of the AWS SDK" })

/** What the SDK's own providers send their requests with; their default when `undefined`. */
type Network = NonNullable<BedrockRuntimeClientConfig["requestHandler"]>

/** Decides how to authenticate. `network` is for requests of the SDK's own providers. Fails with an `InvalidRequestError` that names the fields when two ways are given. */
export const resolve = Effect.fnUntraced(function*(
  options: Options,
  network?: Network
): Effect.fn.Return<Authentication, ProviderError.InvalidRequestError> {
  yield* exclusive(options)
  const apiKey = isExplicit(options) ? options.apiKey : yield* environment
  const context = yield* Effect.context()
  const known = new Set<string>()
  const watched: Watched = (provider) => (properties) =>
    Promise.resolve(properties).then(provider).then(
      (identity) => {
        remember(known, identity)
        return identity
      },
      // A failure is about authentication, unless the service or the network says more.
      (error: unknown) => Promise.reject(BedrockError.fromCredentials(error, { secrets: [...known] }))
    )
  return {
    sdk: apiKey === undefined ? signed(options, network, context, watched) : bearer(apiKey, context, watched),
    secrets: () => [...known]
  }
})

/** A provider of credentials whose failures are explained, and what it gives is known. */
type Watched = <Properties, Identity extends object>(
  provider: (properties?: Properties) => Promise<Identity>
) => (properties?: Properties) => Promise<Identity>

/** Credentials are renewed, and requests that were signed with older ones may still be under way. */
const remember = (known: Set<string>, identity: object): void => {
  for (const name of ["token", "secretAccessKey", "sessionToken"] as const) {
    const value = Predicate.hasProperty(identity, name) ? identity[name] : undefined
    if (!Predicate.isString(value)) continue
    known.delete(value)
    known.add(value)
  }
  for (const value of known) {
    if (known.size <= 6) break
    known.delete(value)
  }
}

type SdkProvider = Exclude<NonNullable<BedrockRuntimeClientConfig["credentials"]>, { readonly accessKeyId: string }>

type SdkCredentials = Awaited<ReturnType<SdkProvider>>

const environment = Effect.map(
  Environment.read("AWS_BEARER_TOKEN_BEDROCK"),
  (key) => key === undefined ? undefined : Redacted.make(key)
)

const isExplicit = (options: Options): boolean =>
  (["apiKey", "credentials", "profile", "assumeRole"] as const).some((way) => options[way] !== undefined)

const exclusive = (options: Options): Effect.Effect<void, ProviderError.InvalidRequestError> => {
  const ways = (["apiKey", "credentials", "profile"] as const).filter((way) => options[way] !== undefined)
  const given = options.apiKey !== undefined && options.assumeRole !== undefined ? [...ways, "assumeRole"] : ways
  return given.length < 2 ? Effect.void : Effect.fail(
    ProviderError.invalidRequest({
      provider: providerName,
      field: given.join(", "),
      problem: "these are different ways to authenticate",
      remedy: "Keep one of them"
    })
  )
}

const bearer = (
  apiKey: NonNullable<Options["apiKey"]>,
  context: Context.Context<never>,
  watched: Watched
): SdkAuthentication => {
  const effect = Effect.isEffect(apiKey) ? apiKey : Effect.succeed(apiKey)
  return {
    authSchemePreference: ["httpBearerAuth"],
    // A function, since the SDK's client shows its configuration to whoever prints it.
    token: watched(() => Effect.runPromiseWith(context)(Effect.map(effect, (key) => ({ token: Redacted.value(key) }))))
  }
}

const signed = (
  options: Options,
  network: Network | undefined,
  context: Context.Context<never>,
  watched: Watched
): SdkAuthentication => {
  const sending = network === undefined ? {} : { clientConfig: { requestHandler: network } }
  const source = options.credentials !== undefined
    ? provider(options.credentials, context)
    : options.profile !== undefined
    ? fromIni({ ...sending, profile: options.profile, ignoreCache: true })
    : undefined
  const credentials = options.assumeRole === undefined ? source : assumed(options.assumeRole, source, sending)
  return {
    authSchemePreference: ["sigv4"],
    // The SDK's own chain, but for files it would read once and for all.
    ...(credentials === undefined
      ? {
        credentialDefaultProvider: (init) => watched(fromNodeProviderChain({ ...init, ...sending, ignoreCache: true }))
      }
      : { credentials: watched(credentials) }),
    ...(options.profile === undefined ? {} : { profile: options.profile })
  }
}

interface Sending {
  readonly clientConfig?: { readonly requestHandler: Network }
}

const provider = (
  credentials: Credentials | CredentialsProvider,
  context: Context.Context<never>
): SdkProvider => {
  if (Predicate.isFunction(credentials)) return credentials
  const effect = Effect.isEffect(credentials) ? credentials : Effect.succeed(credentials)
  return () => Effect.runPromiseWith(context)(Effect.map(effect, toSdk))
}

const toSdk = (credentials: Credentials): SdkCredentials => ({
  accessKeyId: credentials.accessKeyId,
  secretAccessKey: Redacted.value(credentials.secretAccessKey),
  ...(credentials.sessionToken === undefined ? {} : { sessionToken: Redacted.value(credentials.sessionToken) }),
  ...(credentials.expiration === undefined ? {} : { expiration: new Date(credentials.expiration) })
})

/** The SDK keeps the source's credentials with its client of STS: to renew them takes a new one. */
const assumed = (role: AssumeRole, source: SdkProvider | undefined, sending: Sending): SdkProvider => {
  let provider = assuming(role, source, sending)
  return (properties) => {
    if (properties?.["forceRefresh"] === true) provider = assuming(role, source, sending)
    return provider(properties)
  }
}

const assuming = (role: AssumeRole, source: SdkProvider | undefined, sending: Sending): SdkProvider =>
  fromTemporaryCredentials({
    ...sending,
    ...(source === undefined ? {} : { masterCredentials: source }),
    params: {
      RoleArn: role.roleArn,
      RoleSessionName: role.sessionName ?? "strata",
      ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
      ...(role.duration === undefined ? {} : { DurationSeconds: Duration.toSeconds(role.duration) })
    }
  })

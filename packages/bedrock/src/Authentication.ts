/**
 * Authentication: turns the user's options into what the SDK takes.
 *
 * Explicit options win over the environment. Credentials are fetched at the first call, cached, and renewed before they
 * expire. When AWS refuses them as expired or unknown they are renewed once for all calls in flight, and each of these
 * calls is sent again.
 *
 * Whatever keeps credentials from coming is an `AuthenticationError` with its cause and one remedy; it is transient where
 * the source may give some in a moment.
 */
import type { BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Cached from "./credentials/Cached.ts"
import * as Chain from "./credentials/Chain.ts"
import * as Key from "./credentials/Key.ts"
import * as Problem from "./credentials/Problem.ts"
import * as Profile from "./credentials/Profile.ts"
import * as Role from "./credentials/Role.ts"
import * as Source from "./credentials/Source.ts"
import * as ErrorChain from "./error/ErrorChain.ts"
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
export type CredentialsProvider = Effect.Effect<Credentials, unknown> | Source.SdkProvider

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
 *   again when the key is refused. `Bearer` in front of it is dropped.
 * - none of these: `AWS_BEARER_TOKEN_BEDROCK`, else the SDK's chain (environment, profile, web identity, container,
 *   instance).
 *
 * `assumeRole` takes on a role with the credentials of any way but `apiKey`. White space around keys is dropped, and keys
 * that cannot be in a header are refused when the layer is built.
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
 * - `version`: grows each time other credentials than the last ones are got; 0 before the first.
 */
export interface Authentication {
  readonly sdk: SdkAuthentication
  readonly secrets: () => ReadonlyArray<string>
  readonly version: () => number
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
      : apiKey(given, at)
  ),
  assumeRole: Check.optional(Check.struct<AssumeRole>({
    roleArn: Check.filled,
    sessionName: Check.optional(Check.filled),
    externalId: Check.optional(Check.filled),
    duration: Check.optional(Check.duration({ zero: false }))
  }))
}

const apiKey = Key.check(Key.ofBearer)

const secret = Key.check(Key.trimmed)

const plainKey = Key.checkPlain

const credentials = Check.struct<Credentials>({
  accessKeyId: plainKey,
  secretAccessKey: secret,
  sessionToken: Check.optional(secret),
  expiration: Check.optional(Check.number({ remedy: "Use milliseconds since 1970" }))
}, { remedy: "Give keys, an effect that gets them, or a provider of the AWS SDK" })

/**
 * Decides how to authenticate. `network` is for requests of the SDK's own providers. Fails with an `InvalidRequestError` that
 * names the fields when two ways are given, and for a key in the environment that cannot be sent.
 */
export const resolve = Effect.fnUntraced(function*(
  options: Options,
  network?: Source.Network
): Effect.fn.Return<Authentication, ProviderError.InvalidRequestError> {
  yield* exclusive(options)
  const apiKey = isExplicit(options) ? options.apiKey : yield* environmentKey
  const context = yield* Effect.context()
  const known = new Set<string>()
  let version = 0
  let latest = ""
  const learn = (identity: object): void => {
    const seen = JSON.stringify([...keyNames, "token"].map((name) => ErrorChain.property(identity, name)))
    if (seen === latest) return
    latest = seen
    version++
    remember(known, identity)
  }
  const run = <A extends object>(effect: (secrets: Set<string>) => Effect.Effect<A, Problem.Problem>): Promise<A> =>
    Effect.runPromiseWith(context)(
      Effect.suspend(() => effect(new Set(known))).pipe(
        // No user input and no network may be a defect.
        Effect.catchDefect((defect) => Effect.fail(Source.explain(defect, "the credential provider", known))),
        Effect.tap((identity) => Effect.sync(() => learn(identity))),
        Effect.mapError(Problem.toError)
      )
    )
  return {
    sdk: apiKey === undefined ? signed(options, network, run, context) : bearer(apiKey, run),
    secrets: () => [...known],
    version: () => version
  }
})

const bearerVariable = "AWS_BEARER_TOKEN_BEDROCK"

/** The cleaned API key of `AWS_BEARER_TOKEN_BEDROCK`, if there is one. */
export const environmentKey: Effect.Effect<Redacted.Redacted | undefined, ProviderError.InvalidRequestError> = Effect
  .flatMap(Environment.read(bearerVariable), (given) => {
    const key = Key.ofBearer(given ?? "")
    const flaw = key === "" ? undefined : Key.flawOf(key)
    if (flaw === undefined) return Effect.succeed(key === "" ? undefined : Redacted.make(key))
    return Effect.fail(ProviderError.invalidRequest({ provider: providerName, field: bearerVariable, ...flaw }))
  })

/** Runs an effect that gets an identity, for the SDK: what it gives is known, and its failures are errors of a call. */
type Run = <A extends object>(effect: (secrets: Set<string>) => Effect.Effect<A, Problem.Problem>) => Promise<A>

const keyNames = ["accessKeyId", "secretAccessKey", "sessionToken"] as const

/** Credentials are renewed, and requests that were signed with older ones may still be under way. */
const remember = (known: Set<string>, identity: object): void => {
  // An access key id is no secret.
  for (const name of ["token", "secretAccessKey", "sessionToken"]) {
    const value = ErrorChain.string(identity, name)
    if (value === undefined) continue
    known.delete(value)
    known.add(value)
  }
  for (const value of known) {
    if (known.size <= 6) break
    known.delete(value)
  }
}

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
  given: NonNullable<Options["apiKey"]>,
  run: Run,
  who = "the provider of the API key"
): SdkAuthentication => ({
  authSchemePreference: ["httpBearerAuth"],
  // A function, since a client of the SDK that is printed shows its configuration.
  token: Effect.isEffect(given)
    ? () =>
      run((secrets) =>
        Effect.flatMap(
          Source.explained(given, who, { secrets }),
          (key) => Effect.map(usable(key, apiKey, who), (key) => ({ token: Redacted.value(key) }))
        )
      )
    : () => run(() => Effect.succeed({ token: Redacted.value(given) }))
})

const signed = (
  options: Options,
  network: Source.Network | undefined,
  run: Run,
  context: Context.Context<never>
): SdkAuthentication => {
  const own = options.credentials !== undefined
    ? ofProgram(options.credentials)
    : options.profile !== undefined
    ? Profile.source(options.profile)
    : Chain.make()
  const { assumeRole } = options
  const source = assumeRole === undefined ? own : Role.assumed({
    ...assumeRole,
    duration: assumeRole.duration === undefined ? undefined : Duration.toSeconds(assumeRole.duration)
  }, own)
  const provider = Cached.make(
    (properties) => run((secrets) => source({ properties, network, secrets })),
    (error) => {
      const message = Predicate.isError(error) ? error.message : "the provider failed"
      Effect.runForkWith(context)(
        Effect.logWarning("Credentials cannot be renewed: they are used until they expire", message)
      )
    }
  )
  return {
    authSchemePreference: ["sigv4"],
    // As a default, since the SDK would put a cache of its own in front of a provider it is given.
    credentialDefaultProvider: () => provider,
    ...(options.profile === undefined ? {} : { profile: options.profile })
  }
}

const ofProgram = (given: Credentials | CredentialsProvider): Source.Source => {
  if (!Predicate.isFunction(given) && !Effect.isEffect(given)) return () => Effect.succeed(toSdk(given))
  const provider = Source.ofProgram(given)
  const check: Check.Check<Source.SdkCredentials> = Predicate.isFunction(given) ? sdkCredentials : (value, at) => {
    const settled = credentials(value, at)
    return settled === Check.refused ? settled : toSdk(settled)
  }
  return (request) => Effect.flatMap(provider(request), (value) => usable(value, check, "the credential provider"))
}

/** What a provider of the program gave, which may be anything: keys are cleaned, and no problem shows one. */
const usable = <A>(value: unknown, check: Check.Check<A>, who: string): Effect.Effect<A, Problem.Problem> =>
  Result.match(Check.settle(check, value, { whole: "what it gave" }), {
    onSuccess: Effect.succeed,
    onFailure: ({ field, problem, remedy }) => Effect.fail(Problem.misconfigured(who, `${field}: ${problem}`, remedy))
  })

/** The credentials of a provider of the SDK; what else they have is the SDK's. */
const sdkCredentials: Check.Check<Source.SdkCredentials> = (given, at) => {
  const settled = sdkFields(given, at)
  // The rest has been given to the SDK by its own provider.
  return settled === Check.refused ? settled : { ...given as Source.SdkCredentials, ...settled }
}

const sdkFields = Check.struct<Pick<Source.SdkCredentials, typeof keyNames[number] | "expiration">>({
  accessKeyId: plainKey,
  secretAccessKey: plainKey,
  sessionToken: Check.optional(plainKey),
  expiration: Check.optional(Check.instance(
    (given): given is Date => given instanceof Date && !Number.isNaN(given.getTime()),
    "Give a valid `Date`"
  ))
}, { others: "ignored", remedy: "Let it give an object with keys" })

const toSdk = (credentials: Credentials): Source.SdkCredentials => ({
  accessKeyId: credentials.accessKeyId,
  secretAccessKey: Redacted.value(credentials.secretAccessKey),
  ...(credentials.sessionToken === undefined ? {} : { sessionToken: Redacted.value(credentials.sessionToken) }),
  ...(credentials.expiration === undefined ? {} : { expiration: new Date(credentials.expiration) })
})

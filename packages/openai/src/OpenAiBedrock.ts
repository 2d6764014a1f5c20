/**
 * Amazon Bedrock's endpoints that speak OpenAI's API, as an `OpenAiClient`.
 *
 * - `runtime`: `bedrock-runtime.{region}.amazonaws.com/openai/v1`, the one AWS recommends. Its quotas are those of Converse.
 * - `mantle`: `bedrock-mantle.{region}.api.aws`, with models that `runtime` has not, and with quotas of its own: a second pool
 *   for `ChatService.withFallback` and `ChatService.withPool`.
 *
 * `OpenAiChat` chooses the API and the path by the model, unless its options say them.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Authentication from "./client/Authentication.ts"
import * as Configured from "./internal/configured.ts"
import * as OpenAiClient from "./OpenAiClient.ts"
import * as OpenAiProfile from "./OpenAiProfile.ts"

/**
 * What signs requests with AWS credentials: `BedrockSigner` of `@strata/bedrock`, or the like. `renew` gets other credentials
 * after a refusal, and says whether they are others; then the request is sent once more. `account`: a label for whose they are,
 * for the keys of caches.
 */
export interface Signer {
  readonly sign: OpenAiClient.Authenticate
  readonly renew?: Effect.Effect<boolean, ProviderError.CallError> | undefined
  readonly account?: string | undefined
}

/**
 * Which of Bedrock's endpoints in OpenAI's format is called, where, and with which credentials.
 *
 * - `endpoint`: `runtime` when missing.
 * - `region`: else `AWS_REGION`, else `AWS_DEFAULT_REGION`.
 * - `apiKey`: a Bedrock API key; else `AWS_BEARER_TOKEN_BEDROCK`, unless there is a `signer`.
 * - `signer`: AWS Signature Version 4 in place of a key.
 * - `baseUrl`: in place of the region's own host: a VPC endpoint, a gateway, an emulator.
 * - `headers`, `profile`, `account`: see `OpenAiClient.Options`.
 */
export interface Options extends Pick<OpenAiClient.Options, "apiKey" | "headers" | "account" | "baseUrl"> {
  readonly endpoint?: "runtime" | "mantle" | undefined
  readonly region?: string | undefined
  readonly signer?: Signer | undefined
  readonly profile?: Exclude<OpenAiProfile.Input, string> | undefined
}

/** {@link Options}, each of them given or read from `Config`. */
export type ConfigOptions = { readonly [Name in keyof Options]: Options[Name] | Config.Config<Options[Name]> }

/**
 * Builds a client. Fails with `InvalidRequestError` for invalid options, without a region, and with neither a key nor a signer.
 */
export const make = Effect.fnUntraced(function*(
  given: Options = {}
): Effect.fn.Return<
  OpenAiClient.OpenAiClient["Service"],
  ProviderError.InvalidRequestError,
  HttpClient.HttpClient
> {
  const { apiKey, endpoint = "runtime", profile, region, signer, ...options } = yield* Check.run(optionsOf, given, {
    provider: "aws.bedrock",
    whole: "options"
  })
  const chosen = region ?? (yield* variable("AWS_REGION")) ?? (yield* variable("AWS_DEFAULT_REGION"))
  if (chosen === undefined) {
    return yield* invalid("region", "no region is known", "Set `region`, or AWS_REGION in the environment")
  }
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(chosen)) {
    return yield* invalid("region", "this is not a region", "Write it like \"us-east-1\"")
  }
  if (apiKey !== undefined && signer !== undefined) {
    return yield* invalid("apiKey, signer", "these are different ways to authenticate", "Keep one of them")
  }
  const key = signer === undefined ? apiKey ?? (yield* variable("AWS_BEARER_TOKEN_BEDROCK")) : undefined
  if (key === undefined && signer === undefined) {
    return yield* invalid(
      "apiKey",
      "there is neither a Bedrock API key nor a signer",
      "Set AWS_BEARER_TOKEN_BEDROCK, or give a `signer`, such as `BedrockSigner` of @strata/bedrock"
    )
  }
  const client = yield* OpenAiClient.make({
    baseUrl: hosts[endpoint](chosen),
    account: signer?.account,
    ...options,
    ...(key !== undefined && { apiKey: bearer(key) }),
    ...(signer !== undefined && { authentication: signer.sign }),
    profile: { kind: kinds[endpoint], ...profile }
  })
  return { ...renewing(client, signer?.renew), region: chosen }
})

/**
 * A layer of {@link make}, over `fetch`. Fails with `InvalidRequestError` as it does.
 *
 * @example
 * // a bearer key from AWS_BEARER_TOKEN_BEDROCK
 * OpenAiChat.layer({ model: "openai.gpt-oss-120b" }).pipe(
 *   Layer.provide(OpenAiBedrock.layer({ endpoint: "mantle", region: "us-east-1" }))
 * )
 *
 * @example
 * // the credentials of AWS
 * Layer.unwrap(Effect.map(BedrockSigner.BedrockSigner, (signer) =>
 *   OpenAiBedrock.layer({ endpoint: "mantle", region: "us-east-1", signer })
 * )).pipe(Layer.provide(BedrockSigner.layer()))
 */
export const layer = (options?: Options): Layer.Layer<OpenAiClient.OpenAiClient, ProviderError.InvalidRequestError> =>
  Layer.provide(layerHttpClient(options), fetchLayer)

/** {@link layer} over an `HttpClient` of the program. */
export const layerHttpClient = (
  options?: Options
): Layer.Layer<OpenAiClient.OpenAiClient, ProviderError.InvalidRequestError, HttpClient.HttpClient> =>
  Layer.effect(OpenAiClient.OpenAiClient, make(options))

/** {@link layer} with any of its options read from `Config`. */
export const layerConfig = (
  options: ConfigOptions = {}
): Layer.Layer<OpenAiClient.OpenAiClient, ProviderError.InvalidRequestError | Config.ConfigError> =>
  Layer.provide(
    Layer.effect(OpenAiClient.OpenAiClient, Effect.flatMap(Configured.read<Options>(options), make)),
    fetchLayer
  )

/** Redirects would take the key along. */
const fetchLayer = Layer.provide(
  FetchHttpClient.layer,
  Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" })
)

const hosts = {
  runtime: (region: string) => `https://bedrock-runtime.${region}.amazonaws.com${suffix(region)}/openai/v1`,
  mantle: (region: string) => `https://bedrock-mantle.${region}.api.aws`
}

const suffix = (region: string) => region.startsWith("cn-") ? ".cn" : ""

const kinds = { runtime: "bedrock", mantle: "bedrock-mantle" } as const

/** What people copy may have the word in front that a header has. */
const bearer = (key: Redacted.Redacted | string): Redacted.Redacted => {
  const text = typeof key === "string" ? key : Redacted.value(key)
  return Redacted.make(text.trim().replace(/^bearer\s+/i, ""))
}

/** The client, which sends a request once more with other credentials, where a server refused the first ones. */
const renewing = (
  client: OpenAiClient.OpenAiClient["Service"],
  renew: Signer["renew"]
): OpenAiClient.OpenAiClient["Service"] => {
  if (renew === undefined) return client
  const again = <A, R>(call: Effect.Effect<A, ProviderError.CallError, R>): typeof call =>
    Effect.catch(call, (error) =>
      error._tag === "AuthenticationError" && error.server !== undefined
        ? Effect.flatMap(renew, (changed) => changed ? call : Effect.fail(error))
        : Effect.fail(error))
  return {
    ...client,
    post: (...request) => again(client.post(...request)),
    postStream: (...request) => again(client.postStream(...request))
  }
}

const variable = (name: string): Effect.Effect<string | undefined, ProviderError.InvalidRequestError> =>
  Effect.matchEffect(Config.option(Config.String(name)), {
    onFailure: () => invalid(name, "it cannot be read", "Check the ConfigProvider"),
    onSuccess: (value) => Effect.succeed(Option.getOrUndefined(value)?.trim() || undefined)
  })

const invalid = (field: string, problem: string, remedy: string) =>
  Effect.fail(ProviderError.invalidRequest({ provider: "aws.bedrock", field, problem, remedy }))

const signerOf: Check.Check<Signer> = (given, at) => {
  const renew = Predicate.hasProperty(given, "renew") ? given.renew : undefined
  const account = Predicate.hasProperty(given, "account") ? given.account : undefined
  return Predicate.hasProperty(given, "sign") && Predicate.isFunction(given.sign) &&
      (renew === undefined || Effect.isEffect(renew)) && (account === undefined || Predicate.isString(account))
    // Of a function and an effect no more can be known before they are run.
    ? given as Signer
    : Check.refuseKind(at, given, "Give a `BedrockSigner` of @strata/bedrock, or { sign }")
}

const { apiKey, headers } = Authentication.fields

const optionsOf = Check.struct<Options>({
  endpoint: Check.optional(Check.word(["runtime", "mantle"])),
  region: Check.optional(Check.filled),
  apiKey,
  headers,
  signer: Check.optional(signerOf),
  baseUrl: Check.optional(Check.filled),
  account: Check.optional(Check.filled),
  profile: Check.optional((given, at) => {
    const profile = OpenAiProfile.check(given, at)
    return typeof profile === "string"
      ? Check.refuseKind(at, given, "Give an object: the endpoint tells the kind")
      : profile
  })
})

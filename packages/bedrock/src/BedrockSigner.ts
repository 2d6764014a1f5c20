/**
 * Signs requests that another client sends to AWS: Bedrock's endpoints for OpenAI's dialect, through `@strata/openai`.
 *
 * It uses the credentials of `BedrockClient`, from the same sources, cached and renewed in the same way. An API key is a bearer
 * token, everything else AWS Signature Version 4 over the method, the URL, the headers and the body.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Authentication from "./Authentication.ts"
import * as BedrockError from "./BedrockError.ts"
import * as AwsProfile from "./client/awsProfile.ts"
import * as ClientIdentity from "./client/identity.ts"
import * as Signature from "./client/signature.ts"
import { providerName } from "./internal/provider.ts"
import * as Region from "./Region.ts"
import * as Transport from "./Transport.ts"

/**
 * A request before it is sent. `url` is absolute; `body` is exactly what will be sent. Headers that are added afterwards are not
 * covered by the signature, and must not begin with `x-amz-`.
 */
export interface Unsigned {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | Uint8Array | undefined
}

/** The headers that authenticate a request, their names in lower case; the `host` is signed, and not among them. */
export type Headers = Readonly<Record<string, string>>

/**
 * Signs requests to AWS that something else sends.
 *
 * - `sign`: the headers to add to a request. Fails with `AuthenticationError` when there are no credentials.
 * - `renew`: fetches credentials again, for a request that was refused as unauthenticated; whether others came.
 * - `account`: a label for whose credentials are used, for the keys of caches; it holds no secret.
 * - `secrets`: what must not be shown: the values of the credentials in force. None before the first request.
 */
export class BedrockSigner extends Context.Service<BedrockSigner, {
  readonly sign: (request: Unsigned) => Effect.Effect<Headers, ProviderError.CallError>
  readonly renew: Effect.Effect<boolean, ProviderError.CallError>
  readonly account: string
  readonly secrets: () => ReadonlyArray<string>
}>()("@strata/bedrock/BedrockSigner") {}

/**
 * Where signatures are valid, and whose credentials make them.
 *
 * - `region`, `service`: where a signature is valid. The host of the request tells both when they are missing
 *   (`bedrock-mantle.us-east-1.api.aws`); for other hosts the region is that of `BedrockClient.Options`, the service `bedrock`.
 * - `transport`: for the requests that get credentials.
 * - the rest: see `Authentication.Options`.
 */
export interface Options extends Authentication.Options {
  readonly region?: string | undefined
  readonly service?: string | undefined
  readonly transport?: Transport.Options | undefined
}

/**
 * Builds a signer. Fails with `InvalidRequestError` for options that contradict each other; credentials are got for the first
 * request.
 *
 * @example
 * const signer = yield* BedrockSigner.make({ profile: "production" })
 * const headers = yield* signer.sign({ method: "POST", url, headers: { "content-type": "application/json" }, body })
 */
export const make = Effect.fnUntraced(function*(
  given: Options = {}
): Effect.fn.Return<BedrockSigner["Service"], ProviderError.InvalidRequestError, Scope.Scope> {
  const options = yield* Check.run(optionsOf, given, { provider: providerName, whole: "options" })
  const profile = yield* AwsProfile.read(options.profile)
  const { ofCredentials } = yield* Transport.make(options.transport, profile)
  const { sdk, secrets, version } = yield* Authentication.resolve(options, ofCredentials)
  const region = yield* Region.resolve(options.region)
  const credentials = sdk.credentialDefaultProvider?.({})

  const bearer = (properties: object) =>
    attempt(() => Promise.resolve(typeof sdk.token === "function" ? sdk.token(properties) : sdk.token))
  const keys = (properties: object) => attempt(() => Promise.resolve(credentials?.(properties)))

  const sign = Effect.fnUntraced(function*(request: Unsigned) {
    const { body, headers, method, url } = yield* Check.run(unsigned, request, {
      provider: providerName,
      field: "request"
    })
    const target = Result.getOrUndefined(Result.try(() => new URL(url)))
    if (target === undefined) return yield* notUrl
    if (credentials === undefined) {
      const identity = yield* bearer({})
      return { ...lowered(headers), authorization: `Bearer ${identity?.token ?? ""}` }
    }
    const [, service, regional] = ofHost.exec(target.hostname) ?? []
    const scope = {
      region: options.region ?? regional ?? region,
      service: options.service ?? (service === "bedrock-mantle" ? service : "bedrock")
    }
    if (scope.region === undefined) return yield* noRegion
    const identity = yield* keys({})
    if (identity === undefined) return yield* noCredentials
    const { host: _, ...signed } = Signature.sign(
      {
        method: method.toUpperCase(),
        path: target.pathname,
        query: [...target.searchParams],
        headers: { ...lowered(headers), host: target.host },
        body
      },
      identity,
      { region: scope.region, service: scope.service },
      new Date(yield* Clock.currentTimeMillis)
    )
    return signed
  }, Effect.withSpan("BedrockSigner.sign", {}, { captureStackTrace: false }))

  return BedrockSigner.of({
    sign,
    renew: Effect.suspend(() => {
      const before = version()
      const again = { forceRefresh: true }
      const renewed: Effect.Effect<unknown, ProviderError.CallError> = credentials === undefined
        ? bearer(again)
        : keys(again)
      return Effect.map(renewed, () => version() !== before)
    }),
    account: yield* ClientIdentity.accountOf(options),
    secrets
  })
})

/**
 * A layer of {@link make}, for one signer that several clients share. Fails with `InvalidRequestError` as it does.
 */
export const layer = (options?: Options): Layer.Layer<BedrockSigner, ProviderError.InvalidRequestError> =>
  Layer.effect(BedrockSigner, make(options))

const optionsOf = Check.struct<Options>({
  ...Authentication.fields,
  region: Check.optional(Region.check),
  service: Check.optional(Check.filled),
  transport: Check.unchecked()
})

const texts: Check.Check<Readonly<Record<string, string>>> = (given, at) => {
  const copy = Check.jsonObject("Give an object of texts")(given, at)
  if (copy === Check.refused) return copy
  for (const value of Object.values(copy)) {
    if (!Predicate.isString(value)) return Check.refuse(at, "a header is no text", "Give an object of texts")
  }
  return copy as Readonly<Record<string, string>> // each value is text
}

const unsigned = Check.struct<Unsigned>({
  method: Check.filled,
  url: Check.filled,
  headers: Check.optional(texts),
  body: Check.optional((given, at) => typeof given === "string" ? given : Check.bytes(given, at))
})

const lowered = (headers: Headers = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

/** The host of an endpoint of Bedrock: its service and its region. */
const ofHost = /^(bedrock-runtime|bedrock-mantle)(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$/

/** What the sources of credentials reject with is an error of a call already. */
const attempt = <A>(get: () => Promise<A>): Effect.Effect<A, ProviderError.CallError> =>
  Effect.tryPromise({ try: get, catch: (error) => BedrockError.fromUnknown(error) })

const notUrl = ProviderError.invalidRequest({
  provider: providerName,
  field: "request.url",
  problem: "it is not a URL",
  remedy: "Give an absolute URL, such as `https://bedrock-mantle.us-east-1.api.aws/v1/responses`"
})

const noRegion = ProviderError.invalidRequest({
  provider: providerName,
  field: "region",
  problem: "no region is known, and the host names none",
  remedy: "Set `region`, or AWS_REGION in the environment"
})

const noCredentials = new ProviderError.AuthenticationError({
  provider: providerName,
  message: "No AWS credentials were found. Set a `profile` or `credentials`, or an API key."
})

/**
 * A server that speaks OpenAI's API: its address, its key, and what it does differently. Requests are single attempts over
 * `effect/http`; retries, limits and timeouts belong to the policy of the services above.
 */
import * as Check from "@strata/core/Check"
import type { Identity } from "@strata/core/Identity"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Answer, StreamAnswer } from "./client/Answer.ts"
import * as Authentication from "./client/Authentication.ts"
import * as ClientIdentity from "./client/Identity.ts"
import * as Requests from "./client/Requests.ts"
import * as ServerAddress from "./client/ServerAddress.ts"
import * as Configured from "./internal/configured.ts"
import * as OpenAiProfile from "./OpenAiProfile.ts"

export type { Answer, Head, ServerEvent, StreamAnswer } from "./client/Answer.ts"
export type { Authenticate, Unsigned } from "./client/Authentication.ts"
export type { PostOptions } from "./client/Requests.ts"
export type { AzureMode } from "./client/ServerAddress.ts"

/**
 * A client of one server.
 *
 * - `post`: a whole answer. `postStream`: the head of a stream, whose connection is open until its scope closes, and its events.
 *   `path` is below the base URL (`chat/completions`); `body` is written as JSON, its `model` names the deployment for Azure's
 *   older URLs. Interruption closes the connection.
 * - `profile`: see `OpenAiProfile`. `baseUrl`: without query. `server`: its host. `region`: of an endpoint of AWS.
 * - `identity`: address, account and project, for the keys of caches.
 */
export class OpenAiClient extends Context.Service<OpenAiClient, {
  readonly post: (
    path: string,
    body: object,
    options?: Requests.PostOptions
  ) => Effect.Effect<Answer, ProviderError.CallError>
  readonly postStream: (
    path: string,
    body: object,
    options?: Requests.PostOptions
  ) => Effect.Effect<StreamAnswer, ProviderError.CallError, Scope.Scope>
  readonly profile: OpenAiProfile.Profile
  readonly baseUrl: string
  readonly server: string
  readonly region: string | undefined
  readonly identity: Identity
}>()("@strata/openai/OpenAiClient") {}

/**
 * How to reach a server.
 *
 * - `apiKey`: sent as a bearer token, to Azure in the header `api-key`. Local servers need none.
 * - `baseUrl`: OpenAI's when missing, and Azure's with `azure`. A known server without a path gets its `/v1`.
 * - `azure`: how Azure is asked: `v1`, the default for its hosts, by `/openai/v1`; or by deployment, the model of a request
 *   unless it is given, and `apiVersion`.
 * - `organization`, `project`: of OpenAI. `headers`: added to each request; their values are secrets.
 * - `authentication`: headers for each request, such as a signature, in place of the key.
 * - `profile`: what the server does differently, where the base URL does not tell; see `OpenAiProfile.Input`.
 * - `account`: a label for caches that several keys share; a digest of the key when missing.
 */
export interface Options {
  readonly apiKey?: Redacted.Redacted | string | undefined
  readonly baseUrl?: string | undefined
  readonly azure?: ServerAddress.AzureMode | undefined
  readonly organization?: string | undefined
  readonly project?: string | undefined
  readonly headers?: Authentication.HeaderInput | undefined
  readonly authentication?: Authentication.Authenticate | undefined
  readonly profile?: OpenAiProfile.Input | undefined
  readonly account?: string | undefined
}

/** {@link Options}, each of them given or read from `Config`. */
export type ConfigOptions = { readonly [Name in keyof Options]: Options[Name] | Config.Config<Options[Name]> }

/**
 * Builds a client over the `HttpClient` in the context. Fails with `InvalidRequestError` for invalid options, and where OpenAI or
 * Azure would be called without a key; nothing is sent before the first call.
 */
export const make = Effect.fnUntraced(function*(
  given: Options = {}
): Effect.fn.Return<OpenAiClient["Service"], ProviderError.InvalidRequestError, HttpClient.HttpClient> {
  const options = yield* Check.run(optionsOf, given, { provider: "openai", whole: "options" })
  const { account, azure, organization, project } = options
  const baseUrl = options.baseUrl ?? ServerAddress.openai
  const profile = OpenAiProfile.resolve(baseUrl, profileInput(options.profile, azure))
  const invalid = (problem: ServerAddress.Problem) =>
    Effect.fail(ProviderError.invalidRequest({ provider: profile.provider, ...problem }))
  const read = ServerAddress.read(baseUrl, profile.kind, azure)
  if (Result.isFailure(read)) return yield* invalid(read.failure)
  const address = read.success
  const authentication = Authentication.make(options, profile.kind)
  if (!authentication.isGiven && ServerAddress.needsKey(profile.kind)) {
    return yield* invalid({
      field: "apiKey",
      problem: `${address.url.host} needs an API key`,
      remedy: "Give `apiKey`, or use `OpenAiClient.layerConfig()`, which reads OPENAI_API_KEY"
    })
  }
  const url = ServerAddress.shown(ServerAddress.urlOf(address, "", undefined)).replace(/\/+$/, "")
  const requests = yield* Requests.make({ address, authentication, provider: profile.provider })
  return OpenAiClient.of({
    ...requests,
    profile,
    baseUrl: url,
    server: address.url.host,
    region: ServerAddress.regionOf(address.url),
    identity: yield* ClientIdentity.make({ account, organization, project, url, secret: authentication.secrets[0] })
  })
})

/** Azure named by its mode is Azure whatever its host is, such as that of a gateway. */
const profileInput = (
  given: OpenAiProfile.Input | undefined,
  azure: ServerAddress.AzureMode | undefined
): OpenAiProfile.Input | undefined => {
  if (azure === undefined) return given
  return typeof given === "string" ? given : { kind: "azure", ...given }
}

/**
 * A client over `fetch`: needs nothing else. Redirects are not followed, since they would take the key along. Fails
 * with `InvalidRequestError` for invalid options.
 *
 * @example
 * OpenAiClient.layer({ apiKey: Redacted.make(key) })
 * OpenAiClient.layer({ baseUrl: "http://localhost:11434/v1" })
 */
export const layer = (options?: Options): Layer.Layer<OpenAiClient, ProviderError.InvalidRequestError> =>
  Layer.provide(layerHttpClient(options), fetchLayer)

/** {@link layer} over an `HttpClient` of the program: with proxies, certificates, HTTP/2, logging. */
export const layerHttpClient = (
  options?: Options
): Layer.Layer<OpenAiClient, ProviderError.InvalidRequestError, HttpClient.HttpClient> =>
  Layer.effect(OpenAiClient, make(options))

/**
 * {@link layer} with options from `Config`. What is not given is read from `OPENAI_API_KEY`, `OPENAI_BASE_URL`,
 * `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID`; for Azure, without `OPENAI_BASE_URL`, from `AZURE_OPENAI_ENDPOINT`,
 * `AZURE_OPENAI_API_KEY` and `OPENAI_API_VERSION`. An empty variable counts as missing.
 *
 * @example
 * OpenAiClient.layerConfig({ apiKey: Config.Redacted("MY_KEY"), profile: { contextWindow: 32_768 } })
 */
export const layerConfig = (
  options: ConfigOptions = {}
): Layer.Layer<OpenAiClient, ProviderError.InvalidRequestError | Config.ConfigError> =>
  Layer.provide(
    Layer.effect(
      OpenAiClient,
      Effect.flatMap(Configured.read<Options>(options), (given) => Effect.flatMap(Configured.client(given), make))
    ),
    fetchLayer
  )

const fetchLayer = Layer.provide(
  FetchHttpClient.layer,
  Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" })
)

const optionsOf = Check.struct<Options>({
  ...Authentication.fields,
  baseUrl: Check.optional(Check.filled),
  azure: Check.optional((given, at) =>
    typeof given === "string"
      ? Check.word(["v1"])(given, at)
      : Check.struct<Exclude<ServerAddress.AzureMode, string>>({
        apiVersion: Check.filled,
        deployment: Check.optional(Check.filled)
      }, { remedy: "Use \"v1\", or { apiVersion }" })(given, at)
  ),
  profile: Check.optional(OpenAiProfile.check),
  account: Check.optional(Check.filled)
})

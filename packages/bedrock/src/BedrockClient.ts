/**
 * Amazon Bedrock Runtime as a scoped resource: one SDK client, made with the layer and destroyed with its scope.
 *
 * Each call is one attempt: the SDK's own retry is off, because the policy of the services above owns retries. A model
 * named by an ARN is called in the region of the ARN, through the same connections and credentials.
 */
import {
  type ApplyGuardrailCommandInput,
  type ApplyGuardrailCommandOutput,
  type BedrockRuntimeClient,
  type ConverseCommandInput,
  type ConverseCommandOutput,
  type ConverseStreamCommandInput,
  type ConverseStreamOutput,
  type CountTokensCommandInput,
  type CountTokensCommandOutput
} from "@aws-sdk/client-bedrock-runtime"
import * as Check from "@strata/core/Check"
import type { Identity } from "@strata/core/Identity"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Authentication from "./Authentication.ts"
import * as AwsProfile from "./client/awsProfile.ts"
import * as Calls from "./client/calls.ts"
import * as ClientInput from "./client/clientInput.ts"
import * as ClientSpan from "./client/clientSpan.ts"
import * as DirectRequests from "./client/directRequests.ts"
import * as Endpoint from "./client/endpoint.ts"
import * as ClientIdentity from "./client/identity.ts"
import * as InvokeModel from "./client/invokeModel.ts"
import * as ProfileFallback from "./client/profileFallback.ts"
import * as SdkClients from "./client/sdkClients.ts"
import * as Configured from "./internal/configured.ts"
import { providerName } from "./internal/provider.ts"
import * as Region from "./Region.ts"
import * as Transport from "./Transport.ts"
import * as ConverseShapes from "./wire/ConverseShapes.ts"
import * as GuardrailShapes from "./wire/GuardrailShapes.ts"
import { requestId } from "./wire/ServiceError.ts"

/**
 * An answer of Converse. `inferenceProfile` is the profile called in place of the model, where {@link Options} allow
 * it.
 */
export interface ConverseResponse extends ConverseCommandOutput {
  readonly inferenceProfile?: string | undefined
}

/** A stream of Converse events, and the id of the request that opened it; see {@link ConverseResponse}. */
export interface ConverseStreamResponse {
  readonly requestId: string | undefined
  readonly inferenceProfile?: string | undefined
  readonly events: Stream.Stream<ConverseStreamOutput, ProviderError.CallError>
}

/** The input of InvokeModel and of its stream. */
export type InvokeModelInput = InvokeModel.Input

/** The body of the answer, and the metadata in its headers; see {@link ConverseResponse}. */
export interface InvokeModelResponse extends InvokeModel.Served, InvokeModel.Metered {
  readonly body: Uint8Array
  readonly inferenceProfile?: string | undefined
}

/**
 * The chunks of the answer as they arrive, each in the model's own format; see {@link ConverseResponse}. The last one
 * has a member `amazon-bedrock-invocationMetrics` with tokens and latencies.
 */
export interface InvokeModelStreamResponse extends InvokeModel.Served {
  readonly chunks: Stream.Stream<Uint8Array, ProviderError.CallError>
  readonly inferenceProfile?: string | undefined
}

/**
 * The operations of Bedrock Runtime, each one attempt, with typed errors. Interruption closes the HTTP stream.
 *
 * One attempt sends another request where the first cannot have been served: after refused credentials were renewed (three
 * times at most), after a wrong clock was corrected, or through the inference profile of a model that requires one.
 *
 * Answers are checked while they are decoded and have their declared types. A wrong type in an answer is a
 * `MalformedResponseError` that names its path; one in data that accompanies an answer (usage, metrics, trace) is left
 * out. Values of an enumeration may be newer than its type. An integer too large for a `number` is a string of its
 * digits.
 *
 * - `converseStream`: the response is open until its scope closes. `events` can be run once; it ends when the service
 *   ends the response, so only a `messageStop` among them tells that the answer is whole.
 * - `invokeModelStream`: as `converseStream`; the end of a complete answer is marked in the model's own format.
 * - `countTokens`: for the tokens of a chat request see `BedrockTokens`.
 * - `applyGuardrail`: a guardrail named by an ARN is called in the region of the ARN; `Guardrail` gives a typed outcome.
 * - `region`: the region of calls whose model is not an ARN, if one is known.
 * - `identity`: account, region and endpoint, for the keys of caches.
 * - `sdk`: the client itself, for operations not covered here. It has the client's region only.
 */
export class BedrockClient extends Context.Service<BedrockClient, {
  readonly converse: (
    input: ConverseCommandInput
  ) => Effect.Effect<ConverseResponse, ProviderError.CallError>
  readonly converseStream: (
    input: ConverseStreamCommandInput
  ) => Effect.Effect<ConverseStreamResponse, ProviderError.CallError, Scope.Scope>
  readonly invokeModel: (
    input: InvokeModelInput
  ) => Effect.Effect<InvokeModelResponse, ProviderError.CallError>
  readonly invokeModelStream: (
    input: InvokeModelInput
  ) => Effect.Effect<InvokeModelStreamResponse, ProviderError.CallError, Scope.Scope>
  readonly countTokens: (
    input: CountTokensCommandInput
  ) => Effect.Effect<CountTokensCommandOutput, ProviderError.CallError>
  readonly applyGuardrail: (
    input: ApplyGuardrailCommandInput
  ) => Effect.Effect<ApplyGuardrailCommandOutput, ProviderError.CallError>
  readonly region: string | undefined
  readonly identity: Identity
  readonly sdk: BedrockRuntimeClient
}>()("@strata/bedrock/BedrockClient") {}

/**
 * How to reach Bedrock. Every option is optional and falls back to the environment.
 *
 * - `region`: else `AWS_REGION`, `AWS_DEFAULT_REGION`, the region of the profile. Only models named by an ARN can be called
 *   without.
 * - `endpoint`: a URL in place of the region's own: a VPC endpoint, a gateway, an emulator. Else
 *   `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`, `AWS_ENDPOINT_URL`, the profile's for the service (`services`), the profile's
 *   `endpoint_url`. `http` or `https`, without user name, query and fragment.
 * - `transport`: see {@link Transport.Options}.
 * - `inferenceProfile`: what to do about a model that Bedrock does not serve by its own id, "with on-demand throughput".
 *   `geography`, the default, calls it through the inference profile of the region's geography (`us.`, `eu.`, `apac.` …),
 *   where requests stay; `global` tries the profile `global.` after that, whose requests go to any commercial region;
 *   `never` fails with `InvalidRequestError`. What works is remembered and logged, once for each model. Ids with a
 *   geography and ARNs are called as they are.
 * - `account`: a label for the account, for caches that several accounts share. Without it the credentials name it: an
 *   access key id, a profile, a role, the digest of an API key. Credentials from a provider or an effect name nothing.
 * - the rest: see {@link Authentication.Options}.
 *
 * The region and `AWS_BEARER_TOKEN_BEDROCK` are read through the `ConfigProvider`; endpoint, profile, proxies and
 * certificates as well, or else from the process; other variables and files by the SDK itself, from the process.
 */
export interface Options extends Authentication.Options {
  readonly region?: string | undefined
  readonly endpoint?: string | undefined
  readonly transport?: Transport.Options | undefined
  readonly inferenceProfile?: ProfileFallback.Mode | undefined
  readonly account?: string | undefined
}

/** {@link Options}, each of them given or read from `Config`. */
export type ConfigOptions = { readonly [Name in keyof Options]: Options[Name] | Config.Config<Options[Name]> }

/**
 * Opens a client. Fails with an `InvalidRequestError` when the options contradict each other, when region, endpoint or proxy
 * cannot be one, or certificates cannot be read; nothing is sent before the first call, so wrong credentials show there.
 */
export const make = Effect.fnUntraced(function*(
  given: Options = {}
): Effect.fn.Return<BedrockClient["Service"], ProviderError.InvalidRequestError, Scope.Scope> {
  const options = yield* Check.run(optionsOf, given, { provider: providerName, whole: "options" })
  const profile = yield* AwsProfile.read(options.profile)
  const endpoint = yield* Endpoint.resolve(options.endpoint, profile)
  const region = yield* Region.resolve(options.region)
  const { ofCredentials, requestHandler } = yield* Transport.make(options.transport, profile)
  const authentication = yield* Authentication.resolve(options, ofCredentials)
  const sdks = yield* SdkClients.open({
    ...authentication.sdk,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    requestHandler
  }, authentication.version)
  yield* Endpoint.warnOfRegion(endpoint, sdks.region)
  const calls = yield* Calls.make(authentication.secrets)
  const profiles = ProfileFallback.make(sdks.region, options.inferenceProfile ?? "geography")

  /** Calls a model, or the inference profile in its place, with a separate input for each attempt. */
  const toModel = <Fields extends { readonly modelId: string | undefined }, A, R>(
    fields: Fields,
    send: (
      sdk: BedrockRuntimeClient,
      request: Calls.Request & { readonly input: Fields },
      inferenceProfile: string | undefined
    ) => Effect.Effect<A, ProviderError.CallError, R>
  ) =>
    profiles.call(
      fields.modelId,
      ({ inferenceProfile, modelId }) =>
        sdks.withModel(
          modelId,
          (sdk, asked) => send(sdk, { input: { ...fields, modelId }, asked }, inferenceProfile)
        )
    )

  return BedrockClient.of(ClientInput.checked({
    converse: ClientSpan.around(
      "BedrockClient.converse",
      (input) =>
        toModel(input, (sdk, request, inferenceProfile) =>
          Effect.map(
            calls.json(request, () => DirectRequests.converse(sdk, request.input), ConverseShapes.response),
            (answer): ConverseResponse => {
              const output = withMetadata(answer)
              return inferenceProfile === undefined ? output : { ...output, inferenceProfile }
            }
          ))
    ),
    converseStream: ClientSpan.around("BedrockClient.converseStream", (input) =>
      toModel(
        input,
        Effect.fnUntraced(function*(sdk, request, inferenceProfile) {
          const { head, value } = yield* calls.events(
            request,
            () => DirectRequests.converseStream(sdk, request.input),
            ConverseShapes.events
          )
          return { requestId: requestId(head), inferenceProfile, events: value }
        })
      )),
    invokeModel: ClientSpan.around("BedrockClient.invokeModel", (input) =>
      toModel(
        input,
        (sdk, { input, asked }, inferenceProfile) => {
          const encoded = InvokeModel.encode(input)
          if (Result.isFailure(encoded)) return Effect.fail(encoded.failure)
          const request = { input: encoded.success, asked }
          return Effect.map(
            calls.bytes(request, () => DirectRequests.invokeModel(sdk, request.input)),
            ({ head, value }): InvokeModelResponse => ({
              ...InvokeModel.served(head),
              ...InvokeModel.metered(head),
              body: value,
              inferenceProfile
            })
          )
        }
      )),
    invokeModelStream: ClientSpan.around("BedrockClient.invokeModelStream", (input) =>
      toModel(
        input,
        Effect.fnUntraced(function*(sdk, { input, asked }, inferenceProfile) {
          const encoded = yield* Effect.fromResult(InvokeModel.encode(input))
          const { head, value } = yield* calls.events(
            { input: encoded, asked },
            () => DirectRequests.invokeModelStream(sdk, encoded),
            InvokeModel.events
          )
          const chunks = Stream.filterMap(value, ({ chunk }) => Result.fromNullishOr(chunk.bytes, () => undefined))
          return { ...InvokeModel.served(head), chunks, inferenceProfile }
        })
      )),
    countTokens: ClientSpan.around(
      "BedrockClient.countTokens",
      (fields) =>
        sdks.withModel(fields.modelId, (sdk, asked) => {
          const input = { ...fields }
          const answer = calls.json(
            { input, asked },
            () => DirectRequests.countTokens(sdk, input),
            ConverseShapes.tokens
          )
          return Effect.map(answer, withMetadata)
        })
    ),
    applyGuardrail: ClientSpan.around(
      "BedrockClient.applyGuardrail",
      (fields) =>
        sdks.withGuardrail(fields.guardrailIdentifier, (sdk, asked) => {
          const input = { ...fields }
          const answer = calls.json(
            { input, asked },
            () => DirectRequests.applyGuardrail(sdk, input),
            GuardrailShapes.response
          )
          return Effect.map(answer, withMetadata)
        })
    ),
    region: sdks.region,
    identity: yield* ClientIdentity.make({ account: options.account, region: sdks.region, endpoint }, options),
    sdk: sdks.home
  }))
})

/** Options that may be any value; the transport has its own check. */
const optionsOf = Check.struct<Options>({
  ...Authentication.fields,
  region: Check.optional(Region.check),
  endpoint: Check.optional(Check.filled),
  transport: Check.unchecked(),
  inferenceProfile: Check.optional(Check.word(["geography", "global", "never"])),
  account: Check.optional(Check.filled)
})

/**
 * A layer of {@link make}: one client, shared by all that is built on it. Fails with `InvalidRequestError` as it
 * does.
 *
 * @example
 * const Models = Layer.merge(
 *   BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" }),
 *   BedrockEmbedding.layer({ model: "amazon.titan-embed-text-v2:0" })
 * ).pipe(Layer.provide(BedrockClient.layer({ region: "us-east-1" })))
 */
export const layer = (options?: Options): Layer.Layer<BedrockClient, ProviderError.InvalidRequestError> =>
  Layer.effect(BedrockClient, make(options))

/**
 * {@link layer} with any of its options read from `Config`.
 *
 * @example
 * BedrockClient.layerConfig({ region: Config.String("BEDROCK_REGION"), apiKey: Config.Redacted("BEDROCK_API_KEY") })
 */
export const layerConfig = (
  options: ConfigOptions
): Layer.Layer<BedrockClient, ProviderError.InvalidRequestError | Config.ConfigError> =>
  Layer.effect(BedrockClient, Effect.flatMap(Configured.read<Options>(options), make))

/** Adds the metadata that outputs of the SDK have; unknown members are missing. */
const withMetadata = <A>({ head, value }: Calls.Answer<A>) => {
  const id = requestId(head)
  const { "x-amz-cf-id": cfId, "x-amz-id-2": extendedRequestId } = head.headers
  const $metadata: ResponseMetadata = {
    httpStatusCode: head.status,
    ...(id === undefined ? undefined : { requestId: id }),
    ...(extendedRequestId === undefined ? undefined : { extendedRequestId }),
    ...(cfId === undefined ? undefined : { cfId }),
    attempts: 1,
    totalRetryDelay: 0
  }
  return { ...value, $metadata }
}

type ResponseMetadata = ConverseCommandOutput["$metadata"]

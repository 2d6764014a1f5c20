/**
 * Amazon Bedrock Runtime as a scoped resource: one SDK client, made with the layer and destroyed with its scope.
 *
 * Each call is one attempt: the SDK's own retry is off, because the policy of the services above owns retries. A model
 * named by an ARN is called in the region of the ARN, through the same connections and credentials.
 */
import {
  ApplyGuardrailCommand,
  type ApplyGuardrailCommandInput,
  type ApplyGuardrailCommandOutput,
  type BedrockRuntimeClient,
  ConverseCommand,
  type ConverseCommandInput,
  type ConverseCommandOutput,
  ConverseStreamCommand,
  type ConverseStreamCommandInput,
  type ConverseStreamOutput,
  CountTokensCommand,
  type CountTokensCommandInput,
  type CountTokensCommandOutput,
  InvokeModelCommand
} from "@aws-sdk/client-bedrock-runtime"
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Number from "effect/Number"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Authentication from "./Authentication.ts"
import * as Calls from "./internal/calls.ts"
import * as ClientInput from "./internal/clientInput.ts"
import * as Configured from "./internal/configured.ts"
import * as ProfileFallback from "./internal/profileFallback.ts"
import { providerName } from "./internal/provider.ts"
import * as ResponseEvents from "./internal/responseEvents.ts"
import * as SdkClients from "./internal/sdkClients.ts"
import * as Region from "./Region.ts"
import * as Transport from "./Transport.ts"

/**
 * An answer of Converse. `inferenceProfile` is the profile that stood in for the model, where {@link Options} let it.
 */
export interface ConverseResponse extends ConverseCommandOutput {
  readonly inferenceProfile?: string | undefined
}

/** A stream of Converse events, and the id of the request that opened it; see {@link ConverseResponse}. */
export interface ConverseStreamResponse {
  readonly requestId: string | undefined
  readonly inferenceProfile?: string | undefined
  readonly events: Stream.Stream<ConverseStreamOutput, ProviderError.ProviderError>
}

/** The bytes a model answered, and what the service said about them in its headers; see {@link ConverseResponse}. */
export interface InvokeModelResponse {
  readonly body: Uint8Array
  readonly requestId: string | undefined
  readonly inputTokens: number | undefined
  readonly latency: Duration.Duration | undefined
  readonly inferenceProfile?: string | undefined
}

/**
 * The operations of Bedrock Runtime, each one attempt, with typed errors. Interruption closes the HTTP stream.
 *
 * An attempt is a second request where the first cannot have been served: after credentials that AWS refused were
 * renewed, after a clock that was wrong was set right, through the inference profile of a model that has to be called by
 * one.
 *
 * - `converseStream`: the response is open until its scope closes. `events` can be run once; it ends when the service
 *   ends the response, so only a `messageStop` among them tells that the answer is whole.
 * - `countTokens`: `BedrockTokens` counts those of a chat request.
 * - `applyGuardrail`: a guardrail named by an ARN is called in the region of the ARN; `Guardrail` gives a typed outcome.
 * - `region`: the region a model is called in unless its ARN names another, where one is known.
 * - `sdk`: the client itself, for what is not covered here. It has the client's region only.
 */
export class BedrockClient extends Context.Service<BedrockClient, {
  readonly converse: (
    input: ConverseCommandInput
  ) => Effect.Effect<ConverseResponse, ProviderError.ProviderError>
  readonly converseStream: (
    input: ConverseStreamCommandInput
  ) => Effect.Effect<ConverseStreamResponse, ProviderError.ProviderError, Scope.Scope>
  readonly invokeModel: (
    input: { readonly modelId: string; readonly body: string }
  ) => Effect.Effect<InvokeModelResponse, ProviderError.ProviderError>
  readonly countTokens: (
    input: CountTokensCommandInput
  ) => Effect.Effect<CountTokensCommandOutput, ProviderError.ProviderError>
  readonly applyGuardrail: (
    input: ApplyGuardrailCommandInput
  ) => Effect.Effect<ApplyGuardrailCommandOutput, ProviderError.ProviderError>
  readonly region: string | undefined
  readonly sdk: BedrockRuntimeClient
}>()("@strata/bedrock/BedrockClient") {}

/**
 * How to reach Bedrock. All is optional: without options it is what the environment says.
 *
 * - `region`: else `AWS_REGION`, `AWS_DEFAULT_REGION`, the region of the profile. Only models named by an ARN can be called
 *   without.
 * - `endpoint`: a URL in place of the region's own: a VPC endpoint, a proxy, an emulator. Else the SDK looks at
 *   `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`, `AWS_ENDPOINT_URL` and the profile.
 * - `transport`: see {@link Transport.Options}.
 * - `inferenceProfile`: what to do about a model that Bedrock does not serve by its own id, "with on-demand throughput".
 *   `geography`, the default, calls it through the inference profile of the region's geography (`us.`, `eu.`, `apac.` …),
 *   where requests stay; `global` tries the profile `global.` after that, whose requests go to any commercial region;
 *   `never` fails with `InvalidRequestError`. What works is remembered and logged, once for each model. Ids with a
 *   geography and ARNs are called as they are.
 * - the rest: see {@link Authentication.Options}.
 *
 * The region and `AWS_BEARER_TOKEN_BEDROCK` are read through the `ConfigProvider`; other variables and files are read by
 * the SDK itself, from the process.
 */
export interface Options extends Authentication.Options {
  readonly region?: string | undefined
  readonly endpoint?: string | undefined
  readonly transport?: Transport.Options | undefined
  readonly inferenceProfile?: ProfileFallback.Mode | undefined
}

/** {@link Options}, each of them given or read from `Config`. */
export type ConfigOptions = { readonly [Name in keyof Options]: Options[Name] | Config.Config<Options[Name]> }

/**
 * Opens a client. Fails with an `InvalidRequestError` when the options contradict each other or the region cannot be
 * one; nothing is sent before the first call, so wrong credentials show there.
 */
export const make = Effect.fnUntraced(function*(
  given: Options = {}
): Effect.fn.Return<BedrockClient["Service"], ProviderError.InvalidRequestError, Scope.Scope> {
  const options = yield* Check.run(optionsOf, given, { provider: providerName, whole: "options" })
  const authentication = yield* Authentication.resolve(options)
  const region = yield* Region.resolve(options.region)
  const requestHandler = yield* Transport.make(options.transport)
  const sdks = yield* SdkClients.open({
    ...authentication,
    ...(region === undefined ? {} : { region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    requestHandler
  })
  const calls = yield* Calls.make
  const profiles = ProfileFallback.make(sdks.region, options.inferenceProfile ?? "geography")

  return BedrockClient.of(ClientInput.checked({
    converse: Effect.fn("BedrockClient.converse")((options) =>
      profiles.call(options.modelId, ({ inferenceProfile, modelId }) =>
        sdks.withModel(modelId, (sdk) => {
          const input = { ...options, modelId }
          const sent = calls.use(input, (call) => call.run(() => sdk.send(new ConverseCommand(input))))
          return inferenceProfile === undefined ? sent : Effect.map(sent, (output) => ({ ...output, inferenceProfile }))
        }))
    ),
    converseStream: Effect.fn("BedrockClient.converseStream")((options) =>
      profiles.call(options.modelId, ({ inferenceProfile, modelId }) =>
        sdks.withModel(
          modelId,
          Effect.fnUntraced(function*(sdk) {
            const input = { ...options, modelId }
            const call = yield* calls.open(input)
            const output = yield* call.run(() => sdk.send(new ConverseStreamCommand(input)))
            return {
              requestId: output.$metadata.requestId,
              inferenceProfile,
              events: output.stream === undefined
                ? Stream.empty
                : ResponseEvents.fromIterator(output.stream[Symbol.asyncIterator](), call)
            }
          })
        ))
    ),
    invokeModel: Effect.fn("BedrockClient.invokeModel")((options) =>
      profiles.call(options.modelId, ({ inferenceProfile, modelId }) =>
        sdks.withModel(modelId, (sdk) => {
          const input = { ...options, modelId, contentType: "application/json", accept: "application/json" }
          return calls.use(input, (call) =>
            Effect.map(
              call.run(() => sdk.send(new InvokeModelCommand(input))),
              (output) => {
                const latency = numberHeader(call, "x-amzn-bedrock-invocation-latency")
                return {
                  // The SDK leaves an empty body out, whatever its types say.
                  body: output.body ?? new Uint8Array(),
                  requestId: output.$metadata.requestId,
                  inputTokens: numberHeader(call, "x-amzn-bedrock-input-token-count"),
                  latency: latency === undefined ? undefined : Duration.millis(latency),
                  inferenceProfile
                }
              }
            ))
        }))
    ),
    countTokens: Effect.fn("BedrockClient.countTokens")((options) =>
      sdks.withModel(options.modelId, (sdk) => {
        const input = { ...options }
        return calls.use(input, (call) => call.run(() => sdk.send(new CountTokensCommand(input))))
      })
    ),
    applyGuardrail: Effect.fn("BedrockClient.applyGuardrail")((options) =>
      sdks.withGuardrail(options.guardrailIdentifier, (sdk) => {
        const input = { ...options }
        return calls.use(input, (call) => call.run(() => sdk.send(new ApplyGuardrailCommand(input))))
      })
    ),
    region: sdks.region,
    sdk: sdks.home
  }))
})

/** Options that may be any value; the transport has a check of its own. */
const optionsOf = Check.struct<Options>({
  ...Authentication.fields,
  region: Check.optional(Region.check),
  endpoint: Check.optional(Check.filled),
  transport: Check.unchecked(),
  inferenceProfile: Check.optional(Check.word(["geography", "global", "never"]))
})

/** A layer of {@link make}: one client, shared by all that is built on it. */
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

const numberHeader = (call: Calls.Call, name: string): number | undefined =>
  Option.getOrUndefined(Option.flatMap(Option.fromUndefinedOr(call.responseHeader(name)), Number.parse))

/**
 * Finds the model behind an application inference profile, whose ARN does not name it.
 *
 * Off unless {@link layer} is provided: it calls the control plane of Bedrock, once per ARN, which needs the permission
 * `bedrock:GetInferenceProfile` and the package `@aws-sdk/client-bedrock`. The option `family` of a layer or a request
 * needs neither.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { BedrockClient } from "./BedrockClient.ts"
import * as ModelId from "./catalog/ModelId.ts"
import * as Endpoint from "./client/endpoint.ts"
import * as Siblings from "./client/siblings.ts"
import * as LeastRecent from "./internal/leastRecent.ts"
import { providerName } from "./internal/provider.ts"

/** Finds the foundation model id of an application inference profile; `undefined` when unknown. */
export type Lookup = (profileArn: string) => Effect.Effect<string | undefined, ProviderError.CallError>

/** The lookup in force: one that finds nothing, unless a layer provides another. */
export const InferenceProfile = Context.Reference<Lookup>("@strata/bedrock/InferenceProfile", {
  defaultValue: () => () => Effect.undefined
})

/** `endpoint`: a URL in place of the control plane's own: a VPC endpoint, a proxy, a test. */
export interface Options {
  readonly endpoint?: string | undefined
}

/**
 * Looks profiles up with the credentials and connections of the {@link BedrockClient}, in the region of the ARN.
 * Results are cached for the lifetime of the layer, those of the 256 profiles used last.
 *
 * The lookup is part of the first call to its model, which fails with the lookup's errors, and with
 * `InvalidRequestError` when `@aws-sdk/client-bedrock` is not installed.
 *
 * @example
 * BedrockChat.layer({ model: profileArn }).pipe(
 *   Layer.provide(InferenceProfile.layer()),
 *   Layer.provide(BedrockClient.layer())
 * )
 */
export const layer = (
  given: Options = {}
): Layer.Layer<never, ProviderError.InvalidRequestError, BedrockClient> =>
  Layer.effect(
    InferenceProfile,
    Effect.gen(function*() {
      const options = yield* Check.run(Check.partial({ endpoint: Check.filled }), given, {
        provider: providerName,
        whole: "options"
      })
      const endpoint = options.endpoint === undefined ? undefined : yield* Endpoint.check(options.endpoint)
      const client = yield* BedrockClient
      const lock = yield* Semaphore.make(1)
      const found = LeastRecent.make<{ readonly model: string | undefined }>(256)
      return (profileArn) =>
        Effect.suspend(() => {
          const known = found.get(profileArn)
          return known !== undefined ? Effect.succeed(known.model) : ask(client, profileArn, { endpoint }).pipe(
            Effect.tap((model) => Effect.sync(() => found.set(profileArn, { model })))
          )
        }).pipe(
          // one at a time, so that concurrent first calls to a model share one lookup
          lock.withPermits(1)
        )
    })
  )

/** Whether the model behind an id can only be found by a lookup. */
export const isOpaque = (modelId: string): boolean =>
  ModelId.isArn(modelId) && ModelId.parse(modelId).kind === "application-inference-profile"

/** The foundation model behind an id, by the lookup in force: `undefined` unless the id is a profile's ARN. */
export const modelOf = (modelId: string): Effect.Effect<string | undefined, ProviderError.CallError> =>
  isOpaque(modelId) ? Effect.flatMap(InferenceProfile, (lookup) => lookup(modelId)) : Effect.undefined

const ask = Effect.fnUntraced(function*(
  { region, sdk }: BedrockClient["Service"],
  profileArn: string,
  { endpoint }: Options
): Effect.fn.Return<string | undefined, ProviderError.CallError> {
  const Sdk = yield* Effect.promise(Siblings.controlPlane)
  if (Sdk === undefined) return yield* Effect.fail(notInstalled(profileArn))
  const own = ModelId.region(profileArn)
  const profile = yield* Siblings.call(
    sdk,
    { model: profileArn, region: own ?? region },
    (abortSignal) =>
      new Sdk.BedrockClient({
        ...Siblings.configWithKeyOf(sdk),
        ...(own === undefined ? undefined : { region: own }),
        ...(endpoint === undefined ? undefined : { endpoint })
      }).send(new Sdk.GetInferenceProfileCommand({ inferenceProfileIdentifier: profileArn }), { abortSignal })
  )
  // a profile over several regions has the same model in each
  return profile.models?.map(({ modelArn }) => ModelId.parse(modelArn ?? "").baseId).find((model) =>
    model !== undefined
  )
})

const notInstalled = (model: string): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({
    provider: providerName,
    model,
    field: "model",
    problem: "the lookup of an inference profile needs the package `@aws-sdk/client-bedrock`, which cannot be loaded",
    remedy: "Install it, or set `family`, in the options of the layer or in `providerOptions.bedrock`"
  })

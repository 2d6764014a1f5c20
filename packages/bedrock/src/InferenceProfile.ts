/**
 * Finds the model behind an application inference profile, whose ARN does not tell.
 *
 * Off unless {@link layer} is provided: it asks the control plane of Bedrock, once for each ARN, which takes the permission
 * `bedrock:GetInferenceProfile` and the package `@aws-sdk/client-bedrock`. The option `family` of a layer or a request does
 * without either.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { BedrockClient } from "./BedrockClient.ts"
import * as BedrockError from "./BedrockError.ts"
import * as LeastRecent from "./internal/leastRecent.ts"
import { providerName } from "./internal/provider.ts"
import * as ModelId from "./ModelId.ts"

/** Finds the id of the foundation model of an application inference profile; `undefined` when it cannot tell. */
export type Lookup = (profileArn: string) => Effect.Effect<string | undefined, ProviderError.CallError>

/** The lookup in force: one that knows nothing, unless a layer says otherwise. */
export const InferenceProfile = Context.Reference<Lookup>("@strata/bedrock/InferenceProfile", {
  defaultValue: () => () => Effect.undefined
})

/** `endpoint`: a URL in place of the control plane's own: a VPC endpoint, a proxy, a test. */
export interface Options {
  readonly endpoint?: string | undefined
}

/**
 * Looks profiles up with the credentials and connections of the {@link BedrockClient}, in the region of the ARN, and
 * remembers what it found as long as the layer lives, of the latest 256.
 *
 * A lookup is part of the first call to its model, which fails with what the lookup fails with, and with
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
      const client = yield* BedrockClient
      const lock = yield* Semaphore.make(1)
      const found = LeastRecent.make<{ readonly model: string | undefined }>(256)
      return (profileArn) =>
        Effect.suspend(() => {
          const known = found.get(profileArn)
          return known !== undefined ? Effect.succeed(known.model) : ask(client, profileArn, options).pipe(
            Effect.tap((model) => Effect.sync(() => found.set(profileArn, { model })))
          )
        }).pipe(
          // one at a time, so that many first calls to a model are one lookup
          lock.withPermits(1)
        )
    })
  )

/** Whether only a lookup can tell what a model id stands for. */
export const isOpaque = (modelId: string): boolean =>
  ModelId.isArn(modelId) && ModelId.parse(modelId).kind === "application-inference-profile"

/** The foundation model behind any model id, as the lookup in force sees it: `undefined` unless it is a profile's ARN. */
export const modelOf = (modelId: string): Effect.Effect<string | undefined, ProviderError.CallError> =>
  isOpaque(modelId) ? Effect.flatMap(InferenceProfile, (lookup) => lookup(modelId)) : Effect.undefined

const ask = Effect.fnUntraced(function*(
  { sdk: { config } }: BedrockClient["Service"],
  profileArn: string,
  { endpoint }: Options
): Effect.fn.Return<string | undefined, ProviderError.CallError> {
  const Sdk = yield* Effect.tryPromise({
    try: () => import("@aws-sdk/client-bedrock"),
    catch: () => notInstalled(profileArn)
  })
  const client = new Sdk.BedrockClient({
    region: ModelId.region(profileArn) ?? config.region,
    credentials: config.credentials,
    authSchemePreference: config.authSchemePreference,
    requestHandler: config.requestHandler,
    maxAttempts: 1,
    ...(config.token === undefined ? undefined : { token: config.token }),
    ...(endpoint === undefined ? undefined : { endpoint })
  })
  const profile = yield* Effect.tryPromise({
    try: (abortSignal) =>
      client.send(new Sdk.GetInferenceProfileCommand({ inferenceProfileIdentifier: profileArn }), { abortSignal }),
    catch: (error) => BedrockError.fromUnknown(error, { model: profileArn })
  })
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
    problem: "looking up an inference profile takes the package `@aws-sdk/client-bedrock`, which cannot be loaded",
    remedy: "Install it, or set `family`, in the options of the layer or in `providerOptions.bedrock`"
  })

/**
 * The SDK's clients of one `BedrockClient`: one for its own region, and one for each other region an ARN names.
 *
 * They share connections and credentials; a client is a few milliseconds of work, done at the first call to its region.
 */
import { BedrockRuntimeClient, type BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as BedrockError from "../BedrockError.ts"
import * as ModelId from "../ModelId.ts"
import * as Region from "../Region.ts"
import * as Transport from "../Transport.ts"
import { providerName } from "./provider.ts"

/** `home` is the client of the client's own region; the others are those a model or a guardrail is called with. */
export interface SdkClients {
  readonly home: BedrockRuntimeClient
  readonly forModel: (
    modelId: string | undefined
  ) => Effect.Effect<BedrockRuntimeClient, ProviderError.InvalidRequestError>
  readonly forGuardrail: (
    identifier: string | undefined
  ) => Effect.Effect<BedrockRuntimeClient, ProviderError.InvalidRequestError>
}

/** Clients with this configuration; without a region in it, the SDK looks for one in the profile. */
export const open = Effect.fnUntraced(function*(
  config: BedrockRuntimeClientConfig & { readonly region?: string }
): Effect.fn.Return<SdkClients, ProviderError.InvalidRequestError, Scope.Scope> {
  const opened = yield* Effect.acquireRelease(
    Effect.sync(() => new Set<BedrockRuntimeClient>()),
    (opened) => Effect.sync(() => opened.forEach((client) => client.destroy()))
  )
  const add = (config: BedrockRuntimeClientConfig): BedrockRuntimeClient => {
    const client = make(config)
    opened.add(client)
    return client
  }
  const home = add(config)
  const clients = new Map<string, BedrockRuntimeClient>()
  const region = yield* configured(home)
  if (region !== undefined) clients.set(region, home)
  // The provider of a client keeps the credentials it got: other regions ask it, and nothing is fetched twice.
  const shared = region === undefined ? config : { ...config, credentials: home.config.credentials }

  const forResource = (
    name: string | undefined,
    unnamed: ProviderError.InvalidRequestError
  ): Effect.Effect<BedrockRuntimeClient, ProviderError.InvalidRequestError> => {
    if (name === undefined || name === "") return Effect.fail(unnamed)
    const target = ModelId.region(name) ?? region
    if (target === undefined) return Effect.fail(Region.missing(name))
    const known = clients.get(target)
    if (known !== undefined) return Effect.succeed(known)
    return Effect.map(Region.validate(target), () => {
      const client = add({ ...shared, region: target })
      clients.set(target, client)
      return client
    })
  }

  return {
    home,
    forModel: (modelId) => forResource(modelId, noModel),
    forGuardrail: (identifier) => forResource(identifier, noGuardrail)
  }
})

const make = (config: BedrockRuntimeClientConfig): BedrockRuntimeClient => {
  const client = new BedrockRuntimeClient({
    ...config,
    maxAttempts: 1,
    // AWS_RETRY_MODE=adaptive would slow calls down on its own account, even those that are never repeated.
    retryMode: "standard",
    cacheMiddleware: true
  })
  Transport.install(client)
  return client
}

/** The region of a client, `undefined` when the SDK finds none. */
const configured = (
  client: BedrockRuntimeClient
): Effect.Effect<string | undefined, ProviderError.InvalidRequestError> =>
  Effect.tryPromise({
    try: () => client.config.region(),
    catch: (error) => BedrockError.isRegionMissing(error) ? undefined : unusable(error)
  }).pipe(
    Effect.catch((error) => error === undefined ? Effect.undefined : Effect.fail(error))
  )

const unusable = (error: unknown): ProviderError.InvalidRequestError =>
  new ProviderError.InvalidRequestError({
    provider: providerName,
    field: "region",
    message: BedrockError.fromUnknown(error).message
  })

const noModel = ProviderError.invalidRequest({
  provider: providerName,
  field: "model",
  problem: "no model is named",
  remedy: "Set `model` on the layer or on the request"
})

const noGuardrail = ProviderError.invalidRequest({
  provider: providerName,
  field: "guardrail.id",
  problem: "no guardrail is named",
  remedy: "Give its id or its ARN"
})

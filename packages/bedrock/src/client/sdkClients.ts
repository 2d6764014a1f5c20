/**
 * The SDK clients of one `BedrockClient`: one for its own region, and one for each other region an ARN names.
 *
 * They share connections and credentials; a client is a few milliseconds of work, done at the first call to its region, and
 * done again once {@link mostRegions} others were called since.
 */
import { BedrockRuntimeClient, type BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as BedrockError from "../BedrockError.ts"
import * as ModelId from "../catalog/ModelId.ts"
import type * as Failure from "../error/Failure.ts"
import * as LeastRecent from "../internal/leastRecent.ts"
import { providerName } from "../internal/provider.ts"
import * as Region from "../Region.ts"
import * as Exchange from "../wire/Exchange.ts"
import * as Renewal from "./renewal.ts"

/**
 * `home` is the client of the client's own region, `region`, which may be unknown. The others send a call to a model or a
 * guardrail with the client it takes, twice when its credentials had to be renewed.
 */
export interface SdkClients {
  readonly home: BedrockRuntimeClient
  readonly region: string | undefined
  readonly withModel: Using
  readonly withGuardrail: Using
}

/** Sends a call to what is named, an ARN or not. `asked` names it, and its region, in errors. */
export type Using = <A, R>(
  name: string | undefined,
  send: (client: BedrockRuntimeClient, asked: Failure.Asked) => Effect.Effect<A, ProviderError.CallError, R>
) => Effect.Effect<A, ProviderError.CallError, R>

/**
 * Clients with this configuration; without a region in it, the SDK looks for one in the profile. `version` is that of the
 * credentials in force.
 */
export const open = Effect.fnUntraced(function*(
  config: BedrockRuntimeClientConfig & { readonly region?: string },
  version: () => number
): Effect.fn.Return<SdkClients, ProviderError.InvalidRequestError, Scope.Scope> {
  // To destroy a client is to close the connections, which are common to all of them.
  const home = yield* Effect.acquireRelease(
    Effect.sync(() => make(config)),
    (home) => Effect.sync(() => home.destroy())
  )
  const region = yield* configured(home)
  // The provider of a client keeps the credentials it got: other regions ask it, and nothing is fetched twice.
  const shared = region === undefined ? config : { ...config, credentials: home.config.credentials }
  const own: Regional = { client: home, renewal: Renewal.make(home, version) }
  const others = LeastRecent.make<Regional>(mostRegions)

  const forResource = (
    name: string | undefined,
    unnamed: ProviderError.InvalidRequestError
  ): Effect.Effect<Regional & { readonly region: string }, ProviderError.InvalidRequestError> => {
    if (!Predicate.isString(name) || name === "") return Effect.fail(unnamed)
    const target = ModelId.region(name) ?? region
    if (target === undefined) return Effect.fail(Region.missing(name))
    const known = target === region ? own : others.get(target)
    if (known !== undefined) return Effect.succeed({ ...known, region: target })
    return Effect.map(Region.validate(target), () => {
      const client = make({ ...shared, region: target })
      // Given as an option, a token would be kept by this client as well, and never renewed.
      if (region !== undefined) Object.assign(client.config, { token: home.config.token })
      const added = { client, renewal: region === undefined ? Renewal.make(client, version) : own.renewal }
      others.set(target, added)
      return { ...added, region: target }
    })
  }
  const using =
    (unnamed: ProviderError.InvalidRequestError, who: (name: string | undefined) => Failure.Asked): Using =>
    (name, send) =>
      Effect.flatMap(forResource(name, unnamed), ({ client, region, renewal }) => {
        const asked = { ...who(name), region }
        return renewal.around(client, asked, Effect.suspend(() => send(client, asked)))
      })

  return {
    home,
    region,
    withModel: using(noModel, (model) => ({ model })),
    withGuardrail: using(noGuardrail, (id) => ({ who: `guardrail ${id}` }))
  }
})

interface Regional {
  readonly client: BedrockRuntimeClient
  readonly renewal: Renewal.Renewal
}

/** The name of a model may name any region. */
const mostRegions = 32

const make = (config: BedrockRuntimeClientConfig): BedrockRuntimeClient => {
  const client = new BedrockRuntimeClient({
    ...config,
    maxAttempts: 1,
    // AWS_RETRY_MODE=adaptive would slow calls down on its own account, even those that are never repeated.
    retryMode: "standard",
    cacheMiddleware: true
  })
  Exchange.install(client)
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

/**
 * What Bedrock counts against a quota of tokens, per model: the input of `policy/Quota.ts`.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatService from "@strata/core/chat/ChatService"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import { BedrockClient } from "../BedrockClient.ts"
import * as BedrockTokens from "../BedrockTokens.ts"
import type { Capabilities } from "../catalog/Capabilities.ts"
import * as ModelCatalog from "../catalog/ModelCatalog.ts"
import * as ModelId from "../catalog/ModelId.ts"
import * as Failure from "../error/Failure.ts"
import type { Pairs } from "../RequestMetadata.ts"
import * as LeastRecent from "./leastRecent.ts"
import { providerName } from "./provider.ts"
import * as RequestMetadata from "./requestMetadata.ts"

/** The metering of the chat service. It ignores a family known only from a lookup or a request. */
export const chat = (
  { family, history, requestMetadata }: Pick<BedrockTokens.Options, "family" | "history"> & {
    readonly requestMetadata?: Pairs | undefined
  } = {}
): Effect.Effect<NonNullable<ChatService.Provider["metering"]>, never, BedrockClient> =>
  Effect.gen(function*() {
    const client = yield* BedrockClient
    const catalog = yield* ModelCatalog.ModelCatalog
    // Requests name models, and may name any number of them.
    const known = LeastRecent.make<Capabilities>(256)
    const capabilities = (model: string): Capabilities => {
      const found = known.get(model)
      if (found !== undefined) return found
      const capabilities = ModelCatalog.lookup(model, { family, catalog })
      known.set(model, capabilities)
      return capabilities
    }
    return {
      scope: scope(client),
      maxOutputTokens: (model) => figures(capabilities(model)).maxOutputTokens,
      metadata: (request) => RequestMetadata.ofRequest(requestMetadata, request),
      outputBurndown: (model) => figures(capabilities(model)).outputBurndown,
      countTokens: counting((request) =>
        Effect.provideService(BedrockTokens.count(request, { family, history }), BedrockClient, client)
      )
    }
  })

/** The tokens Bedrock reserves for an answer, and the cost of an output token. */
export const figures = (
  { maxOutputTokens, outputBurndown }: Capabilities
): Pick<Capabilities, "maxOutputTokens" | "outputBurndown"> => ({ maxOutputTokens, outputBurndown })

/** The region of a model: that of its ARN, else the client's. */
export const scope = ({ region = "" }: BedrockClient["Service"]) => (model: string): string =>
  ModelId.region(model) ?? region

type Count = (request: ChatRequest.Resolved) => Effect.Effect<number, ProviderError.CallError>

/** Counts, and remembers models whose tokens Bedrock does not count. */
const counting = (count: Count): Count => {
  const uncountable = new Set<string>()
  return (request) =>
    Effect.suspend(() =>
      uncountable.has(request.model) ?
        Effect.fail(cannot(request.model)) :
        Effect.tapError(count(request), (error) =>
          Effect.sync(() => {
            if (error._tag === "UnsupportedFeatureError" && uncountable.size < 256) uncountable.add(request.model)
          }))
    )
}

const cannot = (model: string) =>
  new ProviderError.UnsupportedFeatureError({
    provider: providerName,
    model,
    feature: "counting tokens",
    message: Failure.message({ model }, "Bedrock does not count its tokens", "Use `count: \"estimate\"` in its quota")
  })

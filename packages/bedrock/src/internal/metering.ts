/**
 * What Bedrock counts against a quota of tokens, model by model: what `policy/Quota.ts` needs to do the same sum.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatService from "@strata/core/chat/ChatService"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import { BedrockClient } from "../BedrockClient.ts"
import * as BedrockTokens from "../BedrockTokens.ts"
import type { Capabilities } from "../catalog/Capabilities.ts"
import * as ModelCatalog from "../ModelCatalog.ts"
import * as ModelId from "../ModelId.ts"
import * as LeastRecent from "./leastRecent.ts"
import { providerName } from "./provider.ts"

/** What the chat service knows. A family that only a lookup or a request tells is not known here. */
export const chat = (
  options: Pick<BedrockTokens.Options, "family" | "history"> = {}
): Effect.Effect<NonNullable<ChatService.Provider["metering"]>, never, BedrockClient> =>
  Effect.gen(function*() {
    const client = yield* BedrockClient
    const catalog = yield* ModelCatalog.ModelCatalog
    // Requests name models, and may name any number of them.
    const known = LeastRecent.make<Capabilities>(256)
    const capabilities = (model: string): Capabilities => {
      const found = known.get(model)
      if (found !== undefined) return found
      const capabilities = ModelCatalog.lookup(model, { family: options.family, catalog })
      known.set(model, capabilities)
      return capabilities
    }
    return {
      scope: scope(client),
      maxOutputTokens: (model) => figures(capabilities(model)).maxOutputTokens,
      outputBurndown: (model) => figures(capabilities(model)).outputBurndown,
      countTokens: counting((request) =>
        Effect.provideService(BedrockTokens.count(request, options), BedrockClient, client)
      )
    }
  })

/** What Bedrock sets aside for an answer, and what a token of it costs. */
export const figures = (
  { maxOutputTokens, outputBurndown }: Capabilities
): Pick<Capabilities, "maxOutputTokens" | "outputBurndown"> => ({ maxOutputTokens, outputBurndown })

/** Where a model is asked: an ARN names its region, any other id is asked in the client's. */
export const scope = ({ region = "" }: BedrockClient["Service"]) => (model: string): string =>
  ModelId.region(model) ?? region

type Count = (request: ChatRequest.Resolved) => Effect.Effect<number, ProviderError.CallError>

/** Counts, and asks no second time about a model whose tokens Bedrock does not count. */
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
    message: `Bedrock does not count the tokens of ${model}`
  })

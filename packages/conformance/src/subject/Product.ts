/**
 * The product: its clients for an endpoint, one attempt each.
 */
import { BedrockChat, BedrockClient, BedrockEmbedding, BedrockRerank } from "@strata/bedrock"
import { Policy } from "@strata/core"
import type { ChatService, EmbeddingService, ProviderError, RerankService } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import { Wire } from "./Wire.ts"

/** All the services under test. */
export type Product =
  | BedrockClient.BedrockClient
  | ChatService.ChatService
  | EmbeddingService.EmbeddingService
  | RerankService.RerankService

/** The services over a client with these options, without the fallback to inference profiles. */
export const layer = (
  options: Pick<BedrockClient.Options, "endpoint" | "transport">
): Layer.Layer<Product, ProviderError.InvalidRequestError> =>
  Layer.mergeAll(
    BedrockChat.layer({ policy: Policy.none }),
    BedrockEmbedding.layer({ policy: Policy.none }),
    BedrockRerank.layer({ policy: Policy.none })
  ).pipe(
    Layer.provideMerge(BedrockClient.layer({
      region: "us-east-1",
      apiKey: Redacted.make("conformance"),
      inferenceProfile: "never",
      ...options
    }))
  )

/** The services over the server of {@link Wire}. */
export const overWire: Layer.Layer<Product, ProviderError.InvalidRequestError, Wire> = Layer.unwrap(
  Effect.map(Wire, ({ url }) => layer({ endpoint: url }))
)

/** Without logs, since results are in the report. */
export const quietly = Effect.provideService(References.MinimumLogLevel, "None")

/** Amazon Bedrock. Region and credentials come from where the AWS SDK looks for them, unless flags name them. */
import { BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import * as Layer from "effect/Layer"
import type { Source } from "./Provider.ts"

/** Its services. */
export const layer: Source = ({ chatModel, embeddingModel, profile, region }) =>
  Layer.merge(BedrockChat.layer({ model: chatModel }), BedrockEmbedding.layer({ model: embeddingModel })).pipe(
    Layer.provide(BedrockClient.layer({
      ...(region !== undefined && { region }),
      ...(profile !== undefined && { profile })
    }))
  )

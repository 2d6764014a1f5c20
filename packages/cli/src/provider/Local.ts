/**
 * Models on this machine, behind an emulated Bedrock on 127.0.0.1: the same way through SDK and HTTP as to the service.
 */
import { BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import { EmulatorClient } from "@strata/emulator"
import { ExtractiveChat, LocalEmbedding } from "@strata/local"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CommandError from "../process/CommandError.ts"
import type { Source } from "./Provider.ts"

/** Their services. Any model of the emulated account is answered by the same two models. */
export const layer: Source = ({ chatModel, embeddingModel }) =>
  Layer.merge(BedrockChat.layer({ model: chatModel }), BedrockEmbedding.layer({ model: embeddingModel })).pipe(
    Layer.provide(client)
  )

/** The models that answer for the emulated ones. */
export const models = ExtractiveChat.layer().pipe(Layer.provideMerge(LocalEmbedding.layer()))

const client = EmulatorClient.layer(BedrockClient.layer).pipe(
  Layer.provide(models),
  Layer.catchTag("EmulatorError", ({ message }) => Layer.effectContext(Effect.fail(CommandError.failed(message))))
)

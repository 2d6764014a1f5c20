/**
 * Who answers the examples: real Bedrock when `STRATA_PROVIDER=bedrock`, this machine otherwise.
 *
 * Offline, everything still goes through the AWS SDK and HTTP: the emulator takes Bedrock's place on 127.0.0.1, and
 * models on this machine answer for it.
 */
import { BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import { Emulator } from "@strata/emulator"
import { ExtractiveChat, LocalEmbedding } from "@strata/local"
import { Config, Effect, Layer } from "effect"

/** `bedrock` or `local`. */
export const name = Config.Literals(["local", "bedrock"], "STRATA_PROVIDER").pipe(Config.withDefault("local" as const))

/** The models that are asked; `STRATA_CHAT_MODEL` and `STRATA_EMBEDDING_MODEL` name others. */
export const models = Config.all({
  chat: Config.String("STRATA_CHAT_MODEL").pipe(Config.withDefault("us.amazon.nova-lite-v1:0")),
  embedding: Config.String("STRATA_EMBEDDING_MODEL").pipe(Config.withDefault("amazon.titan-embed-text-v2:0"))
})

/**
 * A Bedrock on 127.0.0.1, and a client of it. `ExtractiveChat` answers for every chat model, `LocalEmbedding` for every
 * embedding model.
 */
const emulated = (options?: Emulator.Options) =>
  Layer.unwrap(Effect.map(Emulator.Emulator, ({ client }) => BedrockClient.layer(client))).pipe(
    Layer.provide(Emulator.layer(options)),
    Layer.provide(ExtractiveChat.layer()),
    Layer.provide(LocalEmbedding.layer())
  )

/** The services of a Bedrock. For the real one, region and credentials come from wherever the AWS SDK looks for them. */
const services = (offline?: Emulator.Options) =>
  Layer.mergeAll(
    BedrockChat.layerConfig({ model: Config.map(models, ({ chat }) => chat) }),
    BedrockEmbedding.layerConfig({ model: Config.map(models, ({ embedding }) => embedding) })
  ).pipe(
    Layer.provide(
      Layer.unwrap(Effect.map(name, (name) => name === "bedrock" ? BedrockClient.layer() : emulated(offline)))
    )
  )

/** `ChatService` and `EmbeddingService`, over one client. */
export const layer = services()

/** The same; offline, twenty calls are refused once with a `ThrottlingException`, as a busy Bedrock would. */
export const throttled = services({ faults: [{ type: "throttle", times: 20 }] })

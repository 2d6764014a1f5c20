/**
 * Who answers the examples: real Bedrock when `STRATA_PROVIDER=bedrock`, this machine otherwise.
 *
 * Offline, everything still goes through the AWS SDK and HTTP: the emulator takes Bedrock's place on 127.0.0.1, and
 * models on this machine answer for it.
 */
import { BedrockBatch, BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import type { Batch, BatchService, ChatService, EmbeddingService, ProviderError } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import { ExtractiveChat, LocalEmbedding } from "@strata/local"
import { Config, Effect, Layer, Schedule } from "effect"

/** `bedrock` or `local`. */
export const name = Config.Literals(["local", "bedrock"], "STRATA_PROVIDER").pipe(Config.withDefault("local" as const))

/** The models that are asked; `STRATA_CHAT_MODEL` and `STRATA_EMBEDDING_MODEL` name others. */
export const models = Config.all({
  chat: Config.String("STRATA_CHAT_MODEL").pipe(Config.withDefault("us.amazon.nova-lite-v1:0")),
  embedding: Config.String("STRATA_EMBEDDING_MODEL").pipe(Config.withDefault("amazon.titan-embed-text-v2:0"))
})

/** Models on this machine: `ExtractiveChat` for every chat model, `LocalEmbedding` for every embedding model. */
export const local = ExtractiveChat.layer().pipe(Layer.provideMerge(LocalEmbedding.layer()))

/**
 * Clients of several regions. Offline, one emulator is all of them, each with quotas of its own; `options` say what is
 * special about it.
 */
export const regions = <const Region extends string>(
  served: readonly [Region, ...ReadonlyArray<Region>],
  options?: Emulator.Options
) => {
  const emulator = Emulator.layer({ region: served[0], regions: served, ...options }).pipe(Layer.provide(local))
  return (region: Region) =>
    client(
      Layer.unwrap(Effect.map(Emulator.Emulator, ({ client }) => BedrockClient.layer({ ...client, region }))).pipe(
        Layer.provide(emulator)
      ),
      { region }
    )
}

/** A client of a Bedrock on 127.0.0.1, for which these services answer. */
const emulated = <E>(
  answering: Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService, E>,
  options?: Emulator.Options
) =>
  Layer.unwrap(Effect.map(Emulator.Emulator, ({ client }) => BedrockClient.layer(client))).pipe(
    Layer.provide(Emulator.layer(options)),
    Layer.provide(answering)
  )

/** The client that was asked for. For the real one, region and credentials come from wherever the AWS SDK looks for them. */
const client = <E>(
  offline: Layer.Layer<BedrockClient.BedrockClient, E>,
  options?: { readonly region: string }
) =>
  Layer.unwrap(Effect.map(
    name,
    (name): Layer.Layer<BedrockClient.BedrockClient, E | ProviderError.CallError> =>
      name === "bedrock" ? BedrockClient.layer(options) : offline
  ))

const services = <E>(offline: Layer.Layer<BedrockClient.BedrockClient, E>) =>
  Layer.mergeAll(
    BedrockChat.layerConfig({ model: Config.map(models, ({ chat }) => chat) }),
    BedrockEmbedding.layerConfig({ model: Config.map(models, ({ embedding }) => embedding) })
  ).pipe(Layer.provide(client(offline)))

/** `ChatService` and `EmbeddingService`, over one client. */
export const layer = services(emulated(local))

/** The same; offline, so many calls are refused with a `ThrottlingException`, as a busy Bedrock would. */
export const throttled = (times: number) => services(emulated(local, { faults: [{ type: "throttle", times }] }))

/** The same; offline, the models have a token quota, kept as Bedrock keeps it. */
export const limited = (quota: Emulator.Options["quota"]) => services(emulated(local, { quota }))

/**
 * The same; offline, a script says what the model answers, and hashed words stand in for one that embeds. For what only a
 * language model can do, such as calling tools, and for what would take a model on this machine too long.
 */
export const scripted = (script: TestChat.Script, options?: Emulator.Options) =>
  services(emulated(Layer.merge(TestChat.layer(script), TestEmbedding.layer()), options))

/** The client alone, for services of your own; `options` say what is special about the Bedrock on this machine. */
export const bedrock = (options?: Emulator.Options) => client(emulated(local, options))

/** The folders and the role of batch jobs, for the real one. */
const files = {
  input: Config.String("STRATA_BATCH_INPUT"),
  output: Config.String("STRATA_BATCH_OUTPUT"),
  roleArn: Config.String("STRATA_BATCH_ROLE_ARN")
}

/** `BatchService`. Offline, the Bedrock on this machine has a bucket, and works for some seconds. */
export const batch = Layer.unwrap(
  Effect.map(
    Effect.all([name, models]),
    ([name, { embedding }]): Layer.Layer<
      BatchService.BatchService,
      Config.ConfigError | Emulator.EmulatorError | ProviderError.CallError
    > =>
      name === "bedrock"
        ? Layer.provide(BedrockBatch.layerConfig({ model: embedding, ...files }), BedrockClient.layer())
        : emulatedBatch(embedding)
  )
)

const emulatedBatch = (model: string) =>
  Layer.unwrap(Effect.map(Emulator.Emulator, ({ client }) =>
    BedrockBatch.layer({
      model,
      input: "s3://my-bucket/in/",
      output: "s3://my-bucket/out/",
      roleArn: "arn:aws:iam::123456789012:role/my-batch-role",
      endpoint: client.endpoint,
      s3: { endpoint: client.endpoint, forcePathStyle: true }
    }).pipe(Layer.provide(BedrockClient.layer(client))))).pipe(
      Layer.provide(Emulator.layer({ s3: { buckets: ["my-bucket"] } })),
      Layer.provide(local)
    )

/** How to wait for a batch job: the real one takes hours, offline it is a matter of seconds. */
export const waiting = Effect.map(
  name,
  (name): Batch.WatchOptions => name === "bedrock" ? {} : { polling: Schedule.spaced("50 millis") }
)

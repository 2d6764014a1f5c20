/**
 * Who answers the examples, as `STRATA_PROVIDER` says:
 *
 * - `local`, the default: this machine. Everything still goes through the AWS SDK and HTTP: the emulator takes Bedrock's place
 *   on 127.0.0.1, and models on this machine answer for it.
 * - `bedrock`: Amazon Bedrock, by the credentials and the region that the AWS SDK finds.
 * - `openai`: OpenAI by `OPENAI_API_KEY`, or the server of `OPENAI_BASE_URL`.
 * - `effect-ai`: a `LanguageModel` and an `EmbeddingModel` of `effect/ai`; here those of this machine.
 *
 * An example that is about Bedrock, or names a model of it, asks Bedrock or this machine whatever the variable says.
 */
import { BedrockBatch, BedrockChat, BedrockClient, BedrockEmbedding } from "@strata/bedrock"
import {
  type Batch,
  type BatchService,
  type ChatService,
  type EmbeddingService,
  type ProviderError,
  Providers
} from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { EffectAiChat, EffectAiEmbedding, StrataEmbeddingModel, StrataLanguageModel } from "@strata/effect-ai"
import { Emulator, EmulatorClient } from "@strata/emulator"
import { ExtractiveChat, LocalEmbedding } from "@strata/local"
import { OpenAiChat, OpenAiClient, OpenAiEmbedding } from "@strata/openai"
import { Config, Effect, Layer, Schedule } from "effect"

/** The provider. */
export const name = Config.Literals(["local", "bedrock", "openai", "effect-ai"], "STRATA_PROVIDER").pipe(
  Config.withDefault("local" as const)
)

/** The models that are asked; `STRATA_CHAT_MODEL` and `STRATA_EMBEDDING_MODEL` name others. */
export const models = Config.all({
  chat: Config.String("STRATA_CHAT_MODEL").pipe(Config.withDefault("us.amazon.nova-lite-v1:0")),
  embedding: Config.String("STRATA_EMBEDDING_MODEL").pipe(Config.withDefault("amazon.titan-embed-text-v2:0"))
})

/** The same of OpenAI. */
const openAiModels = {
  chat: Config.String("STRATA_CHAT_MODEL").pipe(Config.withDefault("gpt-4.1-mini")),
  embedding: Config.String("STRATA_EMBEDDING_MODEL").pipe(Config.withDefault("text-embedding-3-small"))
}

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
      EmulatorClient.connect((client) => BedrockClient.layer({ ...client, region })).pipe(Layer.provide(emulator)),
      { region }
    )
}

/** A client of a Bedrock on 127.0.0.1, for which these services answer. */
const emulated = <E>(
  answering: Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService, E>,
  options?: Emulator.Options
) => EmulatorClient.layer(BedrockClient.layer, options).pipe(Layer.provide(answering))

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

/** `ChatService` and `EmbeddingService` over one client of Bedrock. */
const onBedrock = <E>(client: Layer.Layer<BedrockClient.BedrockClient, E>) =>
  Layer.mergeAll(
    BedrockChat.layerConfig({ model: Config.map(models, ({ chat }) => chat) }),
    BedrockEmbedding.layerConfig({ model: Config.map(models, ({ embedding }) => embedding) })
  ).pipe(Layer.provide(client))

const onOpenAi = Layer.mergeAll(
  OpenAiChat.layerConfig({ model: openAiModels.chat }),
  OpenAiEmbedding.layerConfig({ model: openAiModels.embedding })
).pipe(Layer.provide(OpenAiClient.layerConfig()))

/** A model of `effect/ai`, for which these services answer. */
const onEffectAi = <E>(answering: Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService, E>) =>
  Layer.mergeAll(EffectAiChat.layer(), EffectAiEmbedding.layer()).pipe(
    Layer.provide(Layer.merge(StrataLanguageModel.layer(), StrataEmbeddingModel.layer())),
    Layer.provide(answering)
  )

/** The services of the provider that was asked for; on this machine these answer. */
const services = <E>(
  answering: Layer.Layer<ChatService.ChatService | EmbeddingService.EmbeddingService, E>,
  options?: Emulator.Options
) =>
  Providers.choose({
    local: onBedrock(emulated(answering, options)),
    bedrock: onBedrock(BedrockClient.layer()),
    openai: onOpenAi,
    "effect-ai": onEffectAi(answering)
  }, { default: "local" })

/** `ChatService` and `EmbeddingService`. */
export const layer = services(local)

/** The same; on this machine, so many calls are refused with a `ThrottlingException`, as a busy Bedrock would. */
export const throttled = (times: number) => services(local, { faults: [{ type: "throttle", times }] })

/** The same; on this machine, the models have a token quota, kept as Bedrock keeps it. */
export const limited = (quota: Emulator.Options["quota"]) => services(local, { quota })

/**
 * The same; on this machine, a script says what the model answers, and hashed words stand in for one that embeds. For what
 * only a language model can do, such as calling tools, and for what would take a model on this machine too long.
 */
export const scripted = (script: TestChat.Script, options?: Emulator.Options) => services(answers(script), options)

const answers = (script: TestChat.Script) => Layer.merge(TestChat.layer(script), TestEmbedding.layer())

/** The client alone, for services of your own; `options` say what is special about the Bedrock on this machine. */
export const bedrock = (options?: Emulator.Options) => client(emulated(local, options))

/** The same; on this machine, a script says what the model answers. */
export const scriptedBedrock = (script: TestChat.Script, options?: Emulator.Options) =>
  client(emulated(answers(script), options))

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
  EmulatorClient.layer((client) =>
    BedrockBatch.layer({
      model,
      input: "s3://my-bucket/in/",
      output: "s3://my-bucket/out/",
      roleArn: "arn:aws:iam::123456789012:role/my-batch-role",
      endpoint: client.endpoint,
      s3: { endpoint: client.endpoint, forcePathStyle: true }
    }).pipe(Layer.provide(BedrockClient.layer(client))), { s3: { buckets: ["my-bucket"] } }).pipe(
      Layer.provide(answers([]))
    )

/** How to wait for a batch job: the real one takes hours, offline it is a matter of seconds. */
export const waiting = Effect.map(
  name,
  (name): Batch.WatchOptions => name === "bedrock" ? {} : { polling: Schedule.spaced("50 millis") }
)

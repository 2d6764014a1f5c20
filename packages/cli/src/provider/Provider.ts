/**
 * Who answers: models on this machine behind an emulated Bedrock, unless Amazon Bedrock is asked for.
 */
import { Budget, ChatService, EmbeddingService, Policy, Pricing } from "@strata/core"
import type { ProviderError } from "@strata/core"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CommandError from "../process/CommandError.ts"
import { Output } from "../process/Output.ts"

/** What the commands ask. */
export type Services = ChatService.ChatService | EmbeddingService.EmbeddingService

/** The two services of a provider, for their models. */
export type Source = (options: {
  readonly chatModel: string
  readonly embeddingModel: string
  readonly region: string | undefined
  readonly profile: string | undefined
}) => Layer.Layer<Services, ProviderError.CallError | CommandError.CommandError>

/** The services of each provider; a test can put others in their place. */
export const Sources: Context.Reference<{ readonly local: Source; readonly bedrock: Source }> = Context.Reference(
  "@strata/cli/provider/Sources",
  {
    defaultValue: () => ({
      local: (options) => Layer.unwrap(Effect.map(loaded(() => import("./Local.ts")), ({ layer }) => layer(options))),
      bedrock: (options) =>
        Layer.unwrap(Effect.map(loaded(() => import("./Bedrock.ts")), ({ layer }) => layer(options)))
    })
  }
)

/** What is not asked for is not loaded: an SDK and a model take a second. */
const loaded = <A>(module: () => Promise<A>) =>
  Effect.tryPromise({
    try: module,
    catch: (cause) => CommandError.failed(`A part of @strata/cli cannot be loaded: install it again`, cause)
  })

const provider = Flag.Literals("provider", ["local", "bedrock"]).pipe(
  Flag.withFallbackConfig(Config.Literals(["local", "bedrock"], "STRATA_PROVIDER")),
  Flag.withDefault("local"),
  Flag.withDescription("Who answers: models on this machine, or Amazon Bedrock (local, or STRATA_PROVIDER)")
)

const region = Flag.String("region").pipe(
  Flag.optional,
  Flag.withDescription("The AWS region (AWS_REGION, or that of the profile)")
)

const profile = Flag.String("profile").pipe(
  Flag.optional,
  Flag.withDescription("The profile of the AWS configuration (AWS_PROFILE)")
)

const prices = Flag.String("prices").pipe(
  Flag.withMetavar("FILE"),
  Flag.withFallbackConfig(Config.String("STRATA_PRICES")),
  Flag.optional,
  Flag.withDescription(
    "Prices of models: JSON, such as [{\"model\": \"*nova-lite-v1:0\", \"price\": {\"input\": 0.06}}]"
  )
)

const maxCost = Flag.Finite("max-cost").pipe(
  Flag.withMetavar("USD"),
  Flag.mapEffect((amount) =>
    amount >= 0 ? Effect.succeed(amount) : new CliError.ValidationError({ message: "--max-cost must not be negative" })
  ),
  Flag.optional,
  Flag.withDescription("Send nothing that could bring the cost of this run above it; needs --prices")
)

/** The flags of commands that ask models. */
export const flags = { provider, region, profile, prices, maxCost }

/** Their values. */
export interface Given {
  readonly provider: "local" | "bedrock"
  readonly region: Option.Option<string>
  readonly profile: Option.Option<string>
  readonly prices: Option.Option<string>
  readonly maxCost: Option.Option<number>
}

/** A provider that was chosen: its models, the prices in force, and its services. */
export interface Selected {
  readonly provider: "local" | "bedrock"
  readonly chatModel: string
  readonly embeddingModel: string
  readonly layer: Layer.Layer<Services, ProviderError.CallError | CommandError.CommandError>
  readonly prices: Layer.Layer<never, CommandError.CommandError>
}

/** The models where neither a flag nor the environment names one. */
const defaults = { chat: "us.amazon.nova-lite-v1:0", embedding: "amazon.titan-embed-text-v2:0" }

const environment = Config.all({
  chat: Config.String("STRATA_CHAT_MODEL").pipe(Config.withDefault(defaults.chat)),
  embedding: Config.String("STRATA_EMBEDDING_MODEL").pipe(Config.withDefault(defaults.embedding))
})

/** Chooses the provider, and says once when it is this machine. `concurrency`: calls at the same time. */
export const select = Effect.fnUntraced(function*(
  given: Given,
  { chatModel, concurrency, embeddingModel }: {
    readonly chatModel?: string | undefined
    readonly embeddingModel?: string | undefined
    readonly concurrency?: number | undefined
  }
): Effect.fn.Return<Selected, CommandError.CommandError, Output | FileSystem.FileSystem> {
  const sources = yield* Sources
  const { note } = yield* Output
  const models = yield* Effect.mapError(environment, ({ message }) => CommandError.usage(message))
  if (given.provider === "local") yield* note(offline)
  const prices = yield* pricesOf(given.prices)
  const names = { chatModel: chatModel ?? models.chat, embeddingModel: embeddingModel ?? models.embedding }
  const plain = sources[given.provider]({
    ...names,
    region: Option.getOrUndefined(given.region),
    profile: Option.getOrUndefined(given.profile)
  })
  const source = concurrency === undefined ? plain : bounded(plain, concurrency)
  // Nothing is paid on this machine, unless prices pretend so.
  const isPaid = given.provider === "bedrock" || Option.isSome(given.prices)
  if (Option.isSome(given.maxCost) && isPaid && Option.isNone(given.prices)) {
    return yield* CommandError.usage("--max-cost needs to know what models cost: give --prices")
  }
  return {
    provider: given.provider,
    ...names,
    prices,
    layer: Option.isSome(given.maxCost) && isPaid
      ? budgeted(source, given.maxCost.value).pipe(Layer.provide(prices))
      : source.pipe(Layer.provide(prices))
  }
})

/** The prices of a file. */
export const pricesOf = (
  file: Option.Option<string>
): Effect.Effect<Layer.Layer<never, CommandError.CommandError>, never, FileSystem.FileSystem> =>
  Effect.map(FileSystem.FileSystem, (fileSystem) =>
    Option.match(file, {
      onNone: () => Layer.empty,
      onSome: (file) =>
        Layer.catch(
          Pricing.layerFile(file, Effect.succeed(fileSystem)),
          ({ message }) => Layer.effectDiscard(Effect.fail(CommandError.usage(message)))
        )
    }))

const offline = "Answered offline, by small models on this machine that quote and compare but do not write. " +
  "Use --provider bedrock for Amazon Bedrock."

type SourceLayer = ReturnType<Source>

const bounded = (source: SourceLayer, concurrency: number): SourceLayer => {
  const policy = Policy.make({ concurrency })
  return Layer.merge(
    ChatService.withPolicy(chatOf(source), policy),
    EmbeddingService.withPolicy(embeddingOf(source), policy)
  )
}

const budgeted = (source: SourceLayer, dollars: number): SourceLayer => {
  const budget = Budget.make({ name: "strata", perRun: dollars })
  return Layer.merge(
    ChatService.withBudget(chatOf(source), budget),
    EmbeddingService.withBudget(embeddingOf(source), budget)
  )
}

// The same layer is built once for all that need it.
const chatOf = (source: SourceLayer): Layer.Layer<ChatService.ChatService, Layer.Error<SourceLayer>> => source
const embeddingOf = (source: SourceLayer): Layer.Layer<EmbeddingService.EmbeddingService, Layer.Error<SourceLayer>> =>
  source

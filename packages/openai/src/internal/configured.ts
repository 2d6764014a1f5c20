/**
 * Options of a layer, some of them read from `Config`.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type { AzureMode } from "../client/ServerAddress.ts"
import { providerKey } from "./provider.ts"

/**
 * The options with each `Config` replaced by its value; the values are checked elsewhere. Fails for a value without
 * fields.
 */
export const read = <Options>(
  options: Config.Wrap<Options> | { readonly [Name in keyof Options]: Options[Name] | Config.Config<Options[Name]> }
): Effect.Effect<Options, Config.ConfigError | ProviderError.InvalidRequestError> =>
  Effect.flatMap(
    Check.run(fields, options, { provider: providerKey, whole: "options" }),
    // Each has the type of its `Config`.
    (options) => readFields(options) as Effect.Effect<Options, Config.ConfigError>
  )

/** A copy that keeps instances of classes, such as a `Config`. */
const fields = Check.jsonObject("Give an object with options, of which each may be a `Config`", { others: true })

const readFields = (options: Fields): Effect.Effect<Fields, Config.ConfigError> =>
  Effect.map(
    Effect.forEach(Object.entries(options), ([name, option]) => Effect.map(readOption(option), (read) => [name, read])),
    Object.fromEntries
  )

const readOption = (option: unknown): Effect.Effect<unknown, Config.ConfigError> =>
  isConfig(option) ? option : isPlain(option) ? readFields(option) : Effect.succeed(option)

interface Fields {
  readonly [name: string]: unknown
}

const isConfig = (option: unknown): option is Config.Config<unknown> => Check.holds(Config.isConfig, option)

const isPlain = (option: unknown): option is Fields =>
  Predicate.isObject(option) && !Array.isArray(option) && Object.getPrototypeOf(option) === Object.prototype

interface ClientOptions {
  readonly apiKey?: Redacted.Redacted | string | undefined
  readonly baseUrl?: string | undefined
  readonly azure?: AzureMode | undefined
  readonly organization?: string | undefined
  readonly project?: string | undefined
}

/** The options of a client, those that are missing read from the usual variables. */
export const client = <Options extends ClientOptions>(given: Options): Effect.Effect<Options, Config.ConfigError> =>
  Effect.gen(function*() {
    const baseUrl = given.baseUrl ?? (yield* variable("OPENAI_BASE_URL"))
    const endpoint = baseUrl ?? (yield* variable("AZURE_OPENAI_ENDPOINT"))
    const isAzure = baseUrl === undefined && endpoint !== undefined
    const version = isAzure ? yield* variable("OPENAI_API_VERSION") : undefined
    const azureKey = isAzure ? yield* secret("AZURE_OPENAI_API_KEY") : undefined
    const azure = given.azure ?? (version === undefined ? undefined : { apiVersion: version })
    return {
      ...given,
      baseUrl: endpoint,
      azure,
      apiKey: given.apiKey ?? azureKey ?? (yield* secret("OPENAI_API_KEY")),
      organization: given.organization ?? (yield* variable("OPENAI_ORG_ID")),
      project: given.project ?? (yield* variable("OPENAI_PROJECT_ID"))
    }
  })

const variable = (name: string): Effect.Effect<string | undefined, Config.ConfigError> =>
  Effect.map(Config.String(name).pipe(Config.withDefault("")), (text) => text.trim() === "" ? undefined : text.trim())

const secret = (name: string): Effect.Effect<Redacted.Redacted | undefined, Config.ConfigError> =>
  Effect.map(variable(name), (text) => text === undefined ? undefined : Redacted.make(text))

/** Options with the model of a variable, where they have none. */
export const model = <Options extends { readonly model?: string | undefined }>(
  given: Options,
  name: string
): Effect.Effect<Options, Config.ConfigError> =>
  given.model === undefined
    ? Effect.map(variable(name), (model) => model === undefined ? given : { ...given, model })
    : Effect.succeed(given)

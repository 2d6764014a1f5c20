/**
 * Options of a layer, some of them read from `Config`.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { providerName } from "./provider.ts"

/**
 * The options with each `Config` replaced by its value; the values are checked elsewhere. Fails for a value without
 * fields.
 */
export const read = <Options>(
  options: Config.Wrap<Options> | { readonly [Name in keyof Options]: Options[Name] | Config.Config<Options[Name]> }
): Effect.Effect<Options, Config.ConfigError | ProviderError.InvalidRequestError> =>
  Effect.flatMap(
    Check.run(fields, options, { provider: providerName, whole: "options" }),
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

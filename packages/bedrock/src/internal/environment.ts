/**
 * Environment variables, read through the `ConfigProvider`, so that a test or a `.env` file can set them.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { providerName } from "./provider.ts"

/** The value of a variable, `undefined` when it is missing or empty. */
export const read = (name: string): Effect.Effect<string | undefined, ProviderError.InvalidRequestError> =>
  Effect.mapBoth(Config.option(Config.String(name)), {
    onSuccess: (value) => Option.getOrUndefined(Option.filter(value, (text) => text !== "")),
    onFailure: (error) =>
      ProviderError.invalidRequest({
        provider: providerName,
        field: name,
        problem: `it cannot be read: ${error.message}`,
        remedy: "Check the ConfigProvider"
      })
  })

/**
 * A variable that the SDK would read from the process, `undefined` when it is missing or empty: from the `ConfigProvider`
 * where the program has set one, else as the process has it now. Effect's default provider keeps what it was at first.
 */
export const readAny = (name: string): Effect.Effect<string | undefined, ProviderError.InvalidRequestError> =>
  Effect.withFiber(({ context }) => {
    const own = () => process.env[name] || undefined
    return Context.getOrUndefined(context, ConfigProvider.ConfigProvider) === undefined
      ? Effect.sync(own)
      : Effect.map(read(name), (value) => value ?? own())
  })

/**
 * Environment variables, read through the `ConfigProvider`, so that a test or a `.env` file can set them.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Config from "effect/Config"
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

/** {@link read}, and where that finds nothing the process's own variable: the SDK would read it there. */
export const readAny = (name: string): Effect.Effect<string | undefined, ProviderError.InvalidRequestError> =>
  Effect.map(read(name), (value) => value ?? (process.env[name] || undefined))

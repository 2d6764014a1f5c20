/**
 * Checks of `providerOptions.bedrock` and of the options shared by layers, both of which may be any value.
 */
import * as Check from "@strata/core/Check"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { providerName } from "./provider.ts"

/** Options of a layer. Fails with an `InvalidRequestError` that names the invalid field. */
export const ofLayer = <Options extends object>(
  fields: Check.Fields<Options>,
  given: Options | undefined
): Effect.Effect<Options, ProviderError.InvalidRequestError> =>
  Check.run(Check.struct(fields), given === undefined ? {} : given, { provider: providerName, whole: "options" })

/** The model of a layer. */
export const model = Check.optional(Check.filled)

/** The policy of a layer, which is checked where it is used. */
export const policy = Check.unchecked<Policy.Policy | undefined>()

/** Checks `providerOptions.bedrock`, and ignores the options of other providers. */
export const ofRequest = <Own extends object>(check: Check.Check<Own>) =>
(
  model: string,
  providerOptions: object | undefined
): Result.Result<Own | undefined, ProviderError.InvalidRequestError> =>
  providerOptions === undefined ? Result.succeed(undefined) : Result.match(
    Check.settle(
      Check.struct<{ readonly bedrock?: Own | undefined }>({ bedrock: Check.optional(check) }, { others: "ignored" }),
      providerOptions,
      { field: "providerOptions" }
    ),
    {
      onFailure: (problem) => Result.fail(ProviderError.invalidRequest({ provider: providerName, model, ...problem })),
      onSuccess: ({ bedrock }) => Result.succeed(bedrock)
    }
  )

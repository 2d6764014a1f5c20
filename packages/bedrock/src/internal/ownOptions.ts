/**
 * What a request says to Bedrock under `providerOptions.bedrock`, and what layers of services have in common: checked,
 * since both may be any values.
 */
import * as Check from "@strata/core/Check"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { providerName } from "./provider.ts"

/** Options of a layer, with an `InvalidRequestError` that names what cannot be right among them. */
export const ofLayer = <Options extends object>(
  fields: Check.Fields<Options>,
  given: Options | undefined
): Effect.Effect<Options, ProviderError.InvalidRequestError> =>
  Check.run(Check.struct(fields), given === undefined ? {} : given, { provider: providerName, whole: "options" })

/** The model of a layer. */
export const model = Check.optional(Check.filled)

/** The policy of a layer, which is checked where it is put in force. */
export const policy = Check.unchecked<Policy.Policy | undefined>()

/** The check of what a request says to Bedrock, and of nothing it says to others. */
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

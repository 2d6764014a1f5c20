/**
 * What callers pass, who may not have types: fields that are not there, getters that throw.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { providerName } from "./provider.ts"

/** The fields of an input, read once. */
export const copy = <Input extends object>(input: Input): Result.Result<Input, ProviderError.InvalidRequestError> =>
  Predicate.isObject(input)
    ? Result.try({ try: () => ({ ...input }), catch: () => unreadable })
    : Result.fail(unreadable)

const unreadable = ProviderError.invalidRequest({
  provider: providerName,
  field: "input",
  problem: "it is no object whose fields can be read",
  remedy: "Give the fields of the request"
})

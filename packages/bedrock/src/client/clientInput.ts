/**
 * Checks the inputs of a client's operations: requests in the service's own format, of any type.
 *
 * The content is checked by the service; the input must be an object whose properties can be read.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import { providerName } from "../internal/provider.ts"

const operations = [
  "converse",
  "converseStream",
  "invokeModel",
  "invokeModelStream",
  "countTokens",
  "applyGuardrail"
] as const

/** The common supertype of the operations. */
type Operation = (input: never) => Effect.Effect<unknown, unknown, unknown>

/** Wraps the service: its operations receive plain data, and fail with an `InvalidRequestError` for any other input. */
export const checked = <Service extends { readonly [Name in (typeof operations)[number]]: Operation }>(
  service: Service
): Service => ({
  ...service,
  ...Object.fromEntries(
    operations.map((name) => {
      // Of the input no more is known than that it is plain data: the service checks its content.
      const operation = service[name] as (input: object) => Effect.Effect<unknown, unknown, unknown>
      return [name, (input: object) => Effect.flatMap(settle(input), operation)]
    })
  )
})

/** Marks an input as plain data, so that it is not copied again. */
export const trust = <Input extends object>(input: Input): Input => {
  trusted.add(input)
  return input
}

const trusted = new WeakSet<object>()

const settle = (input: object): Effect.Effect<object, ProviderError.InvalidRequestError> =>
  typeof input === "object" && trusted.has(input)
    ? Effect.succeed(input)
    : Check.run(plain, input, { provider: providerName, whole: "input" })

/** Streams and other objects of classes are kept. */
const plain = Check.jsonObject("Use a request in the service's own format", { others: true })

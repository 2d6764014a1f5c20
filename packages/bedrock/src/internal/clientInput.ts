/**
 * Checks the inputs of a client's operations: requests in the service's own format, of any type.
 *
 * The content is checked by the service; the input must be an object whose properties can be read.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type { BedrockClient } from "../BedrockClient.ts"
import { providerName } from "./provider.ts"

type Service = BedrockClient["Service"]

const operations = [
  "converse",
  "converseStream",
  "invokeModel",
  "invokeModelStream",
  "countTokens",
  "applyGuardrail"
] as const satisfies ReadonlyArray<keyof Service>

/** Wraps the service: its operations receive plain data, and fail with an `InvalidRequestError` for any other input. */
export const checked = (service: Service): Service => ({
  ...service,
  ...Object.fromEntries(
    operations.map((name) => {
      const operation = service[name] as Operation
      return [name, (input: object) => Effect.flatMap(settle(input), operation)]
    })
  )
})

/** The common supertype of the operations, whose types are those of `Service`. */
type Operation = (input: object) => Effect.Effect<unknown, unknown, unknown>

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

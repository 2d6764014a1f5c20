/**
 * What the operations of a client are given: a request in the words of the service, which may be any value.
 *
 * What it says is for the service to judge, but it must be an object that can be read.
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

/** The service, whose operations are given plain data, and fail with an `InvalidRequestError` for what is none. */
export const checked = (service: Service): Service => ({
  ...service,
  ...Object.fromEntries(
    operations.map((name) => {
      const operation = service[name] as Operation
      return [name, (input: object) => Effect.flatMap(settle(input), operation)]
    })
  )
})

/** Whatever it takes and gives: `Service` says that for each of them. */
type Operation = (input: object) => Effect.Effect<unknown, unknown, unknown>

/** Notes that an input is plain data already, so that it is not copied again. */
export const trust = <Input extends object>(input: Input): Input => {
  trusted.add(input)
  return input
}

const trusted = new WeakSet<object>()

const settle = (input: object): Effect.Effect<object, ProviderError.InvalidRequestError> =>
  typeof input === "object" && trusted.has(input)
    ? Effect.succeed(input)
    : Check.run(plain, input, { provider: providerName, whole: "input" })

/** Streams and the like stay what they are. */
const plain = Check.jsonObject("Give a request in the words of the service", { others: true })

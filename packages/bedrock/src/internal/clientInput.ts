/**
 * What the operations of a client are given: a request in the words of the service, which may be any value.
 *
 * What it says is for the service to judge. But it must be an object that can be read, and name its model or its
 * guardrail.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type { BedrockClient } from "../BedrockClient.ts"
import { providerName } from "./provider.ts"

type Service = BedrockClient["Service"]

/** The operations that send something, by what they name. */
const named = {
  converse: "modelId",
  converseStream: "modelId",
  invokeModel: "modelId",
  countTokens: "modelId",
  applyGuardrail: "guardrailIdentifier"
} as const satisfies { readonly [Name in keyof Service]?: string }

/** The service, whose operations fail with an `InvalidRequestError` for an input that is none. */
export const checked = (service: Service): Service => ({
  ...service,
  ...Object.fromEntries(
    Object.entries(named).map(([name, key]) => {
      const operation = service[name as keyof typeof named] as Operation
      return [name, (input: object) => Effect.flatMap(settle(key, input), operation)]
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

const settle = (key: string, input: object): Effect.Effect<object, ProviderError.InvalidRequestError> =>
  typeof input === "object" && trusted.has(input) ? Effect.succeed(input) : Check.run(
    (given, at) => {
      const copy = plain(given, at)
      if (copy === Check.refused) return copy
      at.path.push(key)
      return copy[key] === undefined || Check.text(copy[key], at) !== Check.refused ? copy : Check.refused
    },
    input,
    { provider: providerName, whole: "input" }
  )

/** Streams and the like stay what they are. */
const plain = Check.jsonObject("Give a request in the words of the service", { others: true })

/**
 * What a request says to Bedrock under `providerOptions.bedrock`, and what layers of services have in common: checked,
 * since both may be any values.
 */
import * as Check from "@strata/core/Check"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { BedrockChatOptions } from "../BedrockOptions.ts"
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

const texts: Check.Check<Record<string, string>> = (given, at) => {
  const copy = Check.jsonObject("Give an object of texts")(given, at)
  if (copy === Check.refused) return copy
  for (const [key, value] of Object.entries(copy)) {
    at.path.push(key)
    if (typeof value !== "string") return Check.refuseKind(at, value, "Give text")
    at.path.pop()
  }
  // Each of its values is text.
  return copy as Record<string, string>
}

const object = Check.jsonObject("Give an object in the words of Converse", { bytes: true, bigint: true })

const number = Check.number({ remedy: "Use a number" })

/**
 * The kinds of the fields of a Converse request, whose figures and words have checks of their own. Fields that are newer
 * than this are handed on; a slip of the pen is not.
 */
const converse = Check.partial({
  family: Check.text,
  system: Check.list(object),
  inferenceConfig: Check.partial({
    maxTokens: number,
    temperature: number,
    topP: number,
    stopSequences: Check.list(Check.text)
  }, { others: "ignored" }),
  toolConfig: Check.partial({ tools: Check.list(object), toolChoice: object }, { others: "ignored" }),
  guardrailConfig: Check.partial({
    guardrailIdentifier: Check.text,
    guardrailVersion: Check.text,
    trace: Check.text,
    streamProcessingMode: Check.text
  }, { others: "ignored" }),
  additionalModelRequestFields: Check.json(),
  promptVariables: object,
  additionalModelResponseFieldPaths: Check.list(Check.text),
  requestMetadata: texts,
  performanceConfig: Check.partial({ latency: Check.text }, { others: "ignored" }),
  serviceTier: Check.partial({ type: Check.text }, { others: "ignored" }),
  outputConfig: object
}, { others: "ignored" })

/** {@link BedrockChatOptions} of a request. */
export const ofChat = ofRequest<BedrockChatOptions>((given, at) => {
  const copy = object(given, at)
  if (copy === Check.refused) return copy
  // All of it is handed on, what this does not know too.
  return converse(copy, at) === Check.refused ? Check.refused : copy as BedrockChatOptions
})

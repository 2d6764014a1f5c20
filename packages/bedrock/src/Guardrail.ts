/**
 * Guardrails of Amazon Bedrock on their own: checks a text or an image without calling a model.
 *
 * For the guardrail of a chat request see `guardrailConfig` in `BedrockChatOptions`, and `guardrail` in
 * `BedrockChatMetadata` for what it did.
 */
import type { ApplyGuardrailCommandOutput, GuardrailUsage } from "@aws-sdk/client-bedrock-runtime"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import { BedrockClient } from "./BedrockClient.ts"
import * as Failure from "./error/Failure.ts"
import * as Assessment from "./guardrail/Assessment.ts"
import * as Request from "./guardrail/Request.ts"

export type { Action, Assessment, Level, Policy, Verdict } from "./guardrail/Assessment.ts"
export type { ChatGuardrail, Side } from "./guardrail/ChatGuardrail.ts"
export type { Request } from "./guardrail/Request.ts"

/**
 * The result of applying a guardrail.
 *
 * - `intervened`: whether it blocked or masked anything.
 * - `action`: which of the two; an unexplained intervention counts as `blocked`.
 * - `outputs`: the text to show in place of the content after an intervention: the guardrail's message, or the masked
 *   text.
 * - `assessments`: the findings of its policies. `policies`: those that acted.
 * - `usage`: units of text charged by each policy.
 * - `coverage`: how much of the content was checked.
 * - `reason`: the service's own explanation.
 */
export interface Outcome {
  readonly intervened: boolean
  readonly action: Assessment.Action
  readonly outputs: ReadonlyArray<string>
  readonly assessments: ReadonlyArray<Assessment.Assessment>
  readonly policies: ReadonlyArray<Assessment.Policy>
  readonly usage: Usage
  readonly coverage: Coverage
  readonly reason?: string | undefined
  readonly requestId?: string | undefined
}

/** Units as the service charges them. A unit of text is up to 1000 characters. */
export interface Usage {
  readonly topicUnits: number
  readonly contentUnits: number
  readonly contentImageUnits: number
  readonly wordUnits: number
  readonly sensitiveInformationUnits: number
  readonly sensitiveInformationFreeUnits: number
  readonly groundingUnits: number
  readonly automatedReasoningUnits: number
}

/** How much of the content was checked; missing where the service does not say. */
export interface Coverage {
  readonly textCharacters?: { readonly guarded: number; readonly total: number } | undefined
  readonly images?: { readonly guarded: number; readonly total: number } | undefined
}

/**
 * Applies a guardrail. One attempt: retry with `Retry.standard` where needed.
 *
 * Beside the errors of the client it fails with `InvalidRequestError`, before anything is sent, for empty content or an
 * image type that guardrails do not accept, and with `MalformedResponseError` when the answer has no verdict.
 *
 * @example
 * const outcome = yield* Guardrail.apply({
 *   guardrail: { id: "gr7wxyz12345", version: "1" },
 *   source: "output",
 *   content: [
 *     { type: "text", text: manual, guard: { qualifiers: ["grounding_source"] } },
 *     { type: "text", text: question, guard: { qualifiers: ["query"] } },
 *     { type: "text", text: answer }
 *   ]
 * })
 */
export const apply = Effect.fnUntraced(function*(
  request: Request.Request
): Effect.fn.Return<Outcome, ProviderError.CallError, BedrockClient> {
  const client = yield* BedrockClient
  const output = yield* client.applyGuardrail(yield* Request.encode(request))
  // An answer without a verdict, such as the empty one of a proxy, must not pass as a check.
  return output.action === undefined ? yield* noVerdict(client, request.guardrail.id, output) : decode(output)
}, Effect.withSpan("Guardrail.apply", {}, { captureStackTrace: false }))

const noVerdict = (client: BedrockClient["Service"], id: string, { $metadata }: ApplyGuardrailCommandOutput) =>
  Failure.malformed(
    { ...Failure.whereOf(client, id), who: `guardrail ${id}`, requestId: $metadata.requestId },
    "the answer has no guardrail action"
  )

const decode = (output: ApplyGuardrailCommandOutput): Outcome => {
  const assessments = (output.assessments ?? []).flatMap(Assessment.decode)
  const intervened = output.action === "GUARDRAIL_INTERVENED"
  const found = Assessment.actionOf(assessments)
  return {
    intervened,
    action: intervened && found === "none" ? "blocked" : found,
    outputs: (output.outputs ?? []).flatMap(({ text }) => text === undefined ? [] : [text]),
    assessments,
    policies: Assessment.policiesOf(assessments),
    usage: decodeUsage(output.usage),
    coverage: {
      ...covered("textCharacters", output.guardrailCoverage?.textCharacters),
      ...covered("images", output.guardrailCoverage?.images)
    },
    ...(output.actionReason === undefined ? undefined : { reason: output.actionReason }),
    ...(output.$metadata.requestId === undefined ? undefined : { requestId: output.$metadata.requestId })
  }
}

const decodeUsage = (usage: GuardrailUsage | undefined): Usage => ({
  topicUnits: usage?.topicPolicyUnits ?? 0,
  contentUnits: usage?.contentPolicyUnits ?? 0,
  contentImageUnits: usage?.contentPolicyImageUnits ?? 0,
  wordUnits: usage?.wordPolicyUnits ?? 0,
  sensitiveInformationUnits: usage?.sensitiveInformationPolicyUnits ?? 0,
  sensitiveInformationFreeUnits: usage?.sensitiveInformationPolicyFreeUnits ?? 0,
  groundingUnits: usage?.contextualGroundingPolicyUnits ?? 0,
  automatedReasoningUnits: usage?.automatedReasoningPolicyUnits ?? 0
})

const covered = (
  key: keyof Coverage,
  counts: { readonly guarded?: number | undefined; readonly total?: number | undefined } | undefined
): Coverage => counts === undefined ? {} : { [key]: { guarded: counts.guarded ?? 0, total: counts.total ?? 0 } }

/**
 * The guardrail's result for a chat request, from the trace of Converse and the stop reason.
 *
 * The service sends a trace only when `guardrailConfig.trace` requests one: without it, only the stop reason is known.
 */
import type { GuardrailTraceAssessment, StopReason } from "@aws-sdk/client-bedrock-runtime"
import * as Assessment from "./Assessment.ts"

/**
 * - `intervened`: whether it blocked or masked anything.
 * - `input`, `output`: its action and findings for the prompt and for the answer.
 * - `policies`: those that acted, without duplicates.
 * - `reason`: the service's own explanation.
 * - `modelOutput`: the model's text before it was blocked or masked.
 *
 * An intervention without a trace is `intervened` with no findings on either side.
 */
export interface ChatGuardrail {
  readonly intervened: boolean
  readonly input: Side
  readonly output: Side
  readonly policies: ReadonlyArray<Assessment.Policy>
  readonly reason?: string | undefined
  readonly modelOutput?: ReadonlyArray<string> | undefined
}

/** The prompt, or the answer. */
export interface Side {
  readonly action: Assessment.Action
  readonly assessments: ReadonlyArray<Assessment.Assessment>
}

/** The result; `undefined` when there is no sign of a guardrail. */
export const decode = (
  trace: GuardrailTraceAssessment | undefined,
  stopReason: StopReason | undefined
): ChatGuardrail | undefined => {
  const stopped = stopReason === "guardrail_intervened"
  if (trace === undefined && !stopped) return undefined
  const input = side(Object.values(trace?.inputAssessment ?? {}))
  const output = side(Object.values(trace?.outputAssessments ?? {}).flat())
  return {
    intervened: stopped || input.action !== "none" || output.action !== "none",
    input,
    output,
    policies: Assessment.policiesOf([...input.assessments, ...output.assessments]),
    ...(trace?.actionReason === undefined ? undefined : { reason: trace.actionReason }),
    ...(trace?.modelOutput === undefined ? undefined : { modelOutput: trace.modelOutput })
  }
}

const side = (assessments: ReadonlyArray<Parameters<typeof Assessment.decode>[0]>): Side => {
  const decoded = assessments.flatMap(Assessment.decode)
  return { action: Assessment.actionOf(decoded), assessments: decoded }
}

/**
 * What the guardrail of a chat request did, from the trace of Converse and the reason why the model stopped.
 *
 * The service sends a trace only when `guardrailConfig.trace` asks for one: without it all that can be known is that the
 * guardrail stopped the answer.
 */
import type { GuardrailTraceAssessment, StopReason } from "@aws-sdk/client-bedrock-runtime"
import * as Assessment from "./Assessment.ts"

/**
 * - `intervened`: whether it blocked or masked anything.
 * - `input`, `output`: what it did to the prompt and to the answer, and what it found there.
 * - `policies`: those that acted, each once.
 * - `reason`: the service's own words for what it did.
 * - `modelOutput`: what the model had written before it was blocked or masked.
 *
 * An intervention without a trace is `intervened` with nothing known of either side.
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

/** The outcome; `undefined` when there is no sign of a guardrail. */
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

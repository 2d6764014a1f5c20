/** How calls end: run, refused, or with one of the fixed texts for calls that were not run. */
import * as Effect from "effect/Effect"
import type * as Tool from "../Tool.ts"
import type * as ToolState from "../ToolState.ts"
import type * as ToolCall from "./call.ts"

/** A call, as it was written and perhaps changed. */
type Called = Pick<ToolState.ToolResult, "call" | "writtenParams">

const called = ({ call, writtenParams }: Called): Called => ({
  call,
  ...(writtenParams !== undefined && { writtenParams })
})

/** The record of a result; it does not keep the error. */
export const settled = (result: ToolState.ToolResult): ToolState.SettledCall => {
  const { error: _, ...kept } = result
  return { status: "settled", ...kept }
}

/** What a call with valid arguments waits for. */
export const opened = <E, R>(
  given: Called & { readonly isApproved?: boolean | undefined },
  { call, tool }: Extract<ToolCall.Prepared<E, R>, { readonly tool: unknown }>
): Effect.Effect<ToolState.OpenCall, never, R> =>
  Effect.map(given.isApproved === true ? Effect.succeed(false) : call.needsApproval, (needsApproval) => ({
    status: needsApproval ? "approval" : tool.accept === undefined ? "ready" : "result",
    ...called(given),
    ...(given.isApproved === true && { isApproved: true })
  }))

/** The result of an invalid call. */
export const refused = (
  given: Called,
  { refusal, told }: { readonly refusal: ToolCall.Refusal; readonly told: string }
): ToolState.ToolResult => ({ ...called(given), outcome: "failed", isFailure: true, result: told, error: refusal })

/** The result of a tool that ran, here or elsewhere. */
export const answered = (
  given: Called,
  { isFailure, parts, result, ...rest }: Tool.Answer<unknown>
): ToolState.ToolResult => ({
  ...called(given),
  outcome: isFailure ? "failed" : "success",
  isFailure,
  result,
  ...(parts !== undefined && { parts }),
  ...("error" in rest && { error: rest.error })
})

/** The result of a call that was not run, or of which that is not known. `reason`: what the person wrote. */
export const notRun = (given: Called, why: keyof typeof texts, reason?: string): ToolState.ToolResult => {
  const { outcome, text } = texts[why]
  const result = reason === undefined || reason.trim() === "" ? text : `${text} The reason given: ${reason}`
  return { ...called(given), outcome, isFailure: true, result }
}

// Models read a bare "denied" as a rule, and a missing result as success.
const texts = {
  denied: {
    outcome: "denied",
    text: "The tool was not run: a person declined this call. That is a decision about this one call, not a rule."
  },
  cancelled: { outcome: "denied", text: "The tool was not run to its end: this call was cancelled." },
  expired: { outcome: "expired", text: "The tool was not run: the call was not approved in time." },
  "no-result": { outcome: "expired", text: "The tool was not run to its end: no result of this call came in time." },
  superseded: {
    outcome: "superseded",
    text: "The tool was not run: the user wrote a new message instead of answering."
  },
  changed: { outcome: "failed", text: "The tool was not run: it is another one now than when it was called." },
  gone: { outcome: "failed", text: "The tool was not run: it is no longer there." },
  unknown: {
    outcome: "unknown",
    text:
      "It is not known whether this call took effect: it was started, and its result was lost. Check before another try."
  }
} as const satisfies Record<string, { readonly outcome: ToolState.ResultOutcome; readonly text: string }>

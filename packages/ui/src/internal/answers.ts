/** The answers of a page to the calls that wait, checked against what was asked. */
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import * as UiChunk from "../UiChunk.ts"
import { UiAnswerError } from "../UiError.ts"
import * as UiMessage from "../UiMessage.ts"
import type * as UiRuns from "../UiRuns.ts"

/**
 * What the last message of a page asks for: a new turn, after which nothing waits; to go on from the history it sent; or to
 * resume a loop.
 */
export type Intent =
  | { readonly type: "new" }
  | { readonly type: "continue"; readonly message: UiMessage.UiMessage }
  | {
    readonly type: "resume"
    readonly message: UiMessage.UiMessage
    readonly run: UiRuns.WaitingRun
    readonly decisions: ReadonlyArray<ToolLoop.Decision>
  }

export const decide =
  (chatId: string, messages: ReadonlyArray<UiMessage.UiMessage>) =>
  (run: UiRuns.WaitingRun | undefined, now: number): Result.Result<Intent, UiAnswerError> => {
    const refuse = (reason: UiAnswerError["reason"], message: string, callId?: string) =>
      Result.fail(new UiAnswerError({ reason, chatId, message, ...(callId !== undefined && { callId }) }))

    const last = messages.at(-1)
    if (last === undefined || last.role !== "assistant") return Result.succeed({ type: "new" })
    const parts = last.parts.filter(UiMessage.isToolPart)
    const claimed = parts.find(({ state }) => state === "approval-responded")
    if (run === undefined) {
      return claimed === undefined
        ? Result.succeed({ type: "continue", message: last })
        : refuse("not-waiting", "No call of this conversation waits for an approval", claimed.toolCallId)
    }
    if (run.messageId !== last.id) {
      return refuse("other-message", "Another message of this conversation waits for an answer")
    }
    if (now > run.expiresAt) return refuse("expired", "The time to answer is over. Send a new message.")

    const pending = new Map(ToolLoop.pendingOf(run.state).map((waiting) => [waiting.call.id, waiting]))
    const decisions: Array<ToolLoop.Decision> = []
    for (const part of parts) {
      const { approval, state, toolCallId: callId } = part
      const waiting = pending.get(callId)
      if (waiting === undefined) {
        // One that was answered before the loop failed names its own request.
        if (state === "approval-responded" && (approval === undefined || approval.id !== run.approvals[callId])) {
          return refuse("forged", "The call did not ask for an approval", callId)
        }
        continue
      }
      const { call, kind } = waiting
      if (
        UiMessage.toolName(part) !== call.name || !Equal.equals(part.input ?? {}, UiChunk.jsonOf(call.params) ?? {})
      ) {
        return refuse("altered", "The call is another one than the server asked about", callId)
      }
      if (kind === "approval") {
        if (state === "approval-requested" || state === "input-available") continue
        if (state !== "approval-responded" || approval === undefined || approval.id !== run.approvals[callId]) {
          return refuse("forged", "The call waits for an answer to its own request for approval", callId)
        }
        const { approved, reason } = approval
        decisions.push(
          approved === true
            ? { type: "approve", callId }
            : { type: "deny", callId, ...(reason !== undefined && { reason }) }
        )
      } else if (state === "output-available" && part.preliminary !== true) {
        decisions.push({ type: "result", callId, result: part.output ?? null })
      } else if (state === "output-error") {
        decisions.push({ type: "result", callId, result: part.errorText ?? "", isFailure: true })
      } else if (state === "approval-responded") {
        return refuse("forged", "The call waits for a result, not for an approval", callId)
      }
    }
    return decisions.length === 0 && pending.size > 0
      ? refuse("unanswered", "No call of this message was answered")
      : Result.succeed({ type: "resume", message: last, run, decisions })
  }

/**
 * The results that a loop has and the page may have missed: of the calls of its message that have none. A loop that failed
 * after an answer is resumed without running them again.
 */
export const missed = (
  { parts }: UiMessage.UiMessage,
  { calls, messages }: ToolLoop.State
): ReadonlyArray<ToolLoop.ToolResultEvent> => {
  const open = new Map(
    parts.filter(UiMessage.isToolPart).filter(({ state }) => !state.startsWith("output-")).map((
      part
    ) => [part.toolCallId, part])
  )
  if (open.size === 0) return []
  const settled = calls.flatMap((call) =>
    call.status === "settled" && open.has(call.call.id) ? [{ type: "tool-result" as const, step: 0, ...call }] : []
  )
  const sent = messages.flatMap((message) => message.role === "tool" ? message.content : []).flatMap((part) => {
    const asked = open.get(part.id)
    return asked === undefined ? [] : [{
      type: "tool-result" as const,
      step: 0,
      call: { type: "tool-call" as const, id: part.id, name: UiMessage.toolName(asked), params: asked.input },
      result: part.result,
      ...(part.parts && { parts: part.parts }),
      isFailure: part.isFailure === true,
      outcome: part.isFailure === true ? "failed" as const : "success" as const
    }]
  })
  return [...settled, ...sent]
}

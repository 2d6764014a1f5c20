/**
 * Results of calls that a person decided on, when the program resolves calls itself: a stream of `LanguageModel.make` leaves
 * them out then, and the next turn would run an approved call again.
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Response from "effect/ai/Response"
import type * as AiTool from "effect/ai/Tool"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

type Handled = Stream.Stream<AiTool.HandlerResult<AiTool.Any>, unknown>

/** The decisions in a prompt that have no result yet. */
export interface Approvals {
  /** Keeps the result of an approved call when its handler ends. */
  readonly observe: (name: string, toolCallId: string | undefined) => (results: Handled) => Handled
  /** The parts after the results of the decisions. */
  readonly before: <E>(parts: Stream.Stream<Response.AnyPart, E>) => Stream.Stream<Response.AnyPart, E>
}

export const make = (prompt: Prompt.Prompt): Approvals => {
  const { approved, denied } = decisions(prompt)
  const results: Array<Response.AnyPart> = []
  return {
    observe: (name, toolCallId) => (handled) =>
      toolCallId === undefined || !approved.has(toolCallId) ?
        handled :
        Stream.tap(handled, (output) =>
          Effect.sync(() => {
            if (output.preliminary) return
            const { encodedResult, isFailure, modelOutput } = output
            results.push(Response.makePart("tool-result", {
              id: toolCallId,
              name,
              providerExecuted: false,
              preliminary: false,
              result: encodedResult,
              encodedResult,
              ...(modelOutput !== undefined && { modelOutput }),
              isFailure
            }))
          })),
    before: (parts) => {
      if (approved.size === 0 && denied.length === 0) return parts
      // The approved calls have run when the first part of the answer arrives.
      let isFirst = true
      return Stream.mapArray(parts, (arrived) => {
        if (!isFirst) return arrived
        isFirst = false
        return Arr.prependAll(arrived, [...results, ...denied])
      })
    }
  }
}

const decisions = (prompt: Prompt.Prompt) => {
  const requests = new Map<string, string>() // by approval: the call
  const names = new Map<string, string>() // by call
  const done = new Set<string>()
  const responses: Array<Prompt.ToolApprovalResponsePart> = []
  for (const message of prompt.content) {
    if (message.role === "assistant") {
      for (const part of message.content) {
        if (part.type === "tool-approval-request") requests.set(part.approvalId, part.toolCallId)
        if (part.type === "tool-call") names.set(part.id, part.name)
      }
    } else if (message.role === "tool") {
      for (const part of message.content) {
        if (part.type === "tool-result") done.add(part.id)
        else responses.push(part)
      }
    }
  }
  const approved = new Set<string>()
  const denied: Array<Response.AnyPart> = []
  for (const { approvalId, approved: isApproved, reason } of responses) {
    const id = requests.get(approvalId)
    const name = id === undefined ? undefined : names.get(id)
    if (id === undefined || name === undefined || done.has(id)) continue
    if (isApproved) approved.add(id)
    else {
      const result = { type: "execution-denied", reason }
      denied.push(Response.makePart("tool-result", {
        id,
        name,
        providerExecuted: false,
        preliminary: false,
        result,
        encodedResult: result,
        isFailure: true
      }))
    }
  }
  return { approved, denied }
}

/** The states of tool parts: what is known of their calls, and the result that each gets in a history. */
import * as Check from "@strata/core/Check"
import type * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as UiMessage from "../UiMessage.ts"
import type { Ended } from "./calls.ts"

/** What became of a call, for the model. `call`: whether it stays in the history at all. */
export interface Settled {
  readonly result: unknown
  readonly isFailure: boolean
}

/** The calls of a message that a stream continues. */
export const calls = (message: UiMessage.UiMessage | undefined) =>
  itemsOf(message?.parts).filter(UiMessage.isToolPart).map((part) => ({
    id: part.toolCallId,
    name: UiMessage.toolName(part),
    isEnded: endings.has(part.state)
  }))

// the items are those of the array, of whatever type they are
const itemsOf = (parts: ReadonlyArray<UiMessage.UiPart> | undefined) =>
  (Check.itemsOf(parts) ?? []) as ReadonlyArray<UiMessage.UiPart>

const endings: ReadonlySet<string> = new Set(["output-available", "output-error", "output-denied"])

/**
 * The result of a part in a history, by its state; `undefined` for a call that was not written to its end, which is left out.
 *
 * A call without a result was not run, whatever the page says of its approval: what ran has a result.
 */
export const settle = (part: UiMessage.ToolPart): Settled | undefined => {
  switch (part.state) {
    case "input-streaming":
      return undefined
    case "output-available":
      return part.preliminary === true ? notRun(interrupted) : { result: part.output ?? null, isFailure: false }
    case "output-error":
      return notRun(part.errorText === undefined || part.errorText === "" ? failed : part.errorText)
    case "output-denied":
      return notRun(denied(part.approval?.reason))
    case "approval-requested":
      return notRun(unanswered)
    case "approval-responded":
      return notRun(part.approval?.approved === false ? denied(part.approval.reason) : unused)
    default:
      return notRun(interrupted)
  }
}

const notRun = (result: string): Settled => ({ result, isFailure: true })

const failed = "The tool failed"
const interrupted = "The call was interrupted before it had a result. It may or may not have taken effect."
const unanswered = "The call was not run: it was not approved, and the user went on. Do not assume a decision."
const unused = "The call was not run: its approval came too late or was not accepted."
const denied = (reason: string | undefined): string =>
  `The call was not run: the user denied it${reason === undefined || reason === "" ? "" : `, saying: ${reason}`}.`

/** The result of an event of a loop, for the page. */
export const ended = (event: ToolLoop.ToolResultEvent): Ended => ({
  result: event.result,
  ...(event.parts && { parts: event.parts }),
  isFailure: event.isFailure,
  isDenied: event.outcome === "denied"
})

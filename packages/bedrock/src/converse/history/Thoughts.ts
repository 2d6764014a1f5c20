/**
 * What models thought: it goes back to those that take it.
 *
 * A seal tells nothing about who made it, so of two models that both seal their thoughts each is taken for the other.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Predicate from "effect/Predicate"
import type { Capabilities } from "../../catalog/Capabilities.ts"
import { providerName } from "../../internal/provider.ts"
import type { Report } from "./Change.ts"
import * as Turn from "./Turn.ts"

/** Leaves out what the model does not take back, and turns that held nothing else. */
export const fit = (
  turns: ReadonlyArray<Turn.Turn>,
  { reasoningInHistory }: Capabilities,
  report: Report
): ReadonlyArray<Turn.Turn> => {
  if (reasoningInHistory === undefined) return turns
  return turns.flatMap((turn) => {
    if (!turn.parts.some(({ part }) => part.type === "reasoning" || isUnreadable(part))) return [turn]
    const parts = turn.parts.flatMap((placed): ReadonlyArray<Turn.Placed> => {
      const { field, part } = placed
      if (isUnreadable(part)) {
        report("omitted-reasoning", field)
        return []
      }
      if (part.type !== "reasoning") return [placed]
      if (reasoningInHistory === "signed" && Turn.isSealed(placed)) return [placed]
      if (reasoningInHistory !== "unsigned" || part.redacted !== undefined || part.text.trim() === "") {
        report("omitted-reasoning", field)
        return []
      }
      if (part.signature === undefined) return [placed]
      report("omitted-signature", field)
      const { signature: _, ...unsigned } = part
      return [{ part: unsigned, field }]
    })
    return parts.length > 0 ? [{ ...turn, parts }] : []
  })
}

/** A block of reasoning that says nothing of what is known here: whose it is, nobody can tell. */
const isUnreadable = (part: Message.Part): boolean =>
  part.type === "provider" && part.provider === providerName && Predicate.hasProperty(part.value, "reasoningContent")

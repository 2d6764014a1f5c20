/**
 * Reasoning of earlier answers, for models that accept it.
 *
 * A signature does not identify its model, so reasoning signed by one model is taken for that of any other.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Predicate from "effect/Predicate"
import type { Capabilities } from "../../catalog/Capabilities.ts"
import { providerName } from "../../internal/provider.ts"
import type { Report } from "./Change.ts"
import * as Turn from "./Turn.ts"

/** Drops reasoning the model does not accept, and turns that held nothing else. */
export const fit = (
  turns: ReadonlyArray<Turn.Turn>,
  { reasoningInHistory }: Capabilities,
  report: Report
): ReadonlyArray<Turn.Turn> => {
  if (reasoningInHistory === undefined) return turns
  return turns.flatMap((turn) => {
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
    return parts.length > 0 || turn.parts.length === 0 ? [{ ...turn, parts }] : []
  })
}

/** A reasoning block unknown to this version: its model cannot be determined. */
const isUnreadable = (part: Message.Part): boolean =>
  part.type === "provider" && part.provider === providerName && Predicate.hasProperty(part.value, "reasoningContent")

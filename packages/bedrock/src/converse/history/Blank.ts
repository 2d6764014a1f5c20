/**
 * Blank text, which Bedrock refuses wherever it stands, and the turns that would be missing without it.
 */
import * as Message from "@strata/core/Message"
import type { Report } from "./Change.ts"
import * as Turn from "./Turn.ts"

/** Stands for a turn of which nothing is known but that somebody had it. */
export const placeholder: Message.TextPart = Message.text("…")

const empty = Message.text("(empty)")

/**
 * Leaves out blank parts, and messages of the assistant and the system of which nothing remains. Those of the user stay,
 * empty: what follows decides whether they are missed.
 */
export const drop = (turns: ReadonlyArray<Turn.Turn>, report: Report): ReadonlyArray<Turn.Turn> =>
  turns.flatMap((turn) => {
    if (turn.parts.length === 0) report("dropped-blank", turn.field)
    const parts = turn.parts.flatMap((placed) => {
      if (!Turn.isBlank(placed.part)) return [turn.role === "user" ? fillResult(placed, report) : placed]
      report("dropped-blank", placed.field)
      return []
    })
    return parts.length === 0 && turn.role !== "user" ? [] : [{ ...turn, parts }]
  })

/** Gives the empty turns of the user something to stand on. */
export const fill = (turns: ReadonlyArray<Turn.Turn>, report: Report): ReadonlyArray<Turn.Turn> =>
  turns.map((turn) => {
    if (turn.parts.length > 0) return turn
    report("filled-message", turn.field)
    return { ...turn, parts: [Turn.added(turn, placeholder)] }
  })

/** Cuts off the blanks at the end of a final answer: a model that goes on writing there refuses them. */
export const trim = (turns: ReadonlyArray<Turn.Turn>, report: Report): ReadonlyArray<Turn.Turn> => {
  const turn = turns[turns.length - 1]
  const last = turn?.parts[turn.parts.length - 1]
  if (turn?.role !== "assistant" || last?.part.type !== "text" || last.part.citations !== undefined) return turns
  const text = last.part.text.trimEnd()
  if (text === last.part.text) return turns
  report("trimmed-answer", last.field)
  const trimmed = { ...last, part: { ...last.part, text } }
  return [...turns.slice(0, -1), { ...turn, parts: [...turn.parts.slice(0, -1), trimmed] }]
}

const fillResult = (placed: Turn.Placed, report: Report): Turn.Placed => {
  const { field, part } = placed
  if (part.type !== "tool-result") return placed
  const filled = part.parts === undefined ? filledText(part) : filledParts(part, part.parts)
  if (filled !== part) report("filled-result", field)
  return { part: filled, field }
}

const filledText = (part: Message.ToolResultPart): Message.ToolResultPart =>
  // an empty string says so itself when it is encoded
  typeof part.result === "string" && part.result !== "" && part.result.trim() === ""
    ? { ...part, result: empty.text }
    : part

const filledParts = (
  part: Message.ToolResultPart,
  parts: NonNullable<Message.ToolResultPart["parts"]>
): Message.ToolResultPart => {
  const said = parts.filter((inner) => !Turn.isBlank(inner))
  if (said.length === 0 && (parts.length > 0 || part.isFailure === true)) return { ...part, parts: [empty] }
  return said.length < parts.length ? { ...part, parts: said } : part
}

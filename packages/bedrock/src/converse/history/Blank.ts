/**
 * Blank text and empty lists, which Bedrock refuses everywhere, and the turns that dropping them would remove.
 */
import * as Message from "@strata/core/chat/Message"
import type { Capabilities } from "../../catalog/Capabilities.ts"
import type { Report } from "./Change.ts"
import * as Turn from "./Turn.ts"

/** Placeholder of a turn whose content is unknown or dropped. */
export const placeholder: Message.TextPart = Message.text("…")

const empty = Message.text("(empty)")

/**
 * Drops blank parts, and messages of the assistant and the system that become empty. User messages stay, even empty:
 * later steps decide whether they are needed.
 *
 * Parts beside signed reasoning are sent back unchanged, blank or not. A cache point replaces its blank text; the text
 * stays too, where the model accepts it among others of the user.
 */
export const drop = (
  turns: ReadonlyArray<Turn.Turn>,
  { caching }: Capabilities,
  report: Report
): ReadonlyArray<Turn.Turn> =>
  turns.flatMap((turn) => {
    if (turn.parts.some(Turn.isSealed)) return [turn]
    if (turn.parts.length === 0) report("dropped-blank", turn.field)
    const isTaken = turn.role === "user" && caching?.behindBlankText === true && turn.parts.some(isSaid)
    const parts: Array<Turn.Placed> = []
    for (const [index, placed] of turn.parts.entries()) {
      const cache = Turn.cacheOf(placed.part)
      const next = turn.parts[index + 1]
      const isMarked = cache !== undefined || next !== undefined && Turn.cachePointOf(next.part) !== undefined
      if (!Turn.isBlank(placed.part)) parts.push(turn.role === "assistant" ? placed : fillPart(placed, report))
      else if (isMarked && isTaken) parts.push(placed)
      else {
        report("dropped-blank", placed.field)
        if (cache !== undefined && parts.length > 0) parts.push(Turn.cachePoint(cache, placed.field))
      }
    }
    if (parts.some(isSaid)) return [{ ...turn, parts }]
    // only cache points
    for (const { field } of parts) report("dropped-blank", field)
    return turn.role === "user" ? [{ ...turn, parts: [] }] : []
  })

const isSaid = ({ part }: Turn.Placed): boolean => !Turn.isBlank(part) && Turn.cachePointOf(part) === undefined

/** Fills empty turns of the user with the placeholder. */
export const fill = (turns: ReadonlyArray<Turn.Turn>, report: Report): ReadonlyArray<Turn.Turn> =>
  turns.map((turn) => {
    if (turn.parts.length > 0) return turn
    report("filled-message", turn.field)
    return { ...turn, parts: [Turn.added(turn, placeholder)] }
  })

/** Trims the end of a final assistant message: models that continue it refuse trailing white space. */
export const trim = (turns: ReadonlyArray<Turn.Turn>, report: Report): ReadonlyArray<Turn.Turn> => {
  const turn = turns.at(-1)
  const last = turn?.parts.findLast(({ part }) => Turn.cachePointOf(part) === undefined)
  if (turn?.role !== "assistant" || last?.part.type !== "text" || last.part.citations !== undefined) return turns
  const text = last.part.text.trimEnd()
  if (text === last.part.text || text === "") return turns
  report("trimmed-answer", last.field)
  const trimmed = { ...last, part: { ...last.part, text } }
  return turns.with(-1, { ...turn, parts: turn.parts.map((placed) => placed === last ? trimmed : placed) })
}

/** Fills empty parts of the user. */
const fillPart = ({ field, part }: Turn.Placed, report: Report): Turn.Placed => ({
  part: part.type === "tool-result" ? fillResult(part, field, report) : fillText(part, field, report),
  field
})

const fillText = <Part extends Message.Part>(part: Part, field: string, report: Report): Part => {
  if (part.type === "search-result") {
    const content = part.content.filter((text) => text.trim() !== "")
    if (content.length > 0 && content.length === part.content.length) return part
    report("filled-text", field)
    return { ...part, content: content.length === 0 ? [empty.text] : content }
  }
  if (part.type !== "document" || !isEmpty(part.source)) return part
  report("filled-text", field)
  return { ...part, source: { text: empty.text } }
}

const isEmpty = (source: Message.DocumentSource): boolean =>
  "text" in source ? source.text.trim() === "" : "pieces" in source && source.pieces.every((text) => text.trim() === "")

const fillResult = (part: Message.ToolResultPart, field: string, report: Report): Message.ToolResultPart => {
  const { parts, result } = part
  if (parts === undefined) {
    // an empty string and a missing result are handled by the encoder
    if (typeof result !== "string" || result === "" || result.trim() !== "") return part
    report("filled-result", field)
    return { ...part, result: empty.text }
  }
  const said = parts.filter((inner) => !Turn.isBlank(inner))
  if (said.length < parts.length || said.length === 0) report("filled-result", field)
  const filled = said.map((inner) => fillText(inner, `${field}.parts[${parts.indexOf(inner)}]`, report))
  return { ...part, parts: filled.length === 0 ? [empty] : filled }
}

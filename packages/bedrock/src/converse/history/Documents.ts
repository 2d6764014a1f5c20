/**
 * Documents: names that Bedrock accepts, unique within a request, and text beside them.
 */
import * as Message from "@strata/core/chat/Message"
import type { Report } from "./Change.ts"
import * as Label from "./Label.ts"
import * as Turn from "./Turn.ts"

/** Renames documents where needed, in messages and in tool results. */
export const rename = (turns: ReadonlyArray<Turn.Turn>, report: Report): ReadonlyArray<Turn.Turn> => {
  const label = Label.allocator(Label.documentName)
  const renamed = <Part extends Message.Part>(part: Part, field: string): Part => {
    if (part.type !== "document") return part
    const name = label(part.name)
    if (name === part.name) return part
    report("renamed-document", `${field}.name`)
    return { ...part, name }
  }
  return turns.map((turn) => ({
    ...turn,
    parts: turn.parts.map((placed) => {
      const { field, part } = placed
      if (part.type === "document") return { part: renamed(part, field), field }
      if (part.type !== "tool-result" || part.parts === undefined) return placed
      return {
        part: { ...part, parts: part.parts.map((inner, index) => renamed(inner, `${field}.parts[${index}]`)) },
        field
      }
    })
  }))
}

/** Adds text to messages that have a document but no text. */
export const addText = (turns: ReadonlyArray<Turn.Turn>, report: Report): ReadonlyArray<Turn.Turn> =>
  turns.map((turn) => {
    const document = turn.parts.find(Turn.is("document"))
    if (document === undefined || turn.parts.some(isPlainText)) return turn
    report("added-document-text", document.field)
    return { ...turn, parts: [...turn.parts, Turn.added(turn, Message.text("See the document."))] }
  })

/** Guarded text and text with citations are blocks of other kinds. */
const isPlainText = ({ part }: Turn.Placed): boolean =>
  part.type === "text" && !Turn.isBlank(part) && part.citations === undefined &&
  (part.guard === undefined || part.guard === false)

/**
 * Images, documents and videos in tool results, for models that do not accept them there: they are moved behind the
 * results, into the same user turn.
 */
import * as Message from "@strata/core/chat/Message"
import type { Capabilities } from "../../catalog/Capabilities.ts"
import type { Report } from "./Change.ts"
import * as Turn from "./Turn.ts"

/** Moves media, and leaves a line of text in their place. */
export const move = (
  turns: ReadonlyArray<Turn.Turn>,
  capabilities: Capabilities,
  report: Report
): ReadonlyArray<Turn.Turn> => {
  const isMoved = movedBy(capabilities)
  return turns.map((turn) => {
    const moved: Array<Turn.Placed> = []
    const counts = { image: 0, document: 0, video: 0 }
    const parts = turn.parts.map((placed): Turn.Placed => {
      const { field, part } = placed
      if (part.type !== "tool-result" || part.parts?.some(isMoved) !== true) return placed
      const inner = part.parts.map((inner, index): Message.ToolResultContent => {
        if (!isMoved(inner)) return inner
        const place = `${field}.parts[${index}]`
        report("moved-media", place)
        moved.push({ part: inner, field: place })
        return Message.text(pointer(inner, counts[inner.type] += 1))
      })
      return { part: { ...part, parts: inner }, field }
    })
    const behind = parts.findLastIndex(Turn.is("tool-result")) + 1
    return { ...turn, parts: [...parts.slice(0, behind), ...moved, ...parts.slice(behind)] }
  })
}

type Medium = Message.ImagePart | Message.DocumentPart | Message.VideoPart

const movedBy = (
  { documentsInToolResults, imagesInToolResults, videosInToolResults }: Capabilities
) => {
  const takes: Readonly<Record<string, boolean | undefined>> = {
    image: imagesInToolResults,
    document: documentsInToolResults,
    video: videosInToolResults
  }
  return (part: Message.ToolResultContent): part is Medium => takes[part.type] === false
}

const pointer = (part: Medium, count: number): string =>
  part.type === "document"
    ? `The document "${part.name}" is attached behind the results.`
    : `${part.type === "image" ? "Image" : "Video"} ${count} is attached behind the results.`

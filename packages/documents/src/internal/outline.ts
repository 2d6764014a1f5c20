/**
 * The blocks of a document in the making, and the headings they stand under.
 */
import * as Effect from "effect/Effect"
import type * as Document from "../Document.ts"
import * as DocumentError from "../DocumentError.ts"

/** A block without what follows from the ones before it. */
export type Draft = Omit<Document.Block, "text" | "headings">

export interface Outline {
  readonly add: (draft: Draft) => void
  /** Fails once there are too many blocks to keep. */
  readonly check: Effect.Effect<void, DocumentError.DocumentTooLargeError>
  readonly blocks: (text: string) => ReadonlyArray<Document.Block>
}

export const make = (document: string): Outline => {
  const blocks: Array<Omit<Document.Block, "text">> = []
  const open: Array<{ readonly level: number; readonly title: string }> = []
  let headings: ReadonlyArray<string> = []
  return {
    add: (draft) => {
      if (draft.kind !== "heading") {
        blocks.push({ ...draft, headings })
        return
      }
      const level = draft.level ?? 1
      const title = shortened(draft.title ?? "")
      while (open.length > 0 && open[open.length - 1]!.level >= level) open.pop()
      blocks.push({ ...draft, level, title, headings: open.map(({ title }) => title) })
      open.push({ level, title })
      headings = open.map(({ title }) => title)
    },
    check: Effect.suspend(() =>
      blocks.length <= maxBlocks ? Effect.void : Effect.fail(
        new DocumentError.DocumentTooLargeError({
          document,
          unit: "blocks",
          limit: maxBlocks,
          message: `${document} has more than ${maxBlocks} paragraphs, items and rows. Divide it`
        })
      )
    ),
    blocks: (text) => blocks.map((block) => ({ ...block, text: text.slice(block.start, block.end) }))
  }
}

/** What a gigabyte of memory holds, with room to spare. */
const maxBlocks = 1_000_000

/** One line, of a length that fits many into a prompt. */
const shortened = (title: string): string => {
  const line = title.slice(0, 1000).replace(/\s+/g, " ").trim()
  return line.length <= longestTitle ? line.toWellFormed() : `${[...line].slice(0, longestTitle - 1).join("")}…`
}

const longestTitle = 200

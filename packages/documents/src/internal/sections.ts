/**
 * Sections: a heading with the text up to the next one. Headings that follow each other belong to one.
 */
import type * as Document from "../Document.ts"

/** Blocks by their indexes, from `first` to `last`, both included. */
export interface Section {
  readonly first: number
  readonly last: number
}

export const of = (blocks: ReadonlyArray<Document.Block>): ReadonlyArray<Section> => {
  const sections: Array<Section> = []
  let first = 0
  for (let index = 1; index <= blocks.length; index++) {
    const isEnd = index === blocks.length || blocks[index]!.kind === "heading" && blocks[index - 1]!.kind !== "heading"
    if (!isEnd) continue
    sections.push({ first, last: index - 1 })
    first = index
  }
  return sections
}

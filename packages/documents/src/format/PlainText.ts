/**
 * Plain text: paragraphs are divided by blank lines.
 */
import * as Effect from "effect/Effect"
import * as Decode from "../internal/decode.ts"
import * as Lines from "../internal/lines.ts"
import * as Outline from "../internal/outline.ts"
import * as Paragraphs from "../internal/paragraphs.ts"
import type { Parsed } from "./Parsed.ts"

export const read = Effect.fnUntraced(function*(document: string, source: string) {
  const { removed, text: cleaned } = Decode.clean(source)
  const text = Lines.normalize(cleaned)
  const lines = Lines.make(text)
  const outline = Outline.make(document)
  for (let from = 0; from < lines.count; from += linesAtOnce) {
    // A paragraph that goes on behind the end of the step is two.
    Paragraphs.add(outline, text, lines, from, Math.min(lines.count, from + linesAtOnce))
    yield* outline.check
    yield* Effect.yieldNow
  }
  const parsed: Parsed = { text, removed, blocks: outline.blocks(text) }
  return parsed
})

const linesAtOnce = 20_000

/**
 * HTML: the visible text, without scripts, styles, navigation and hidden elements.
 */
import * as Effect from "effect/Effect"
import { Tokenizer } from "htmlparser2"
import * as Decode from "../internal/decode.ts"
import * as Lines from "../internal/lines.ts"
import * as Outline from "../internal/outline.ts"
import type { Parsed } from "./Parsed.ts"
import * as VisibleText from "./VisibleText.ts"

export const read = Effect.fnUntraced(function*(document: string, source: string) {
  const { removed, text } = Decode.clean(source)
  const html = Lines.normalize(text)
  const outline = Outline.make(document)
  const visible = VisibleText.make(html, outline)
  const tokenizer = new Tokenizer({ decodeEntities: true }, visible.callbacks)
  for (let from = 0; from < html.length; from += step) {
    tokenizer.write(html.slice(from, from + step))
    yield* outline.check
    yield* Effect.yieldNow
  }
  tokenizer.end()
  const shown = visible.end()
  const parsed: Parsed = { ...shown, removed, blocks: outline.blocks(shown.text) }
  return parsed
})

const step = 1 << 18

/** The encoding that a page names in its first bytes. */
export const charsetOf = (bytes: Uint8Array): string | undefined =>
  /<meta[^>]{1,200}charset\s*=\s*["']?\s*([\w-]+)/i.exec(new TextDecoder("latin1").decode(bytes.subarray(0, 1024)))?.[1]

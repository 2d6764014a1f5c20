/**
 * Markdown: the text stays as it is, markup included; the blocks are its headings, paragraphs, items, code and tables.
 *
 * CommonMark with tables, by the block rules of `markdown-it`, whose tokens name the lines they come from. What they leave
 * out, such as definitions of links and what is nested too deep, are paragraphs.
 */
import * as Effect from "effect/Effect"
import MarkdownIt, { type Env, type MarkdownIt as Parser, type Token } from "markdown-it"
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
  const parser = new MarkdownIt("default", { html: true })

  const front = frontMatter(text, lines)
  if (front !== undefined) {
    Paragraphs.addLines(outline, text, lines, 0, front.lines, { kind: "metadata" })
  }
  let from = front?.lines ?? 0
  let size = usualStep
  while (from < lines.count) {
    const to = lines.at(Math.min(text.length, lines.startOf(from) + size)) + 1
    const { last, leaves, tokens } = parse(parser, text, lines, from, to)
    // The last block may go on behind the end of the step: it is parsed again with the next one.
    const isTaken = to >= lines.count || last === from && tokens > mostTokens
    if (last === from && !isTaken) {
      size *= 4
      continue
    }
    const end = isTaken ? to : last
    addLeaves(outline, text, lines, from, end, leaves)
    from = end
    size = usualStep
    yield* outline.check
    yield* Effect.yieldNow
  }
  const parsed: Parsed = { title: front?.title, text, removed, blocks: outline.blocks(text) }
  return parsed
})

/** Characters that are parsed at once: tokens take a hundred times the memory of their text. */
const usualStep = 1 << 18

/** A block with more is cut, and what follows is read as if it began a document. */
const mostTokens = 500_000

/** Metadata between lines of `---` at the beginning. `lines`: how many it takes, with those. */
const frontMatter = (text: string, lines: Lines.Lines) => {
  const lineOf = (line: number) => text.slice(lines.startOf(line), lines.endOf(line)).trimEnd()
  if (lineOf(0) !== "---") return undefined
  for (let line = 1; line < Math.min(lines.count, longestFrontMatter); line++) {
    const content = lineOf(line)
    if (content !== "---" && content !== "...") continue
    const inside = text.slice(lines.startOf(1), lines.startOf(line))
    // A rule, a paragraph and a rule are no metadata.
    if (!/^[\w-]+:/m.test(inside)) return undefined
    const title = /^title:(.*)$/m.exec(inside)?.[1]?.slice(0, 200).toWellFormed().trim().replace(/^["']|["']$/g, "")
    return { lines: line + 1, title: title === "" ? undefined : title }
  }
}

const longestFrontMatter = 500

interface Leaf {
  readonly kind: "heading" | "paragraph" | "list-item" | "quote" | "code" | "table" | "html"
  /** Lines of the text; `to` is not included. */
  readonly from: number
  readonly to: number
  readonly level?: number
  readonly title?: string
}

/** The blocks that have no blocks within them, and the line where the last one of the outermost blocks begins. */
const parse = (parser: Parser, text: string, lines: Lines.Lines, from: number, to: number) => {
  const source: Array<string> = []
  for (let line = from; line < to; line++) {
    const start = lines.startOf(line)
    // Only the beginning of a line decides what it is. The whole of one can take very long.
    source.push(text.slice(start, Math.min(lines.endOf(line), start + longestLine)))
  }
  const tokens: Array<Token> = []
  const references: Env = {}
  parser.block.parse(source.join("\n"), parser, references, tokens)

  const leaves: Array<Leaf> = []
  let last = from
  let items = 0
  let quotes = 0
  for (const [index, { level, map, nesting, tag, type }] of tokens.entries()) {
    if (type.startsWith("list_item")) items += nesting
    if (type.startsWith("blockquote")) quotes += nesting
    if (map === null || nesting < 0) continue
    if (level === 0) last = from + map[0]
    const kind = kinds.get(type)
    if (kind === undefined) continue
    const leaf = { from: from + map[0], to: from + map[1] }
    const prose = items > 0 ? "list-item" : quotes > 0 ? "quote" : "paragraph"
    if (kind !== "heading") leaves.push({ ...leaf, kind: kind === "paragraph" ? prose : kind })
    // That of a quote or an item is not one of the document.
    else if (prose !== "paragraph") leaves.push({ ...leaf, kind: prose })
    else {
      const title = withoutMarkup(parser, tokens[index + 1]?.content ?? "", references)
      leaves.push({ ...leaf, kind, level: Number(tag.slice(1)), title })
    }
  }
  return { leaves, last, tokens: tokens.length }
}

const longestLine = 4096

const kinds = new Map<string, "heading" | "paragraph" | "code" | "table" | "html">([
  ["heading_open", "heading"],
  ["paragraph_open", "paragraph"],
  ["fence", "code"],
  ["code_block", "code"],
  ["table_open", "table"],
  ["html_block", "html"]
])

/** The text of a heading as a reader sees it. */
const withoutMarkup = (parser: Parser, content: string, references: Env): string => {
  const beginning = content.slice(0, 1000)
  if (!/[\\`*_[\]!<&~]/.test(beginning)) return beginning
  const tokens: Array<Token> = []
  parser.inline.parse(beginning, parser, references, tokens)
  return tokens.map(({ content, type }) => type === "softbreak" || type === "hardbreak" ? " " : visible(type, content))
    .join("")
}

const visible = (type: string, content: string): string => type === "html_inline" ? "" : content

/** Adds the leaves that begin before the line `to`, and the lines that are in none of them. */
const addLeaves = (
  outline: Outline.Outline,
  text: string,
  lines: Lines.Lines,
  from: number,
  to: number,
  leaves: ReadonlyArray<Leaf>
) => {
  let next = from
  for (const leaf of leaves) {
    if (leaf.from >= to) break
    if (leaf.from > next) Paragraphs.add(outline, text, lines, next, leaf.from, { skip: isMark })
    const first = Math.max(next, leaf.from)
    const end = Math.min(to, leaf.to)
    if (end <= first) continue
    Paragraphs.addLines(outline, text, lines, first, end, leaf)
    next = end
  }
  Paragraphs.add(outline, text, lines, next, to, { skip: isMark })
}

/** Rules, and marks of lists, quotes and headings without text. */
const isMark = (text: string): boolean => /^[\s>*+\-_=~`#|:]*$/.test(text)

/**
 * The visible text of HTML, from the events of a tokenizer.
 *
 * With a stack of its own, of the elements that matter: no tree, no recursion, and time in proportion to the length. Runs no
 * scripts and reads no style sheets.
 */
import type { TokenizerCallbacks } from "htmlparser2"
import type * as Document from "../Document.ts"
import * as Decode from "../internal/decode.ts"
import * as Lines from "../internal/lines.ts"
import type * as Outline from "../internal/outline.ts"
import * as Elements from "./Elements.ts"

export interface VisibleText {
  readonly callbacks: TokenizerCallbacks
  /** The text of all blocks, and the title of the page. */
  readonly end: () => { readonly text: string; readonly title: string | undefined }
}

interface Element {
  readonly name: string
  readonly kind: Document.Kind
  readonly level: number
  readonly isSkipped: boolean
}

/** Adds blocks to the outline, whose positions are lines of the source. */
export const make = (source: string, outline: Outline.Outline): VisibleText => {
  const lines = Lines.make(source)
  const pieces: Array<string> = []
  let length = 0
  let lastKind: Document.Kind | undefined
  let title = ""

  const stack: Array<Element> = []
  const around = (): Element => stack[stack.length - 1] ?? page
  /** How many elements of a name are open, and how many that are skipped. */
  const open = new Map<string, number>()
  const isIn = (name: string) => (open.get(name) ?? 0) > 0
  let skipped = 0

  /** The text of the block in the making, and where in the source it begins and ends. */
  let run: Array<string> = []
  let runStart = -1
  let runEnd = 0

  const flush = () => {
    const { kind, level } = around()
    const text = runStart === -1 ? "" : laidOut(kind, run.join(""))
    run = []
    if (text === "") {
      runStart = -1
      return
    }
    const separator = lastKind === undefined ? "" : kind === lastKind && isDense(kind) ? "\n" : "\n\n"
    const start = length + separator.length
    const end = start + text.length
    pieces.push(separator, text)
    const position = { unit: "line", first: lines.at(runStart) + 1, last: lines.at(runEnd - 1) + 1 } as const
    outline.add({ kind, start, end, position, ...(kind === "heading" ? { level, title: text } : {}) })
    length = end
    lastKind = kind
    runStart = -1
    // What follows in a heading that has no end is text under it.
    if (kind === "heading") { while (around().kind === "heading") pop() }
  }

  const say = (text: string, start: number) => {
    if (skipped > 0) return
    if (isIn("title")) {
      if (title.length < 1000) title += text
      return
    }
    run.push(around().kind === "code" ? text : text.replace(/[ \t\n\f]+/g, " "))
    const trimmed = text.trimEnd()
    if (trimmed === "") return
    if (runStart === -1) runStart = start + trimmed.length - trimmed.trimStart().length
    runEnd = start + trimmed.length
  }

  const push = (name: string, isHidden: boolean) => {
    const isSkipped = isHidden || Elements.skipped.has(name)
    const kind = Elements.kinds.get(name)
    const level = kind === "heading" ? Number(name.slice(1)) : around().level
    stack.push({ name, isSkipped, kind: kind ?? around().kind, level })
    open.set(name, (open.get(name) ?? 0) + 1)
    if (isSkipped) skipped++
  }

  const pop = () => {
    const element = stack.pop()
    if (element === undefined) return
    open.set(element.name, open.get(element.name)! - 1)
    if (element.isSkipped) skipped--
  }

  const popTo = (depth: number) => {
    while (stack.length > depth) {
      const element = around()
      if (Elements.blocks.has(element.name)) divide(element.name, " ")
      if (around() === element) pop()
    }
  }

  const begin = (name: string, isHidden: boolean) => {
    const implied = Elements.impliedBy(name)
    if (implied !== undefined) endImplied(implied)
    const isVoid = Elements.voids.has(name)
    if (skipped > 0) {
      if (!isVoid) push(name, false)
      return
    }
    if (name === "br") run.push(around().kind === "table" ? " " : "\n")
    if (Elements.blocks.has(name)) divide(name, name === "td" || name === "th" ? " | " : " ")
    if (!isVoid && (isHidden || Elements.structural.has(name) || Elements.skipped.has(name))) push(name, isHidden)
  }

  const endImplied = ({ ends, within }: Elements.Implied) => {
    let depth = -1
    // A search to the ground would take too long in a document that is only meant to be deep.
    for (let index = stack.length - 1; index >= Math.max(0, stack.length - deepest); index--) {
      const { name } = stack[index]!
      if (within.has(name)) break
      if (ends.has(name)) depth = index
    }
    if (depth !== -1) popTo(depth)
  }

  const end = (name: string) => {
    if (isIn(name)) popTo(stack.findLastIndex((element) => element.name === name))
    else if (Elements.blocks.has(name)) divide(name, " ")
  }

  /** Begins or ends a block. In a row of a table most are but a space, in code a new line. */
  const divide = (name: string, space: string) => {
    if (skipped > 0) return
    const { kind } = around()
    if (kind === "code" && name !== "pre") run.push("\n")
    else if (kind !== "table" || Elements.dividesRows.has(name)) flush()
    else if (runStart !== -1) run.push(space)
  }

  let tag = { name: "", isHidden: false, attribute: "", value: "" }

  return {
    callbacks: {
      ontext: (start, end) => say(source.slice(start, end), start),
      ontextentity: (code, end) => say(character(code), end - 1),
      onopentagname: (start, end) => {
        tag = { name: source.slice(start, end).toLowerCase(), isHidden: false, attribute: "", value: "" }
      },
      onattribname: (start, end) => {
        tag.attribute = source.slice(start, Math.min(end, start + 20)).toLowerCase()
      },
      onattribdata: (start, end) => {
        if (tag.value.length < 2000) tag.value += source.slice(start, Math.min(end, start + 2000))
      },
      onattribentity: (code) => {
        if (tag.value.length < 2000) tag.value += character(code)
      },
      onattribend: () => {
        tag.isHidden ||= Elements.isHidden(tag.attribute, tag.value)
        tag.value = ""
      },
      onopentagend: () => begin(tag.name, tag.isHidden),
      onselfclosingtag: () => {
        begin(tag.name, tag.isHidden)
        // Elsewhere the mark means nothing.
        if (isIn("svg") || isIn("math")) end(tag.name)
      },
      onclosetag: (start, stop) => end(source.slice(start, stop).toLowerCase()),
      isInForeignContext: () => isIn("svg") || isIn("math"),
      oncdata: () => {},
      oncomment: () => {},
      ondeclaration: () => {},
      onprocessinginstruction: () => {},
      onend: () => {}
    },
    end: () => {
      flush()
      const shown = title.replace(/\s+/g, " ").trim().slice(0, 200).toWellFormed()
      return { text: pieces.join(""), title: shown === "" ? undefined : shown }
    }
  }
}

const page: Element = { name: "", kind: "paragraph", level: 1, isSkipped: false }

/** How far up the stack an implied end is searched. */
const deepest = 200

/** Items and rows follow each other without a blank line. */
const isDense = (kind: Document.Kind) => kind === "list-item" || kind === "table"

/** Without the white space that a page does not show. */
const laidOut = (kind: Document.Kind, text: string): string => {
  if (kind === "code") return text.replace(/^[ \t]*\n/, "").trimEnd()
  const lines = text.replace(/ {2,}/g, " ").replace(/ ?\n ?/g, "\n").trim()
  let end = lines.length
  // Cells at the end of a row that are empty.
  while (kind === "table" && end > 0 && " |".includes(lines[end - 1]!)) end--
  return lines.slice(0, end)
}

/** Zero and halves of surrogate pairs are none. */
const character = (code: number): string => Decode.clean(String.fromCodePoint(code)).text

/**
 * The code blocks of a Markdown page, with what their words and the comments before them say.
 *
 * - `continues`: the previous TypeScript block of the page stands before this one.
 * - `run`: a complete program. A block with the word `output` after it holds what it prints.
 * - `serve`: a program that serves until it is stopped. The next block of commands asks it; its `output` is the answer.
 * - `nocheck`: not compiled, for the reason in the comment before it.
 * - `<!-- given … -->`: declarations that the next block needs and does not show.
 * - `<!-- model: … -->`: what the model answers when the next block runs.
 * - `<!-- files: … -->`: files and folders of the repository that lie beside the next block when it runs.
 * - `<!-- needs: … -->`: the variable of the environment that names a server which the next block needs.
 *
 * This module and its siblings import nothing but `node:` modules: the site uses them too.
 */

/** A fenced code block. */
export interface Snippet {
  /** The word after the fence, `""` without one. */
  readonly language: string
  /** The rest of that line. */
  readonly meta: string
  /** The words of `meta` without attributes, such as the title, and numbers of lines in braces. */
  readonly words: ReadonlyArray<string>
  /** A name of a file: `title="chat.ts"`. */
  readonly title: string | undefined
  /** Without the indentation of the fence. Lines end with `\n`. */
  readonly code: string
  /** The line of the opening fence, from 1. */
  readonly line: number
  /** Of a comment `given`. */
  readonly given: string | undefined
  /** Of a comment `model`. */
  readonly model: string | undefined
  /** Of a comment `files`. */
  readonly files: ReadonlyArray<string>
  /** Of a comment `needs`. */
  readonly needs: string | undefined
  /** The text of any other comment directly before it. */
  readonly comment: string | undefined
  /** The block that stands before this one when it is compiled. */
  readonly continued: Snippet | undefined
}

/** The code blocks of a page, in order. */
export const of = (markdown: string): ReadonlyArray<Snippet> => {
  const lines = markdown.split(/\r?\n/)
  const snippets: Array<Snippet> = []
  let comments: Array<string> = []
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    const fence = fenceOf(line)
    if (fence !== undefined) {
      const end = closing(lines, index, fence)
      const code = lines.slice(index + 1, end).map((line) => undent(line, fence.indentation)).join("\n")
      snippets.push(make(fence, code === "" ? "" : `${code}\n`, index + 1, comments, snippets))
      comments = []
      index = end
      continue
    }
    const comment = commentAt(lines, index)
    if (comment !== undefined) {
      comments.push(comment.text)
      index = comment.end
    } else if (line.trim() !== "") comments = []
  }
  return snippets
}

/** Whether it is a block of TypeScript. */
export const isTypeScript = ({ language }: Snippet): boolean => language === "ts" || language === "typescript"

/** Whether it is a program that runs. */
export const isProgram = ({ words }: Snippet): boolean => words.includes("run") || words.includes("serve")

/** Whether it is a program that serves. */
export const isServer = ({ words }: Snippet): boolean => words.includes("serve")

/** The block of commands that asks the server `snippet`: the next one whose output the page says. */
export const requestsOf = (snippet: Snippet, page: ReadonlyArray<Snippet>): Snippet | undefined =>
  page.slice(page.indexOf(snippet) + 1).find((next) => next.language === "sh" && outputOf(next, page) !== undefined)

/** What the program or the commands `snippet` print, if the next block of the page says it. */
export const outputOf = (snippet: Snippet, page: ReadonlyArray<Snippet>): string | undefined => {
  const next = page[page.indexOf(snippet) + 1]
  return next?.words.includes("output") === true ? next.code : undefined
}

/** Whether `actual` is `expected`, in which `…` stands for any text. White space at the ends is ignored. */
export const matches = (expected: string, actual: string): boolean => {
  const parts = expected.trim().split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
  return new RegExp(`^${parts.join("[\\s\\S]*")}$`).test(actual.trim())
}

/** The text of a page without its code blocks, which are empty lines: lines keep their numbers. */
export const prose = (markdown: string): string => {
  const lines = markdown.split(/\r?\n/)
  for (let index = 0; index < lines.length; index++) {
    const fence = fenceOf(lines[index]!)
    if (fence === undefined) continue
    const end = closing(lines, index, fence)
    lines.fill("", index, end + 1)
    index = end
  }
  return lines.join("\n")
}

interface Fence {
  readonly indentation: number
  readonly marks: string
  readonly language: string
  readonly meta: string
}

const fenceOf = (line: string): Fence | undefined => {
  const match = /^([ \t]*)(`{3,}|~{3,})[ \t]*([^\s`]*)[ \t]*([^`]*)$/.exec(line)
  return match === null
    ? undefined
    : { indentation: match[1]!.length, marks: match[2]!, language: match[3]!, meta: match[4]!.trim() }
}

/** The line of the closing fence, or the one after the last. */
const closing = (lines: ReadonlyArray<string>, start: number, { marks }: Fence): number => {
  const end = lines.findIndex((line, index) => {
    const text = line.trim()
    return index > start && text.length >= marks.length && text === marks[0]!.repeat(text.length)
  })
  return end === -1 ? lines.length : end
}

/** At most the indentation of the fence is removed. */
const undent = (line: string, indentation: number): string =>
  line.slice(Math.min(indentation, line.length - line.trimStart().length))

/** A comment of HTML, or of MDX, that begins a line. */
const commentAt = (lines: ReadonlyArray<string>, start: number) => {
  const rest = lines[start]!.trimStart()
  const [open, close] = rest.startsWith("<!--") ? ["<!--", "-->"] : rest.startsWith("{/*") ? ["{/*", "*/}"] : ["", ""]
  if (open === "") return undefined
  const end = lines.findIndex((line, index) => index >= start && line.includes(close))
  if (end === -1) return undefined
  const text = lines.slice(start, end + 1).join("\n").trimStart().slice(open.length)
  return { text: text.slice(0, text.indexOf(close)).trim(), end }
}

const make = (
  { language, meta }: Fence,
  code: string,
  line: number,
  comments: ReadonlyArray<string>,
  before: ReadonlyArray<Snippet>
): Snippet => {
  const title = /\btitle=(?:"([^"]*)"|'([^']*)')/.exec(meta)
  const words = meta.replaceAll(/\b\w+=("[^"]*"|'[^']*')|\{[^}]*\}/g, "").split(/\s+/).filter((word) => word !== "")
  const given = comments.filter((comment) => /^given(\s|$)/.test(comment)).map((comment) => comment.slice(5).trim())
  const after = (label: string) =>
    comments.find((comment) => comment.startsWith(`${label}:`))?.slice(label.length + 1).trim()
  const others = comments.filter((comment) => !/^(given(\s|$)|(model|files|needs):)/.test(comment))
  return {
    language,
    meta,
    words,
    title: title?.[1] ?? title?.[2],
    code,
    line,
    given: given.length === 0 ? undefined : `${given.join("\n")}\n`,
    model: after("model"),
    files: after("files")?.split(/\s+/) ?? [],
    needs: after("needs"),
    comment: others.length === 0 ? undefined : others.join("\n"),
    continued: words.includes("continues") ? before.findLast(isTypeScript) : undefined
  }
}

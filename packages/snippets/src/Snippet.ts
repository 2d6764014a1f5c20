/**
 * The code blocks of a Markdown page, and what each of them needs around it to be compiled.
 */

/** A fenced code block: its language, the words after it, its text, and the line of the page it begins at. */
export interface Snippet {
  readonly language: string
  readonly meta: string
  readonly code: string
  readonly line: number
}

/** The code blocks of a page, in order. */
export const of = (markdown: string): ReadonlyArray<Snippet> =>
  [...markdown.matchAll(/^```(\w+)[ \t]*(.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1]!,
    meta: match[2]!,
    code: match[3]!,
    line: markdown.slice(0, match.index).split("\n").length
  }))

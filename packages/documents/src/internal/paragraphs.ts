/** Runs of lines that are not blank. */
import type * as Document from "../Document.ts"
import type * as Lines from "./lines.ts"
import type * as Outline from "./outline.ts"

/** Adds the lines from `from` to `to`, which is not included, as one block: without the blank ones at its ends. */
export const addLines = (
  outline: Outline.Outline,
  text: string,
  lines: Lines.Lines,
  from: number,
  to: number,
  draft: Pick<Outline.Draft, "kind" | "title" | "level">
) => {
  let [first, last] = [from, to - 1]
  while (first < last && isBlank(text, lines, first)) first++
  while (last > first && isBlank(text, lines, last)) last--
  const start = lines.startOf(first)
  const end = start + text.slice(start, lines.endOf(last)).trimEnd().length
  if (end === start) return
  outline.add({ ...draft, start, end, position: { unit: "line", first: first + 1, last: last + 1 } })
}

/** Adds each run of lines that are not blank, unless `skip` says that it has nothing to say. */
export const add = (
  outline: Outline.Outline,
  text: string,
  lines: Lines.Lines,
  from: number,
  to: number,
  { kind = "paragraph", skip = () => false }: {
    readonly kind?: Document.Kind
    readonly skip?: (text: string) => boolean
  } = {}
) => {
  let first = from
  for (let line = from; line <= to; line++) {
    if (line < to && !isBlank(text, lines, line)) continue
    if (line > first && !skip(text.slice(lines.startOf(first), lines.endOf(line - 1)))) {
      addLines(outline, text, lines, first, line, { kind })
    }
    first = line + 1
  }
}

export const isBlank = (text: string, lines: Lines.Lines, line: number): boolean =>
  text.slice(lines.startOf(line), lines.endOf(line)).trim() === ""

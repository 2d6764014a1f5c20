/**
 * The text of a page of a PDF, which knows only where glyphs are: lines, words and paragraphs by position.
 */

/** A piece of text on a page: `transform` is [a, b, c, d, x, y], as in the PDF. */
export interface Item {
  readonly str: string
  readonly dir: string
  readonly transform: ReadonlyArray<unknown>
  readonly width: number
}

/** A paragraph, without ends of lines; `size` is the height of its letters. */
export interface Paragraph {
  readonly text: string
  readonly size: number
}

/** The paragraphs of a page, in the order of its content. */
export const paragraphs = (items: Iterable<Item>): ReadonlyArray<Paragraph> => {
  const found: Array<{ lines: Array<string>; readonly size: number }> = []
  let previous: Line | undefined
  for (const line of linesOf(items)) {
    const last = found[found.length - 1]
    if (last !== undefined && previous !== undefined && continues(previous, line)) last.lines.push(line.text.trim())
    else found.push({ lines: [line.text.trim()], size: line.size })
    previous = line
  }
  return found.map(({ lines, size }) => ({ text: joined(lines), size }))
}

/** `across`: how high the line is, in its own direction (`angle`). `end`: where its last item ends. */
interface Line {
  text: string
  end: number
  size: number
  readonly across: number
  readonly angle: number
}

const linesOf = (items: Iterable<Item>): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  let line: Line | undefined
  for (const { dir, str, transform, width } of items) {
    if (str === "") continue
    const [a, b, c, d, x, y] = Array.from({ length: 6 }, (_, index) => finite(transform[index]))
    const angle = Math.atan2(b!, a!)
    const size = Math.hypot(c!, d!) || Math.hypot(a!, b!) || 1
    const along = x! * Math.cos(angle) + y! * Math.sin(angle)
    const across = y! * Math.cos(angle) - x! * Math.sin(angle)
    const end = along + finite(width)
    const isSameLine = line !== undefined && Math.abs(line.angle - angle) < 0.02 &&
      Math.abs(line.across - across) < Math.max(line.size, size) / 2
    if (line === undefined || !isSameLine) {
      if (str.trim() === "") continue
      line = { text: str, end: dir === "rtl" ? along : end, size, across, angle }
      lines.push(line)
      continue
    }
    const gap = dir === "rtl" ? line.end - end : along - line.end
    line.text += isApart(line.text, str, gap, Math.max(line.size, size)) ? ` ${str}` : str
    line.end = dir === "rtl" ? along : end
    // A line is as high as its highest letters; a footnote's number is not.
    if (str.trim() !== "") line.size = Math.max(line.size, size)
  }
  return lines
}

/** Whether a space is between two items that follow each other in a line. */
const isApart = (before: string, after: string, gap: number, size: number): boolean => {
  if (/\s$/.test(before.slice(-1)) || /^\s/.test(after)) return false
  // Ideographs stand apart from each other without a space.
  const least = isIdeograph(before.slice(-1)) && isIdeograph(after.slice(0, 1)) ? size : size * 0.2
  return gap > least || gap < -size
}

const finite = (value: unknown): number => typeof value === "number" && Number.isFinite(value) ? value : 0

/** The next line of the same paragraph is as high, and below it by less than two lines. */
const continues = (above: Line, below: Line): boolean => {
  const size = Math.max(above.size, below.size)
  const distance = above.across - below.across
  return Math.abs(above.angle - below.angle) < 0.02 && Math.abs(above.size - below.size) < size * 0.12 &&
    distance > 0 && distance < size * 1.7
}

/** One line of text: a word that was divided is whole again. */
const joined = (lines: ReadonlyArray<string>): string => {
  const pieces: Array<string> = []
  let before = ""
  for (const line of lines) {
    if (before.endsWith("\u00ad") || /\p{Ll}-$/u.test(before.slice(-3)) && /^\p{Ll}/u.test(line)) {
      pieces.push(pieces.pop()!.slice(0, -1))
    } else if (before !== "" && !(isIdeograph(before.slice(-1)) && isIdeograph(line.slice(0, 1)))) pieces.push(" ")
    pieces.push(line)
    before = line
  }
  return pieces.join("")
}

const isIdeograph = (character: string): boolean => /[\u3000-\u30ff\u3400-\u9fff\uff00-\uff60]/.test(character)

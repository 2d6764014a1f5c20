/** Ends of lines, and the lines that offsets are in. */

/** `\n` for every end of a line. */
export const normalize = (text: string): string => text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text

/** The lines of a text that `normalize` returned, counted from 0. */
export interface Lines {
  readonly count: number
  /** The offset of the first character; that of a line after the last one is where it would begin. */
  readonly startOf: (line: number) => number
  /** The offset behind the last character but the end of the line. */
  readonly endOf: (line: number) => number
  /** The line of an offset. */
  readonly at: (offset: number) => number
}

export const make = (text: string): Lines => {
  let count = 1
  for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1)) count++
  const starts = new Uint32Array(count + 1)
  let line = 0
  for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1)) starts[++line] = index + 1
  starts[count] = text.length + 1
  return {
    count,
    startOf: (line) => starts[line] ?? text.length,
    endOf: (line) => (starts[line + 1] ?? text.length + 1) - 1,
    at: (offset) => {
      let low = 0
      let high = count - 1
      while (low < high) {
        const middle = (low + high + 1) >>> 1
        if (starts[middle]! <= offset) low = middle
        else high = middle - 1
      }
      return low
    }
  }
}

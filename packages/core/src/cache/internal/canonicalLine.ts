/**
 * One line for a plain value: the same for equal ones, whatever the order of their keys, and another for different ones.
 */
import * as Hex from "effect/encoding/Hex"
import * as Result from "effect/Result"

/**
 * The line, or `undefined` for a value that holds something without a text of its own: a function, a `Map`, an instance
 * of a class, itself. Keys that are `undefined` count as absent.
 *
 * `ofBytes` gives the text of bytes, in the order in which they stand in the line; their digits unless said otherwise.
 */
export const make = (value: unknown, ofBytes: (bytes: Uint8Array) => string = Hex.encode): string | undefined => {
  const lines = (values: ReadonlyArray<unknown>, ancestors: ReadonlyArray<object>) => {
    const known: Array<string> = []
    for (const value of values) {
      const text = line(value, ancestors)
      if (text === undefined) return undefined
      known.push(text)
    }
    return known
  }

  const line = (value: unknown, ancestors: ReadonlyArray<object>): string | undefined => {
    if (typeof value === "string") return JSON.stringify(value)
    if (typeof value === "bigint") return `${value}n`
    if (value === null || value === undefined || typeof value === "number" || typeof value === "boolean") {
      return String(value)
    }
    if (value instanceof Uint8Array) return `bytes:${ofBytes(value)}`
    if (typeof value !== "object" || ancestors.length === deepest || ancestors.includes(value)) return undefined
    const within = [...ancestors, value]
    if (Array.isArray(value)) {
      const items = lines(value, within)
      return items === undefined ? undefined : `[${items.join(",")}]`
    }
    if (![Object.prototype, null].includes(Object.getPrototypeOf(value))) return undefined
    const fields = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([self], [that]) => self < that ? -1 : 1)
    const items = lines(fields.map(([, item]) => item), within)
    return items === undefined
      ? undefined
      : `{${items.map((item, index) => `${JSON.stringify(fields[index]![0])}:${item}`).join(",")}}`
  }

  // A getter or a proxy that throws has no text either.
  return Result.getOrUndefined(Result.try(() => line(value, [])))
}

/** Deeper than any JSON Schema anybody writes, and far from the end of the stack. */
const deepest = 100

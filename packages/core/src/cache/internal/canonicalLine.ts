/**
 * A canonical text of plain values: equal exactly when they are, whatever the order of keys.
 */
import * as Hex from "effect/encoding/Hex"
import * as Result from "effect/Result"

/**
 * The text; `undefined` for a value that contains a function, a `Map`, an instance of a class, or itself. Keys that are
 * `undefined` count as absent. `ofBytes` is called in order, hexadecimal digits by default.
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

  // Getters and proxies may throw.
  return Result.getOrUndefined(Result.try(() => line(value, [])))
}

/** Deeper than any JSON Schema in practice, and far from a stack overflow. */
const deepest = 100

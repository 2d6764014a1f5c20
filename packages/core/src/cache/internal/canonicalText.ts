/** A canonical text of plain values: equal exactly when they are, whatever the order of keys. */
import * as Hex from "effect/encoding/Hex"
import * as Result from "effect/Result"

/**
 * The text; `undefined` for a value that contains a function, a `Map`, an instance of a class, or itself. Keys that are
 * `undefined` count as absent. `ofBytes` is called in order, hexadecimal digits by default.
 */
export const make = (value: unknown, ofBytes: (bytes: Uint8Array) => string = Hex.encode): string | undefined => {
  let isCanonical = true

  const textOf = (value: unknown, ancestors: ReadonlyArray<object>): string => {
    if (typeof value === "string") return JSON.stringify(value)
    if (typeof value === "bigint") return `${value}n`
    if (value === null || ["undefined", "number", "boolean"].includes(typeof value)) return String(value)
    if (value instanceof Uint8Array) return `bytes:${ofBytes(value)}`
    const isKnown = typeof value === "object" && ancestors.length < deepest && !ancestors.includes(value) &&
      (Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value)))
    // Nothing more is read once there is no canonical text.
    if (!isCanonical || !isKnown) {
      isCanonical = false
      return ""
    }
    const within = [...ancestors, value]
    if (Array.isArray(value)) return `[${value.map((item) => textOf(item, within)).join(",")}]`
    const fields = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([self], [that]) => self < that ? -1 : 1)
      .map(([key, item]) => `${JSON.stringify(key)}:${textOf(item, within)}`)
    return `{${fields.join(",")}}`
  }

  // Getters and proxies may throw.
  const text = Result.getOrUndefined(Result.try(() => textOf(value, [])))
  return isCanonical ? text : undefined
}

/** Deeper than any JSON Schema in practice, and far from a stack overflow. */
const deepest = 100

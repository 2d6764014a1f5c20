/**
 * What a vector is kept under: a hash of everything that decides on it.
 */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import type * as Embedding from "../Embedding.ts"

/** The key of an input: 64 hexadecimal digits. */
export const make = (
  digest: Digest.Digest["Service"],
  settings: string,
  input: Embedding.Input
): Effect.Effect<string> => {
  const hash = (content: string) => digest.digestHex(Digest.sha256, new TextEncoder().encode(`${settings}\n${content}`))
  // JSON tells halves of surrogate pairs apart, which UTF-8 cannot.
  if (typeof input === "string") return hash(JSON.stringify(input))
  const { image, text } = input
  if (image === undefined) return hash(JSON.stringify(text ?? ""))
  return Effect.flatMap(
    digest.digestHex(Digest.sha256, image.bytes),
    (bytes) => hash(JSON.stringify([text ?? null, image.mediaType, bytes]))
  )
}

/**
 * One line for a plain value, the same for equal ones whatever the order of their keys, and another for different ones.
 * `undefined` for values that hold something else, such as a function, a `Map` or themselves.
 */
export const line = (value: unknown, depth = 16): string | undefined => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "bigint") return `${value}n`
  if (value === null || value === undefined || typeof value === "number" || typeof value === "boolean") {
    return String(value)
  }
  if (value instanceof Uint8Array) return `bytes:${Hex.encode(value)}`
  if (typeof value !== "object" || depth === 0) return undefined
  if (Array.isArray(value)) {
    const items = lines(value, depth)
    return items === undefined ? undefined : `[${items.join(",")}]`
  }
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value))) return undefined
  const fields = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([self], [that]) => self < that ? -1 : 1)
  const items = lines(fields.map(([, item]) => item), depth)
  return items === undefined
    ? undefined
    : `{${items.map((item, index) => `${JSON.stringify(fields[index]![0])}:${item}`).join(",")}}`
}

const lines = (values: ReadonlyArray<unknown>, depth: number): ReadonlyArray<string> | undefined => {
  const known = values.map((value) => line(value, depth - 1)).filter((text) => text !== undefined)
  return known.length === values.length ? known : undefined
}

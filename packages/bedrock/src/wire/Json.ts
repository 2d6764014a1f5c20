/**
 * JSON from the network: numbers that stay what was written, and nesting no deeper than a stack can follow.
 *
 * `JSON.parse` rounds an integer above 2^53 and makes Infinity of `1e999`, both in silence. Here such a literal becomes
 * its text, as a string: it can still be compared, stored and sent back.
 */
import * as Result from "effect/Result"

/** Levels of arrays and objects inside each other. What is behind the wire may walk an answer by recursion. */
export const maxDepth = 256

/** The value of a JSON text, or a few words that say why there is none; the text itself is not in them. */
export const parse = (text: string): Result.Result<unknown, string> => parseWith(text, exact)

/** {@link parse} for the bytes of a text. */
export const parseBytes = (bytes: Uint8Array): Result.Result<unknown, string> => Result.flatMap(toText(bytes), parse)

/**
 * {@link parse} for arrays of floating-point numbers, which are rounded anyway: looking for large integers among them
 * costs as much as parsing them.
 */
export const parseFloats = (text: string): Result.Result<unknown, string> => parseWith(text, JSON.parse)

/** The text of bytes; a byte order mark is left out. */
export const toText = (bytes: Uint8Array): Result.Result<string, string> =>
  // the longest string there can be has half a gigabyte
  Result.try({ try: () => decoder.decode(bytes), catch: () => "too long for a string" })

const decoder = new TextDecoder()

const parseWith = (text: string, toValue: (text: string) => unknown): Result.Result<unknown, string> =>
  isShallow(text)
    ? Result.try({ try: () => toValue(text), catch: () => "not JSON" })
    : Result.fail(`JSON of more than ${maxDepth} levels`)

const exact = (text: string): unknown => suspicious.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text)

/** Sixteen digits of an integer, or three of an exponent. Inside of strings too: then the slower way is taken for nothing. */
const suspicious = /(?:^|[[:,\s])-?\d{16}|\d[eE]\+?\d{3}/

const keepDigits = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value !== "number" || context?.source === undefined || isExact(value, context.source) ? value : context.source

const isExact = (value: number, source: string): boolean =>
  Number.isSafeInteger(value) ||
  Number.isFinite(value) && (/[.eE]/.test(source) || BigInt(source) === BigInt(value))

/** Whether no bracket is deeper than {@link maxDepth}. Told before parsing: a parser keeps far more for a level than one byte. */
const isShallow = (text: string): boolean =>
  text.length <= 2 * maxDepth || countUpTo(text, "[") + countUpTo(text, "{") <= maxDepth || depthOf(text) <= maxDepth

const countUpTo = (text: string, bracket: string): number => {
  let count = 0
  for (let at = text.indexOf(bracket); at !== -1 && count <= maxDepth; at = text.indexOf(bracket, at + 1)) count++
  return count
}

const depthOf = (text: string): number => {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let at = 0; at < text.length && deepest <= maxDepth; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) inString = !inString
    else if (inString) at += code === backslash ? 1 : 0
    else if (code === openBracket || code === openBrace) deepest = Math.max(deepest, ++depth)
    else if (code === closeBracket || code === closeBrace) depth--
  }
  return deepest
}

const [quote, backslash, openBracket, closeBracket, openBrace, closeBrace] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d]

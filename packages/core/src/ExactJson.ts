/**
 * Parses JSON without rounding integers.
 *
 * `JSON.parse` rounds an integer that a number (a 64-bit double) cannot hold, and reads `Infinity` where it is out of range.
 * Here such a number is a string, its literal: 64-bit identifiers arrive unchanged, and every value can be written as JSON
 * again. Fractions are rounded as usual.
 */
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Total from "./internal/total.ts"

/** The deepest nesting of objects and arrays: code that reads and writes JSON recurses, and the stack is finite. */
export const maxDepth = 256

/** Parses a text; the failure is a description that quotes none of it. */
export const parse = (text: string): Result.Result<unknown, string> => parseWith(text, exact)

/** {@link parse} without the search for large integers: for arrays of floating-point numbers, twice as fast. */
export const parseFloats = (text: string): Result.Result<unknown, string> => parseWith(text, JSON.parse)

const parseWith = (text: string, toValue: (text: string) => unknown): Result.Result<unknown, string> =>
  typeof text !== "string"
    ? Result.fail("not text")
    : isShallow(text)
    ? Result.try({ try: () => toValue(text), catch: () => "not JSON" })
    : Result.fail(`JSON of more than ${maxDepth} levels`)

const exact = (text: string): unknown => mayBeInexact.test(text) ? JSON.parse(text, revive) : JSON.parse(text)

/** The `params` of a tool call from the text a model wrote: blank text is `{}`; what is not JSON is returned as it is. */
export const params = (text: string): unknown =>
  typeof text === "string" && text.trim() === "" ? {} : Result.getOrElse(parse(text), () => text)

/**
 * The number of a JSON literal; the literal itself where a number cannot hold it, and `NaN` for what is not a string.
 */
export const number: (literal: string) => number | string = Total.make((literal) => valueOf(literal), () => Number.NaN)

const valueOf = (literal: string): number | string => {
  const value = Number(literal)
  if (!Number.isFinite(value)) return literal
  if (/^-?\d+$/.test(literal) && BigInt(literal) !== BigInt(value)) return literal
  const written = decimal(literal)
  return written.isInteger && written.text !== decimal(`${value}`).text ? literal : value
}

/** Explains which of the values that a schema refused are such literals; empty when there are none. */
export const explain: (issue: SchemaIssue.Issue, input: unknown) => string = Total.make((issue, input) => {
  const refused = new Map(
    format(issue).issues.flatMap(({ path = [] }) => {
      const literal = path.reduce<unknown>((value, segment) => memberOf(value, segment), input)
      return typeof literal === "string" && isInexact(literal) ? [[literal, path]] : []
    })
  )
  return [...refused].slice(0, 3).map(([literal, path]) =>
    `\n${excerpt(literal)} at ${
      path.map((key) => `[${JSON.stringify(key)}]`).join("")
    } is more than a number (a 64-bit ` +
    `double) can hold exactly. Numbers may be ${Number.MAX_SAFE_INTEGER} at most; where larger ones occur, the schema ` +
    "has to take text, as `Schema.String` and `Schema.BigInt` do"
  ).join("")
}, () => "")

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const memberOf = (value: unknown, segment: PropertyKey | { readonly key: PropertyKey }): unknown => {
  const key = typeof segment === "object" ? segment.key : segment
  return (isObject(value) || Array.isArray(value)) && Object.hasOwn(value, key)
    ? Object.getOwnPropertyDescriptor(value, key)?.value
    : undefined
}

const isInexact = (text: string): boolean => literal.test(text) && typeof valueOf(text) === "string"

const excerpt = (text: string): string => text.length > 40 ? `${text.slice(0, 40)}…` : text

/** Only a literal of sixteen digits, or with an exponent of three, can be inexact. Strings may match, too: only slower. */
const mayBeInexact = /(?:^|[[:,\s])-?\d{16}|\d[eE]\+?\d{3}|\.\d{14,}[eE]/

/** `source` is the literal of a number. */
const revive = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === "number" && context?.source !== undefined ? valueOf(context.source) : value

const literal = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/

/** The canonical form of a literal: significant digits and a power of ten. */
const decimal = (written: string): { readonly text: string; readonly isInteger: boolean } => {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = literal.exec(written) ?? []
  const digits = `${whole}${fraction}`.replace(/^0+/, "")
  let end = digits.length
  while (digits[end - 1] === "0") end--
  const power = Number(exponent) - fraction.length + digits.length - end
  return end === 0
    ? { text: "0", isInteger: true }
    : { text: `${sign}${digits.slice(0, end)}e${power}`, isInteger: power >= 0 }
}

/** Whether nesting is within {@link maxDepth}; checked before parsing, which takes much memory per level. */
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

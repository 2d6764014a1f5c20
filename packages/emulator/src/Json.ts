/**
 * Strict parsing of clients' JSON, like the service's: UTF-8, nesting up to {@link maxDepth}, well-formed text. The
 * depth bound keeps recursive functions from overflowing the stack.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as AwsError from "./AwsError.ts"

/** The maximum nesting depth: Jackson's default. */
export const maxDepth = 1000

/**
 * Parses a body. Fails with `SerializationException` when it is not UTF-8, not JSON, or too deep, and with
 * `ValidationException` when a text has a lone surrogate.
 */
export const fromBytes = (bytes: Uint8Array): Result.Result<Schema.Json, AwsError.AwsError> =>
  Result.flatMap(Result.try({ try: () => decoder.decode(bytes), catch: () => malformed }), fromText)

/** Parses a text; see {@link fromBytes}. */
export const fromText = (text: string): Result.Result<Schema.Json, AwsError.AwsError> =>
  Result.flatMap(parse(text), (json) => {
    const at = loneSurrogate(text)
    return at === undefined ? Result.succeed(json) : Result.fail(unpaired(at))
  })

/**
 * Parses output of models and recordings: the same, but lone surrogates are kept, since a stream may split a pair.
 */
export const parse = (text: string): Result.Result<Schema.Json, AwsError.AwsError> =>
  isTooDeep(text)
    ? Result.fail(tooDeep)
    // `JSON.parse` returns nothing else
    : Result.try({ try: () => JSON.parse(text) as Schema.Json, catch: () => malformed })

/** Every text in a JSON value. */
export function* texts(json: unknown): Generator<string> {
  const left = [json]
  while (left.length > 0) {
    const value = left.pop()
    if (typeof value === "string") yield value
    else if (Array.isArray(value)) { for (const item of value) left.push(item) }
    else if (Predicate.isObject(value)) { for (const item of Object.values(value)) left.push(item) }
  }
}

/** Counts brackets outside of strings, before a parser allocates their values. */
const isTooDeep = (text: string): boolean => {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case "\"":
        at = endOfString(text, at)
        break
      case "[":
      case "{":
        if (++depth > maxDepth) return true
        break
      case "]":
      case "}":
        depth--
        break
    }
  }
  return false
}

const endOfString = (text: string, start: number): number => {
  let end = text.indexOf("\"", start + 1)
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf("\"", end + 1)
  return end < 0 ? text.length : end
}

const isEscaped = (text: string, at: number): boolean => {
  let before = at - 1
  while (text[before] === "\\") before--
  return (at - before) % 2 === 0
}

/** The position of an escaped lone surrogate. Unescaped, it would be invalid UTF-8. */
const loneSurrogate = (text: string): number | undefined => {
  if (!/\\u[dD]/.test(text)) return undefined
  // every escape is matched, so that the second backslash of two does not begin one
  const escapes = /\\(?:u([0-9a-fA-F]{4})|[^u])/g
  let high: number | undefined
  for (let found = escapes.exec(text); found !== null; found = escapes.exec(text)) {
    const code = found[1] === undefined ? 0 : parseInt(found[1], 16)
    const isLow = code >= 0xdc00 && code <= 0xdfff
    const follows = high !== undefined && high + escapeLength === found.index
    if (high !== undefined && !(isLow && follows)) return high
    if (high === undefined && isLow) return found.index
    high = code >= 0xd800 && code <= 0xdbff ? found.index : undefined
  }
  return high
}

/** The length of an escape such as `\ud83d`. */
const escapeLength = 6

const malformed = AwsError.make("SerializationException", AwsError.texts.SerializationException)

const tooDeep = AwsError.make("SerializationException", `The request body is nested deeper than ${maxDepth} levels.`)

/** Claude's message; that of other models is unknown. */
const unpaired = (at: number): AwsError.AwsError =>
  AwsError.validation(
    `The model returned the following errors: The request body is not valid JSON: no low surrogate in string: line 1 column ${
      at + 1
    } (char ${at})`
  )

const decoder = new TextDecoder("utf-8", { fatal: true })

/**
 * JSON that clients send, read as strictly as the service does: UTF-8, nested no deeper than {@link maxDepth}, and text that is
 * well formed. No function behind that follows the nesting runs out of stack.
 */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as AwsError from "./AwsError.ts"

/** How deep objects and lists may be nested: what Jackson reads unless told otherwise. */
export const maxDepth = 1000

/**
 * Reads a body. Fails with `SerializationException` where it is no UTF-8, no JSON, or nested too deep, and with
 * `ValidationException` where a text has half a surrogate pair.
 */
export const fromBytes = (bytes: Uint8Array): Result.Result<Schema.Json, AwsError.AwsError> =>
  Result.flatMap(Result.try({ try: () => decoder.decode(bytes), catch: () => malformed }), fromText)

/** Reads a text; see {@link fromBytes}. */
export const fromText = (text: string): Result.Result<Schema.Json, AwsError.AwsError> => {
  if (isTooDeep(text)) return Result.fail(tooDeep)
  // `JSON.parse` makes nothing else
  const json = Result.try({ try: () => JSON.parse(text) as Schema.Json, catch: () => malformed })
  const at = loneSurrogate(text)
  return Result.isSuccess(json) && at !== undefined ? Result.fail(unpaired(at)) : json
}

/** Counts brackets outside of strings, before a parser builds what they stand for. */
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

/** Where half of a surrogate pair is escaped without its other half. Unescaped, it would be no UTF-8. */
const loneSurrogate = (text: string): number | undefined => {
  if (!/\\u[dD]/.test(text)) return undefined
  // every escape is matched, so that the second backslash of two begins none
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

/** Such as `\ud83d`. */
const escapeLength = 6

const malformed = AwsError.make("SerializationException", AwsError.texts.SerializationException)

const tooDeep = AwsError.make("SerializationException", `The request body is nested deeper than ${maxDepth} levels.`)

/** Claude's words; how other models put it is not known. */
const unpaired = (at: number): AwsError.AwsError =>
  AwsError.validation(
    `The model returned the following errors: The request body is not valid JSON: no low surrogate in string: line 1 column ${
      at + 1
    } (char ${at})`
  )

const decoder = new TextDecoder("utf-8", { fatal: true })

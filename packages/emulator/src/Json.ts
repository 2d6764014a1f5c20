/**
 * JSON that clients send, read with bounds: nested deeper than {@link maxDepth} it is refused, so that no function behind
 * that follows the nesting runs out of stack.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as AwsError from "./AwsError.ts"

/** How deep objects and lists may be nested: what Jackson reads unless told otherwise. */
export const maxDepth = 1000

/** Reads a body. Fails with `SerializationException` where it is no UTF-8, no JSON, or nested too deep. */
export const fromBytes = (bytes: Uint8Array): Result.Result<unknown, AwsError.AwsError> =>
  isTooDeep(bytes)
    ? Result.fail(tooDeep)
    : Result.try({ try: (): unknown => JSON.parse(decoder.decode(bytes)), catch: () => malformed })

/** Reads a text; see {@link fromBytes}. */
export const fromText = (text: string): Result.Result<unknown, AwsError.AwsError> => fromBytes(encoder.encode(text))

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

const malformed = AwsError.make("SerializationException", "The request body is not valid JSON.")

const tooDeep = AwsError.make("SerializationException", `The request body is nested deeper than ${maxDepth} levels.`)

/** Counts brackets outside of strings, before a parser builds what they stand for. */
const isTooDeep = (bytes: Uint8Array): boolean => {
  let depth = 0
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case quote:
        at = endOfString(bytes, at)
        break
      case openBracket:
      case openBrace:
        if (++depth > maxDepth) return true
        break
      case closeBracket:
      case closeBrace:
        depth--
        break
    }
  }
  return false
}

const endOfString = (bytes: Uint8Array, start: number): number => {
  let end = bytes.indexOf(quote, start + 1)
  while (end >= 0 && isEscaped(bytes, end)) end = bytes.indexOf(quote, end + 1)
  return end < 0 ? bytes.length : end
}

const isEscaped = (bytes: Uint8Array, at: number): boolean => {
  let before = at - 1
  while (bytes[before] === backslash) before--
  return (at - before) % 2 === 0
}

const quote = 0x22
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

const decoder = new TextDecoder("utf-8", { fatal: true })

const encoder = new TextEncoder()

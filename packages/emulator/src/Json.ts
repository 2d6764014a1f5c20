/**
 * JSON that clients send, read with bounds: nested deeper than {@link maxDepth} it is refused, so that no function behind
 * that follows the nesting runs out of stack.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as AwsError from "./AwsError.ts"

/** How deep objects and lists may be nested: what Jackson reads unless told otherwise. */
export const maxDepth = 1000

/** Reads a body. Fails with `SerializationException` where it is no UTF-8, no JSON, or nested too deep. */
export const fromBytes = (bytes: Uint8Array): Result.Result<Schema.Json, AwsError.AwsError> =>
  Result.flatMap(Result.try({ try: () => decoder.decode(bytes), catch: () => malformed }), fromText)

/** Reads a text; see {@link fromBytes}. */
export const fromText = (text: string): Result.Result<Schema.Json, AwsError.AwsError> =>
  isTooDeep(text)
    ? Result.fail(tooDeep)
    // `JSON.parse` makes nothing else
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

const malformed = AwsError.make("SerializationException", "The request body is not valid JSON.")

const tooDeep = AwsError.make("SerializationException", `The request body is nested deeper than ${maxDepth} levels.`)

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

const decoder = new TextDecoder("utf-8", { fatal: true })

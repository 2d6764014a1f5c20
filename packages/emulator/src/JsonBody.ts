/**
 * Reads the JSON of a request as strictly as the service does: UTF-8, not too deep, and text that is well formed.
 *
 * What passes can be walked by recursion without fear for the stack.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "./AwsError.ts"

/** The JSON value in the body of a request; of an empty one, an empty object. */
export const read = (bytes: Uint8Array): Result.Result<unknown, AwsError.AwsError> => {
  if (bytes.length === 0) return Result.succeed({})
  return Result.flatMap(decodeText(bytes), (text) => parse(text, malformed))
}

/** The JSON value in a text inside of a body; `otherwise` says that it is none. */
export const parse = (
  text: string,
  otherwise: AwsError.AwsError
): Result.Result<unknown, AwsError.AwsError> => {
  if (isTooDeep(text)) return Result.fail(otherwise)
  const value = Result.mapError(decodeJson(text), () => otherwise)
  const at = loneSurrogate(text)
  return Result.isSuccess(value) && at !== undefined ? Result.fail(unpaired(at)) : value
}

const decoder = new TextDecoder("utf-8", { fatal: true })

const decodeText = (bytes: Uint8Array): Result.Result<string, AwsError.AwsError> =>
  Result.try({ try: () => decoder.decode(bytes), catch: () => malformed })

const decodeJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

/** No parser of the service goes deeper; how deep exactly is not known. */
const maxDepth = 1000

/** Whether objects and lists lie more than {@link maxDepth} deep in one another; brackets in strings do not count. */
const isTooDeep = (text: string): boolean => {
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case quote:
        index = endOfString(text, index)
        break
      case openBrace:
      case openBracket:
        if (++depth > maxDepth) return true
        break
      case closeBrace:
      case closeBracket:
        depth--
    }
  }
  return false
}

/** Where the string that begins at `start` ends: at the first quote that no backslash escapes. */
const endOfString = (text: string, start: number): number => {
  for (let end = text.indexOf(`"`, start + 1); end >= 0; end = text.indexOf(`"`, end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return end
  }
  return text.length
}

const [backslash, quote, openBrace, closeBrace, openBracket, closeBracket] = [0x5c, 0x22, 0x7b, 0x7d, 0x5b, 0x5d]

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

/** Claude's words; how other models put it is not known. */
const unpaired = (at: number): AwsError.AwsError =>
  AwsError.validation(
    `The model returned the following errors: The request body is not valid JSON: no low surrogate in string: line 1 column ${
      at + 1
    } (char ${at})`
  )

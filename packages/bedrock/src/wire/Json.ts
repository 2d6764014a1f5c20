/**
 * JSON from the network, as bytes: integers keep their digits, and nesting is bounded below stack overflow.
 */
import * as ExactJson from "@strata/core/ExactJson"
import * as Result from "effect/Result"
import { Buffer } from "node:buffer"

/** Parses the bytes of a JSON text, or says briefly why it cannot; the message does not quote the text. */
export const parseBytes = (bytes: Uint8Array): Result.Result<unknown, string> =>
  Result.flatMap(toText(bytes), ExactJson.parse)

/** The text of bytes, without a byte order mark. */
export const toText = (bytes: Uint8Array): Result.Result<string, string> =>
  // the longest possible string has half a gigabyte
  Result.try({ try: () => textOf(bytes), catch: () => "too long for a string" })

/** For the short texts of events, in half the time of a `TextDecoder`. */
const textOf = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  return text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text
}

const byteOrderMark = 0xfeff

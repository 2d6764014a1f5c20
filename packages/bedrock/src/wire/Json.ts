/**
 * JSON from the network, as bytes: integers keep their digits, and nesting is bounded below stack overflow.
 */
import * as ExactJson from "@strata/core/ExactJson"
import * as Result from "effect/Result"

/** Parses the bytes of a JSON text, or says briefly why it cannot; the message does not quote the text. */
export const parseBytes = (bytes: Uint8Array): Result.Result<unknown, string> =>
  Result.flatMap(toText(bytes), ExactJson.parse)

/** The text of bytes, without a byte order mark. */
export const toText = (bytes: Uint8Array): Result.Result<string, string> =>
  // the longest possible string has half a gigabyte
  Result.try({ try: () => decoder.decode(bytes), catch: () => "too long for a string" })

const decoder = new TextDecoder()

/**
 * JSON from the network, as bytes: numbers that stay what was written, and nesting no deeper than a stack can follow.
 */
import * as ExactJson from "@strata/core/ExactJson"
import * as Result from "effect/Result"

/** The value of the bytes of a JSON text, or a few words that say why there is none; the text itself is not in them. */
export const parseBytes = (bytes: Uint8Array): Result.Result<unknown, string> =>
  Result.flatMap(toText(bytes), ExactJson.parse)

/** The text of bytes; a byte order mark is left out. */
export const toText = (bytes: Uint8Array): Result.Result<string, string> =>
  // the longest string there can be has half a gigabyte
  Result.try({ try: () => decoder.decode(bytes), catch: () => "too long for a string" })

const decoder = new TextDecoder()

/**
 * Text from bytes: UTF-8, or UTF-16 where a byte order mark says so. Nothing is replaced: bytes that are no text are an
 * error with their offset.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { isUtf8 } from "node:buffer"
import * as CommandError from "../process/CommandError.ts"

/** The text of bytes, in pieces, without its byte order mark. `name`: of the file, for errors. */
export const decode = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  name: string
): Stream.Stream<string, E | CommandError.CommandError, R> =>
  Stream.suspend(() => {
    const decoder = make()
    const checked = (piece: Result.Result<string, Problem>) =>
      Result.match(piece, {
        onFailure: ({ offset, problem }) => Effect.fail(CommandError.usage(`${name}: ${problem} at byte ${offset}`)),
        onSuccess: Effect.succeed
      })
    return Stream.concat(
      Stream.mapEffect(bytes, (chunk) => checked(decoder.push(chunk))),
      Stream.fromEffect(Effect.suspend(() => checked(decoder.end())))
    )
  })

/** Where the bytes are no text. */
interface Problem {
  readonly offset: number
  readonly problem: string
}

type Encoding = "utf-8" | "utf-16le" | "utf-16be"

/** A decoder of one text. It keeps the bytes of a character that is not complete, four at most. */
export const make = () => {
  let encoding: Encoding | undefined
  let carried: Uint8Array = new Uint8Array()
  let offset = 0

  const read = (bytes: Uint8Array, isLast: boolean): Result.Result<string, Problem> => {
    let rest = bytes
    if (encoding === undefined) {
      if (!isLast && bytes.length < 4) {
        carried = bytes
        return Result.succeed("")
      }
      const mark = markOf(bytes)
      if (mark === undefined) return Result.fail({ offset: 0, problem: "text in UTF-32, which is not supported," })
      encoding = mark.encoding
      rest = bytes.subarray(mark.length)
      offset += mark.length
    }
    const end = isLast ? rest.length : wholeCharacters(rest, encoding)
    carried = rest.slice(end)
    const piece = textOf(rest.subarray(0, end), encoding, offset)
    offset += end
    return piece
  }

  return {
    push: (chunk: Uint8Array) => read(carried.length === 0 ? chunk : Buffer.concat([carried, chunk]), false),
    end: () => read(carried, true)
  }
}

const markOf = (bytes: Uint8Array): { readonly encoding: Encoding; readonly length: number } | undefined => {
  const [a, b, c, d] = bytes
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? undefined : { encoding: "utf-16le", length: 2 }
  if (a === 0xfe && b === 0xff) return { encoding: "utf-16be", length: 2 }
  return { encoding: "utf-8", length: a === 0xef && b === 0xbb && c === 0xbf ? 3 : 0 }
}

/** Up to where characters are complete. */
const wholeCharacters = (bytes: Uint8Array, encoding: Encoding): number => {
  const { length } = bytes
  if (encoding === "utf-8") {
    for (let back = 1; back <= Math.min(3, length); back++) {
      const byte = bytes[length - back] ?? 0
      if (byte < 0x80) return length
      if (byte >= 0xc0) return lengthOf(byte) > back ? length - back : length
    }
    return length
  }
  const even = length - length % 2
  const high = bytes[encoding === "utf-16le" ? even - 1 : even - 2] ?? 0
  return even >= 2 && (high & 0xfc) === 0xd8 ? even - 2 : even
}

/** The length of a character in UTF-8 by its first byte. */
const lengthOf = (first: number): number => first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1

const textOf = (bytes: Uint8Array, encoding: Encoding, offset: number): Result.Result<string, Problem> => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (encoding === "utf-8") {
    if (!isUtf8(bytes)) {
      return Result.fail({ offset: offset + firstInvalid(bytes), problem: "bytes that are not UTF-8" })
    }
    const nul = bytes.indexOf(0)
    return nul === -1
      ? Result.succeed(buffer.toString("utf8"))
      : Result.fail({
        offset: offset + nul,
        problem: "a NUL byte, which is in no text: UTF-16 needs a byte order mark,"
      })
  }
  if (bytes.length % 2 === 1) return Result.fail({ offset: offset + bytes.length - 1, problem: "half a character" })
  const text = (encoding === "utf-16le" ? buffer : Buffer.from(buffer).swap16()).toString("utf16le")
  return text.isWellFormed()
    ? Result.succeed(text)
    : Result.fail({
      offset: offset + 2 * text.search(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/),
      problem: "half a surrogate pair"
    })
}

/** The first byte that belongs to no character. It is only looked for where there is one. */
const firstInvalid = (bytes: Uint8Array): number => {
  let at = 0
  while (at < bytes.length) {
    const next = at + lengthOf(bytes[at] ?? 0)
    if (!isUtf8(bytes.subarray(at, next)) || next > bytes.length) return at
    at = next
  }
  return at
}

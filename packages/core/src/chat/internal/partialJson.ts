/**
 * Reads one JSON object from a text that is still being written, and gives its value so far at any time.
 *
 * Text before the object (prose, a code fence) is skipped, text after it is ignored. Each character is scanned once, for
 * brackets and strings only; the value is what `ExactJson.parse` makes of the text so far with everything open closed.
 */
import * as Result from "effect/Result"
import * as ExactJson from "../../ExactJson.ts"

/** An object as `JSON.parse` makes it. */
export interface JsonObject {
  readonly [key: string]: unknown
}

/** Strings grow as they arrive, other values appear when they are complete; after invalid JSON there are no more. */
export const make = () => {
  let text = ""
  let at = 0 // the position of the character being read
  let state: State = "prose"
  let start = 0
  let end = 0 // up to here the text is JSON once `open` is closed
  let open: Array<"}" | "]"> = []
  let escape: string | undefined // what follows a backslash
  let isChanged = false
  let unread = 0 // characters since the last value

  const parse = () => {
    const closed = text.slice(start, end) + (state === "string" ? "\"" : "") + open.toReversed().join("")
    return ExactJson.parse(closed) as Result.Result<JsonObject, string> // it starts with a brace
  }

  const advance = (next: State, to = at + 1): void => {
    end = to
    state = next
    isChanged = true
  }

  const search = (character: string): void => {
    if (character !== "{") return
    start = at
    begin(character)
  }

  const begin = (bracket: string): void => {
    open.push(bracket === "{" ? "}" : "]")
    advance(bracket === "{" ? "key" : "value")
  }

  const close = (bracket: string): void => {
    if (bracket !== open.at(-1)) return fail(bracket)
    open.pop()
    advance("value")
    if (open.length === 0) state = Result.isSuccess(parse()) ? "end" : "invalid"
  }

  /** A brace of prose, after which nothing was read, does not begin the object. */
  const fail = (character: string): void => {
    state = end === start + 1 ? "prose" : "invalid"
    if (state === "invalid") return
    open = []
    search(character)
  }

  const inString = (character: string, isKey: boolean): void => {
    if (escape !== undefined) {
      escape += character
      if (escape.startsWith("u") && escape.length < 5) return
      const isHalf = /^u[dD][89abAB]/.test(escape)
      escape = undefined
      if (!isKey && !isHalf) advance("string")
    } else if (character === "\\") escape = ""
    else if (character !== "\"") {
      if (!isKey && !/[\ud800-\udbff]/.test(character)) advance("string")
    } else if (isKey) state = ":"
    else advance("value")
  }

  const read = (character: string): void => {
    if (state === "string" || state === "key string") return inString(character, state === "key string")
    if (state === "prose") return search(character)
    if (/[ \n\r\t]/.test(character)) return
    if (state === ":") {
      if (character !== ":") return fail(character)
      state = "value"
    } else if (character === "}") close(character)
    else if (state === "key") {
      if (character !== "\"") return fail(character)
      state = "key string"
    } else if (character === "\"") advance("string")
    else if (character === "{" || character === "[") begin(character)
    else if (character === "]") close(character)
    else if (character === ",") advance(open.at(-1) === "}" ? "key" : "value", at)
  }

  return {
    /** Reads more text. Returns how many of its characters precede the object or belong to it. */
    add: (piece: string): number => {
      const from = text.length
      text += piece
      unread += piece.length
      for (at = from; at < text.length && state !== "end" && state !== "invalid"; at++) read(piece[at - from]!)
      return at - from
    },
    isComplete: (): boolean => state === "end",
    /** The object so far, if it may have changed; of a long text seldom, since each costs its length, but for the `last`. */
    next: (last: boolean): JsonObject | undefined => {
      if (!isChanged || !last && end - start > unread * parsedPerCharacter) return undefined
      isChanged = false
      unread = 0
      const parsed = parse()
      if (Result.isFailure(parsed)) state = "invalid"
      return Result.getOrUndefined(parsed)
    }
  }
}

/** The only JSON object of a text; `undefined` when there is none, or more than one, or its end is missing. */
export const find = (text: string): JsonObject | undefined => {
  const first = make()
  const end = first.add(text)
  if (!first.isComplete()) return undefined
  const second = make()
  second.add(text.slice(end))
  return second.isComplete() ? undefined : first.next(true)
}

/** What is expected (a key, a colon, a value or what follows it), or what is being read. */
type State = "prose" | "key" | "key string" | ":" | "value" | "string" | "end" | "invalid"

/** How many characters may be parsed again for each new one: 256 parses a text of 4 kB every 16 characters. */
const parsedPerCharacter = 256

/**
 * Reads one JSON object from a text that is still being written, and gives its value so far at any time.
 *
 * Text before the object (prose, a code fence) is skipped, text after it is ignored. Each character is scanned once, for
 * brackets and strings only; the value is what `ExactJson.parse` makes of the text so far with everything open closed.
 */
import * as Result from "effect/Result"
import * as ExactJson from "../../ExactJson.ts"

/**
 * - `add`: reads more text. Returns how many of its characters precede the object or belong to it.
 * - `isComplete`: whether the object has ended and is valid.
 * - `next`: the object so far, if it may have changed. Long objects are parsed less often, so that the cost stays proportional
 *   to the text, unless `last` is set.
 *
 * Strings grow as they arrive; numbers, literals and keys appear when they are complete. After invalid JSON there is no further
 * value.
 */
export interface PartialJson {
  readonly add: (text: string) => number
  readonly isComplete: () => boolean
  readonly next: (last: boolean) => JsonObject | undefined
}

/** An object as `JSON.parse` makes it. */
export interface JsonObject {
  readonly [key: string]: unknown
}

/** Makes a reader for one text. */
export const make = (): PartialJson => {
  let text = ""
  let state: State = "prose"
  let start = 0
  let end = 0 // up to here the text is JSON once `open` is closed
  let open: Array<"}" | "]"> = []
  let escape: string | undefined // what follows a backslash
  let isChanged = false
  let unread = 0 // characters since the last snapshot

  const is = (...states: ReadonlyArray<State>): boolean => states.includes(state)

  const advance = (to: number, next: State): void => {
    end = to
    state = next
    isChanged = true
  }

  const parse = () => {
    const closed = text.slice(start, end) + (state === "string" ? "\"" : "") + open.toReversed().join("")
    return ExactJson.parse(closed) as Result.Result<JsonObject, string> // it starts with a brace
  }

  const begin = (bracket: string, at: number): void => {
    open.push(bracket === "{" ? "}" : "]")
    advance(at + 1, bracket === "{" ? "key" : "value")
  }

  const close = (bracket: string, at: number): void => {
    if (bracket !== open.at(-1)) return fail(bracket, at)
    open.pop()
    advance(at + 1, "value")
    if (open.length === 0) state = Result.isSuccess(parse()) ? "end" : "invalid"
  }

  /** A brace of prose, after which nothing was read, does not begin the object. */
  const fail = (character: string, at: number): void => {
    if (end !== start + 1) state = "invalid"
    else {
      open = []
      state = "prose"
      search(character, at)
    }
  }

  const search = (character: string, at: number): void => {
    if (character !== "{") return
    start = at
    begin(character, at)
  }

  const inString = (character: string, at: number): void => {
    const isKey = state === "key string"
    if (escape !== undefined) {
      escape += character
      if (escape.startsWith("u") && escape.length < 5) return
      const isHalf = /^u[dD][89abAB]/.test(escape)
      escape = undefined
      if (!isKey && !isHalf) advance(at + 1, "string")
    } else if (character === "\\") escape = ""
    else if (character !== "\"") {
      if (!isKey && !/[\ud800-\udbff]/.test(character)) advance(at + 1, "string")
    } else if (isKey) state = ":"
    else advance(at + 1, "value")
  }

  const read = (character: string, at: number): void => {
    if (is("string", "key string")) return inString(character, at)
    if (state === "prose") return search(character, at)
    if (/[ \n\r\t]/.test(character)) return
    if (state === ":") {
      if (character !== ":") return fail(character, at)
      state = "value"
    } else if (character === "}") close(character, at)
    else if (state === "key") {
      if (character !== "\"") return fail(character, at)
      state = "key string"
    } else if (character === "\"") advance(at + 1, "string")
    else if (character === "{" || character === "[") begin(character, at)
    else if (character === "]") close(character, at)
    else if (character === ",") advance(at, open.at(-1) === "}" ? "key" : "value")
  }

  return {
    add: (piece) => {
      const from = text.length
      text += piece
      unread += piece.length
      let at = 0
      while (at < piece.length && !is("end", "invalid")) read(piece[at]!, from + at++)
      return at
    },
    isComplete: () => is("end"),
    next: (last) => {
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

/**
 * Reads one JSON object out of a text that is still being written, and tells at any time what there is of it.
 *
 * Text before the object (prose, a code fence) is skipped and text behind it is not looked at. Every character is read
 * once. Nothing throws: where the text stops being JSON, the value stays what it was.
 */
import * as ExactJson from "../../ExactJson.ts"

/**
 * A reader.
 *
 * - `add`: reads on. Gives how many characters belong to the object or stand before it: fewer than there are when the
 *   object ends within them.
 * - `isComplete`: whether the object has ended, as `JSON.parse` would have it.
 * - `next`: the object so far if it may have changed since the last call. What was given out does not change any more:
 *   closed parts are shared, open ones are copied. So that copying stays in proportion to the text, `next` waits for more
 *   text while what is open is long, unless it is the `last` call.
 *
 * A string grows as it comes; numbers, `true`, `false`, `null` and keys appear when they are complete. A number that would
 * not be exact is its text.
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
  const open: Array<Frame> = []
  let state: State = "start"
  let root: JsonObject | undefined
  let token = ""
  let half = "" // of a character: what comes before its second half
  let hex = "" // of an escape
  let changed = false
  let entries = 0 // in all that is open
  let unread = 0 // characters since the last snapshot

  const is = (wanted: State): boolean => state === wanted

  const begin = (container: Frame["container"]): State => {
    changed = true
    open.push({ container, key: "", size: 0 })
    return Array.isArray(container) ? "item or ]" : "key or }"
  }

  const put = (value: unknown): State => {
    changed = true
    const frame = open[open.length - 1]
    if (frame === undefined) {
      root = value as JsonObject // the outermost value is the object that `{` began
      return "end"
    }
    frame.size++
    entries++
    if (Array.isArray(frame.container)) frame.container.push(value)
    else define(frame.container, frame.key, value)
    return ", or end"
  }

  const close = (bracket: string): State => {
    const frame = open[open.length - 1]
    if (frame === undefined || Array.isArray(frame.container) !== (bracket === "]")) return "broken"
    open.pop()
    entries -= frame.size
    return put(frame.container)
  }

  const scalar = (): State => {
    const value = words.has(token) ? words.get(token) : number.test(token) ? ExactJson.number(token) : undefined
    return value === undefined ? "broken" : put(value)
  }

  const beginText = (state: "key" | "string"): State => {
    token = ""
    half = ""
    return state
  }

  /** Adds to a text without looking into it, which would cost its whole length. */
  const append = (piece: string): void => {
    const added = half + piece
    const code = added.charCodeAt(added.length - 1)
    half = code >= 0xd800 && code <= 0xdbff ? added.slice(-1) : ""
    token += half === "" ? added : added.slice(0, -1)
    changed ||= state === "string"
  }

  /** Reads what `state` expects at `at`; gives the position to go on from. */
  const step = (text: string, at: number): number => {
    const character = text[at]!
    switch (state) {
      case "start": {
        const brace = text.indexOf("{", at)
        if (brace < 0) return text.length
        state = begin({})
        return brace + 1
      }
      case "key":
      case "string": {
        const end = stringEnd(text, at)
        if (end > at) {
          append(text.slice(at, end))
          return end
        }
        if (character === "\\") state = `${state} \\`
        else if (character !== "\"") state = "broken"
        else if (state === "string") state = put(token + half)
        else {
          open[open.length - 1]!.key = token + half
          state = ":"
        }
        return at + 1
      }
      case "key \\":
      case "string \\": {
        const within = state === "key \\" ? "key" : "string"
        const escaped = escapes.get(character)
        state = escaped !== undefined ? within : character === "u" ? `${within} \\u` : "broken"
        if (escaped === undefined) hex = ""
        else append(escaped)
        return at + 1
      }
      case "key \\u":
      case "string \\u": {
        hex += character
        if (!hexadecimal.test(character)) state = "broken"
        else if (hex.length === 4) {
          state = state === "key \\u" ? "key" : "string"
          append(String.fromCharCode(Number.parseInt(hex, 16)))
        }
        return at + 1
      }
      case "scalar": {
        if (scalarCharacter.test(character)) {
          token += character
          return at + 1
        }
        state = scalar()
        return at
      }
      case "end":
      case "broken":
        return at
    }
    if (isBlank(character)) return at + 1
    state = expected(character)
    return at + 1
  }

  /** What comes after a character that stands between strings and scalars. */
  const expected = (character: string): State => {
    const frame = open[open.length - 1]
    switch (state) {
      case ":":
        return character === ":" ? "value" : "broken"
      case ", or end":
        if (character === "}" || character === "]") return close(character)
        return character !== "," ? "broken" : Array.isArray(frame?.container) ? "value" : "\""
      case "key or }":
      case "\"":
        if (character === "}" && state === "key or }") return close(character)
        return character === "\"" ? beginText("key") : "broken"
      case "item or ]":
        return character === "]" ? close(character) : value(character)
      default:
        return value(character)
    }
  }

  const value = (character: string): State => {
    if (character === "{") return begin({})
    if (character === "[") return begin([])
    if (character === "\"") {
      changed = true
      return beginText("string")
    }
    token = character
    return scalarCharacter.test(character) ? "scalar" : "broken"
  }

  const snapshot = (): JsonObject | undefined => {
    if (open.length === 0) return root
    let child: unknown = state.startsWith("string") ? token : undefined
    for (const { container, key } of open.toReversed()) {
      if (Array.isArray(container)) child = child === undefined ? [...container] : [...container, child]
      else child = child === undefined ? { ...container } : { ...container, [key]: child }
    }
    return child as JsonObject // the outermost container is an object
  }

  return {
    add: (text) => {
      unread += text.length
      let at = 0
      while (at < text.length && !is("end") && !is("broken")) {
        const next = step(text, at)
        if (!is("broken")) at = next
        else if (open.length === 1 && entries === 0) {
          // that was a brace in the prose: nothing has been read of an object, so the search goes on
          open.pop()
          state = "start"
        }
      }
      return at
    },
    isComplete: () => is("end"),
    next: (last) => {
      if (!changed || !last && entries + open.length > unread * copiesPerCharacter) return undefined
      changed = false
      unread = 0
      return snapshot()
    }
  }
}

/**
 * The only JSON object of a text, whatever stands around it; `undefined` when there is none, or more than one, or its
 * end is missing.
 */
export const find = (text: string): JsonObject | undefined => {
  const first = make()
  const end = first.add(text)
  if (!first.isComplete()) return undefined
  const second = make()
  second.add(text.slice(end))
  return second.isComplete() ? undefined : first.next(true)
}

/**
 * Whether two values that {@link PartialJson.next} gave are equal. They share what is closed, so that only what is open is
 * looked into, and no further than a stack allows: values that are deeper count as different.
 */
export const isSame = (self: unknown, that: unknown, depth = 0): boolean => {
  if (Object.is(self, that)) return true
  if (typeof self !== "object" || typeof that !== "object" || self === null || that === null || depth > 100) {
    return false
  }
  if (Array.isArray(self) !== Array.isArray(that)) return false
  const members = Object.entries(self)
  return members.length === Object.keys(that).length &&
    members.every(([key, value]) =>
      Object.hasOwn(that, key) && isSame(value, Object.getOwnPropertyDescriptor(that, key)?.value, depth + 1)
    )
}

/** An object or array that has begun and not ended, and the key of the member that is being read. */
interface Frame {
  readonly container: Record<string, unknown> | Array<unknown>
  key: string
  size: number
}

/** What is expected, or being read. */
type State =
  | "start"
  | "key or }"
  | "\""
  | `${"key" | "string"}${"" | " \\" | " \\u"}`
  | ":"
  | "value"
  | "item or ]"
  | "scalar"
  | ", or end"
  | "end"
  | "broken"

/** How many entries of open containers a snapshot may copy for each character that came since the last one. */
const copiesPerCharacter = 8

const words: ReadonlyMap<string, boolean | null> = new Map([["true", true], ["false", false], ["null", null]])

const number = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/

const scalarCharacter = /^[-+.a-zA-Z0-9]$/

const hexadecimal = /^[0-9a-fA-F]$/

const escapes: ReadonlyMap<string, string> = new Map([
  ["\"", "\""],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"]
])

const isBlank = (character: string): boolean =>
  character === " " || character === "\n" || character === "\r" || character === "\t"

/** Where the plain characters of a string end: at a quote, a backslash, or a control character, which JSON forbids. */
const stringEnd = (text: string, from: number): number => {
  let at = from
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x22 || code === 0x5c || code < 0x20) break
    at++
  }
  return at
}

/** Assigns as `JSON.parse` does: `__proto__` is a key like any other. */
const define = (object: Record<string, unknown>, key: string, value: unknown): void => {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  } else object[key] = value
}

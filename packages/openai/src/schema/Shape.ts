/**
 * Which members of a JSON value are `null` only because a strict schema wants every member: they are taken out again, of
 * a value, or of a text that arrives in pieces.
 */
import * as ExactJson from "@strata/core/ExactJson"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** An object's members by name, the items of a list, and the alternatives of a union. It may hold itself. */
export interface Shape {
  readonly members: Map<string, Member>
  readonly items: Array<Shape>
  readonly alternatives: Array<Shape>
}

/** `erased`: `null` stands for a missing member; `kept`: `null` is a value of it. */
export interface Member {
  readonly erased: boolean
  readonly kept: boolean
  readonly shape: Shape
}

export const empty = (): Shape => ({ members: new Map(), items: [], alternatives: [] })

const union = (shapes: ReadonlyArray<Shape>): Shape =>
  shapes.length === 1 ? shapes[0]! : { ...empty(), alternatives: [...shapes] }

/** The shape and all its alternatives. */
const all = (shape: Shape): ReadonlyArray<Shape> => {
  const found = new Set([shape])
  // A set that grows while it is read is read to its end.
  for (const { alternatives } of found) for (const each of alternatives) found.add(each)
  return [...found]
}

/** A member by its name, whichever alternative has it. */
const memberOf = (shape: Shape, name: string): Member | undefined => {
  const found = all(shape).flatMap(({ members }) => members.get(name) ?? [])
  return found.length === 0 ? undefined : {
    erased: found.some(({ erased }) => erased),
    kept: found.some(({ kept }) => kept),
    shape: union(found.map(({ shape }) => shape))
  }
}

const itemsOf = (shape: Shape): Shape | undefined => {
  const items = all(shape).flatMap(({ items }) => items)
  return items.length === 0 ? undefined : union(items)
}

/** Whether each `null` that may occur means one thing. */
export const isClear = (root: Shape): boolean => {
  const numbers = new Map<Shape, number>()
  const keyOf = (shape: Shape) =>
    all(shape).filter(({ items, members }) => members.size > 0 || items.length > 0).map((each) => {
      const number = numbers.get(each) ?? numbers.size
      numbers.set(each, number)
      return number
    }).sort((one, other) => one - other).join()
  const seen = new Set<string>()
  const open = [root]
  for (let shape = open.pop(); shape !== undefined; shape = open.pop()) {
    const key = keyOf(shape)
    if (seen.has(key)) continue
    seen.add(key)
    if (seen.size > mostShapes) return false
    for (const name of new Set(all(shape).flatMap(({ members }) => [...members.keys()]))) {
      const member = memberOf(shape, name)
      if (member === undefined) continue
      if (member.erased && member.kept) return false
      open.push(member.shape)
    }
    const items = itemsOf(shape)
    if (items !== undefined) open.push(items)
  }
  return true
}

const mostShapes = 5000

/** The value as the schema before it was strict describes it. */
export const restore = (shape: Shape, value: unknown): unknown => {
  if (Array.isArray(value)) {
    const items = itemsOf(shape)
    return items === undefined ? value : value.map((item) => restore(items, item))
  }
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => {
      const member = memberOf(shape, key)
      if (member === undefined) return [[key, item]]
      return member.erased && item === null ? [] : [[key, restore(member.shape, item)]]
    })
  )
}

/** {@link restore} for the text of a JSON object in pieces. Other text passes unchanged. */
export interface Eraser {
  readonly feed: (text: string) => string
  readonly end: () => string
}

interface Frame {
  readonly isObject: boolean
  readonly shape: Shape | undefined
  hasMembers: boolean
}

/** An eraser for one text. A member is held back until the first letter of its value tells whether it may be `null`. */
export const makeEraser = (shape: Shape): Eraser => {
  const frames: Array<Frame> = []
  let state: "start" | "key" | "in-key" | "colon" | "value" | "string" | "null" | "other" | "after" | "raw" = "start"
  let isEscaped = false
  let key = ""
  let held = ""
  let word = ""

  const top = (): Frame | undefined => frames.at(-1)

  /** The member of an object whose value comes next. */
  const current = ({ shape }: Frame): Member | undefined => {
    const name = Result.getOrUndefined(ExactJson.parse(key))
    return typeof name === "string" && shape !== undefined ? memberOf(shape, name) : undefined
  }

  /** What comes before a value: the member's comma and name. */
  const begin = (): string => {
    const frame = top()
    if (frame === undefined || !frame.isObject) return ""
    const text = `${frame.hasMembers ? "," : ""}${held}`
    frame.hasMembers = true
    held = ""
    return text
  }

  const push = (isObject: boolean): void => {
    const frame = top()
    const inner = frame === undefined
      ? shape
      : frame.isObject
      ? current(frame)?.shape
      : frame.shape && itemsOf(frame.shape)
    frames.push({ isObject, shape: inner, hasMembers: false })
    state = isObject ? "key" : "value"
  }

  const pop = (): void => {
    frames.pop()
    state = frames.length === 0 ? "raw" : "after"
  }

  /** The end of a word such as `null`. */
  const settleWord = (): string => {
    const frame = top()
    const isErased = word === "null" && frame?.isObject === true && current(frame)?.erased === true
    const text = isErased ? "" : `${begin()}${word}`
    if (isErased) held = ""
    word = ""
    state = "after"
    return text
  }

  const step = (char: string): string => {
    switch (state) {
      case "raw":
        return char
      case "start":
        if (char === "{") {
          push(true)
          return char
        }
        if (!isSpace(char)) state = "raw"
        return char
      case "key":
        if (char === "}") {
          pop()
          const rest = held
          held = ""
          return rest + char
        }
        held += char
        if (char === "\"") {
          key = char
          state = "in-key"
        }
        return ""
      case "in-key":
        held += char
        key += char
        if (isEscaped) isEscaped = false
        else if (char === "\\") isEscaped = true
        else if (char === "\"") state = "colon"
        return ""
      case "colon":
        held += char
        if (char === ":") state = "value"
        return ""
      case "value":
        return value(char)
      case "string":
        if (isEscaped) isEscaped = false
        else if (char === "\\") isEscaped = true
        else if (char === "\"") state = "after"
        return char
      case "null":
      case "other":
        if (!isDelimiter(char)) {
          if (state === "other") return char
          word += char
          return ""
        }
        return (state === "null" ? settleWord() : "") + after(char)
      case "after":
        return after(char)
    }
  }

  const value = (char: string): string => {
    const frame = top()
    if (isSpace(char)) {
      if (frame?.isObject !== true) return char
      held += char
      return ""
    }
    if (char === "]" && frame?.isObject === false) {
      pop()
      return char
    }
    if (char === "n") {
      word = char
      state = "null"
      return ""
    }
    const before = begin()
    if (char === "{" || char === "[") push(char === "{")
    else state = char === "\"" ? "string" : "other"
    return before + char
  }

  const after = (char: string): string => {
    const frame = top()
    state = "after"
    if (char === "," && frame !== undefined) {
      state = frame.isObject ? "key" : "value"
      return frame.isObject ? "" : char
    }
    if (char === "}" || char === "]") pop()
    return char
  }

  return {
    feed: (text) => {
      let out = ""
      for (const char of text) out += step(char)
      return out
    },
    // A text that was cut inside of a member: it stays what it was.
    end: () => {
      const rest = held === "" && word === "" ? "" : `${begin()}${word}`
      held = ""
      word = ""
      return rest
    }
  }
}

const isSpace = (char: string): boolean => char === " " || char === "\n" || char === "\r" || char === "\t"

const isDelimiter = (char: string): boolean => isSpace(char) || char === "," || char === "}" || char === "]"

/**
 * Splits off reasoning that a model writes at the beginning of its text, between tags: `<think>` of many open models, `<reasoning>`
 * of gpt-oss on Bedrock. Text arrives in pieces that are cut anywhere.
 */

/** A piece of reasoning or of text. */
export interface Piece {
  readonly kind: "reasoning" | "text"
  readonly text: string
}

/** `feed` gives what is known so far; `end` the rest. */
export interface Splitter {
  readonly feed: (text: string) => ReadonlyArray<Piece>
  readonly end: () => ReadonlyArray<Piece>
}

/** Leaves all text as it is. */
export const none: Splitter = {
  feed: (text) => text === "" ? [] : [{ kind: "text", text }],
  end: () => []
}

const tags = [["<think>", "</think>"], ["<reasoning>", "</reasoning>"]] as const

/** A splitter for one answer. An opening tag that does not begin the text is text. */
export const make = (): Splitter => {
  let held = ""
  let state: "start" | "reasoning" | "between" | "text" = "start"
  let closing = ""

  const read = (isEnd: boolean): Array<Piece> => {
    const pieces: Array<Piece> = []
    if (state === "start") {
      const start = held.trimStart()
      const tag = tags.find(([opening]) => start.startsWith(opening))
      if (tag !== undefined) {
        state = "reasoning"
        closing = tag[1]
        held = start.slice(tag[0].length)
      } else if (isEnd || !tags.some(([opening]) => opening.startsWith(start))) state = "text"
      else return pieces
    }
    if (state === "reasoning") {
      const end = held.indexOf(closing)
      const kept = end === -1 && !isEnd ? held.length - overlap(held, closing) : end === -1 ? held.length : end
      if (kept > 0) pieces.push({ kind: "reasoning", text: held.slice(0, kept) })
      if (end === -1) held = held.slice(kept)
      else {
        held = held.slice(end + closing.length)
        state = "between"
      }
    }
    if (state === "between") {
      held = held.trimStart()
      if (held !== "") state = "text"
    }
    if (state === "text" && held !== "") {
      pieces.push({ kind: "text", text: held })
      held = ""
    }
    return pieces
  }

  return {
    feed: (text) => {
      if (text === "") return []
      if (state === "text") return [{ kind: "text", text }]
      held += text
      return read(false)
    },
    end: () => read(true)
  }
}

/** How much of the end of a text may be the beginning of a tag. */
const overlap = (text: string, tag: string): number => {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
    if (tag.startsWith(text.slice(text.length - length))) return length
  }
  return 0
}

/**
 * Parses Server-Sent Events by the rules of WHATWG, from bytes that may be cut anywhere.
 *
 * Unlike the parser of Effect it reports comments, which show that a server is alive. Memory is bounded: a line or an event that is
 * longer than {@link longest} ends the parsing.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */

/** An event with the data of its lines, or a comment. */
export type Item =
  | { readonly type: "event"; readonly event: string; readonly data: string }
  | { readonly type: "comment" }

/** Characters of one event, its unfinished line included. */
export const longest = 16 * 1024 * 1024

/** `feed` gives the items that these bytes complete; after an event that is too long it gives `undefined`, for good. */
export interface Parser {
  readonly feed: (bytes: Uint8Array) => ReadonlyArray<Item> | undefined
}

/** A parser for one stream. An event without the empty line that ends it is not reported. */
export const make = (most = longest): Parser => {
  // It keeps the bytes of a character that is not complete, and takes off the byte order mark.
  const decoder = new TextDecoder()
  let line: Array<string> = []
  let lineLength = 0
  let afterCarriageReturn = false
  let event = ""
  let data: Array<string> = []
  let dataLength = 0
  let isTooLong = false

  const endLine = (text: string, items: Array<Item>): void => {
    if (text === "") return endEvent(items)
    const colon = text.indexOf(":")
    if (colon === 0) {
      items.push(comment)
      return
    }
    const field = colon === -1 ? text : text.slice(0, colon)
    const value = colon === -1 ? "" : text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1)
    if (field === "data") {
      data.push(value)
      dataLength += value.length + 1
    } else if (field === "event") event = value
  }

  const endEvent = (items: Array<Item>): void => {
    const [name, lines] = [event, data]
    event = ""
    data = []
    dataLength = 0
    if (lines.length === 0) return
    const text = lines.length === 1 ? lines[0]! : lines.join("\n")
    // What some servers send in place of a comment: `data: : keepalive`.
    items.push(text.startsWith(":") ? comment : { type: "event", event: name === "" ? "message" : name, data: text })
  }

  const read = (text: string): ReadonlyArray<Item> => {
    const items: Array<Item> = []
    let start = 0
    if (afterCarriageReturn && text.length > 0) {
      afterCarriageReturn = false
      if (text.charCodeAt(0) === lineFeed) start = 1
    }
    for (let at = start; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code !== lineFeed && code !== carriageReturn) continue
      line.push(text.slice(start, at))
      const whole = line.length === 1 ? line[0]! : line.join("")
      line = []
      lineLength = 0
      endLine(whole, items)
      if (code === carriageReturn) {
        if (at + 1 === text.length) afterCarriageReturn = true
        else if (text.charCodeAt(at + 1) === lineFeed) at++
      }
      start = at + 1
    }
    if (start < text.length) {
      line.push(text.slice(start))
      lineLength += text.length - start
    }
    isTooLong = lineLength + dataLength > most
    return items
  }

  return {
    feed: (bytes) => {
      if (isTooLong) return undefined
      const items = read(decoder.decode(bytes, { stream: true }))
      return isTooLong && items.length === 0 ? undefined : items
    }
  }
}

const comment: Item = { type: "comment" }

const lineFeed = 10

const carriageReturn = 13

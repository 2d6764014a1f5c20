/**
 * JSON within a Markdown fence, as some servers answer it: see `fenced-json` of the quirks.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"

/** A text that begins like JSON, in a fence. */
export const text = (said: string): string => isJson(said) ? `${opening}${said}${closing}` : said

/** Puts the texts of one answer that begin like JSON into fences, event by event. */
export const events = (): (event: ChatEvent.ChatEvent) => ReadonlyArray<ChatEvent.ChatEvent> => {
  const begun = new Map<number, boolean>()
  return (event) => {
    if (event.type === "text-delta" && event.delta !== "" && !begun.has(event.index)) {
      begun.set(event.index, isJson(event.delta))
      return [begun.get(event.index) === true ? { ...event, delta: opening + event.delta } : event]
    }
    if (event.type !== "finish") return [event]
    const ends = [...begun].flatMap(([index, isFenced]): ReadonlyArray<ChatEvent.TextDelta> =>
      isFenced ? [{ type: "text-delta", index, delta: closing }] : []
    )
    return [...ends, event]
  }
}

const isJson = (text: string): boolean => /^\s*[{[]/.test(text)

const [opening, closing] = ["```json\n", "\n```"]

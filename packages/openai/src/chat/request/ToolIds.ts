/**
 * Ids of tool calls that OpenAI accepts: those of other providers may be longer, or have other characters. A call and its
 * result get the same id, in every request.
 */
import type * as Message from "@strata/core/chat/Message"

/** The id to send for an id of the conversation. */
export type Rename = (id: string) => string

const allowed = /^[a-zA-Z0-9_-]{1,40}$/

/** For one conversation, in which no two ids become equal. */
export const make = (messages: ReadonlyArray<Message.Message>): Rename => {
  const given = new Set<string>()
  for (const { content } of messages) {
    if (typeof content === "string") continue
    for (const part of content) if (part.type === "tool-call" || part.type === "tool-result") given.add(part.id)
  }
  const renamed = new Map<string, string>()
  for (const id of given) {
    if (allowed.test(id)) continue
    let name = `call_${hash(id)}`
    while (given.has(name)) name += "_"
    renamed.set(id, name)
    given.add(name)
  }
  return (id) => renamed.get(id) ?? id
}

/** 64 bits of FNV-1a: the same for the same id, in this and in later requests. */
const hash = (text: string): string => {
  let hash = 0xcbf29ce484222325n
  for (let index = 0; index < text.length; index++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(index))) * 0x100000001b3n)
  }
  return hash.toString(36)
}

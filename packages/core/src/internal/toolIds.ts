/**
 * Ids of tool calls that are unique in the whole conversation.
 *
 * Results find their calls by id and providers refuse a conversation that has one twice, yet some models count from the
 * start in every answer or leave the id empty. Such a call gets an id of its own, everywhere it is mentioned.
 */
import type * as ChatEvent from "../ChatEvent.ts"
import * as ChatResponse from "../ChatResponse.ts"
import type * as Message from "../Message.ts"

/**
 * - `inResponse`: for a whole answer.
 * - `inStream`: for the events of one answer, which name the block a call is.
 */
export interface ToolIds {
  readonly inResponse: (response: ChatResponse.ChatResponse) => ChatResponse.ChatResponse
  readonly inStream: () => (event: ChatEvent.ChatEvent) => ChatEvent.ChatEvent
}

/** Starts with the ids that occur in the conversation so far. */
export const make = (messages: ReadonlyArray<Message.Message>): ToolIds => {
  const used = new Set(messages.flatMap(idsOf))

  const unique = (id: string): string => {
    // Bedrock takes 64 characters.
    const stem = id === "" ? "call" : id.slice(0, 56)
    let candidate = id === "" ? stem : id
    for (let count = 2; used.has(candidate); count++) candidate = `${stem}-${count}`
    used.add(candidate)
    return candidate
  }

  return {
    inResponse: (response) => {
      const { content } = response.message
      if (typeof content === "string") return response
      const parts = content.map((part) => part.type === "tool-call" ? withId(part, unique(part.id)) : part)
      return parts.every((part, index) => part === content[index]) ? response : ChatResponse.make(parts, response)
    },
    inStream: () => {
      const blocks = new Map<number, string>()
      return (event) => {
        if (!("id" in event)) return event
        const id = blocks.get(event.index) ?? unique(event.id)
        blocks.set(event.index, id)
        return withId(event, id)
      }
    }
  }
}

const withId = <A extends { readonly id: string }>(self: A, id: string): A => self.id === id ? self : { ...self, id }

const idsOf = (message: Message.Message): ReadonlyArray<string> =>
  message.role === "assistant" && typeof message.content !== "string"
    ? message.content.flatMap((part) => part.type === "tool-call" ? [part.id] : [])
    : []

/**
 * Makes the ids of tool calls unique in a conversation.
 *
 * Providers refuse duplicate ids, yet some models count from the start in every answer or leave the id empty. Calls that the
 * provider ran keep theirs, as their results do.
 */
import { isObject } from "effect/Predicate"
import type * as ChatEvent from "../../chat/ChatEvent.ts"
import * as ChatResponse from "../../chat/ChatResponse.ts"
import type * as Message from "../../chat/Message.ts"

/** `inResponse`: for a whole answer; `inStream`: for the events of one answer. */
export interface ToolIds {
  readonly inResponse: (response: ChatResponse.ChatResponse) => ChatResponse.ChatResponse
  readonly inStream: () => (event: ChatEvent.ChatEvent) => ChatEvent.ChatEvent
}

/** Starts with the ids of the conversation so far. */
export const make = (messages: ReadonlyArray<Message.Message>): ToolIds => {
  const used = new Set(messages.flatMap(idsOf))
  const counts = new Map<string, number>() // of each stem: the last number it was given

  const unique = (id: string): string => {
    // Bedrock takes 64 characters.
    const stem = id === "" ? "call" : id.slice(0, 56)
    let candidate = id === "" ? stem : id
    let count = counts.get(stem) ?? 1
    while (used.has(candidate)) candidate = `${stem}-${++count}`
    counts.set(stem, count)
    used.add(candidate)
    return candidate
  }

  const rename = (call: Message.ToolCallPart): Message.ToolCallPart => {
    if (call.providerExecuted !== true) return withId(call, unique(call.id))
    used.add(call.id)
    return call
  }

  return {
    inResponse: (response) => {
      const { content } = response.message
      if (typeof content === "string") return response
      const parts = content.map((part) => part.type === "tool-call" ? rename(part) : part)
      return parts.every((part, index) => part === content[index]) ? response : ChatResponse.make(parts, response)
    },
    inStream: () => {
      const begun = new Map<number, string>() // by block: the id of the call that is being written
      return (event) => {
        switch (event.type) {
          case "tool-params-start": {
            const id = unique(event.id)
            begun.set(event.index, id)
            return withId(event, id)
          }
          case "tool-params-delta":
            return withId(event, begun.get(event.index) ?? event.id)
          case "tool-call": {
            const id = begun.get(event.index)
            begun.delete(event.index)
            return id === undefined ? { ...rename(event), index: event.index } : withId(event, id)
          }
          default:
            return event
        }
      }
    }
  }
}

const withId = <A extends { readonly id: string }>(self: A, id: string): A => self.id === id ? self : { ...self, id }

/** Of a message that is not checked yet. */
const idsOf = (message: Message.Message): ReadonlyArray<string> =>
  message.role === "assistant" && Array.isArray(message.content)
    ? message.content.flatMap((part: unknown) =>
      isObject(part) && part["type"] === "tool-call" && typeof part["id"] === "string" ? [part["id"]] : []
    )
    : []

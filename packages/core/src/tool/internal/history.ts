/** The messages of a tool loop: what a step adds, and unique ids of calls. */
import { isObject } from "effect/Predicate"
import type * as ChatEvent from "../../chat/ChatEvent.ts"
import * as ChatResponse from "../../chat/ChatResponse.ts"
import * as Message from "../../chat/Message.ts"
import type * as ToolState from "../ToolState.ts"

/** Empty for an answer that is empty or whose calls have no results: providers refuse those. */
export const of = (
  { message, toolCalls }: ChatResponse.ChatResponse,
  results: ReadonlyArray<ToolState.ToolResult>
): ReadonlyArray<Message.Message> => {
  if (message.content.length === 0 || toolCalls.length > results.length) return []
  if (results.length === 0) return [message]
  const edited = new Map(
    results.flatMap(({ call, writtenParams }) => writtenParams === undefined ? [] : [[call.id, call]])
  )
  return [sendable(message, edited), Message.tool(results.map(partOf))]
}

const partOf = ({ call, isFailure, parts, result, writtenParams }: ToolState.ToolResult): Message.ToolResultPart => {
  const isEdited = writtenParams !== undefined
  const own = parts ?? [typeof result === "string" ? Message.text(result) : { type: "json" as const, value: result }]
  return {
    type: "tool-result",
    id: call.id,
    result,
    ...((isEdited || parts !== undefined) && { parts: isEdited ? [Message.text(wasEdited), ...own] : own }),
    ...(isFailure && { isFailure })
  }
}

/** Without it a model repeats its own call, for it sees that another one ran. */
const wasEdited = "A person changed the arguments of this call before it ran. The result is that of the changed call."

/**
 * A model must see invalid arguments to correct them, but providers accept objects only. Text is sent under the key that
 * Anthropic's documentation of fine-grained tool streaming proposes, other JSON as `value`.
 */
const sendable = (
  message: Message.AssistantMessage,
  edited: ReadonlyMap<string, Message.ToolCallPart>
): Message.AssistantMessage =>
  typeof message.content === "string" ? message : Message.assistant(
    message.content.map((part) => {
      if (part.type !== "tool-call") return part
      const { params } = edited.get(part.id) ?? part
      return params === part.params && isObject(params)
        ? part
        : { ...part, params: isObject(params) ? params : wrapped(params) }
    })
  )

const wrapped = (params: unknown): object =>
  typeof params === "string"
    ? { INVALID_JSON: params }
    : params === undefined || params === null
    ? {}
    : { value: params }

/**
 * Makes the ids of calls unique in a conversation. Providers refuse duplicates, yet some models count from the start in
 * every answer or leave the id empty. Calls that the provider ran keep theirs, as their results do.
 */
export const makeIds = (messages: ReadonlyArray<Message.Message>) => {
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
    inResponse: (response: ChatResponse.ChatResponse): ChatResponse.ChatResponse => {
      const { content } = response.message
      if (typeof content === "string") return response
      const parts = content.map((part) => part.type === "tool-call" ? rename(part) : part)
      return parts.every((part, index) => part === content[index]) ? response : ChatResponse.make(parts, response)
    },
    inStream: () => {
      const begun = new Map<number, string>() // by block: the id of the call that is being written
      return (event: ChatEvent.ChatEvent): ChatEvent.ChatEvent => {
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

const idsOf = ({ content, role }: Message.Message): ReadonlyArray<string> =>
  role === "assistant" && typeof content !== "string"
    ? content.flatMap((part) => part.type === "tool-call" ? [part.id] : [])
    : []

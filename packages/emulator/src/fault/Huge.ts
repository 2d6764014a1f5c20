/**
 * A chat service with huge answers.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/**
 * Calls the service, and replaces its texts and reasoning by a text of a given length. Tool calls are kept: they
 * explain the finish reason, and a client that forces a tool expects them.
 */
export const huge = (
  service: ChatService.ChatService["Service"],
  characters: number
): ChatService.ChatService["Service"] => ({
  generate: (request) =>
    Effect.map(service.generate(request), (response) =>
      ChatResponse.make(
        [
          Message.text(words.repeat(Math.ceil(characters / words.length))),
          ...Message.parts(response.message).filter((part) => part.type === "tool-call")
        ],
        response
      )),
  stream: (request) =>
    Stream.concat(
      Stream.map(Stream.range(1, Math.ceil(characters / chunk.length)), (): ChatEvent.ChatEvent => ({
        type: "text-delta",
        index: 0,
        delta: chunk
      })),
      Stream.suspend(() =>
        service.stream(request).pipe(
          Stream.filter(({ type }) => type.startsWith("tool-") || type === "finish"),
          Stream.map(behindText())
        )
      )
    )
})

/** The text is the first block, and these follow. */
const behindText = () => {
  const places = new Map<number, number>()
  return (event: ChatEvent.ChatEvent): ChatEvent.ChatEvent => {
    if (!("index" in event)) return event
    const index = places.get(event.index) ?? places.size + 1
    places.set(event.index, index)
    return { ...event, index }
  }
}

const words = "and so on "

/** The text of one event. */
const chunk = words.repeat(1600)

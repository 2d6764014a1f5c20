/**
 * A chat service that cannot stop talking.
 */
import type * as ChatEvent from "@strata/core/ChatEvent"
import * as ChatResponse from "@strata/core/ChatResponse"
import type * as ChatService from "@strata/core/ChatService"
import * as Message from "@strata/core/Message"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Asks the service, and says so many characters instead of what it says; reasons and counters stay. */
export const huge = (
  service: ChatService.ChatService["Service"],
  characters: number
): ChatService.ChatService["Service"] => ({
  generate: (request) =>
    Effect.map(
      service.generate(request),
      (response) => ChatResponse.make([Message.text(words.repeat(Math.ceil(characters / words.length)))], response)
    ),
  stream: (request) =>
    Stream.concat(
      Stream.map(Stream.range(1, Math.ceil(characters / chunk.length)), (): ChatEvent.ChatEvent => ({
        type: "text-delta",
        index: 0,
        delta: chunk
      })),
      Stream.filter(service.stream(request), ({ type }) => type === "finish")
    )
})

const words = "and so on "

/** What one event says. */
const chunk = words.repeat(1600)

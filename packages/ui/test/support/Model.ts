/** A model that streams what a test says, when it says so. */
import { type ChatEvent, type ChatRequest, ChatResponse, ChatService, type Message, ProviderError } from "@strata/core"
import { Deferred, Effect, Layer, Stream } from "effect"
import * as Events from "./Events.ts"

/** One answer: the content, or events of its own. */
export type Answer =
  | string
  | ReadonlyArray<Message.AssistantPart>
  | Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError>

const streamOf = (answer: Answer): Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError> => {
  if (Stream.isStream(answer)) return answer
  const content = typeof answer === "string" ? [{ type: "text" as const, text: answer }] : answer
  const reason = content.some(({ type }) => type === "tool-call") ? "tool-calls" : "stop"
  return Stream.fromIterable(ChatEventOf(content, reason))
}

const ChatEventOf = (content: ReadonlyArray<Message.AssistantPart>, reason: ChatResponse.FinishReason) => [
  ...content.flatMap((part, index): ReadonlyArray<ChatEvent.ChatEvent> =>
    part.type === "text"
      ? (part.text.match(/\S+\s*/g) ?? []).map((word) => Events.text(index, word))
      : part.type === "tool-call"
      ? Events.called(index, part)
      : [{ type: "part", index, part }]
  ),
  Events.finish(reason)
]

/** Answers in order, and the requests that came; whether a stream was interrupted. */
export const make = (...answers: ReadonlyArray<Answer>) => {
  const requests: Array<ChatRequest.ChatRequest> = []
  let interrupted = 0
  const layer = Layer.succeed(ChatService.ChatService, {
    provider: "test",
    defaultModel: "test-model",
    generate: () => Effect.die(new Error("pages are streamed")),
    stream: (request) =>
      Stream.suspend(() => {
        const answer = answers[requests.length]
        requests.push(request)
        return answer === undefined
          ? Stream.fail(new ProviderError.ModelUnavailableError({ provider: "test", message: "No more answers" }))
          : streamOf(answer)
      }).pipe(Stream.onExit((exit) =>
        Effect.sync(() => {
          if (exit._tag === "Failure" && exit.cause.reasons.some(({ _tag }) => _tag === "Interrupt")) interrupted++
        })
      ))
  })
  return { layer, requests, interrupted: () => interrupted }
}

/** Text, then nothing until the gate opens, then more text and the end. */
export const gated = (before: string, gate: Deferred.Deferred<void>, after: string): Answer =>
  Stream.make(Events.text(0, before)).pipe(
    Stream.concat(Stream.fromEffectDrain(Deferred.await(gate))),
    Stream.concat(Stream.make(Events.text(0, after), Events.finish()))
  )

/** No answer. */
export const failing = (_: "ModelUnavailableError"): Answer =>
  Stream.fail(new ProviderError.ModelUnavailableError({ provider: "test", message: "Come back later" }))

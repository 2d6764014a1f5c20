/** Errors arrive with their tags, broken streams with what came before, and interruption ends the work. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Chat from "../../../chat/Chat.ts"
import * as ChatService from "../../../chat/ChatService.ts"
import * as Policy from "../../../policy/Policy.ts"
import * as ProviderError from "../../../ProviderError.ts"
import { over, type Test, test } from "./chatModel.ts"
import type * as ChatSubject from "./chatSubject.ts"
import { errors } from "./errors.ts"
import { failure, holds, same, within } from "./expect.ts"

const failing = (error: ProviderError.CallError): Test =>
  test(`fails with ${error._tag}`, ["script", "errors"], () => error, (chat, { subject }) =>
    Effect.gen(function*() {
      const expected = subject.errors?.[error._tag] ?? error._tag
      const whole = yield* failure(chat.generate({ messages: "Hi" }), "the call")
      yield* same(whole._tag, expected, "the error")
      yield* holds(whole.message.length > 0, "the error should say what happened")
      const streamed = yield* failure(Stream.runDrain(chat.stream({ messages: "Hi" })), "the stream")
      yield* same(streamed._tag, expected, "the error of the stream")
    }))

const interrupted = (
  title: string,
  run: (chat: Chat.Chat) => Effect.Effect<unknown, unknown>,
  provider: (asked: Effect.Effect<void>, left: Effect.Effect<void>) => Pick<Chat.Provider, "generate" | "stream">
): Test => ({
  title,
  needs: ["script", "interruption"],
  run: (subject: ChatSubject.Subject) =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      const left = yield* Deferred.make<void>()
      const given = provider(
        Deferred.succeed(asked, undefined).pipe(Effect.asVoid),
        Deferred.succeed(left, undefined).pipe(Effect.asVoid)
      )
      const model = Layer.effect(
        ChatService.ChatService,
        Chat.make({ provider: "test", defaultModel: "test-model", policy: Policy.none, ...given })
      ).pipe(Layer.orDie)
      yield* over(subject, model, (chat) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkScoped(run(chat))
          yield* within(Deferred.await(asked), "the model should be asked")
          yield* Fiber.interrupt(fiber)
          yield* within(Deferred.await(left), "the model's work should end when the call is interrupted")
        }))
    })
})

export const tests: ReadonlyArray<Test> = [
  ...errors.map(failing),

  test(
    "keeps what a broken stream delivered, and fails with the number of its events",
    ["script", "brokenStreams"],
    () => ({
      chunks: ["one ", "two ", "three "],
      failAfter: 2,
      error: new ProviderError.ProviderInternalError({ provider: "test", message: "It broke" })
    }),
    (chat) =>
      Effect.gen(function*() {
        let text = ""
        const error = yield* failure(
          Stream.runForEach(
            chat.stream({ messages: "Hi" }),
            (event) => Effect.sync(() => void (text += event.type === "text-delta" ? event.delta : ""))
          ),
          "the stream"
        )
        yield* same(error._tag, "StreamInterruptedError", "the error")
        yield* same(text.trim(), "one two", "what arrived before")
        yield* holds(
          error._tag === "StreamInterruptedError" && error.delivered > 0,
          "the error should count the events"
        )
      })
  ),

  interrupted(
    "ends the model's work when a call is interrupted",
    (chat) => chat.generate({ messages: "Hi" }),
    (asked, left) => ({
      generate: () => Effect.onInterrupt(Effect.andThen(asked, Effect.never), () => left),
      // A way to the model that streams inside asks for a stream.
      stream: () => Stream.ensuring(Stream.unwrap(Effect.as(asked, Stream.never)), left)
    })
  ),

  interrupted(
    "ends the model's work when a stream is left",
    (chat) => Stream.runDrain(chat.stream({ messages: "Hi" })),
    (asked, left) => ({
      generate: () => Effect.onInterrupt(Effect.andThen(asked, Effect.never), () => left),
      stream: () =>
        Stream.ensuring(
          Stream.concat(
            Stream.make({ type: "text-delta" as const, index: 0, delta: "one" }),
            Stream.unwrap(Effect.as(asked, Stream.never))
          ),
          left
        )
    })
  )
]

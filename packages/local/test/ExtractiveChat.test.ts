import { assert, describe, layer } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as ExtractiveChat from "../src/ExtractiveChat.ts"
import * as LocalEmbedding from "../src/LocalEmbedding.ts"

const passages = [
  {
    source: "refunds.md",
    text:
      "# Refunds\n\nYou can send an article back within 30 days. The money is on your account five days later.\n\n" +
      "```sh\nrefund --all\n```"
  },
  {
    source: "account.md",
    text: "# Account\n\n- Click \"Forgot password\" on the sign-in page to choose a new password.\n" +
      "- An invoice is in your inbox on the first of the month."
  }
]

const ask = (question: string, options?: Partial<ChatRequest.ChatRequest>): ChatRequest.ChatRequest => ({
  messages: ExtractiveChat.prompt({ question, passages }),
  ...options
})

const collectEvents = (request: ChatRequest.ChatRequest) => Stream.runCollect(ChatService.stream(request))

const Services = ExtractiveChat.layer({ maxSentences: 1 }).pipe(Layer.provideMerge(LocalEmbedding.layer()))

describe("ExtractiveChat", () => {
  layer(Services, { excludeTestServices: true })((it) => {
    it.effect("quotes the sentence that answers and names its source", () =>
      Effect.gen(function*() {
        assert.strictEqual(
          yield* ChatService.text(ask("I can't log in any more, how do I reset my password?")),
          "Click \"Forgot password\" on the sign-in page to choose a new password. [account.md]"
        )
        assert.strictEqual(
          yield* ChatService.text(ask("How many days do I have to return an article?")),
          "You can send an article back within 30 days. [refunds.md]"
        )
      }))

    it.effect("reads passages of the system prompt", () =>
      Effect.gen(function*() {
        const context = ExtractiveChat.prompt({ question: "Answer from these documents.", passages })
        const text = yield* ChatService.text([Message.system(context), Message.user("When do I get an invoice?")])
        assert.strictEqual(text, "An invoice is in your inbox on the first of the month. [account.md]")
      }))

    it.effect("quotes several sentences in the order of their source, best passage first", () =>
      Effect.gen(function*() {
        const text = yield* ChatService.text(ask("When is the refund money for my article on my account?")).pipe(
          Effect.provide(ExtractiveChat.layer({ threshold: 0.2 }))
        )
        const [first] = text.split("\n\n")
        assert.strictEqual(
          first,
          "You can send an article back within 30 days. The money is on your account five days later. [refunds.md]"
        )
      }))

    it.effect("says so when it finds nothing", () =>
      Effect.gen(function*() {
        const nothing = "I found nothing about this in the 2 documents I was given."
        assert.strictEqual(yield* ChatService.text(ask("How tall is Mount Everest?")), nothing)
        const onlyCode = ExtractiveChat.prompt({
          question: "What is x?",
          passages: [{ source: "a", text: "```\nx = 1\n```" }]
        })
        assert.include(yield* ChatService.text(onlyCode), "I found nothing")
      }))

    it.effect("says what it is when it is given no context", () =>
      Effect.gen(function*() {
        assert.include(yield* ChatService.text("Hello, who are you?"), "I am not a language model")
      }))

    it.effect("refuses a prompt without a question, and another model", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(ChatService.text(ask(" ")))
        assert.strictEqual(error._tag, "InvalidRequestError")
        const unknown = yield* Effect.flip(ChatService.text(ask("Where?", { model: "another" })))
        assert.strictEqual(unknown._tag, "ModelNotFoundError")
      }))

    it.effect("streams word by word and finishes once, last", () =>
      Effect.gen(function*() {
        const events = yield* collectEvents(ask("How do I reset my password?"))
        const deltas = events.filter((event) => event.type === "text-delta").map(({ delta }) => delta)
        assert.lengthOf(deltas, 13)
        assert.deepStrictEqual(deltas.slice(0, 3), ["Click", " \"Forgot", " password\""])
        assert.strictEqual(events.findIndex(({ type }) => type === "finish"), events.length - 1)
      }))

    it.effect("generates what it streams", () =>
      Effect.gen(function*() {
        for (const options of [{}, { maxTokens: 3 }, { stopSequences: ["Click"] }]) {
          const request = ask("How do I reset my password?", options)
          assert.deepStrictEqual(
            yield* ChatService.generate(request),
            yield* ChatEvent.collect(ChatService.stream(request))
          )
        }
      }))

    it.effect("counts words as tokens", () =>
      Effect.gen(function*() {
        const { finishReason, usage } = yield* ChatService.generate("Hello, who are\n\nyou?")
        assert.strictEqual(finishReason, "stop")
        assert.strictEqual(usage.inputTokens, 4)
        assert.strictEqual(usage.totalTokens, usage.inputTokens + usage.outputTokens)
      }))

    it.effect("stops at maxTokens", () =>
      Effect.gen(function*() {
        const response = yield* ChatService.generate(ask("How do I reset my password?", { maxTokens: 3 }))
        assert.strictEqual(response.text, "Click \"Forgot password\"")
        assert.strictEqual(response.finishReason, "length")
        assert.strictEqual(response.usage.outputTokens, 3)
      }))

    it.effect("stops before the first stop sequence", () =>
      Effect.gen(function*() {
        const stopSequences = ["choose", "the sign"]
        const response = yield* ChatService.generate(ask("How do I reset my password?", { stopSequences }))
        assert.strictEqual(response.text, "Click \"Forgot password\" on")
        assert.strictEqual(response.finishReason, "stop-sequence")
      }))
  })
})

/** The contract suites find what they are for: implementations with one fault each fail the tests that name it. */
import { assert, describe, it } from "@effect/vitest"
import { Chat, ChatEvent, ChatService, EmbeddingService, Message, ProviderError, Usage, Vector } from "@strata/core"
import { ChatContract, type Contract, EmbeddingContract } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/** Runs what a suite declares; gives the titles of the tests that fail, and those that are skipped. */
const outcomes = Effect.fnUntraced(function*(declare: (runner: Contract.Runner) => void) {
  const tests: Array<readonly [title: string, test: () => Effect.Effect<unknown, unknown, never>]> = []
  const skipped: Array<string> = []
  const live: Contract.Declare = (title, test) => void tests.push([title, () => Effect.scoped(test())])
  const skip: Contract.Declare = (title) => void skipped.push(title)
  declare({ describe: (_, declare) => declare(), it: { live: Object.assign(live, { skip }) } })
  const exits = yield* Effect.forEach(
    tests,
    ([title, test]) => Effect.map(Effect.exit(test()), (exit) => ({ title, failed: Exit.isFailure(exit) }))
  )
  return { failed: exits.flatMap(({ failed, title }) => failed ? [title] : []), skipped, count: tests.length }
})

type Middleware = (chat: Chat.Chat) => Partial<Chat.Chat>

const chatWith = (fault: Middleware, declared?: Partial<ChatContract.Subject>) =>
  outcomes((runner) =>
    ChatContract.suite(runner, {
      name: "faulty",
      layer: ChatService.transform((chat) => Effect.succeed({ ...chat, ...fault(chat) })),
      ...declared
    })
  )

const events = (
  chat: Chat.Chat,
  change: (events: Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError>) => ReturnType<Chat.Chat["stream"]>
): Partial<Chat.Chat> => ({ stream: (request) => change(chat.stream(request)) })

const faults: Readonly<Record<string, readonly [fault: Middleware, found: ReadonlyArray<string>]>> = {
  "loses the system prompt": [
    (chat) => ({
      generate: (request) =>
        chat.generate({
          ...request,
          messages: Array.isArray(request.messages)
            ? request.messages.filter(({ role }) => role !== "system")
            : request.messages
        })
    }),
    ["sends every role, in order", "sends all system prompts of the start"]
  ],
  "loses topP": [
    (chat) => ({ generate: (request) => chat.generate({ ...request, topP: undefined }) }),
    ["sends topP"]
  ],
  "counts nothing": [
    (chat) => ({
      generate: (request) => Effect.map(chat.generate(request), (answer) => ({ ...answer, usage: Usage.empty }))
    }),
    ["counts tokens as the model does", "streams what it generates: usage"]
  ],
  "sends a second `finish`": [
    (chat) =>
      events(
        chat,
        (events) =>
          Stream.flatMap(events, (event): Stream.Stream<ChatEvent.ChatEvent> =>
            event.type === "finish" ? Stream.make(event, event) : Stream.make(event))
      ),
    ["streams the smallest request"]
  ],
  "sends no `finish`": [
    (chat) => events(chat, (events) => Stream.filter(events, ({ type }) => type !== "finish")),
    ["streams the smallest request"]
  ],
  "loses a call of a stream": [
    (chat) => events(chat, Stream.filter((event) => event.type !== "tool-call" || event.id !== "call_2")),
    ["streams what it generates: several calls"]
  ],
  "swaps calls": [
    (chat) => ({
      generate: (request) =>
        Effect.map(chat.generate(request), (answer) => ({ ...answer, toolCalls: answer.toolCalls.toReversed() }))
    }),
    ["gives several calls in order, under ids of their own"]
  ],
  "goes on after an interruption": [
    (chat) => ({
      generate: (request) => Effect.flatMap(Effect.forkDetach(chat.generate(request)), Fiber.join)
    }),
    ["ends the model's work when a call is interrupted"]
  ],
  "hides errors": [
    (chat) => ({
      generate: (request) =>
        Effect.mapError(
          chat.generate(request),
          ({ message }) => new ProviderError.ProviderInternalError({ provider: "faulty", message })
        )
    }),
    ["fails with RateLimitError", "fails with AuthenticationError"]
  ],
  "loses reasoning": [
    (chat) => ({
      generate: (request) =>
        Effect.map(chat.generate(request), (answer) => ({
          ...answer,
          message: Message.assistant(Message.text(answer.text) && [Message.text(answer.text)])
        }))
    }),
    ["shows reasoning apart from the text"]
  ],
  "throws": [
    () => ({
      generate: () => {
        throw new TypeError("Cannot read properties of undefined")
      }
    }),
    ["answers text with its model and provider", "refuses what is no request, with the place, and sends nothing"]
  ]
}

describe("ChatContract", () => {
  for (const [name, [fault, found]] of Object.entries(faults)) {
    it.live(`fails an implementation that ${name}`, () =>
      Effect.gen(function*() {
        const { failed } = yield* chatWith(fault)
        for (const title of found) assert.include(failed, title)
      }))
  }

  it.live("passes one without faults", () =>
    Effect.gen(function*() {
      const { count, failed, skipped } = yield* chatWith(() => ({}))
      assert.deepStrictEqual([failed, skipped], [[], []])
      assert.isAbove(count, 60)
    }))

  it.live("case 75: tries what is declared as refused, and says what is left out", () =>
    Effect.gen(function*() {
      const { failed, skipped } = yield* chatWith(() => ({}), {
        support: { images: { refused: "not so" }, documents: { missing: "there are none" } }
      })
      assert.deepStrictEqual(failed, ["refuses images before anything is sent"])
      assert.deepStrictEqual(skipped, ["1 tests of \"documents\", which it lacks: there are none"])
    }))

  it.live("case 75: runs known deviations, and reports those that are gone or unknown", () =>
    Effect.gen(function*() {
      const { failed } = yield* chatWith(faults["loses topP"]![0], {
        deviations: { "sends topP": "it cannot", "sends maxTokens": "not so", "flies": "no test" }
      })
      assert.deepStrictEqual(failed, [
        "sends maxTokens (known deviation: not so)",
        "declares deviations of tests that exist"
      ])
    }))
})

describe("A feature that is declared", () => {
  it.live("case 75: fails where nothing else that is declared lets a test of it run", () =>
    Effect.gen(function*() {
      const { failed } = yield* chatWith(() => ({}), { support: { script: { missing: "it cannot be scripted" } } })
      assert.include(failed, "tests \"images\"")
      assert.include(failed, "tests \"`temperature`\"")
    }))
})

type Embedding = Layer.Success<ReturnType<EmbeddingContract.Subject["layer"]>>["Service"]

const embeddingWith = (fault: (service: Embedding) => Partial<Embedding>) =>
  outcomes((runner) =>
    EmbeddingContract.suite(runner, {
      name: "faulty",
      dimensions: 64,
      fewer: 32,
      layer: EmbeddingService.transform((service) => Effect.succeed({ ...service, ...fault(service) }))
    })
  )

const embeddingFaults: Readonly<
  Record<string, readonly [fault: (service: Embedding) => Partial<Embedding>, found: ReadonlyArray<string>]>
> = {
  "reverses the vectors": [
    (service) => ({
      embedMany: (inputs, options) =>
        Effect.map(service.embedMany(inputs, options), (batch) => ({
          ...batch,
          embeddings: batch.embeddings.toReversed()
        }))
    }),
    ["keeps the order of many texts"]
  ],
  "gives zeros": [
    (service) => ({
      embed: (input, options) =>
        Effect.map(service.embed(input, options), (embedding) => ({
          ...embedding,
          vector: Vector.normalize(new Float32Array(64))
        }))
    }),
    ["embeds a text as numbers of its dimensions"]
  ],
  "ignores dimensions": [
    (service) => ({ embed: (input, options) => service.embed(input, { ...options, dimensions: undefined }) }),
    ["gives as many dimensions as asked for"]
  ]
}

describe("EmbeddingContract", () => {
  for (const [name, [fault, found]] of Object.entries(embeddingFaults)) {
    it.live(`fails an implementation that ${name}`, () =>
      Effect.gen(function*() {
        const { failed } = yield* embeddingWith(fault)
        for (const title of found) assert.include(failed, title)
      }))
  }

  it.live("passes one without faults", () =>
    Effect.gen(function*() {
      const { failed, skipped } = yield* embeddingWith(() => ({}))
      assert.deepStrictEqual([failed, skipped], [[], []])
    }))
})

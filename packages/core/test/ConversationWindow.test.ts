import { assert, describe, it } from "@effect/vitest"
import {
  ChatService,
  ContextWindow,
  Conversation,
  ConversationStore,
  Message,
  ProviderError,
  Summary,
  Tool
} from "@strata/core"
import { TestChat } from "@strata/core/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as Histories from "./support/Histories.ts"
import * as Talks from "./support/Talks.ts"

const { words } = Histories

const window = { maxTokens: 2_000, reserve: 200, lowWater: 0.5 }

/** Answers of about 100 tokens. */
const long: TestChat.Script = () => words(100)

/** Says so many things of about 100 tokens. */
const talk = <E, R>(chat: Conversation.Conversation<E, R>, turns: number, first = 0) =>
  Effect.forEach(
    Array.from({ length: turns }, (_, index) => first + index),
    (index) => chat.send(`${index}: ${words(100)}`),
    {
      discard: true
    }
  )

const textsOf = (messages: ReadonlyArray<Message.Message>) => messages.map(Message.textOf)

/** How often a request did not begin with all of the one before. */
const cutsOf = Effect.map(Talks.requests, (requests) =>
  requests.slice(1).filter((request, index) => {
    const before = JSON.stringify(requests[index]?.messages).slice(0, -1)
    return !JSON.stringify(request.messages).startsWith(before)
  }).length)

const warnings = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const logged: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void (logLevel === "Warn" && logged.push(String(message))))
  yield* Effect.provide(effect, Logger.layer([logger]))
  return logged
})

describe("The window of a conversation", () => {
  it.effect("case 68: between cuts each request extends the one before, in other processes too", () =>
    Effect.gen(function*() {
      for (let process = 0; process < 10; process++) {
        const chat = yield* Conversation.open("a", { system: "Be brief.", window })
        yield* talk(chat, 4, process * 4)
      }
      const requests = yield* Talks.requests
      for (const { messages } of requests) {
        assert.isUndefined(Histories.troubleOf(messages))
        assert.strictEqual(messages[0]?.role, "system")
      }
      const cuts = yield* cutsOf
      assert.isAtLeast(cuts, 4)
      assert.isAtMost(cuts, 12)
      const chat = yield* Conversation.open("a")
      assert.strictEqual((yield* chat.history).length, 80)
    }).pipe(Effect.provide(Talks.layer(long))))

  it.effect("case 68: a cut belongs to the path: another branch has its whole history", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { window })
      yield* chat.send("root")
      const root = yield* chat.head
      yield* talk(chat, 12)
      yield* chat.branch(root!)
      yield* chat.send("short")
      assert.deepStrictEqual(textsOf((yield* Talks.requests).at(-1)!.messages).filter((_, index) => index !== 1), [
        "root",
        "short"
      ])
    }).pipe(Effect.provide(Talks.layer(long))))

  it.effect("case 69: what cannot fit is too long, with the sizes, and the next message can be shorter", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { window })
      const error = yield* Effect.flip(chat.send(words(3_000)))
      assert.deepInclude(error, { _tag: "ContextLengthExceededError", field: "messages" })
      assert.strictEqual((yield* Talks.requests).length, 0)
      yield* chat.send("Short.")
    }).pipe(Effect.provide(Talks.layer(long))))

  it.effect("case 69: results of tools that come during a turn count, too", () =>
    Effect.gen(function*() {
      const read = Tool.make("read", { handler: () => Effect.succeed(words(900)) })
      const options = { tools: [read], window }
      const chat = yield* Conversation.open("a", options)
      yield* talk(chat, 3)
      const { enqueue } = yield* TestChat.TestChat
      const call = { content: [{ type: "tool-call" as const, id: "1", name: "read", params: {} }] }
      yield* enqueue(call)
      yield* chat.send("Read!")
      const last = (yield* Talks.requests).at(-1)!
      assert.deepStrictEqual(last.messages.map(({ role }) => role), ["user", "assistant", "tool"])
      const short = yield* Conversation.open("a", { ...options, window: { ...window, maxResultTokens: 100 } })
      yield* enqueue(call)
      yield* short.send("Read!")
      assert.match(JSON.stringify((yield* Talks.requests).at(-1)?.messages), /characters were left out here/)
    }).pipe(Effect.provide(Talks.layer(long))))
})

describe("The window of a service", () => {
  const knowing = (contextWindow: number | undefined, onRequest: (tokens: number) => void = () => {}) =>
    ChatService.transform(TestChat.layer(long), (chat) =>
      Effect.succeed({
        ...chat,
        contextWindow,
        generate: (request) => {
          onRequest(ContextWindow.sizesOf(request).total)
          return chat.generate(request)
        }
      }))

  const talked = (chat: Layer.Layer<ChatService.ChatService, unknown>) =>
    Effect.gen(function*() {
      yield* talk(yield* Conversation.open("a", { window: {}, request: { maxTokens: 200 } }), 30)
    }).pipe(Effect.provide([chat, ConversationStore.layerMemory]))

  it.effect("case 19: is that of a conversation without `maxTokens`, behind decorators too", () =>
    Effect.gen(function*() {
      const sizes: Array<number> = []
      yield* talked(ChatService.withDefaults(knowing(2_000, (tokens) => void sizes.push(tokens)), { temperature: 0 }))
      assert.lengthOf(sizes, 30)
      assert.isAtMost(Math.max(...sizes), 2_000)
      assert.isAtLeast(Math.max(...sizes), 1_500)
    }))

  it.effect("is refused where it is not known, before anything is stored", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(talked(knowing(undefined)))
      assert.instanceOf(error, ProviderError.InvalidRequestError)
      assert.strictEqual(error.field, "window.maxTokens")
    }))

  it.effect("is the smallest of a fallback's members", () =>
    Effect.gen(function*() {
      const fallback = ChatService.withFallback(knowing(8_000), [knowing(4_000), knowing(undefined)])
      const built = yield* Layer.build(fallback)
      assert.strictEqual(Context.get(built, ChatService.ChatService).contextWindow, 4_000)
    }))
})

describe("Summaries", () => {
  const summaries = () => {
    const asked: Array<Summary.Left> = []
    const summarize = (left: Summary.Left) =>
      Effect.sync(() => {
        asked.push(left)
        return `Summary ${asked.length}.`
      })
    return { asked, summarize }
  }

  it.effect("case 70: stand for what is left out, once, are stored, and are not summarized again", () =>
    Effect.gen(function*() {
      const { asked, summarize } = summaries()
      for (let process = 0; process < 6; process++) {
        const chat = yield* Conversation.open("a", { system: "Secret prompt", window, summarize })
        yield* talk(chat, 5, process * 5)
      }
      assert.isAtLeast(asked.length, 3)
      assert.isAtMost(asked.length, 10)
      // Each message is in at most one of them, in order, without the system prompt.
      const summarized = asked.flatMap(({ messages }) => textsOf(messages)).filter((text) => /^\d+:/.test(text))
      assert.deepStrictEqual(summarized.map((text) => Number.parseInt(text)), summarized.map((_, index) => index))
      assert.notInclude(JSON.stringify(asked), "Secret prompt")
      assert.notInclude(JSON.stringify(asked.map(({ messages }) => messages)), "Summary")
      assert.strictEqual(asked[1]?.previous, "Summary 1.")
      assert.isAtMost(yield* cutsOf, asked.length)
      for (const request of yield* Talks.requests) {
        assert.isUndefined(Histories.troubleOf(request.messages))
        assert.isAtMost(JSON.stringify(request.messages).split("<summary>").length, 2)
      }
      const [, background] = (yield* Talks.requests).at(-1)!.messages
      assert.match(Message.textOf(background!), /^\(Background, .*Do not answer it.*Summary 1\.\n\nSummary 2\./s)
      assert.strictEqual(background?.role, "user")
    }).pipe(Effect.provide(Talks.layer(long))))

  it.effect("case 70: no summary is asked for while there is no cut", () =>
    Effect.gen(function*() {
      const { asked, summarize } = summaries()
      const chat = yield* Conversation.open("a", { window, summarize })
      yield* talk(chat, 5)
      assert.deepStrictEqual(asked, [])
    }).pipe(Effect.provide(Talks.layer(long))))

  const failures: Readonly<Record<string, () => Effect.Effect<string, unknown>>> = {
    "fails": () => Effect.fail("down"),
    "dies": () => Effect.die(new Error("broken")),
    "throws": () => {
      throw new Error("broken")
    },
    "is blank": () => Effect.succeed(" "),
    "is too long": () => Effect.succeed(words(1_000)),
    "is not an effect": () => "text" as never,
    "never ends": () => Effect.never
  }
  for (const [name, summarize] of Object.entries(failures)) {
    it.effect(`case 70: one that ${name} is a warning, and the turn goes on without it`, () =>
      Effect.gen(function*() {
        let asked = 0
        const counted = () => {
          asked++
          return summarize()
        }
        const chat = yield* Conversation.open("a", { window, summarize: counted })
        const logged = yield* warnings(Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(talk(chat, 9))
          while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 minute")
          yield* Fiber.join(fiber)
        }))
        assert.isAtLeast(logged.length, 1)
        assert.match(logged[0]!, /left out without a summary/)
        assert.strictEqual(asked, logged.length)
        assert.isAtMost(asked, 3)
        const last = (yield* Talks.requests).at(-1)!
        assert.isUndefined(Histories.troubleOf(last.messages))
        assert.isAtMost(last.messages.length, 15)
      }).pipe(Effect.provide(Talks.layer(long))))
  }

  it.effect("case 70: one without room is not tried", () =>
    Effect.gen(function*() {
      const { asked, summarize } = summaries()
      const chat = yield* Conversation.open("a", { window, summarize })
      yield* talk(chat, 5)
      const logged = yield* warnings(chat.send(words(1_500)))
      assert.deepStrictEqual(asked, [])
      assert.match(logged.join(), /there is no room/)
    }).pipe(Effect.provide(Talks.layer(long))))

  it.effect("of a model: without tools and system text of the conversation, and as data", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", {
        system: "Secret prompt",
        tools: [Tool.make("look", { handler: () => Effect.succeed("seen") })],
        window,
        summarize: Summary.make({ model: "cheap" })
      })
      yield* chat.add([
        Message.user("Look!"),
        Message.assistant([{ type: "tool-call", id: "1", name: "look", params: { at: "it" } }]),
        Message.tool([{ type: "tool-result", id: "1", result: { seen: true } }])
      ])
      yield* talk(chat, 9)
      const asked = (yield* Talks.requests).filter(({ model }) => model === "cheap")
      assert.isAtLeast(asked.length, 1)
      for (const request of asked) {
        assert.isUndefined(request.tools)
        assert.notInclude(JSON.stringify(request.messages), "Secret prompt")
        assert.isAtMost(request.maxTokens!, 200)
      }
      const text = Message.textOf(asked[0]!.messages[1]!)
      assert.include(
        text,
        "User: Look!\n\nAssistant: (calls look with {\"at\":\"it\"})\n\nResults of tools: {\"seen\":true}"
      )
      assert.match(text, /^<conversation>\n.*<\/conversation>\n\nSummarize the conversation\.$/s)
    }).pipe(Effect.provide(Talks.layer(({ model }) => model === "cheap" ? "They looked." : words(100)))))
})

describe("A conversation that changes its model", () => {
  /** A model that writes what no other can read, and refuses what others wrote. */
  const model = (provider: string, api: string | undefined, id: string) =>
    Effect.map(
      ChatService.make({
        provider,
        defaultModel: `${provider}-model`,
        ...(api !== undefined && { identity: { api } }),
        generate: (request) => {
          const text = JSON.stringify(request.messages)
          const mine = `seal of ${provider} ${api} ${request.model}`
          const foreign = (text.match(/seal of [\w. -]+/g) ?? []).filter((seal) => seal !== mine)
          const trouble = foreign[0] ?? Histories.troubleOf(request.messages) ??
            request.messages.flatMap(Message.parts).find((part) =>
              part.type === "tool-call" && !part.id.startsWith(id) && !/^[a-zA-Z0-9_-]{1,64}$/.test(part.id)
            )?.type
          if (trouble !== undefined) {
            return Effect.fail(
              ProviderError.invalidRequest({ provider, field: "messages", problem: trouble, remedy: "No" })
            )
          }
          const isAnswered = request.messages.at(-1)?.role === "tool"
          return Effect.succeed({
            ...base,
            model: request.model,
            ...(isAnswered
              ? { message: Message.assistant(`Done by ${provider}.`), text: `Done by ${provider}.`, toolCalls: [] }
              : answerWith([
                { type: "reasoning", text: "hm", signature: mine },
                {
                  type: "tool-call",
                  id: `${id}/look:0`,
                  name: "look",
                  params: {},
                  providerFields: { [provider]: { mine } }
                }
              ]))
          })
        },
        stream: () => Effect.die("not asked") as never
      }),
      (service) => Context.make(ChatService.ChatService, service)
    )

  it.effect("knows the API of a service behind decorators", () =>
    Effect.gen(function*() {
      const service = Layer.effectContext(model("openai", "responses", "fc"))
      const chat = yield* Conversation.open("decorated", { tools: [look] })
      yield* Effect.provide(
        chat.send("Look!"),
        ChatService.withDefaults(service, { maxTokens: 10, system: "Be brief." })
      )
      assert.deepInclude((yield* chat.history)[1]?.origin, { provider: "openai", api: "responses" })
    }).pipe(Effect.provide(ConversationStore.layerMemory)))

  const answerWith = (parts: ReadonlyArray<Message.AssistantPart>) => ({
    message: Message.assistant(parts),
    text: "",
    toolCalls: parts.filter((part): part is Message.ToolCallPart => part.type === "tool-call")
  })

  const base = {
    finishReason: "stop",
    usage: { inputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 1, totalTokens: 2 },
    providerMetadata: {}
  } as const

  const look = Tool.make("look", { handler: () => Effect.succeed("seen") })

  it.effect("case 67: goes on with any other, and back, and stores who gave each answer", () =>
    Effect.gen(function*() {
      const models = yield* Effect.all([
        model("aws.bedrock", undefined, "tooluse"),
        model("openai", "responses", "fc"),
        model("openai", "chat-completions", "call"),
        model("google", undefined, "")
      ])
      for (const [from, first] of models.entries()) {
        for (const [to, second] of models.entries()) {
          const chat = yield* Conversation.open(`${from} ${to}`, { tools: [look] })
          for (const service of [first, second, first, second]) yield* Effect.provide(chat.send("Look!"), service)
          // Another model of the same provider.
          yield* Effect.provide(chat.send("Look!", { model: "another" }), second)
          yield* Effect.provide(chat.send("Look!"), second)
          const origins = (yield* chat.history).flatMap(({ origin }) => origin ?? [])
          assert.strictEqual(origins.length, 12)
          assert.deepStrictEqual(origins.at(-3)?.model, "another")
          const { defaultModel, identity, provider } = Context.get(first, ChatService.ChatService)
          assert.deepEqual<unknown>(origins[0], { provider, model: defaultModel, ...(identity as object | undefined) })
        }
      }
    }).pipe(Effect.provide(ConversationStore.layerMemory), Effect.scoped))
})

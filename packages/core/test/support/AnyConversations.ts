/**
 * Every public function of conversations.
 */
import {
  ContextWindow,
  Conversation,
  type ConversationRecord,
  ConversationStore,
  History,
  Message,
  Summary,
  Tool
} from "@strata/core"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Calls, fields } from "./AnyCalls.ts"

const stored = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, ConversationStore.layerMemory, { local: true })

/** A turn with options that may be anything, also with a stream. */
const turn = (options: unknown, input: unknown = "Hi", request?: unknown) =>
  stored(Effect.gen(function*() {
    // Types are not there at run time.
    const chat = yield* Conversation.open("a", options as Conversation.Options<readonly []>)
    yield* chat.send("first")
    yield* Effect.ignore(
      Stream.runDrain(chat.stream(input as Conversation.Input, request as Conversation.RequestOptions))
    )
    return yield* chat.send(input as Conversation.Input, request as Conversation.RequestOptions)
  }))

const record: ConversationRecord.Record = {
  version: 1,
  at: 1,
  nodes: [{ id: "a", at: 1, message: Message.user("Hi") }]
}

const log: ConversationStore.Log<never> = {
  append: () => Effect.succeed(true),
  read: () => Effect.succeed([]),
  list: () => Effect.succeed([])
}

const used = (store: ConversationStore.ConversationStore["Service"]) =>
  Effect.andThen(store.append("a", record, 0), Effect.andThen(store.read("a"), store.list()))

const look = Tool.make("look", { handler: () => Effect.succeed("seen") })

const request = { messages: [Message.user("Hi"), Message.assistant("Hello"), Message.user("So?")] }

const target = { provider: "a", model: "b" }

/** By module and name. */
export const calls: Readonly<Record<string, Calls>> = {
  "ContextWindow.fit": (any) => [
    () => ContextWindow.fit(any, { maxTokens: 1_000 }),
    () => ContextWindow.fit({ messages: any }, { maxTokens: 1_000 }),
    () => ContextWindow.fit({ messages: [any] }, { maxTokens: 1_000, maxResultTokens: 32 }),
    () => ContextWindow.fit({ messages: [{ role: "assistant", content: [any] }] }, { maxTokens: 1_000 }),
    () =>
      ContextWindow.fit({ messages: [{ role: "tool", content: [any] }] }, { maxTokens: 1_000, maxResultTokens: 32 }),
    () => ContextWindow.fit(request, any),
    () => ContextWindow.fit(request, { maxTokens: 10_000 }, any),
    ...fields(["maxTokens", "reserve", "lowWater", "maxResultTokens"], any).map((field) => () =>
      ContextWindow.fit(request, { maxTokens: 10_000, ...(field as object) })
    )
  ],
  "ContextWindow.sizesOf": (any) => [
    () => ContextWindow.sizesOf(any),
    () => ContextWindow.sizesOf({ messages: [any] }),
    () => ContextWindow.sizesOf(request, any)
  ],
  "ContextWindow.tokensOf": (any) => [() => ContextWindow.tokensOf(any)],
  "Conversation.edit": (any) => [() => Conversation.edit(any, any), () => turn({}, Conversation.edit(any, "Hi"))],
  "Conversation.open": (any) => [
    () => stored(Conversation.open(any)),
    () => turn(any),
    ...fields(
      ["system", "request", "tools", "maxSteps", "concurrency", "window", "summarize", "whenBusy", "turnTimeout"],
      any
    ).map((options) => () => turn(options)),
    () => turn({ window: { maxTokens: 700, reserve: 0 }, summarize: () => any }, "word ".repeat(200)),
    () => turn({ tools: [look] }, any),
    () => turn({}, [any]),
    () => turn({}, "Hi", any),
    ...fields(["model", "messages", "tools", "maxTokens", "temperature", "providerOptions"], any).map((request) => () =>
      turn({}, "Hi", request)
    ),
    () => stored(Effect.flatMap(Conversation.open("a"), (chat) => chat.add(any))),
    () => stored(Effect.flatMap(Conversation.open("a"), (chat) => chat.add([any]))),
    () => stored(Effect.flatMap(Conversation.open("a"), (chat) => chat.branch(any)))
  ],
  "Conversation.regenerate": (any) => [() => turn({}, Conversation.regenerate(any))],
  "Conversation.resume": (
    any
  ) => [() => turn({}, Conversation.resume(any)), () => turn({}, Conversation.resume([any]))],
  "ConversationStore.fromLog": (any) => [
    () => used(ConversationStore.fromLog(any)),
    ...fields(["append", "read", "list"], any).map((field) => () =>
      used(ConversationStore.fromLog({ ...log, ...(field as object) }))
    ),
    ...fields(["append", "read", "list"], () => any).map((field) => () =>
      used(ConversationStore.fromLog({ ...log, ...(field as object) }))
    ),
    () => used(ConversationStore.fromLog({ ...log, read: () => Effect.succeed(any) })),
    () =>
      used(ConversationStore.fromLog({ ...log, read: () => Effect.succeed([any]), list: () => Effect.succeed(any) })),
    () => ConversationStore.fromLog(log).append(any, record, 0),
    () => ConversationStore.fromLog(log).append("a", any, 0),
    () => ConversationStore.fromLog(log).append("a", { ...record, nodes: any }, 0),
    () => ConversationStore.fromLog(log).append("a", record, any),
    () => ConversationStore.fromLog(log).read(any, any)
  ],
  "ConversationStore.list": (any) => [
    () => stored(ConversationStore.list(any)),
    ...fields(["prefix", "after", "limit"], any).map((options) => () => stored(ConversationStore.list(options)))
  ],
  "History.complete": (any) => [
    () => History.complete(any),
    () => History.complete([any]),
    () => History.complete([{ role: "assistant", content: any }]),
    () => History.complete([{ role: "tool", content: [any] }])
  ],
  "History.portable": (any) => [
    () => History.portable(any, target),
    () => History.portable([any], target),
    () => History.portable([{ message: any, origin: any }], target),
    () => History.portable([{ message: { role: "assistant", content: [any] } }], target),
    () => History.portable([{ message: Message.user("Hi") }], any)
  ],
  "Summary.make": (any) => [
    () => Summary.make(any)({ messages: [], previous: undefined, maxTokens: 100 }),
    () => Summary.make()(any),
    ...fields(["model", "instructions"], any).map((options) => () =>
      Summary.make(options)({ messages: [Message.user("Hi")], previous: undefined, maxTokens: 100 })
    ),
    ...fields(["messages", "previous", "maxTokens"], any).map((left) => () =>
      Summary.make()({ messages: [], previous: undefined, maxTokens: 100, ...(left as object) })
    )
  ],
  "Summary.transcript": (any) => [
    () => Summary.transcript(any),
    () => Summary.transcript([any]),
    () => Summary.transcript([{ role: "user", content: [any] }])
  ]
}

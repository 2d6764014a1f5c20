import { assert, describe, it } from "@effect/vitest"
import { ChatService, Conversation, ConversationStore, Message, Tool } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Histories from "./support/Histories.ts"
import * as Talks from "./support/Talks.ts"

type Store = ConversationStore.ConversationStore["Service"]

const call = (id: string): Message.ToolCallPart => ({ type: "tool-call", id, name: "look", params: {} })
const look = Tool.make("look", { handler: () => Effect.succeed("seen") })

/** One call of a tool, then a text. */
const calling: TestChat.Script = ({ messages }) => messages.at(-1)?.role === "tool" ? "Done." : { content: [call("1")] }

/** A store in memory. */
const memory = Effect.map(
  Layer.build(ConversationStore.layerMemory),
  (context) => Context.get(context, ConversationStore.ConversationStore)
)

/** The store, which fails these operations, counted from 0; `after` that they were done. */
const failing = (store: Store, fails: (operation: number) => false | "before" | "after") => {
  let operations = 0
  const error = new ConversationStore.ConversationStoreError({ operation: "append", message: "down" })
  const counted = <A, E>(operation: Effect.Effect<A, E>) =>
    Effect.suspend((): Effect.Effect<A, E | ConversationStore.ConversationStoreError> => {
      const when = fails(operations++)
      return when === false
        ? operation
        : when === "before"
        ? Effect.fail(error)
        : Effect.andThen(operation, Effect.fail(error))
    })
  return {
    operations: () => operations,
    store: {
      append: (id, record, expected) => counted(store.append(id, record, expected)),
      read: (id, after) => counted(store.read(id, after)),
      list: (options) => counted(store.list(options))
    } satisfies Store
  }
}

const within = (store: Store) => Effect.provideService(ConversationStore.ConversationStore, store)

/** Runs an effect to its end while time passes. */
const elapsed = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect)
  while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
  return yield* Fiber.await(fiber)
})

describe("case 66: a turn", () => {
  it.effect("stores the message of the user before the model is asked", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      let said: ReadonlyArray<string> = []
      const service = yield* ChatService.ChatService
      const watching = ChatService.ChatService.of({
        ...service,
        generate: (request) =>
          Effect.andThen(Effect.map(Effect.orDie(Talks.said(chat)), (lines) => said = lines), service.generate(request))
      })
      yield* Effect.provideService(chat.send("Why?"), ChatService.ChatService, watching)
      assert.deepStrictEqual(said, ["user: Why?"])
    }).pipe(Effect.provide(Talks.layer(["Because."]))))

  it.effect("reports `finish` and each message when it is stored", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { tools: [look] })
      const other = yield* Conversation.open("a")
      const seen: Array<string> = []
      yield* Stream.runForEach(chat.stream("Look!"), (event) =>
        Effect.map(Talks.said(other), (said) => {
          if (event.type === "stored") {
            assert.include(said, Talks.lineOf(event.node.message))
            seen.push(`stored ${event.node.message.role}`)
          } else if (event.type === "finish" || event.type === "answer" || event.type === "step") {
            seen.push(`${event.type} ${said.length}`)
          }
        }))
      assert.deepStrictEqual(seen, [
        "stored user",
        // Its calls are stored as a state: they become a message with their results.
        "finish 1",
        "stored assistant",
        "stored tool",
        "step 3",
        "stored assistant",
        "finish 4",
        "step 4",
        "answer 4"
      ])
    }).pipe(Effect.provide(Talks.layer(calling))))

  for (const stop of ["interrupted", "left"] as const) {
    it.live(`keeps what had arrived when its stream is ${stop}`, () =>
      Effect.gen(function*() {
        const chat = yield* Conversation.open("a")
        const arrived = yield* Deferred.make<void>()
        let deltas = 0
        const read = Stream.tap(chat.stream("Count!"), (event) =>
          event.type === "text-delta" && ++deltas === 3 ? Deferred.succeed(arrived, undefined) : Effect.void)
        if (stop === "left") {
          yield* Stream.runDrain(Stream.takeUntil(read, () =>
            deltas === 3))
        } else {
          const fiber = yield* Effect.forkChild(Stream.runDrain(Stream.mapEffect(read, () =>
            deltas === 3 ? Effect.never : Effect.void)))
          yield* Deferred.await(arrived)
          yield* Fiber.interrupt(fiber)
        }
        const [question, answer] = yield* chat.history
        assert.strictEqual(question?.message.role, "user")
        assert.deepInclude(answer, { partial: true, message: Message.assistant([Message.text("one two three ")]) })
        yield* chat.send("Go on!")
        const last = (yield* Talks.requests).at(-1)
        assert.deepStrictEqual(last?.messages.map(Message.textOf), ["Count!", "one two three ", "Go on!"])
      }).pipe(Effect.provide(Talks.layer([{ content: "one two three four five", interval: 1 }, "six"]))))
  }

  it.effect("keeps the results of tools that ran when it is interrupted", () =>
    Effect.gen(function*() {
      const waiting = yield* Deferred.make<void>()
      const slow = Tool.make("slow", {
        handler: () => Effect.andThen(Deferred.succeed(waiting, undefined), Effect.never)
      })
      const both = [call("1"), { ...call("2"), name: "slow" }]
      yield* (yield* TestChat.TestChat).enqueue({ content: both }, "Well.")
      const chat = yield* Conversation.open("a", { tools: [look, slow] })
      const fiber = yield* Effect.forkChild(Stream.runDrain(chat.stream("Look!")))
      yield* Deferred.await(waiting)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* Talks.said(chat), ["user: Look!"])
      yield* chat.send("Go on!")
      const said = yield* Talks.said(chat)
      assert.deepStrictEqual([said[1], said[3], said[4]], [
        "assistant: call look, call slow",
        "user: Go on!",
        "assistant: Well."
      ])
      assert.match(said[2]!, /^tool: seen, /)
      assert.isUndefined(Histories.troubleOf((yield* Talks.requests).at(-1)!.messages))
    }).pipe(Effect.provide(Talks.layer())))
})

describe("A turn that was cut off", () => {
  it.effect("counts as in progress for as long as the option says", () =>
    Effect.gen(function*() {
      const store = yield* memory
      const node = { id: "q", at: 0, message: Message.user("Hi") }
      yield* store.append("a", { version: 1, at: 0, nodes: [node], head: "q", turn: "open" }, 0)
      yield* TestClock.setTime(30_000)
      const open = (options: Conversation.Options<readonly []>) => within(store)(Conversation.open("a", options))
      const chat = yield* open({})
      assert.strictEqual((yield* Effect.flip(chat.send("Now?")))._tag, "ConversationConflictError")
      assert.strictEqual((yield* (yield* open({ turnTimeout: "20 seconds" })).send("Now?")).text, "Yes.")
    }).pipe(Effect.provide(TestChat.layer(["Yes."])), Effect.scoped))

  it.effect("is not one that takes long: it stays in progress as long as its process lives", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      const fiber = yield* Effect.forkChild(chat.send("Think!"))
      for (let minute = 0; minute < 9; minute++) {
        yield* TestClock.adjust("59 seconds")
        const other = yield* Conversation.open("a")
        assert.strictEqual((yield* Effect.flip(other.send("Well?")))._tag, "ConversationConflictError")
      }
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* Fiber.join(fiber)).text, "42")
      assert.strictEqual((yield* chat.send("Sure?")).text, "Yes.")
      // Nothing is written after its end.
      const { read } = yield* ConversationStore.ConversationStore
      const { length } = yield* read("a")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* read("a")).length, length)
    }).pipe(Effect.provide(Talks.layer([{ content: "42", delay: "15 minutes" }, "Yes."]))))

  it.effect("is answered by `resume`", () =>
    Effect.gen(function*() {
      const store = yield* memory
      const node = { id: "q", at: 0, message: Message.user("Hi") }
      yield* store.append("a", { version: 1, at: 0, nodes: [node], head: "q", turn: "open" }, 0)
      const chat = yield* within(store)(Conversation.open("a", { turnTimeout: 0 }))
      yield* chat.send(Conversation.resume())
      assert.deepStrictEqual(yield* Talks.said(chat), ["user: Hi", "assistant: Hello."])
    }).pipe(Effect.provide(TestChat.layer(["Hello."])), Effect.scoped))

  it.effect("lets a queued turn go on when its time is over", () =>
    Effect.gen(function*() {
      const store = yield* memory
      const node = { id: "q", at: 0, message: Message.user("Hi") }
      yield* store.append("a", { version: 1, at: 0, nodes: [node], head: "q", turn: "open" }, 0)
      const chat = yield* within(store)(Conversation.open("a", { whenBusy: "queue" }))
      const exit = yield* elapsed(chat.send("Now?"))
      assert.isTrue(Exit.isSuccess(exit))
    }).pipe(Effect.provide(TestChat.layer(["Yes."])), Effect.scoped))

  it.effect("does not end a queued turn that lost a race", () =>
    Effect.gen(function*() {
      const inner = yield* memory
      let appends = 0
      const store: Store = {
        ...inner,
        append: (id, record, expected) =>
          appends++ === 0
            ? Effect.andThen(inner.append(id, { version: 1, at: 0 }, expected), inner.append(id, record, expected))
            : inner.append(id, record, expected)
      }
      const open = (whenBusy: "fail" | "queue") => within(store)(Conversation.open("a", { whenBusy }))
      assert.strictEqual((yield* Effect.flip((yield* open("fail")).send("one")))._tag, "ConversationConflictError")
      appends = 0
      assert.strictEqual((yield* (yield* open("queue")).send("two")).text, "Yes.")
    }).pipe(Effect.provide(TestChat.layer(["Yes."])), Effect.scoped))

  it.effect("elsewhere in the tree does not move the head when its answer comes", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      const first = yield* chat.send("one")
      const fiber = yield* Effect.forkChild(chat.send("two"))
      yield* Effect.yieldNow
      while ((yield* chat.history).length < 3) yield* Effect.yieldNow
      yield* chat.branch(first.node)
      yield* TestClock.adjust("1 second")
      const second = yield* Fiber.join(fiber)
      assert.strictEqual(yield* chat.head, first.node)
      assert.strictEqual((yield* chat.nodes).find(({ id }) => id === second.node)?.message.role, "assistant")
      yield* chat.branch(second.node)
      assert.strictEqual((yield* Talks.said(chat)).length, 4)
    }).pipe(
      Effect.provide(Talks.layer(({ messages }) => messages.length === 1 ? "1" : { content: "2", delay: "1 second" }))
    ))
})

describe("A store that fails", () => {
  it.effect("at any operation gives a typed error, and nothing that arrived is lost", () =>
    Effect.gen(function*() {
      const ends = new Set<string>()
      for (const when of ["before", "after"] as const) {
        for (let from = 0; from < 40; from++) {
          const inner = yield* memory
          const { operations, store } = failing(inner, (operation) => operation >= from ? when : false)
          const exit = yield* Effect.gen(function*() {
            const chat = yield* Conversation.open("a", { tools: [look] })
            return yield* chat.send("Look!")
          }).pipe(within(store), Effect.exit, elapsed)
          const end = Exit.isSuccess(exit) && Exit.isSuccess(exit.value) ? "success" : "failure"
          ends.add(end)
          if (Exit.isSuccess(exit) && Exit.isFailure(exit.value)) {
            assert.strictEqual(
              Option.getOrUndefined(Cause.findErrorOption(exit.value.cause))?._tag,
              "ConversationStoreError"
            )
            assert.isFalse(Cause.hasDies(exit.value.cause))
          }
          // What is in the store can be read, and goes on.
          const chat = yield* within(inner)(Conversation.open("a", { tools: [look], turnTimeout: 0 }))
          yield* chat.send("And now?")
          const said = yield* Talks.said(chat)
          if (end === "success") assert.strictEqual(said.length, 8)
          for (const { messages } of yield* Talks.requests) assert.isUndefined(Histories.troubleOf(messages))
          if (operations() <= from) break
        }
      }
      assert.deepStrictEqual([...ends].sort(), ["failure", "success"])
    }).pipe(
      Effect.provide(TestChat.layer(calling)),
      Effect.provideService(References.MinimumLogLevel, "None"),
      Effect.scoped
    ))

  it.effect("once is tried again: the turn succeeds, and nothing is stored twice", () =>
    Effect.gen(function*() {
      for (const when of ["before", "after"] as const) {
        for (let at = 2; at < 12; at++) {
          const inner = yield* memory
          const { store } = failing(inner, (operation) => operation === at ? when : false)
          const exit = yield* Effect.gen(function*() {
            const chat = yield* Conversation.open("a", { tools: [look] })
            return yield* chat.send("Look!")
          }).pipe(within(store), elapsed)
          assert.isTrue(Exit.isSuccess(exit))
          const chat = yield* within(inner)(Conversation.open("a"))
          const said = ["user: Look!", "assistant: call look", "tool: seen", "assistant: Done."]
          assert.deepStrictEqual(yield* Talks.said(chat), said, `${when} ${at}`)
          const ids = (yield* inner.read("a")).flatMap(({ nodes = [] }) => nodes.map(({ id }) => id))
          assert.strictEqual(new Set(ids).size, ids.length)
        }
      }
    }).pipe(Effect.provide(TestChat.layer(calling)), Effect.scoped))

  it.effect("after the answer came gives the answer with the error", () =>
    Effect.gen(function*() {
      const { store } = failing(yield* memory, (operation) => operation > 1 ? "before" : false)
      const chat = yield* within(store)(Conversation.open("a"))
      const exit = yield* elapsed(Effect.flip(chat.send("Why?")))
      assert.isTrue(Exit.isSuccess(exit))
      if (Exit.isFailure(exit)) return
      const error = exit.value
      assert.strictEqual(error._tag, "ConversationStoreError")
      if (error._tag === "ConversationStoreError") {
        assert.deepStrictEqual(error.unsaved?.map(Message.textOf), ["Because."])
      }
    }).pipe(
      Effect.provide(TestChat.layer(["Because."])),
      Effect.provideService(References.MinimumLogLevel, "None"),
      Effect.scoped
    ))
})

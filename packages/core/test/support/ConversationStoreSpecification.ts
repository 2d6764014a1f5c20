/**
 * What every store of conversations promises, wherever it is kept: the same tests for the one in memory and those in SQL,
 * Redis and files.
 */
import { assert, type Vitest } from "@effect/vitest"
import { Conversation, type ConversationRecord, ConversationStore, Message } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AnyRequests from "./AnyRequests.ts"
import * as Talks from "./Talks.ts"

type Store = ConversationStore.ConversationStore["Service"]

/** A store as this process has it, and as another one does. */
export interface World {
  readonly store: Store
  readonly elsewhere: Store
}

/** What of a store can be different: whether another process may append at the same moment. */
export interface Options {
  readonly isShared: boolean
}

const record = (id: string, parent?: string): ConversationRecord.Record => ({
  version: 1,
  at: 1,
  nodes: [{ id, at: 1, message: Message.user(id), ...(parent !== undefined && { parent }) }],
  head: id,
  turn: "closed"
})

const conflict = "ConversationConflictError"

/** Declares the tests, with the real clock; each has ids of its own. */
export const specification = <R>(
  effect: Vitest.Test<R | Scope.Scope>,
  world: Effect.Effect<World, never, R | Scope.Scope>,
  { isShared }: Options
): void => {
  const it = (name: string, test: (world: World) => Effect.Effect<void, unknown>) =>
    effect(name, () => Effect.flatMap(world, (world) => Effect.orDie(test(world))))

  it("reads what was appended, in order, and from a revision on", ({ elsewhere, store }) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* store.read("order"), [])
      const records = ["a", "b", "c"].map((id) => record(id))
      for (const [index, record] of records.entries()) {
        assert.strictEqual(yield* store.append("order", record, index), index + 1)
      }
      assert.deepStrictEqual(yield* elsewhere.read("order"), records)
      assert.deepStrictEqual(yield* store.read("order", 2), records.slice(2))
      assert.deepStrictEqual(yield* store.read("order", 3), [])
    }))

  it("keeps every kind of message and part as it is, bytes too", ({ elsewhere, store }) =>
    Effect.gen(function*() {
      const { messages } = AnyRequests.chat
      const nodes = (messages as ReadonlyArray<Message.Message>).map((message, index): ConversationRecord.Node => ({
        id: `${index}`,
        at: 1.5,
        message,
        origin: { provider: "a", api: "b", model: "c" },
        partial: true,
        ...(index > 0 && { parent: `${index - 1}` })
      }))
      const whole: ConversationRecord.Record = {
        version: 1,
        at: 2,
        nodes,
        cut: { node: "1", summary: "…\u2028😀'\"\\" }
      }
      yield* store.append("parts", whole, 0)
      assert.deepStrictEqual(yield* elsewhere.read("parts"), [whole])
    }))

  it("case 65: refuses an append to another revision, and writes nothing", ({ elsewhere, store }) =>
    Effect.gen(function*() {
      yield* store.append("revision", record("a"), 0)
      for (const [other, expected] of [[elsewhere, 0], [store, 0], [store, 2], [elsewhere, 7]] as const) {
        const error = yield* Effect.flip(other.append("revision", record("b"), expected))
        assert.deepInclude(error, { _tag: conflict, conversation: "revision", expected })
      }
      assert.deepStrictEqual(yield* store.read("revision"), [record("a")])
    }))

  it("case 65: of many that append at once one wins each revision, and nothing is lost", ({ elsewhere, store }) =>
    Effect.gen(function*() {
      const others = isShared ? [store, elsewhere] : [store]
      const append = Effect.fnUntraced(function*(index: number) {
        for (let expected = 0;;) {
          const store = others[index % others.length]!
          const done = yield* Effect.result(store.append("race", record(`${index}`), expected))
          if (Result.isSuccess(done)) return
          if (done.failure._tag !== conflict) return yield* done.failure
          expected = (yield* store.read("race")).length
        }
      })
      yield* Effect.forEach(Array.from({ length: 12 }, (_, index) => index), append, { concurrency: "unbounded" })
      const ids = (yield* store.read("race")).map(({ head }) => Number(head))
      assert.deepStrictEqual(ids.sort((a, b) => a - b), Array.from({ length: 12 }, (_, index) => index))
    }))

  it("lists conversations by prefix, page by page", ({ elsewhere, store }) =>
    Effect.gen(function*() {
      for (const id of ["list/b", "list/a", "list/c", "other", "list%", "listx"]) {
        yield* store.append(id, record("a"), 0)
      }
      yield* store.append("list/a", record("b"), 1)
      const list = (options: ConversationStore.ListOptions) => elsewhere.list({ prefix: "list/", ...options })
      assert.deepStrictEqual(yield* list({}), ["list/a", "list/b", "list/c"])
      assert.deepStrictEqual(yield* list({ limit: 2 }), ["list/a", "list/b"])
      assert.deepStrictEqual(yield* list({ limit: 2, after: "list/b" }), ["list/c"])
      assert.deepStrictEqual(yield* list({ prefix: "list%" }), ["list%"])
      assert.includeMembers([...yield* store.list()], ["list/a", "other"])
    }))

  it("takes any id, and keeps them apart", ({ elsewhere, store }) =>
    Effect.gen(function*() {
      const ids = ["a/b", "a", "a:1", "a/b/1", "ä😀", "' OR 1=1 --", "{a}", "%41", "../a", "x".repeat(200), "A"]
      for (const id of ids) yield* store.append(id, record(id), 0)
      for (const id of ids) assert.deepStrictEqual(yield* elsewhere.read(id), [record(id)], id)
      for (const id of ["", "\n", "y".repeat(201)]) {
        assert.strictEqual((yield* Effect.flip(store.append(id, record("a"), 0)))._tag, "ConversationStoreError")
      }
    }))

  const talk = <A, E>(
    { elsewhere, store }: World,
    id: string,
    whenBusy: "fail" | "queue",
    test: (
      first: Conversation.Conversation,
      second: Conversation.Conversation
    ) => Effect.Effect<A, E, Layer.Success<ReturnType<typeof TestChat.layer>>>
  ) =>
    Effect.gen(function*() {
      const open = (store: Store) =>
        Effect.provideService(Conversation.open(id, { whenBusy }), ConversationStore.ConversationStore, store)
      return yield* test(yield* open(store), yield* open(isShared ? elsewhere : store))
    }).pipe(Effect.provide(TestChat.layer(({ messages }) => ({
      content: `to ${Message.textOf(messages.at(-1)!)}`,
      delay: "30 millis"
    }))))

  it("case 65: of two racing turns one gets a typed conflict, before the model is asked", (world) =>
    talk(world, "turns", "fail", (first, second) =>
      Effect.gen(function*() {
        const ends = yield* Effect.all([Effect.result(first.send("one")), Effect.result(second.send("two"))], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(ends.filter(Result.isFailure).map(({ failure }) => failure._tag), [conflict])
        assert.strictEqual((yield* Talks.requests).length, 1)
        const won = Result.isSuccess(ends[0]!) ? "one" : "two"
        assert.deepStrictEqual(yield* Talks.said(second), [`user: ${won}`, `assistant: to ${won}`])
      })))

  it("case 65: queued turns come one after the other, each with the history of those before", (world) =>
    talk(world, "queued", "queue", (first, second) =>
      Effect.gen(function*() {
        const texts = ["one", "two", "three", "four"]
        yield* Effect.forEach(texts, (text, index) => (index % 2 === 0 ? first : second).send(text), {
          concurrency: "unbounded",
          discard: true
        })
        const said = yield* Talks.said(first)
        assert.strictEqual(said.length, 8)
        for (const [index, line] of said.entries()) {
          if (index % 2 === 0) assert.strictEqual(said[index + 1], line.replace("user: ", "assistant: to "))
        }
        assert.deepStrictEqual((yield* Talks.requests).map(({ messages }) => messages.length), [1, 3, 5, 7])
      })))

  it("case 66: a follow-up that comes with the end of a stream sees the turn", (world) =>
    talk(world, "follow-up", "fail", (first, second) =>
      Effect.gen(function*() {
        yield* Stream.runForEach(first.stream("one"), (event) =>
          event.type === "finish"
            ? Effect.map(Talks.said(second), (said) => assert.deepStrictEqual(said, ["user: one", "assistant: to one"]))
            : Effect.void)
        yield* second.send("two")
        assert.strictEqual((yield* Talks.said(first)).length, 4)
      })))
}

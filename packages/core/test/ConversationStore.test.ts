import { assert, describe, it } from "@effect/vitest"
import { ConversationStore, Message } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { specification } from "./support/ConversationStoreSpecification.ts"

const record = { version: 1, at: 1, nodes: [{ id: "a", at: 1, message: Message.user("Hi") }], head: "a" } as const

describe("ConversationStore in memory", () => {
  specification(
    it.live,
    Effect.map(ConversationStore.ConversationStore, (store) => ({ store, elsewhere: store })).pipe(
      Effect.provide(ConversationStore.layerMemory)
    ),
    { isShared: true }
  )
})

describe("ConversationStore.fromLog", () => {
  const log: ConversationStore.Log<unknown> = {
    append: () => Effect.succeed(true),
    read: () => Effect.succeed([]),
    list: () => Effect.succeed([])
  }

  it.effect("has a typed error for each operation that fails, throws, dies or gives what it should not", () =>
    Effect.gen(function*() {
      const broken: ReadonlyArray<() => unknown> = [
        () => Effect.fail("down"),
        () => Effect.die(new Error("down")),
        () => Effect.interrupt,
        () => undefined,
        () => {
          throw new Error("down")
        }
      ]
      for (const operation of broken) {
        // Types are not there at run time.
        const bad = operation as never
        const store = ConversationStore.fromLog({ append: bad, read: bad, list: bad })
        for (const step of [store.append("a", record, 0), store.read("a"), store.list()]) {
          assert.strictEqual(
            (yield* Effect.flip<unknown, { _tag: string }, never>(step))._tag,
            "ConversationStoreError"
          )
        }
      }
    }))

  it.effect("says which revision is damaged", () =>
    Effect.gen(function*() {
      for (const text of ["", "{", "null", "{\"version\":2,\"at\":1}", "{\"version\":1}", 7 as never]) {
        const store = ConversationStore.fromLog({ ...log, read: () => Effect.succeed([text]) })
        const error = yield* Effect.flip(store.read("a", 3))
        assert.deepInclude(error, { _tag: "ConversationStoreError", operation: "read", conversation: "a" })
        assert.match(error.message, /Revision 4/)
      }
    }))

  it.effect("gives an operation ten seconds, also one that cannot be interrupted", () =>
    Effect.gen(function*() {
      const store = ConversationStore.fromLog({ ...log, read: () => Effect.uninterruptible(Effect.never) })
      const fiber = yield* Effect.forkChild(Effect.flip(store.read("a")))
      yield* TestClock.adjust("10 seconds")
      assert.match((yield* Fiber.join(fiber)).message, /longer than 10 seconds/)
    }))

  it.effect("reads what version 1 wrote", () =>
    Effect.gen(function*() {
      const store = ConversationStore.fromLog({ ...log, read: () => Effect.succeed(versionOne) })
      const [first, second, third] = yield* store.read("a")
      assert.deepStrictEqual(first?.nodes?.[0], { id: "q", at: 1_700_000_000_000, message: Message.user("Hi") })
      assert.deepStrictEqual(
        second?.nodes?.[0]?.message,
        Message.assistant([
          { type: "reasoning", text: "hm", signature: "seal", redacted: Uint8Array.of(1) },
          { type: "text", text: "Hello" }
        ])
      )
      assert.deepStrictEqual(third, { version: 1, at: 3, cut: { node: "q", summary: "They met." }, run: { node: "a" } })
    }))
})

const versionOne = [
  "{\"version\":1,\"at\":1700000000000,\"nodes\":[{\"id\":\"q\",\"at\":1700000000000," +
  "\"message\":{\"role\":\"user\",\"content\":\"Hi\"}}],\"head\":\"q\",\"turn\":\"open\"}",
  "{\"version\":1,\"at\":2,\"nodes\":[{\"id\":\"a\",\"parent\":\"q\",\"at\":2,\"message\":{\"role\":\"assistant\",\"content\":" +
  "[{\"type\":\"reasoning\",\"text\":\"hm\",\"signature\":\"seal\",\"redacted\":\"AQ==\"},{\"type\":\"text\",\"text\":\"Hello\"}]}," +
  "\"origin\":{\"provider\":\"p\",\"model\":\"m\"},\"usage\":{\"inputTokens\":1,\"cacheReadTokens\":0,\"cacheWriteTokens\":0," +
  "\"outputTokens\":1,\"totalTokens\":2},\"finishReason\":\"stop\"}],\"head\":\"a\",\"turn\":\"closed\"}",
  "{\"version\":1,\"at\":3,\"cut\":{\"node\":\"q\",\"summary\":\"They met.\"},\"run\":{\"node\":\"a\"}}"
]

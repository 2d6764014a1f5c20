import { assert, describe, it } from "@effect/vitest"
import { Conversation, ConversationStore, Message, ProviderError, Tool, ToolLoop } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Histories from "./support/Histories.ts"
import * as Talks from "./support/Talks.ts"

/** Answers with how many messages of the user it was sent, and the last of them. */
const echo: TestChat.Script = ({ messages }) => {
  const asked = messages.filter(({ role }) => role === "user")
  return `${asked.length}: ${Message.textOf(asked.at(-1)!)}`
}

const call = (id: string, name = "look"): Message.ToolCallPart => ({ type: "tool-call", id, name, params: {} })

const look = Tool.make("look", { handler: () => Effect.succeed("seen") })

/** A tool that a person approves. */
const pay = Tool.withApproval(Tool.make("pay", { handler: () => Effect.succeed("paid") }))

/** Calls these tools, then answers. */
const calling = (...names: ReadonlyArray<string>): TestChat.Script => ({ messages }) => {
  const results = messages.slice(messages.findLastIndex(({ role }) => role === "user")).filter(({ role }) =>
    role === "tool"
  )
  return results.length === 0 ? { content: names.map((name) => call(name, name)) } : "Done."
}

describe("Conversation", () => {
  it.effect("keeps what was said, for the next turn and the next process", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { system: "Be brief." })
      const answer = yield* chat.send("Why?")
      assert.strictEqual(answer.text, "Because.")
      const elsewhere = yield* Conversation.open("a", { system: "Be brief." })
      yield* elsewhere.send("How?")
      const said = ["user: Why?", "assistant: Because.", "user: How?", "assistant: So."]
      assert.deepStrictEqual(yield* Talks.said(chat), said)
      const [, last] = yield* Talks.requests
      assert.deepStrictEqual(last?.messages.map(({ role }) => role), ["system", "user", "assistant", "user"])
      assert.strictEqual(yield* chat.head, yield* elsewhere.head)
      assert.deepInclude((yield* chat.history)[1], {
        id: answer.node,
        origin: { provider: "test", model: "test-model" },
        finishReason: "stop"
      })
      assert.deepStrictEqual(yield* ConversationStore.list(), ["a"])
    }).pipe(Effect.provide(Talks.layer(["Because.", "So."]))))

  it.effect("sends the options of the conversation, and those of the turn before them", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { request: { maxTokens: 10, temperature: 0 } })
      yield* chat.send("Why?", { temperature: 1 })
      yield* chat.send([Message.text("What is this?")])
      const [first, second] = yield* Talks.requests
      assert.deepInclude(first, { maxTokens: 10, temperature: 1 })
      assert.deepInclude(second, { maxTokens: 10, temperature: 0 })
    }).pipe(Effect.provide(Talks.layer(echo))))

  it.effect("runs tools, and keeps calls and results", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { tools: [look] })
      const answer = yield* chat.send("Look!")
      assert.deepInclude(answer, { text: "Done.", steps: 2, reason: "finished" })
      yield* chat.send("Again!")
      const turn = (text: string) => [`user: ${text}`, "assistant: call look", "tool: seen", "assistant: Done."]
      assert.deepStrictEqual(yield* Talks.said(chat), [...turn("Look!"), ...turn("Again!")])
      for (const { messages } of yield* Talks.requests) assert.isUndefined(Histories.troubleOf(messages))
    }).pipe(Effect.provide(Talks.layer(calling("look")))))

  it.effect("forces a tool in the first step only, and adds tools of the provider", () =>
    Effect.gen(function*() {
      const search = { type: "provider", provider: "test", name: "search" } as const
      const chat = yield* Conversation.open("a", { tools: [look], request: { tools: [search] } })
      yield* chat.send("Look!", { toolChoice: "any" })
      const requests = yield* Talks.requests
      assert.deepStrictEqual(requests.map(({ toolChoice }) => toolChoice), ["any", "auto"])
      for (const { tools } of requests) assert.deepStrictEqual(tools?.map(({ name }) => name), ["look", "search"])
    }).pipe(Effect.provide(Talks.layer(calling("look")))))

  it.effect("has the usage of its history", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { tools: [look] })
      const first = yield* chat.send("Look!")
      const second = yield* chat.send("Again!")
      const { totalTokens } = yield* chat.usage
      assert.strictEqual(totalTokens, first.usage.totalTokens + second.usage.totalTokens)
      yield* chat.branch(first.node)
      assert.strictEqual((yield* chat.usage).totalTokens, first.usage.totalTokens)
    }).pipe(Effect.provide(Talks.layer(calling("look")))))

  it.effect("takes over a history from elsewhere", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      yield* chat.add([Message.user("Hi"), Message.assistant("Hello!")])
      yield* chat.send("And?")
      assert.deepStrictEqual(yield* Talks.said(chat), [
        "user: Hi",
        "assistant: Hello!",
        "user: And?",
        "assistant: 2: And?"
      ])
    }).pipe(Effect.provide(Talks.layer(echo))))

  it.effect("refuses what is no message before anything is stored", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      for (const input of ["", " ", [], [{ type: "text" }], { type: "edit" }, { type: "other" }, null, 1]) {
        const error = yield* Effect.flip(chat.send(input as never))
        assert.strictEqual(error._tag, "InvalidRequestError", JSON.stringify(input))
      }
      for (const input of [Conversation.edit("x", "Hi"), Conversation.regenerate(), Conversation.resume()]) {
        assert.strictEqual((yield* Effect.flip(chat.send(input)))._tag, "InvalidRequestError")
      }
      assert.deepStrictEqual(yield* ConversationStore.list(), [])
      for (const id of ["", " ", "a\nb", "x".repeat(201), "\ud83d"]) {
        assert.strictEqual((yield* Effect.flip(Conversation.open(id)))._tag, "InvalidRequestError")
      }
    }).pipe(Effect.provide(Talks.layer(echo))))

  it.effect("case 72: an answer that broke is kept as partial, marked in the history, and sent as its text", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      const reply = {
        content: [{ type: "reasoning" as const, text: "hm" }, Message.text("One two three")],
        failAfter: 4
      }
      yield* (yield* TestChat.TestChat).enqueue(reply)
      yield* Effect.ignore(Stream.runDrain(chat.stream("Count!")))
      assert.deepInclude((yield* chat.history)[1], {
        partial: true,
        message: Message.assistant([{ type: "reasoning", text: "hm" }, Message.text("One two ")])
      })
      yield* chat.send("Go on!")
      const last = (yield* Talks.requests).at(-1)
      assert.deepStrictEqual(last?.messages[1], Message.assistant("One two "))
    }).pipe(Effect.provide(Talks.layer(echo))))
})

describe("Branches", () => {
  it.effect("case 71: an edit adds a sibling, nothing is deleted, and the context is the path from the head", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      yield* chat.send("one")
      const [one] = yield* chat.history
      const two = yield* chat.send("two")
      yield* chat.send(Conversation.edit(one!.id, "uno"))
      assert.deepStrictEqual(yield* Talks.said(chat), ["user: uno", "assistant: 1: uno"])
      assert.strictEqual((yield* chat.nodes).length, 6)
      yield* chat.branch(two.node)
      yield* chat.send("three")
      assert.deepStrictEqual((yield* Talks.said(chat)).filter((line) => line.startsWith("user")), [
        "user: one",
        "user: two",
        "user: three"
      ])
    }).pipe(Effect.provide(Talks.layer(echo))))

  it.effect("case 71: two forks at one point and a fork of a fork have the right parents", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      const root = yield* chat.send("root")
      const left = yield* chat.send("left")
      yield* chat.branch(root.node)
      const right = yield* chat.send("right")
      yield* chat.branch(root.node)
      yield* chat.send("middle")
      yield* chat.branch(right.node)
      yield* chat.send("right of right")
      yield* chat.branch(right.node)
      yield* chat.send("left of right")
      const users = (lines: ReadonlyArray<string>) =>
        lines.flatMap((line) => line.startsWith("user: ") ? [line.slice("user: ".length)] : [])
      assert.deepStrictEqual(users(yield* Talks.said(chat)), ["root", "right", "left of right"])
      yield* chat.branch(left.node)
      assert.deepStrictEqual(users(yield* Talks.said(chat)), ["root", "left"])
      const nodes = yield* chat.nodes
      const children = (parent: string) =>
        nodes.filter((node) => node.parent === parent).map(({ message }) => Message.textOf(message))
      assert.deepStrictEqual(children(root.node), ["left", "right", "middle"])
      assert.deepStrictEqual(children(right.node), ["right of right", "left of right"])
      // No request ever had a message of a sibling.
      for (const { messages } of yield* Talks.requests) {
        const said = messages.map(Message.textOf)
        assert.isFalse(said.includes("left") && (said.includes("right") || said.includes("middle")))
      }
    }).pipe(Effect.provide(Talks.layer(echo))))

  it.effect("case 71: another answer is a sibling, also within a branch, and takes no context from there", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      const root = yield* chat.send("root")
      yield* chat.send("left")
      yield* chat.branch(root.node)
      const right = yield* chat.send("right")
      const again = yield* chat.send(Conversation.regenerate(), { temperature: 1 })
      const nodes = yield* chat.nodes
      const parentOf = (id: string) => nodes.find((node) => node.id === id)?.parent
      assert.notStrictEqual(again.node, right.node)
      assert.strictEqual(parentOf(again.node), parentOf(right.node))
      const last = (yield* Talks.requests).at(-1)
      assert.deepStrictEqual(last?.messages.map(Message.textOf), ["root", "1: root", "right"])
      yield* chat.send(Conversation.regenerate(root.node))
      assert.deepStrictEqual((yield* Talks.requests).at(-1)?.messages.map(Message.textOf), ["root"])
      assert.deepStrictEqual(yield* Talks.said(chat), ["user: root", "assistant: 1: root"])
    }).pipe(Effect.provide(Talks.layer(echo))))

  it.effect("refuses messages that are not there", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      const answer = yield* chat.send("one")
      assert.deepInclude(yield* Effect.flip(chat.branch("nowhere")), { _tag: "InvalidRequestError", field: "node" })
      for (const input of [Conversation.edit(answer.node, "Hi"), Conversation.regenerate("nowhere")]) {
        assert.deepInclude(yield* Effect.flip(chat.send(input)), { _tag: "InvalidRequestError", field: "node" })
      }
    }).pipe(Effect.provide(Talks.layer(echo))))
})

describe("Calls that wait", () => {
  it.effect("are answered in another process", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { tools: [look, pay] })
      const waiting = yield* chat.send("Pay!")
      assert.strictEqual(waiting.reason, "pending")
      assert.deepStrictEqual(waiting.pending.map(({ call }) => call.name), ["pay"])
      const elsewhere = yield* Conversation.open("a", { tools: [look, pay] })
      assert.deepStrictEqual(yield* elsewhere.pending, waiting.pending)
      const answer = yield* elsewhere.send(Conversation.resume([{ type: "approve", callId: "pay" }]))
      assert.strictEqual(answer.text, "Done.")
      assert.deepStrictEqual(yield* Talks.said(chat), [
        "user: Pay!",
        "assistant: call look, call pay",
        "tool: seen, paid",
        "assistant: Done."
      ])
      assert.deepStrictEqual(yield* chat.pending, [])
    }).pipe(Effect.provide(Talks.layer(calling("look", "pay")))))

  it.effect("case 46: a new message supersedes them, and a late answer is refused", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { tools: [pay] })
      yield* chat.send("Pay!")
      const { enqueue } = yield* TestChat.TestChat
      yield* enqueue("As you like.")
      const answer = yield* chat.send("No, wait.")
      assert.strictEqual(answer.text, "As you like.")
      const said = yield* Talks.said(chat)
      assert.deepStrictEqual([said[0], said[1], said[3], said[4]], [
        "user: Pay!",
        "assistant: call pay",
        "user: No, wait.",
        "assistant: As you like."
      ])
      assert.match(said[2]!, /^tool: .*not run/)
      const error = yield* Effect.flip(chat.send(Conversation.resume([{ type: "approve", callId: "pay" }])))
      assert.strictEqual(error._tag, "InvalidRequestError")
      for (const { messages } of yield* Talks.requests) assert.isUndefined(Histories.troubleOf(messages))
    }).pipe(Effect.provide(Talks.layer(calling("pay")))))

  it.effect("case 71: belong to their branch, and are answered once", () =>
    Effect.gen(function*() {
      let paid = 0
      const counting = Tool.withApproval(Tool.make("pay", { handler: () => Effect.sync(() => `paid ${++paid}`) }))
      const chat = yield* Conversation.open("a", { tools: [counting] })
      yield* chat.send("Pay!")
      const at = yield* chat.head
      yield* chat.send(Conversation.edit(at!, "Pay more!"))
      assert.strictEqual((yield* chat.pending).length, 1)
      yield* chat.send(Conversation.resume([{ type: "deny", callId: "pay" }]))
      assert.deepStrictEqual(yield* chat.pending, [])
      yield* chat.branch(at!)
      assert.strictEqual((yield* chat.pending).length, 1)
      yield* chat.send(Conversation.resume([{ type: "approve", callId: "pay" }]))
      assert.strictEqual(paid, 1)
      yield* chat.branch(at!)
      assert.deepStrictEqual(yield* chat.pending, [])
      yield* Effect.flip(chat.send(Conversation.resume([{ type: "approve", callId: "pay" }])))
      assert.strictEqual(paid, 1)
    }).pipe(Effect.provide(Talks.layer(calling("pay")))))

  it.effect("case 71: leave nothing at the message they belonged to, neither answered nor given up", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { tools: [pay] })
      yield* chat.send("Pay!")
      const question = (yield* chat.head)!
      const { enqueue } = yield* TestChat.TestChat
      yield* chat.send(Conversation.resume([{ type: "approve", callId: "pay" }]))
      yield* chat.branch(question)
      yield* enqueue("Nothing was paid here.")
      yield* chat.send("Never mind.")
      assert.deepStrictEqual((yield* Talks.requests).at(-1)?.messages.map(Message.textOf), ["Pay!", "Never mind."])

      const other = yield* Conversation.open("b", { tools: [pay] })
      yield* other.send("Pay!")
      const asked = (yield* other.head)!
      yield* enqueue("I would rather not.")
      yield* other.send(Conversation.regenerate())
      yield* other.branch(asked)
      assert.deepStrictEqual(yield* other.pending, [])
    }).pipe(Effect.provide(Talks.layer(calling("pay")))))

  it.effect("case 46: the message that supersedes them has steps of its own", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { tools: [look, pay], maxSteps: 2 })
      yield* chat.send("Pay!")
      const { enqueue } = yield* TestChat.TestChat
      yield* enqueue({ content: [call("2", "look")] }, "I looked.")
      const answer = yield* chat.send("Look!")
      assert.deepInclude(answer, { reason: "finished", text: "I looked.", steps: 2 })
    }).pipe(Effect.provide(Talks.layer(calling("pay")))))

  it.effect("an answer that does not fit leaves them waiting", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a", { tools: [pay] })
      yield* chat.send("Pay!")
      const error = yield* Effect.flip(chat.send(Conversation.resume([{ type: "approve", callId: "other" }])))
      assert.instanceOf(error, ToolLoop.DecisionError)
      assert.strictEqual((yield* chat.pending).length, 1)
      yield* chat.send(Conversation.resume([{ type: "approve", callId: "pay" }]))
      assert.strictEqual((yield* Talks.said(chat)).at(-1), "assistant: Done.")
    }).pipe(Effect.provide(Talks.layer(calling("pay")))))
})

describe("Failures", () => {
  it.effect("of the model leave the question, which can be answered again", () =>
    Effect.gen(function*() {
      const chat = yield* Conversation.open("a")
      const error = yield* Effect.flip(chat.send("Why?"))
      assert.strictEqual(error._tag, "RateLimitError")
      assert.deepStrictEqual(yield* Talks.said(chat), ["user: Why?"])
      yield* chat.send(Conversation.regenerate())
      assert.deepStrictEqual(yield* Talks.said(chat), ["user: Why?", "assistant: Because."])
    }).pipe(Effect.provide(Talks.layer([
      new ProviderError.RateLimitError({ provider: "test", message: "slow down" }),
      "Because."
    ]))))

  it.effect("of a handler are those of the tool, and the next turn is valid", () =>
    Effect.gen(function*() {
      class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {}
      const broken = Tool.make("look", { failureMode: "error", handler: () => Effect.fail(new Broken()) })
      const chat = yield* Conversation.open("a", { tools: [broken] })
      const error = yield* Effect.flip(chat.send("Look!"))
      assert.strictEqual(error._tag, "Broken")
      const mended = yield* Conversation.open("a", { tools: [look] })
      yield* (yield* TestChat.TestChat).enqueue("Fine.")
      yield* mended.send("Never mind.")
      const said = yield* Talks.said(mended)
      assert.deepStrictEqual([said[0], said[1], ...said.slice(3)], [
        "user: Look!",
        "assistant: call look",
        "user: Never mind.",
        "assistant: Fine."
      ])
      for (const { messages } of yield* Talks.requests) assert.isUndefined(Histories.troubleOf(messages))
    }).pipe(Effect.provide(Talks.layer(calling("look")))))
})

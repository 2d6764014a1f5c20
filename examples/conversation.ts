/**
 * Keep a conversation: talk, stop an answer, go on in another process, branch, and let old turns make room for new ones.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { type ChatRequest, Conversation, Message } from "@strata/core"
import { ConversationPersistence, SqliteClient } from "@strata/persistence"
import { Clock, Console, Effect, Layer, Path, Stream } from "effect"
import * as Data from "./src/Data.ts"
import * as Provider from "./src/Provider.ts"

// A database that any number of processes may use; `ConversationStore.layerMemory` of core needs none.
const Store = Layer.unwrap(Effect.gen(function*() {
  const path = yield* Path.Path
  const filename = path.join(yield* Data.folder("conversation"), "conversations.db")
  return ConversationPersistence.layerSql().pipe(Layer.provide(SqliteClient.layer({ filename })))
}))

// A window this small shows what happens in a long conversation; `Summary.make()` would ask a model.
const open = (id: string) =>
  Conversation.open(id, {
    system: "You help with a trip to Italy. Be brief.",
    request: { maxTokens: 300 },
    window: { maxTokens: 1_500 },
    summarize: ({ messages }) => Effect.succeed(`The user asked ${messages.length / 2} questions about a trip.`)
  })

const show = (nodes: Conversation.Conversation["history"]) =>
  Effect.flatMap(
    nodes,
    (nodes) =>
      Effect.forEach(nodes, ({ message, partial }) =>
        Console.log(`  ${message.role}: ${Message.textOf(message)}${partial === true ? " (interrupted)" : ""}`), {
        discard: true
      })
  )

const program = Effect.gen(function*() {
  const id = `trip-${yield* Clock.currentTimeMillis}`
  const chat = yield* open(id)
  yield* chat.send("Where should I go in May?")

  yield* Console.log("An answer is stopped:")
  yield* chat.stream("And in August?").pipe(
    Stream.filter((event) => event.type === "text-delta"),
    Stream.take(4),
    Stream.runDrain
  )
  yield* show(chat.history)

  yield* Console.log("Another process answers again:")
  const elsewhere = yield* open(id)
  const answer = yield* elsewhere.send(Conversation.regenerate())
  yield* show(elsewhere.history)

  yield* Console.log("Another question in place of the first one:")
  const [first] = yield* chat.history
  if (first !== undefined) yield* chat.send(Conversation.edit(first.id, "Where should I go in winter?"))
  yield* show(chat.history)

  yield* Console.log("Back on the first branch, with many more questions:")
  yield* chat.branch(answer.node)
  for (let day = 1; day <= 12; day++) {
    yield* chat.send(`What could I do on day ${day}? ${"I like long walks. ".repeat(8)}`)
  }
  const last = yield* chat.send("What do you know?")
  yield* Console.log(
    `  ${(yield* chat.history).length} messages are kept, ${(yield* chat.nodes).length} with all branches`
  )
  yield* Console.log(`  ${last.text}`)
})

/** Offline, this is the model: it says how much of the conversation it was sent. */
const script = ({ messages }: ChatRequest.Resolved) => {
  const asked = messages.filter(({ role }) => role === "user")
  const text = asked.map(Message.textOf).join("\n")
  const summary = /<summary>\n(.*)\n<\/summary>/.exec(text)?.[1]
  return text.endsWith("know?")
    ? `I was sent ${messages.length} messages, and this: ${summary ?? "nothing else"}`
    : text.endsWith("in August?")
    ? "To the mountains, since the towns are hot and crowded then."
    : `That was question ${asked.length}: go where the trains go.`
}

export const main = program.pipe(
  Effect.provide([Provider.scripted(script), Store]),
  Effect.provide(NodeServices.layer)
)

if (import.meta.main) NodeRuntime.runMain(main)

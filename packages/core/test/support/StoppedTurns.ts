/** Stops a turn of a conversation after different numbers of its steps: the conversation can be read, and goes on. */
import { assert, describe, it } from "@effect/vitest"
import { type ChatService, Conversation, ConversationStore, Tool } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Histories from "./Histories.ts"
import * as Simulation from "./Simulation.ts"
import * as Talks from "./Talks.ts"

type Logs = Map<string, ReadonlyArray<string>>

/** A store on these texts; each operation takes some time. */
const storeOn = (logs: Logs) =>
  ConversationStore.fromLog({
    append: (key, position, text) =>
      Effect.sync(() => {
        const log = logs.get(key) ?? []
        if (log.length === position) logs.set(key, [...log, text])
        return log.length === position
      }).pipe(Effect.delay(1), Effect.tap(() => Effect.sleep(1))),
    read: (key, from) => Effect.delay(Effect.sync(() => logs.get(key)?.slice(from) ?? []), 1),
    list: () => Effect.succeed([...logs.keys()])
  })

const ran: Array<string> = []

const look = Tool.make("look", {
  handler: () => Effect.andThen(Effect.sync(() => ran.push("look")), Effect.delay(Effect.succeed("seen"), 1))
})

const options = { tools: [look], whenBusy: "queue", turnTimeout: 0 } as const

/** Looks once for each question. */
const script: TestChat.Script = ({ messages }) =>
  messages.at(-1)?.role === "tool"
    ? { content: "It is there.", interval: 1, delay: 1 }
    : { content: [{ type: "tool-call", id: "1", name: "look", params: {} }], delay: 1 }

const model = Effect.runSync(Layer.buildWithScope(TestChat.layer(script), Effect.runSync(Scope.make())))

const contextOf = (logs: Logs) =>
  Context.merge(
    model,
    Context.make(ConversationStore.ConversationStore, storeOn(logs)).pipe(
      Context.add(References.MinimumLogLevel, "None")
    )
  )

type Needs = ChatService.ChatService | ConversationStore.ConversationStore

const sent = Effect.flatMap(Conversation.open("a", options), (chat) => chat.send("Where?"))
const streamed = Effect.flatMap(Conversation.open("a", options), (chat) => Stream.runDrain(chat.stream("Where?")))

/** The next turn of another process, and what the conversation is then. */
const next = Effect.gen(function*() {
  const chat = yield* Conversation.open("a", options)
  const before = yield* Talks.said(chat)
  const pending = yield* chat.pending
  yield* chat.send("And now?")
  return { before, pending, said: yield* Talks.said(chat), nodes: yield* chat.history }
})

/** A step of a simulation; digests of tools are promises, for which it has to wait. */
const step = (simulation: Simulation.Simulation) =>
  Effect.suspend(() =>
    simulation.step() ? Effect.void : Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
  )

/** Steps until an effect has ended. */
const ended = Effect.fnUntraced(function*<A, E>(simulation: Simulation.Simulation, fiber: Fiber.Fiber<A, E>) {
  for (let steps = 0; steps < 10_000 && fiber.pollUnsafe() === undefined; steps++) yield* step(simulation)
  return fiber.pollUnsafe()
})

/** Stops a turn after each number of its steps. */
const stoppedAnywhere = Effect.fnUntraced(
  function*(
    turn: Effect.Effect<unknown, unknown, Needs>,
    stop: "killed" | "interrupted",
    every: number,
    maxOps: number
  ) {
    const seen = new Set<string>()
    for (let steps = 0, ends = 0; ends < 2; steps += every) {
      const at = `after ${steps} steps`
      const logs: Logs = new Map()
      ran.length = 0
      const simulation = Simulation.make(maxOps)
      const fiber = simulation.start(turn, contextOf(logs))
      for (let count = 0; count < steps; count++) yield* step(simulation)
      if (fiber.pollUnsafe() !== undefined) ends++
      if (stop === "interrupted") {
        fiber.interruptUnsafe()
        assert.isDefined(yield* ended(simulation, fiber), `${at} it does not end`)
      }
      const before = ran.length
      const other = Simulation.make(100)
      const exit = yield* ended(other, other.start(next, contextOf(new Map(logs))))
      if (exit === undefined || Exit.isFailure(exit)) return assert.fail(`${at}: ${exit?.cause}`)
      const { nodes, said } = exit.value
      assert.isUndefined(Histories.troubleOf(nodes.map(({ message }) => message)), `${at}: ${said.join("\n")}`)
      assert.strictEqual(said.findLast((line) => line.startsWith("user: ")), "user: And now?")
      assert.strictEqual(said.at(-1), "assistant: It is there.")
      seen.add(said.slice(0, said.indexOf("user: And now?")).join("; "))
      // Nothing runs again: only the call of the next turn.
      assert.isAtMost(ran.length, before + 1, at)
      if (before === 1) assert.include(said, "user: Where?", at)
    }
    return [...seen]
  }
)

/** The tests: stops after every so many steps, which are of so many operations. */
export const suite = (every: number, maxOps: number) =>
  describe("A conversation whose process is stopped at any step", () => {
    for (const [name, turn] of [["send", sent], ["stream", streamed]] as const) {
      for (const stop of ["killed", "interrupted"] as const) {
        it.live(
          `cases 45 and 66: is readable after ${name} was ${stop}, goes on, and runs no call twice`,
          () =>
            Effect.map(stoppedAnywhere(turn, stop, every, maxOps), (seen) => {
              const asked = "user: Where?"
              const looked = `${asked}; assistant: call look; tool: seen`
              const partial = `${looked}; assistant: It is `
              const lost = `${asked}; assistant: call look; tool: It is not known whether`
              const finished = `${looked}; assistant: It is there.`
              // Which states are seen of every few steps is a matter of luck.
              const expected = every === 1 ? ["", asked, lost, looked, finished] : [asked, finished]
              for (
                const start of every === 1 && name === "stream" && stop === "interrupted"
                  ? [...expected, partial]
                  : expected
              ) {
                assert.isTrue(seen.some((said) => said.startsWith(start)), `${start} is not among ${seen.join("\n")}`)
              }
            }),
          300_000
        )
      }
    }
  })

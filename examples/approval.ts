/**
 * Let a person approve what a model wants to do, in another process: the first run ends with a call that waits, and keeps its
 * state in a file; `node examples/approval.ts approve`, or `deny`, goes on from there, minutes or days later.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { type ChatRequest, Message, Tool, ToolLoop } from "@strata/core"
import { Console, Effect, FileSystem, Path, Schema } from "effect"
import * as Data from "./src/Data.ts"
import * as Provider from "./src/Provider.ts"

const balance = Tool.make("get_balance", {
  description: "The balance of the account, in euros",
  handler: () => Console.log("  get_balance runs").pipe(Effect.as({ euros: 1_200 }))
})

const transfer = Tool.make("transfer", {
  description: "Sends euros to an account",
  input: Schema.Struct({ to: Schema.String, euros: Schema.Finite }),
  handler: ({ euros, to }) => Console.log(`  transfer runs: ${euros} euros to ${to}`).pipe(Effect.as("sent"))
})

// Small amounts need no approval. The policy can be laid over any tool, also one of an MCP server.
const tools = [balance, Tool.withApproval(transfer, ({ euros }) => euros > 100)] as const

const program = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(yield* Data.folder("approval"), "state.json")

  // Saved before each handler and after it, so that a crash at any point repeats nothing.
  const save = (state: ToolLoop.State) =>
    Effect.flatMap(ToolLoop.encode(state), (json) => fs.writeFileString(file, JSON.stringify(json)))

  const goOn = Effect.fnUntraced(function*(type: "approve" | "deny") {
    const json = yield* Schema.decodeUnknownEffect(Json)(yield* fs.readFileString(file))
    const state = yield* ToolLoop.decode(json)
    const answers = ToolLoop.pendingOf(state).map(({ call }) => ({ type, callId: call.id }))
    return yield* ToolLoop.resume(state, answers, { tools, save })
  })

  const word = process.argv.at(-1)
  const outcome = word === "approve" || word === "deny"
    ? yield* goOn(word)
    : yield* ToolLoop.run({ messages: "Send Ada the 250 euros I owe her", maxTokens: 300 }, { tools, save })

  if (outcome.reason === "pending") {
    for (const { call } of outcome.pending) yield* Console.log(`${call.name} waits: ${JSON.stringify(call.params)}`)
    return yield* Console.log("Answer with: node examples/approval.ts approve (or deny)")
  }
  yield* fs.remove(file)
  yield* Console.log(outcome.response.text)
})

const Json = Schema.fromJsonString(Schema.Unknown)

/** Offline, this is the model: it asks for the balance and the transfer at once, then reads what came of them. */
const script = (request: ChatRequest.Resolved) => {
  const last = request.messages.at(-1)
  if (last?.role !== "tool") {
    return {
      content: [
        { type: "tool-call" as const, id: "call-1", name: "get_balance", params: {} },
        { type: "tool-call" as const, id: "call-2", name: "transfer", params: { to: "Ada", euros: 250 } }
      ]
    }
  }
  const isSent = Message.parts(last).every((part) => part.type === "tool-result" && part.isFailure !== true)
  return isSent ? "Ada has her 250 euros." : "I did not send anything, as you wish."
}

export const main = program.pipe(Effect.provide(Provider.scripted(script)))

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)

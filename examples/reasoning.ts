/**
 * Let a model think before it answers, and send its thoughts back sealed, as it wants them.
 */
import { NodeRuntime } from "@effect/platform-node"
import { type ChatRequest, ChatService, Message } from "@strata/core"
import { Console, Effect } from "effect"
import * as Provider from "./src/Provider.ts"

const model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const question = Message.user("A bat and a ball cost 1.10 together; the bat costs 1.00 more. What does the ball cost?")

const program = Effect.gen(function*() {
  const first = yield* ChatService.generate({
    model,
    messages: [question],
    maxTokens: 2000,
    reasoning: { budgetTokens: 1024 }
  })
  for (const part of Message.parts(first.message)) {
    if (part.type === "reasoning") yield* Console.log(`(thinks) ${part.text}`)
    if (part.type === "text") yield* Console.log(part.text)
  }

  // `first.message` goes back whole: the signature on the thoughts is the model's proof that they are its own.
  const second = yield* ChatService.text({
    model,
    messages: [question, first.message, Message.user("Are you sure?")],
    maxTokens: 2000,
    reasoning: { budgetTokens: 1024 }
  })
  yield* Console.log(second)
})

/** Offline, this is the model: it thinks, and later recognises its own thoughts. */
const script = (request: ChatRequest.Resolved) => {
  const thoughts = request.messages.flatMap(Message.parts).filter((part) => part.type === "reasoning")
  if (thoughts.length > 0) return `Yes: I thought it through, and the seal "${thoughts[0]?.signature}" is mine.`
  return {
    content: [
      { type: "reasoning" as const, text: "x + (x + 1.00) = 1.10, so x = 0.05.", signature: "c2VhbGVk" },
      Message.text("The ball costs 0.05.")
    ]
  }
}

export const main = program.pipe(Effect.provide(Provider.scripted(script)))

if (import.meta.main) NodeRuntime.runMain(main)

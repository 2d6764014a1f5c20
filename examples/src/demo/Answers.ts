/**
 * Act 5: questions are answered as a stream, from the document that answers them.
 */
import { ChatService } from "@strata/core"
import { ExtractiveChat, type Retrieval } from "@strata/local"
import { Effect, Stream, Terminal } from "effect"
import type * as Documentation from "../Documentation.ts"
import * as Bedrock from "./Bedrock.ts"
import * as Screen from "./Screen.ts"

export type Index = Retrieval.Retrieval<Documentation.Chunk>

/** Questions in the words of a user, not in those of the documentation. */
export const questions = [
  "How do I describe retrying with exponential backoff?",
  "How do I reuse database connections?",
  "Is there something like switch with exhaustiveness checks?"
]

/** The three answers. */
export const answers = Effect.fnUntraced(function*(index: Index) {
  yield* Screen.headline(5, "Questions are answered word by word, each from the document that knows")
  const { server } = yield* Bedrock.Bedrock
  // A model that writes thirty words a second.
  yield* server?.inject({ type: "slow", pause: "30 millis", times: Infinity }) ?? Effect.void
  yield* Effect.forEach(questions, (question) => answer(index, question), { discard: true })
})

/** Finds the best passage, and lets the model answer from it. */
export const answer = Effect.fnUntraced(function*(index: Index, question: string) {
  const { paint, print, write } = yield* Screen.Screen
  yield* print(`\n   ${paint("bold", question)}`)
  const [hit] = yield* index.search(question, { limit: 1 })
  if (hit === undefined) return
  const { body, source } = hit.passage
  const wrap = yield* Screen.wrapping(3)
  yield* ChatService.textStream({
    messages: [
      { role: "system", content: "Answer from the document alone, in two sentences." },
      { role: "user", content: ExtractiveChat.prompt({ question, passages: [{ source, text: body }] }) }
    ],
    maxTokens: 200
  }).pipe(Stream.runForEach((text) => write(wrap(text))))
  yield* print(`\n   ${paint("dim", `from ${source}, score ${hit.score.toFixed(2)}`)}`)
})

/** A prompt for questions, until an empty line. */
export const converse = Effect.fnUntraced(function*(index: Index) {
  const terminal = yield* Terminal.Terminal
  yield* Screen.print("\nAsk about Effect; an empty line ends.")
  const ask = Effect.gen(function*() {
    yield* Screen.Screen.use(({ write }) => write("\n> "))
    const question = yield* terminal.readLine
    if (question.trim() === "") return false
    yield* answer(index, question)
    return true
  })
  yield* Effect.repeat(ask, { while: (more) => more }).pipe(Effect.catchTag("QuitError", () => Effect.void))
})

/**
 * Give a model a document, and get answers that point to where they stand in it.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatService, Message } from "@strata/core"
import { Console, Effect } from "effect"
import * as Provider from "./src/Provider.ts"

const rules = [
  "Books may be kept for four weeks.",
  "A book can be renewed twice, unless somebody waits for it.",
  "Late books cost ten cents a day."
]

const program = Effect.gen(function*() {
  const response = yield* ChatService.generate({
    model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    messages: [Message.user([
      // In pieces, so that a citation names the piece; bytes of a PDF and `s3://` URIs work as well.
      {
        type: "document",
        name: "library rules",
        mediaType: "text/plain",
        source: { pieces: rules },
        citations: true
      },
      Message.text("For how long can I keep a book, and what if I am late?")
    ])],
    maxTokens: 300
  })
  for (const part of Message.parts(response.message)) {
    if (part.type !== "text") continue
    yield* Console.log(part.text.trim())
    for (const { location, passages, title } of part.citations ?? []) {
      const where = location?.type === "document-chunk" ? `piece ${location.start}` : location?.type
      yield* Console.log(`    ${title}, ${where}: "${passages?.join(" ")}"`)
    }
  }
})

/** Offline, this is the model. */
const cited = (text: string, piece: number): Message.TextPart => ({
  type: "text",
  text,
  citations: [{
    title: "library rules",
    passages: [rules[piece]!],
    location: { type: "document-chunk", documentIndex: 0, start: piece, end: piece + 1 }
  }]
})

const script = [{
  content: [cited("You can keep a book for four weeks. ", 0), cited("After that it costs ten cents a day.", 2)]
}]

export const main = program.pipe(Effect.provide(Provider.scripted(script)))

if (import.meta.main) NodeRuntime.runMain(main)

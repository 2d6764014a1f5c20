/**
 * Semantic search that remembers: documents and vectors live in PostgreSQL, and only what is new or changed is embedded.
 *
 * Stores twelve sentences of a handbook, asks three questions, and stores the handbook twice more: unchanged, and with one
 * sentence changed. PostgreSQL runs inside this process unless `DATABASE_URL` names a server; `PGLITE_DIRECTORY` keeps it
 * between runs. An encoder on this machine makes the vectors.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { VectorStore } from "@strata/persistence"
import { Console, Effect, Layer } from "effect"
import * as Database from "./src/Database.ts"
import * as Provider from "./src/Provider.ts"

const document = (id: string, tags: ReadonlyArray<string>, text: string): VectorStore.Document => ({
  id,
  text,
  metadata: { tags }
})

const handbook = [
  document("password", ["account"], "If you forgot your password, ask for a new one on the login page."),
  document("delete", ["account", "privacy"], "Deleting your account erases your personal data after thirty days."),
  document("invoice", ["billing"], "Invoices are sent by email at the end of each month."),
  document("refund", ["billing"], "We return your money if you cancel in the first two weeks."),
  document("discount", ["billing"], "Schools and charities pay half the price."),
  document("export", ["privacy"], "You can download everything we store about you as a single file."),
  document("location", ["privacy"], "All data is kept on servers in the European Union."),
  document("cookies", ["privacy"], "Our website sets no cookies for advertising."),
  document("camera", ["app"], "The app needs access to your camera to scan paper documents."),
  document("offline", ["app"], "Without a connection the app saves your work on the phone and uploads it later."),
  document("printer", ["app"], "Any printer in the same wireless network can be used from the app."),
  document("hours", ["support"], "Our support team answers from nine to five on working days.")
]

const program = Effect.gen(function*() {
  yield* index("first run", handbook)
  yield* search("How do I get my money back?")
  yield* search("How do I get a copy of my documents?")
  yield* search("How do I get a copy of my documents?", "privacy")
  yield* index("second run", handbook)
  yield* index("one text changed", [...handbook, document("password", ["account"], "Forgot it? Call us.")])
})

const index = Effect.fnUntraced(function*(label: string, documents: ReadonlyArray<VectorStore.Document>) {
  const { embedded, unchanged } = yield* VectorStore.upsert(documents)
  yield* Console.log(`${label}: ${embedded} embedded, ${unchanged} unchanged`)
})

const search = Effect.fnUntraced(function*(question: string, tag?: string) {
  yield* Console.log(`? ${question}${tag === undefined ? "" : ` (only ${tag})`}`)
  // `filter`: what the metadata of a document must contain.
  const hits = yield* VectorStore.search(question, { limit: 3, filter: tag === undefined ? {} : { tags: [tag] } })
  for (const { id, score, text } of hits) yield* Console.log(`  ${score.toFixed(2)}  ${id}: ${text}`)
})

const Store = Layer.unwrap(Effect.gen(function*() {
  const { embedding } = yield* Provider.models
  // The name of what makes the vectors: an encoder on this machine answers under the name of Bedrock's model.
  return VectorStore.layer({ space: `${yield* Provider.name}/${embedding}`, dimensions: 1024 })
})).pipe(Layer.provide([Database.layer, Provider.layer]))

export const main = program.pipe(Effect.provide(Store))

if (import.meta.main) NodeRuntime.runMain(main)

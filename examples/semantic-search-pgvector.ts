/**
 * Semantic search that remembers: documents and vectors live in PostgreSQL, and only what is new or changed is embedded.
 *
 * PostgreSQL runs inside this process unless `DATABASE_URL` names a server; `PGLITE_DIRECTORY` keeps it between runs.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Duration, Effect, Layer } from "effect"
import * as Database from "./src/Database.ts"
import * as Provider from "./src/Provider.ts"
import * as VectorStore from "./src/VectorStore.ts"

const handbook: ReadonlyArray<VectorStore.Document> = [
  { id: "password", tags: ["account"], text: "If you forgot your password, ask for a new one on the login page." },
  {
    id: "two-factor",
    tags: ["account"],
    text: "A second factor keeps strangers out even when they know your password."
  },
  { id: "email", tags: ["account"], text: "You can change your email address in the settings of your profile." },
  {
    id: "delete",
    tags: ["account", "privacy"],
    text: "Deleting your account erases your personal data after thirty days."
  },
  { id: "invite", tags: ["account", "team"], text: "Invite colleagues to your workspace by sending them a link." },
  { id: "invoice", tags: ["billing"], text: "Invoices are sent by email at the end of each month." },
  { id: "card", tags: ["billing"], text: "We accept credit cards and bank transfers." },
  { id: "refund", tags: ["billing"], text: "We return your money if you cancel in the first two weeks." },
  { id: "discount", tags: ["billing"], text: "Schools and charities pay half the price." },
  { id: "upgrade", tags: ["billing", "team"], text: "A larger plan can be chosen at any time and starts at once." },
  { id: "export", tags: ["privacy"], text: "You can download everything we store about you as a single file." },
  { id: "location", tags: ["privacy"], text: "All data is kept on servers in the European Union." },
  { id: "cookies", tags: ["privacy"], text: "Our website sets no cookies for advertising." },
  { id: "camera", tags: ["app"], text: "The app needs access to your camera to scan paper documents." },
  {
    id: "offline",
    tags: ["app"],
    text: "Without a connection the app saves your work on the phone and uploads it later."
  },
  { id: "dark", tags: ["app"], text: "The colors of the app follow the dark mode of your phone." },
  { id: "printer", tags: ["app"], text: "Any printer in the same wireless network can be used from the app." },
  { id: "hours", tags: ["support"], text: "Our support team answers from nine to five on working days." },
  {
    id: "outage",
    tags: ["support"],
    text: "When something is broken for everybody, the status page tells what we know."
  },
  { id: "phone", tags: ["support"], text: "Customers of the largest plan can call us at night." }
]

const program = Effect.gen(function*() {
  const store = yield* VectorStore.VectorStore
  yield* store.migrate

  yield* index("first run", handbook)
  yield* search("How do I get my money back?")
  yield* search("How do I get a copy of my documents?")
  yield* search("How do I get a copy of my documents?", "privacy")

  yield* index("second run", handbook)
  const [first, ...rest] = handbook
  yield* index("one text changed", [{ ...first!, text: "A lost password is replaced by phone." }, ...rest])
})

const index = Effect.fnUntraced(function*(label: string, documents: ReadonlyArray<VectorStore.Document>) {
  const store = yield* VectorStore.VectorStore
  const [duration, { embedded, unchanged }] = yield* Effect.timed(store.upsert(documents))
  const seconds = Duration.toSeconds(duration).toFixed(2)
  yield* Console.log(`${label}: ${embedded} embedded, ${unchanged} unchanged, ${seconds} seconds`)
})

const search = Effect.fnUntraced(function*(question: string, tag?: string) {
  const store = yield* VectorStore.VectorStore
  const filter = tag === undefined ? undefined : { tag }
  const [duration, hits] = yield* Effect.timed(store.search(question, { limit: 3, filter }))
  const seconds = Duration.toSeconds(duration).toFixed(2)
  yield* Console.log(`? ${question} (${tag === undefined ? "" : `only ${tag}, `}${seconds} seconds)`)
  yield* Effect.forEach(
    hits,
    ({ document, score }) =>
      Console.log(`  ${score.toFixed(2)}  ${document.id} [${document.tags.join(", ")}]: ${document.text}`)
  )
})

const Store = Layer.unwrap(Effect.gen(function*() {
  yield* Console.log(`PostgreSQL ${yield* Database.description}`)
  const { embedding } = yield* Provider.models
  // The local model answers under the name of Bedrock's, with other vectors.
  return VectorStore.layer({ space: `${yield* Provider.name}/${embedding}`, dimensions: 1024 })
})).pipe(Layer.provide([Database.layer, Provider.layer]))

export const main = program.pipe(Effect.provide(Store))

if (import.meta.main) NodeRuntime.runMain(main)

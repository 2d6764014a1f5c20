/**
 * A log embedded while it flows: the source is read no faster than the model answers, and every line keeps its vector.
 *
 * 300 lines of a log are sorted into kinds as they come: a line that is close to none before it begins a kind. Memory grows
 * with the kinds, not with the lines. Offline, hashed words play the model.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { type Embedding, EmbeddingService, Vector } from "@strata/core"
import { Console, Duration, Effect, Stream } from "effect"
import * as Activity from "./src/Activity.ts"
import * as Progress from "./src/Progress.ts"
import * as Provider from "./src/Provider.ts"

interface Line {
  readonly id: number
  readonly text: string
}

/** Lines that resemble each other: the first of them, and how many there are. */
interface Kind {
  readonly first: Embedding.Embedded<Line>
  count: number
}

const total = 300

const program = Effect.gen(function*() {
  const progress = yield* Progress.make("Embedding", total)
  const kinds: Array<Kind> = []
  let read = 0
  let embedded = 0
  let ahead = 0

  const log = Stream.range(1, total).pipe(
    Stream.map(line),
    Stream.tap(() => Effect.sync(() => ahead = Math.max(ahead, ++read - embedded)))
  )

  const [duration] = yield* EmbeddingService.embedStream(log, ({ text }) => text, { purpose: "clustering" }).pipe(
    Stream.runForEach((line) => {
      embedded++
      sort(kinds, line)
      return progress.step
    }),
    Effect.timed
  )

  yield* Effect.forEach(
    kinds.sort((a, b) => b.count - a.count),
    ({ count, first: { value } }) => Console.log(`${String(count).padStart(4)} like line ${value.id}: ${value.text}`)
  )
  const { requests, tokens } = yield* Activity.summary
  yield* Console.log(
    `\n${embedded} lines of ${kinds.length} kinds, ${requests} requests, ${tokens} tokens, ` +
      `${Duration.toSeconds(duration).toFixed(1)} seconds; never more than ${ahead} lines in flight`
  )
})

/** Adds a line to the kind it is closest to, or starts a new one. */
const sort = (kinds: Array<Kind>, line: Embedding.Embedded<Line>) => {
  let closest: Kind | undefined
  // The vectors have unit length, so their dot product is their cosine.
  let highest = 0.7
  for (const kind of kinds) {
    const score = Vector.dot(kind.first.embedding.vector, line.embedding.vector)
    if (score < highest) continue
    highest = score
    closest = kind
  }
  if (closest === undefined) kinds.push({ first: line, count: 1 })
  else closest.count++
}

/** What a shop writes down all day, and two lines that it should not. */
const line = (id: number): Line => {
  if (id === 137) return { id, text: "Disk /dev/sda1 is full, nothing more can be written" }
  if (id === 251) return { id, text: "The certificate of shop.example expires tomorrow" }
  return { id, text: routine[id % routine.length]!(id) }
}

const routine: ReadonlyArray<(id: number) => string> = [
  (id) => `Customer ${id} signed in and opened the shop`,
  (id) => `Order ${id} was paid by credit card`,
  (id) => `Sent the invoice of order ${id} by email`,
  (id) => `Backup number ${id} of the database finished in ${id % 7 + 2} seconds`,
  (id) => `Parcel ${id} was handed over to the carrier`
]

export const main = program.pipe(Effect.provide(Provider.scripted([])))

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)

/** Asks the model about the items of a chunk, and sorts what comes of it. */
import * as Cost from "@strata/core/Cost"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as JobError from "../JobError.ts"
import type * as Work from "../Work.ts"
import type * as Chunks from "./chunks.ts"
import * as Digest from "./digest.ts"
import type * as Outage from "./outage.ts"
import type * as Sink from "./sink/contract.ts"

/** A stored item that has no result, and why. */
export interface Failed {
  readonly stored: Chunks.Stored
  readonly error: JobError.DeadLetterError
}

/**
 * - `rows`: results. `dead`: items at fault. `again`: items that may succeed next time.
 * - `waiting`: items without blame, of which nothing is known. `paused`: why the run ends once the others are written.
 */
export interface Found<Item, Output> {
  readonly rows: ReadonlyArray<Sink.Written<Item, Output>>
  readonly dead: ReadonlyArray<Failed>
  readonly again: ReadonlyArray<Failed>
  readonly waiting: ReadonlyArray<Chunks.Stored>
  readonly usage: Usage.Usage
  readonly cost: Cost.Cost | undefined
  readonly paused: JobError.JobPausedError | undefined
}

interface Readable<Item> {
  readonly stored: Chunks.Stored
  readonly item: Item
}

/** While nothing is known of any item, as in an outage, this waits and asks again. */
export const ask = Effect.fnUntraced(function*<Item, Output, R>(
  chunk: Chunks.Chunk,
  decode: (json: string) => Result.Result<Item, JobError.ItemError>,
  work: Work.Work<Item, Output, R>,
  outage: Outage.Outage
): Effect.fn.Return<Found<Item, Output>, never, R> {
  const rows: Array<Sink.Written<Item, Output>> = []
  const dead: Array<Failed> = []
  const again: Array<Failed> = []
  let usage = Usage.empty
  let cost: Cost.Cost | undefined = Cost.empty
  let paused: JobError.JobPausedError | undefined
  let asked: ReadonlyArray<Readable<Item>> = chunk.items.flatMap((stored) =>
    Result.match(decode(stored.json), {
      onFailure: (error) => (dead.push({ stored, error }), []),
      onSuccess: (item) => [{ stored, item }]
    })
  )
  while (asked.length > 0) {
    yield* outage.ready
    const performed = yield* work.perform(asked.map(({ item }) => item))
    usage = Usage.add(usage, performed.usage)
    cost = Cost.sum([cost, performed.cost])
    const waiting: Array<Readable<Item>> = []
    let obstacle: ProviderError.ProviderError | undefined
    for (const [index, { item, stored }] of asked.entries()) {
      const outcome = performed.outcomes[index]!
      if (Result.isSuccess(outcome)) {
        rows.push({ id: stored.id, item, output: outcome.success, hash: Digest.of(stored.json) })
        continue
      }
      const error = outcome.failure
      const meaning = outage.meaning(error, chunk)
      if (meaning === "dead") dead.push({ stored, error })
      else if (meaning === "again") again.push({ stored, error })
      else waiting.push({ stored, item })
      if (meaning === "stop") paused = outage.stop(error)
      if (meaning === "wait") obstacle = error
    }
    asked = waiting
    if (rows.length > 0) outage.succeeded()
    // What is known is written before anything waits.
    if (paused !== undefined || obstacle === undefined || rows.length + dead.length + again.length > 0) break
    paused = yield* outage.wait(obstacle)
    if (paused !== undefined) break
  }
  if (rows.length === 0) paused ??= outage.died(dead)
  return { rows, dead, again, waiting: asked.map(({ stored }) => stored), usage, cost, paused }
})

/** Of no item. */
export const nothing: Omit<Found<never, never>, "paused"> = {
  rows: [],
  dead: [],
  again: [],
  waiting: [],
  usage: Usage.empty,
  cost: Cost.empty
}

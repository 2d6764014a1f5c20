/** Work on one chunk: from its delivery by the queue to the transaction that settles it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Semaphore from "effect/Semaphore"
import type * as SqlError from "effect/sql/SqlError"
import * as JobError from "../JobError.ts"
import type * as Work from "../Work.ts"
import * as Asking from "./asking.ts"
import { called } from "./called.ts"
import * as Chunks from "./chunks.ts"
import type * as Outage from "./outage.ts"
import type * as Sink from "./sink/contract.ts"
import * as Storing from "./store/storing.ts"

/** `permits`: one for each chunk that is worked on; a suspect takes all of them. */
export interface Options<Item, Output, E, R> {
  readonly name: string
  readonly decode: (json: string) => Result.Result<Item, JobError.ItemError>
  readonly work: Work.Work<Item, Output, R>
  readonly writer: Sink.Writer<Item, Output, E>
  readonly chunks: Chunks.Chunks
  readonly outage: Outage.Outage
  readonly permits: Semaphore.Semaphore
  readonly concurrency: number
  readonly maxAttempts: number
}

/** A process may be killed while it works on an item that is not at fault: so often more than an item may fail. */
const forgiven = 2

/** How often the sink is tried with results at hand, which are paid for. */
const sinkAttempts = 4

/** Works on the chunk of this number. Fails with what ends the run. */
export const make = <Item, Output, E, R>(
  { chunks, concurrency, decode, maxAttempts, name, outage, permits, work, writer }: Options<Item, Output, E, R>
) => {
  /** Chunks that the sink has refused since it took one: a chunk that is refused alone is at fault itself. */
  let refused = new Set<number>()

  const stored = <A, E>(doing: string, effect: Effect.Effect<A, E>) =>
    Storing.attempt(doing, Storing.persist(effect), name)

  const run = (number: number) =>
    Effect.gen(function*() {
      const suspect = yield* permits.withPermit(Effect.gen(function*() {
        const begun = yield* stored("taking a chunk", chunks.begin(number))
        if (begun === undefined || begun.suspect) return begun
        yield* workOn(begun)
      }))
      // Alone, so that if the process dies of it, nothing else is suspected.
      if (suspect !== undefined) yield* permits.withPermits(concurrency)(examine(suspect))
    })

  /** Work on this chunk has begun before and did not end. */
  const examine = Effect.fnUntraced(function*(chunk: Chunks.Chunk) {
    if (chunk.items.length === 1 && chunk.starts >= maxAttempts + forgiven) {
      const error = new JobError.ItemError({
        kind: "poison",
        message: `The process ended ${chunk.starts} times while it worked on this item. ${chunk.lastError ?? ""}`.trim()
      })
      return yield* settle(chunk, { ...Asking.nothing, dead: chunk.items.map((stored) => ({ stored, error })) })
    }
    if (chunk.items.length > 1 && chunk.starts > 1) {
      return yield* settle(chunk, Asking.nothing, chunk.items.map((item) => ({ items: [item] })))
    }
    yield* stored("taking a chunk", chunks.beginSuspect(chunk.chunk))
    yield* workOn(chunk)
  })

  const workOn = (chunk: Chunks.Chunk) =>
    Effect.gen(function*() {
      const found = yield* Asking.ask(chunk, decode, work, outage)
      // A chunk of which nothing is known stays as it is.
      if (found.waiting.length < chunk.items.length) yield* settle(chunk, found)
      if (found.paused !== undefined) return yield* found.paused
    }).pipe(
      // Work on it ended, and not by its fault.
      Effect.onError(() => Effect.ignore(chunks.giveBack(chunk.chunk)))
    )

  const settle = Effect.fnUntraced(function*(
    chunk: Chunks.Chunk,
    { again, cost, dead, rows, usage, waiting }: Omit<Asking.Found<Item, Output>, "paused">,
    others: ReadonlyArray<Chunks.Addition> = []
  ) {
    const repeated = repeat(chunk, again)
    const settlement: Chunks.Settlement = {
      done: rows.length,
      dead: [...buried(chunk, dead), ...repeated.dead],
      again: [
        ...others,
        ...repeated.again,
        ...(waiting.length > 0 ? [{ items: waiting, failures: chunk.failures }] : [])
      ],
      usage,
      cost
    }
    const refusal = yield* write(chunk, rows, settlement)
    if (refusal === undefined) return
    const error = new JobError.ItemError({ kind: "sink", message: Storing.wordsOf(refusal) })
    const byId = new Map(chunk.items.map((stored) => [stored.id, stored]))
    const unwritten = repeat(chunk, rows.map(({ id }) => ({ stored: byId.get(id)!, error })), true)
    yield* write(chunk, [], {
      ...settlement,
      done: 0,
      dead: [...settlement.dead, ...unwritten.dead],
      again: [...settlement.again, ...unwritten.again]
    })
  })

  /** Items that failed come again: together once, then each `alone`, and after enough attempts not any more. */
  const repeat = (chunk: Chunks.Chunk, failed: ReadonlyArray<Asking.Failed>, alone = chunk.failures > 0) => {
    const failures = chunk.failures + 1
    const isSingle = chunk.items.length === 1
    if (isSingle && failures >= maxAttempts) return { again: [], dead: buried(chunk, failed) }
    const delay = chunk.failures === 0 ? Duration.zero : Duration.seconds(Math.min(2 ** chunk.failures, 60))
    const additions = (failures: number, failed: ReadonlyArray<Asking.Failed>): Chunks.Addition => ({
      items: failed.map(({ stored }) => stored),
      failures,
      lastError: failed[0]?.error.message,
      delay
    })
    const again = isSingle || !alone
      ? failed.length === 0 ? [] : [additions(failures, failed)]
      // Which of them is at fault is not known yet.
      : failed.map((one) => additions(1, [one]))
    return { again, dead: [] }
  }

  const buried = ({ failures, starts }: Chunks.Chunk, failed: ReadonlyArray<Asking.Failed>) =>
    failed.map(({ error, stored }): Chunks.Dead => ({ ...stored, error, attempts: Math.max(1, starts + failures) }))

  /** Writes what a chunk came to, unless another process has. Returns why the sink refuses it. */
  const write = Effect.fnUntraced(function*(
    { chunk }: Chunks.Chunk,
    rows: ReadonlyArray<Sink.Written<Item, Output>>,
    settlement: Chunks.Settlement
  ) {
    const transaction = (inside: Effect.Effect<void, E | SqlError.SqlError>) => chunks.settle(chunk, settlement, inside)
    const writing = rows.length === 0
      ? transaction(Effect.void)
      : Storing.undying(called(() => writer.write(rows, transaction)))
    const written = yield* Storing.persist(writing).pipe(
      Effect.retry({ times: sinkAttempts - 1, while: (error) => !isLost(error) && !Storing.isPassing(error) }),
      Effect.result
    )
    if (Result.isSuccess(written)) {
      if (rows.length > 0) refused = new Set()
      return undefined
    }
    const error = written.failure
    if (isLost(error)) {
      yield* Effect.logWarning(`Job ${name}: the lease of chunk ${chunk} is lost: another process has its results.`)
      return undefined
    }
    if (rows.length === 0 || Storing.isPassing(error)) return yield* Storing.failed("writing a chunk", error, name)
    refused.add(chunk)
    if (refused.size < 2) return error
    return yield* new JobError.JobSinkError({
      job: name,
      message: `Job ${name}: its sink fails: ${Storing.wordsOf(error)} Nothing is lost; run the job again to go on.`,
      cause: error
    })
  })

  return run
}

const isLost = (error: unknown): error is Chunks.LeaseLost => error instanceof Chunks.LeaseLost

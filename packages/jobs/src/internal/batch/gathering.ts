/** Turns items into records of batch jobs, up to the limits of the provider. */
import type * as Batch from "@strata/core/batch/Batch"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as JobError from "../../JobError.ts"
import type * as JobStore from "../../JobStore.ts"
import type * as Work from "../../Work.ts"
import type * as Chunks from "../chunks.ts"
import * as Storing from "../store/storing.ts"
import type * as Batches from "./batches.ts"

export interface Options<Item, Output, R> {
  readonly name: string
  readonly store: JobStore.JobStore["Service"]
  readonly service: Batch.Batch
  readonly batches: Batches.Batches
  readonly chunks: Chunks.Chunks
  readonly work: Work.Work<Item, Output, R>
  readonly decode: (json: string) => Result.Result<Item, JobError.ItemError>
}

interface Page {
  readonly chunks: Array<number>
  readonly records: Array<Batches.Record>
  bytes: number
  readonly dead: Array<Chunks.Dead>
  readonly rest: Array<Chunks.Addition>
}

/** How many items that cannot be records, with none that can, tell that the work is wrong. */
const mostDeaths = 50

/** Chunks that are looked at together, and records that are read together. */
const chunksAtOnce = 20
const recordsAtOnce = 200

/** Another process has taken a chunk meanwhile: nothing of the page was moved. */
class Taken extends Schema.TaggedError<Taken>()("Taken", {}) {}

export interface Gathering {
  /** A new batch job with as many items as it takes. */
  readonly begin: Effect.Effect<Batches.Batch | undefined, JobError.JobPausedError | JobError.JobStoreError>
  /** Adds items until the batch job is full, or no more are there. `undefined`: they were too few, and are given back. */
  readonly fill: (
    batch: Batches.Batch
  ) => Effect.Effect<Batches.Batch | undefined, JobError.JobPausedError | JobError.JobStoreError>
  /** The lines of a batch job, encoded again. */
  readonly lines: (
    batch: Batches.Batch
  ) => Stream.Stream<Uint8Array, JobError.JobStoreError | ProviderError.ProviderError>
  /** Puts the items of a batch job that was not submitted back into chunks. */
  readonly giveBack: (batch: Batches.Batch) => Effect.Effect<void, JobError.JobStoreError>
}

export const make = <Item, Output, R>(
  { batches, chunks, decode, name, service, store: { sql }, work }: Options<Item, Output, R>
): Gathering => {
  const stored = <A, E>(doing: string, effect: Effect.Effect<A, E>) =>
    Storing.attempt(doing, Storing.persist(effect), name)

  /** The line of an item, or why it has none. */
  const prepared = (json: string, recordId: string) =>
    Effect.gen(function*() {
      const item = yield* Effect.fromResult(decode(json))
      return yield* service.prepare(yield* work.batch.record(item, recordId))
    })

  /** What chunks give to a batch job that has room for `most` records in `mostBytes`. */
  const pageOf = Effect.fnUntraced(function*(
    { model, records }: Batches.Batch,
    most: number,
    mostBytes: number
  ) {
    const page: Page = { chunks: [], records: [], bytes: 0, dead: [], rest: [] }
    for (const row of yield* stored("taking items", batches.waiting(chunksAtOnce))) {
      const failures = Number(row.failures)
      const items = JSON.parse(row.payload) as ReadonlyArray<readonly [string, string]> // as it was stored
      const rest: Array<Chunks.Stored> = []
      for (const [id, json] of items) {
        const record = recordId(records + page.records.length)
        const line = yield* Effect.result(prepared(json, record))
        const refused = Result.isFailure(line)
          ? line.failure
          : line.success.model === model
          ? undefined
          : otherModel(line.success.model, model)
        const size = Result.isSuccess(line) ? line.success.line.length + 1 : 0
        if (page.records.length >= most || page.bytes + size > mostBytes || rest.length > 0) rest.push({ id, json })
        else if (refused !== undefined) page.dead.push({ id, json, error: refused, attempts: failures + 1 })
        else {
          page.records.push({ record, id, json, failures })
          page.bytes += size
        }
      }
      if (rest.length === items.length) break
      page.chunks.push(Number(row.chunk))
      if (rest.length === 0) continue
      page.rest.push({ items: rest, failures })
      break
    }
    return page
  })

  const fill: Gathering["fill"] = Effect.fnUntraced(function*(batch) {
    const { maxFileBytes, maxJobBytes, maxRecords, minRecords } = service.limits(batch.model)
    const items = yield* stored("counting items", batches.count)
    // What is left over for the next one should be enough for one.
    const most = items > maxRecords && items - maxRecords < minRecords ? maxRecords - minRecords : maxRecords
    const mostBytes = Math.min(maxFileBytes, maxJobBytes)
    let filled = batch
    let deaths = 0
    while (filled.records < most) {
      const { records, bytes } = filled
      const page = yield* pageOf(filled, most - records, mostBytes - bytes)
      if (page.chunks.length === 0) break
      deaths += page.dead.length
      // It is the work that cannot be done by batch jobs, and not the items.
      const [last] = page.dead.slice(-1)
      if (last !== undefined && deaths >= mostDeaths && records + page.records.length === 0) {
        return yield* new JobError.JobPausedError({
          job: name,
          error: ProviderError.isProviderError(last.error) ? last.error : undefined,
          message:
            `Job ${name} is paused: the first ${deaths} items cannot be records of a batch job: ${last.error.message} `
            + "Nothing is lost; mend the work, or run it without `engine: \"batch\"`."
        })
      }
      const move = sql.withTransaction(Effect.gen(function*() {
        if (!(yield* batches.move(batch, page.chunks, page.records, page.bytes))) return yield* new Taken()
        yield* chunks.bury(page.dead)
        yield* chunks.add(page.rest)
        return true
      }))
      // Where a process that works on single items has taken one of the chunks, others are looked for.
      const isMoved = yield* stored("making a batch job", Effect.catchTag(move, "Taken", () => Effect.succeed(false)))
      if (isMoved) filled = { ...filled, records: records + page.records.length, bytes: bytes + page.bytes }
      if (isMoved && page.rest.length > 0) break
    }
    if (filled.records >= minRecords) return filled
    yield* giveBack(filled)
    return undefined
  })

  const begin = Effect.gen(function*() {
    const batch = yield* stored("making a batch job", batches.begin(label(name), service.defaultModel ?? ""))
    return yield* fill(batch)
  })

  const lines: Gathering["lines"] = ({ batch }) =>
    Stream.paginate(
      "",
      (after: string) =>
        Effect.map(stored("reading records", batches.page(batch, after, recordsAtOnce)), (page) => [
          page,
          page.length < recordsAtOnce ? Option.none<string>() : Option.some(page[page.length - 1]!.record)
        ])
    ).pipe(
      Stream.mapEffect(({ json, record }) =>
        Effect.catchTag(prepared(json, record), "ItemError", ({ message }) =>
          Effect.fail(ProviderError.invalidRequest({
            provider: "strata",
            field: record,
            problem: message,
            remedy: "Cancel the job, or mend its schema"
          })))
      ),
      Stream.map(({ line }) => line)
    )

  const giveBack: Gathering["giveBack"] = (batch) =>
    stored(
      "giving back a batch job",
      Effect.gen(function*() {
        while (true) {
          const page = yield* batches.page(batch.batch, "", recordsAtOnce, false)
          if (page.length === 0) break
          yield* sql.withTransaction(Effect.gen(function*() {
            if (!(yield* batches.mark(batch.batch, page.map(({ record }) => record)))) return
            yield* chunks.add(chunked(page, work.chunk))
          }))
        }
        yield* batches.collected(batch)
      })
    )

  return { begin, fill, giveBack, lines }
}

/** Chunks of items that have failed equally often. */
export const chunked = (
  records: ReadonlyArray<Chunks.Stored & { readonly failures: number }>,
  size: number
): ReadonlyArray<Chunks.Addition> => {
  const byFailures = new Map<number, Array<Chunks.Stored>>()
  for (const { failures, id, json } of records) {
    const same = byFailures.get(Number(failures)) ?? []
    same.push({ id, json })
    byFailures.set(Number(failures), same)
  }
  return [...byFailures].flatMap(([failures, items]) =>
    Array.from({ length: Math.ceil(items.length / size) }, (_, index) => ({
      items: items.slice(index * size, (index + 1) * size),
      failures
    }))
  )
}

/** Ids of a fixed form, whatever those of the items are: 11 letters and digits. */
const recordId = (index: number): string => `R${index.toString(36).toUpperCase().padStart(10, "0")}`

/** The first part of the names of batch jobs. */
const label = (name: string): string => `strata-${name.replaceAll(/[^A-Za-z0-9]+/g, "-").slice(0, 24)}`

const otherModel = (model: string, expected: string) =>
  ProviderError.invalidRequest({
    provider: "strata",
    model,
    field: "model",
    problem: `a batch job has one model, ${expected}`,
    remedy: "Make a job for each model"
  })

/**
 * Reads the source of a job into chunks.
 *
 * One process reads at a time. The source is read from its start each time; items whose ids the job knows are left out, so
 * the next reader after one that died loses and repeats nothing. A transaction adds the ids and the chunks of a page together.
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as JobError from "../JobError.ts"
import type * as JobStore from "../JobStore.ts"
import * as Chunks from "./chunks.ts"
import * as Digest from "./digest.ts"
import * as Storing from "./store/storing.ts"
import * as Tables from "./store/tables.ts"

export interface Options<Item, E, R> {
  readonly store: JobStore.JobStore["Service"]
  readonly job: number
  readonly name: string
  readonly runner: string
  readonly chunks: Chunks.Chunks
  readonly source: Stream.Stream<Item, E, R>
  readonly id: (item: Item) => string
  readonly encode: (item: Item) => Result.Result<string, JobError.ItemError>
  /** Items in a chunk. */
  readonly size: number
  readonly maxItemBytes: number
  /** Items that may wait for work. */
  readonly readAhead: number
}

/** Another process reads, or the job is cancelled. */
class NotReader extends Schema.TaggedError<NotReader>()("NotReader", {}) {}

/** What is kept of each item: its place in the source, and the digest of its JSON. */
interface Known {
  readonly position: number
  readonly digest: string
}

/** An item as it is read; `error`: why it goes to the dead letters at once. */
interface Read extends Chunks.Stored, Known {
  readonly error: JobError.ItemError | undefined
}

/** Items of a page, at least, and how long it is waited for. */
const pageSize = 200
const pageWait = "500 millis"
/** Duplicates and conflicts that are named in the log, of each page. */
const named = 5

/** Reads all of the source; nothing happens if another process reads it, or has. */
export const read = Effect.fnUntraced(function*<Item, E, R>(
  options: Options<Item, E, R>
): Effect.fn.Return<void, E | JobError.JobStoreError, R> {
  const { chunks, encode, id, job, maxItemBytes, name, readAhead, runner, size, source, store } = options
  const { lease, pollInterval, sql } = store
  const leaseMillis = Duration.toMillis(lease)
  const now = Tables.now(sql)
  const stored = <A, E, R>(doing: string, effect: Effect.Effect<A, E, R>) =>
    Storing.attempt(doing, Storing.persist(effect), name)

  const claimed = yield* stored(
    "reading the source",
    sql`UPDATE strata_job SET reader = ${runner}, reader_until = ${now} + ${leaseMillis}, duplicates = 0, conflicts = 0
      WHERE id = ${job} AND is_read = 0 AND state = 'active'
      AND (reader IS NULL OR reader = ${runner} OR reader_until < ${now}) RETURNING id`
  )
  if (claimed.length === 0) return

  /** Keeps the lease; fails when it is lost. */
  const renew = Effect.gen(function*() {
    const renewed = yield* sql`UPDATE strata_job SET reader_until = ${now} + ${leaseMillis}
      WHERE id = ${job} AND reader = ${runner} AND state = 'active' RETURNING id`
    if (renewed.length === 0) return yield* new NotReader()
  })

  /** Waits while enough items wait for work. */
  const room = Effect.gen(function*() {
    while (true) {
      const [row] = yield* stored(
        "reading the source",
        sql<{ waiting: number }>`SELECT COALESCE(SUM(size), 0) AS waiting FROM strata_job_chunk WHERE job = ${job}`
      )
      if (Number(row?.waiting) < readAhead) return
      yield* Effect.sleep(pollInterval)
    }
  })

  const toRead = (item: Item, position: number): Read => {
    const given = Result.try(() => id(item))
    const itemId = Result.isSuccess(given) && isId(given.success) ? given.success : `#${position}`
    const read = (json: string, error?: JobError.ItemError): Read => ({
      id: itemId,
      json,
      position,
      digest: Digest.of(json),
      error
    })
    const refused = (error: JobError.ItemError) => read("", error)
    if (!Result.isSuccess(given) || !isId(given.success)) {
      return refused(itemError("id", `The id of item ${position} is no text of 1 to ${longestId} characters.`))
    }
    const json = encode(item)
    if (Result.isFailure(json)) return refused(json.failure)
    return json.success.length > maxItemBytes
      ? refused(
        itemError("oversize", `The item has ${json.success.length} characters as JSON, and may have ${maxItemBytes}.`)
      )
      : read(json.success)
  }

  /** Adds what is new of a page. */
  const addPage = (page: ReadonlyArray<Read>) =>
    sql.withTransaction(Effect.gen(function*() {
      yield* renew
      const known = yield* knownOf(page)
      const duplicates: Array<Read> = []
      const conflicts: Array<Read> = []
      const fresh: Array<Read> = []
      for (const item of page) {
        const before = known.get(item.id)
        if (before === undefined) {
          fresh.push(item)
          known.set(item.id, item)
        } else if (before.digest !== item.digest) conflicts.push(item)
        else if (before.position !== item.position) duplicates.push(item)
      }
      for (const rows of Arr.chunksOf(fresh, 200)) {
        yield* sql`INSERT INTO strata_job_item ${
          sql.insert(Arr.map(rows, ({ digest, id, position }) => ({ job, id, position, digest })))
        }`
      }
      yield* chunks.bury(
        fresh.flatMap(({ error, id }) => error === undefined ? [] : [{ id, json: undefined, error, attempts: 0 }])
      )
      const items = fresh.filter(({ error }) => error === undefined)
      yield* chunks.add(Arr.chunksOf(items, size).map((items) => ({ items })))
      yield* sql`UPDATE strata_job SET items = items + ${fresh.length}, duplicates = duplicates + ${duplicates.length},
        conflicts = conflicts + ${conflicts.length}, updated_at = ${now} WHERE id = ${job}`
      return { duplicates, conflicts, known }
    }))

  const knownOf = Effect.fnUntraced(function*(page: ReadonlyArray<Read>) {
    const known = new Map<string, Known>()
    for (const rows of Arr.chunksOf(page, 500)) {
      const ids = rows.map(({ id }) => id)
      const found = yield* sql.onDialectOrElse({
        // With a list, PostgreSQL would read all items of the job, by a plan it made when there were few.
        pg: () =>
          sql<Known & { readonly id: string }>`SELECT page.id, item.position, item.digest
            FROM json_array_elements_text(CAST(${JSON.stringify(ids)} AS JSON)) AS page(id) CROSS JOIN LATERAL
            (SELECT position, digest FROM strata_job_item WHERE job = ${job} AND id = page.id OFFSET 0) AS item`,
        orElse: () =>
          sql<Known & { readonly id: string }>`SELECT id, position, digest
            FROM strata_job_item WHERE job = ${job} AND ${sql.in("id", ids)}`
      })
      for (const { digest, id, position } of found) known.set(id, { position: Number(position), digest })
    }
    return known
  })

  const reading = source.pipe(
    Stream.mapAccum(() => 0, (position, item) => [position + 1, [toRead(item, position + 1)]] as const),
    Stream.groupedWithin(Math.ceil(pageSize / size) * size, pageWait),
    Stream.runForEach((page) =>
      Effect.gen(function*() {
        yield* room
        const { conflicts, duplicates, known } = yield* stored("reading the source", addPage(page))
        yield* report(duplicates, "have an id that an earlier item has, and are left out")
        yield* report(conflicts, "have an id that the job knows with other content, and are left out")
        function* places(items: ReadonlyArray<Read>) {
          for (const { id, position } of items) yield `${id} (item ${position}, item ${known.get(id)?.position})`
        }
        function report(items: ReadonlyArray<Read>, what: string) {
          return items.length === 0 ? Effect.void : Effect.logWarning(
            `Job ${name}: ${items.length} items ${what}: ${[...places(items.slice(0, named))].join(", ")}`
          )
        }
      })
    ),
    Effect.andThen(stored(
      "reading the source",
      sql`UPDATE strata_job SET is_read = 1, reader = NULL WHERE id = ${job} AND reader = ${runner}`
    ))
  )
  const renewing = Effect.andThen(
    Effect.sleep(leaseMillis / 3),
    Effect.forever(
      Effect.andThen(stored("reading the source", renew), Effect.sleep(leaseMillis / 3))
    )
  )
  yield* Effect.raceFirst(reading, renewing).pipe(
    Effect.onError(() =>
      Effect.ignore(sql`UPDATE strata_job SET reader = NULL WHERE id = ${job} AND reader = ${runner}`)
    ),
    // Another reader has taken over, or the job is cancelled.
    Effect.catchIf((error): error is NotReader => error instanceof NotReader, () => Effect.void)
  )
})

/** What the queue and every database take as a key. */
const longestId = 512

const isId = (id: unknown): id is string =>
  typeof id === "string" && id.length > 0 && id.length <= longestId && id.isWellFormed() && !id.includes("\0")

const itemError = (kind: JobError.ItemError["kind"], message: string) => new JobError.ItemError({ kind, message })

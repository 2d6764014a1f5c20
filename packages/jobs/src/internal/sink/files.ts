/**
 * Part files of JSON lines.
 *
 * The database knows how many bytes of a part are written. Lines are appended at that offset and the offset moves in the
 * transaction of the chunk, so what a process that died had written beyond it does not count. A part is sealed by being cut
 * to its bytes and renamed; that of a process that died by the next one that finds it.
 */
import * as Check from "@strata/core/Check"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as PlatformError from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as SqlError from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import * as Tables from "../store/tables.ts"
import type * as Sink from "./contract.ts"

/**
 * - `directory`: where the files are; it is made if it is missing.
 * - `line`: what is written of a row, as JSON.
 * - `partBytes`: about how large a part is; 256 MB by default.
 */
export interface Options<in Item, in Output> {
  readonly directory: string
  readonly line?: ((row: Sink.Written<Item, Output>) => unknown) | undefined
  readonly partBytes?: number | undefined
}

const optionsOf = <Item, Output>() =>
  Check.struct<Options<Item, Output>>({
    directory: Check.filled,
    line: Check.optional(Check.callback()),
    partBytes: Check.optional(Check.number({ min: 1, remedy: "Use a number of bytes" }))
  })

export type Services = FileSystem.FileSystem | Path.Path

export type Failure = PlatformError.PlatformError | SqlError.SqlError

export const make = <Item, Output>(
  options: Options<Item, Output>
): Sink.Sink<Item, Output, Failure, Services, "exactly-once"> => ({
  guarantee: "exactly-once",
  open: Effect.fnUntraced(function*(opening) {
    const { directory, line = usualLine, partBytes = 256_000_000 } = yield* Check.run(
      optionsOf<Item, Output>(),
      options,
      { provider: "strata", whole: "sink" }
    )
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const parts = yield* makeParts(opening, path.resolve(directory))
    yield* fs.makeDirectory(directory, { recursive: true })
    yield* parts.adopt
    // Another process may have died while this one worked.
    yield* Effect.addFinalizer(() => Effect.ignore(parts.adopt))
    const turn = Semaphore.makeUnsafe(1)
    let open: Part | undefined
    yield* Effect.addFinalizer(() => Effect.suspend(() => open?.close ?? Effect.void))

    /** The part that lines go to: a new one where there is none, or this one is full. */
    const current = Effect.gen(function*() {
      if (open !== undefined && open.bytes < partBytes) return open
      if (open !== undefined) yield* open.close
      open = undefined
      return open = yield* parts.start
    })

    return {
      write: (rows, transaction) =>
        turn.withPermit(
          Effect.gen(function*() {
            const text = rows.map((row) => JSON.stringify(line(row)) + "\n").join("")
            const part = yield* current
            const bytes = encoder.encode(text)
            yield* transaction(part.append(bytes))
            part.bytes += bytes.length
          }).pipe(
            // Whether the lines count is not known, so the next ones go to another part.
            Effect.onError(() => {
              const { close = Effect.void } = open ?? {}
              open = undefined
              return close
            })
          )
        )
    }
  })
})

interface Part {
  bytes: number
  readonly append: (bytes: Uint8Array) => Effect.Effect<void, Failure>
  readonly close: Effect.Effect<void>
}

/** States of a part: lines go to it; it is being renamed; it has its name. */
const [growing, sealing, sealed] = [0, 1, 2]

const makeParts = Effect.fnUntraced(function*(
  { job, name, runner, store: { lease, sql } }: Sink.Opening,
  directory: string
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const safeName = name.replaceAll(/[^\p{L}\p{N}._-]/gu, "_")
  const nameOf = (part: number) => path.join(directory, `${safeName}-${`${part}`.padStart(6, "0")}.jsonl`)
  const partial = (part: number) => `${nameOf(part)}.partial`

  /** Gives a part its name, with nothing in it but what is committed; nothing happens where this has been done. */
  const rename = Effect.fnUntraced(function*(part: number, bytes: number) {
    if (yield* fs.exists(partial(part))) {
      if (bytes > 0) {
        // A copy: a process that still has the old file open cannot write to this one.
        const copy = `${nameOf(part)}.${runner}.tmp`
        yield* Stream.run(fs.stream(partial(part), { bytesToRead: bytes }), fs.sink(copy))
        yield* fs.rename(copy, nameOf(part))
      }
      yield* fs.remove(partial(part), { force: true })
    }
    yield* sql`UPDATE strata_job_part SET is_sealed = ${sealed} WHERE part = ${part}`
  })

  const seal = (part: number) =>
    Effect.gen(function*() {
      const [row] = yield* sql<{ bytes: number }>`UPDATE strata_job_part SET is_sealed = ${sealing}
        WHERE part = ${part} AND is_sealed <> ${sealed} RETURNING bytes`
      if (row !== undefined) yield* rename(part, Number(row.bytes))
    })

  /** Seals the parts of processes that have ended, and removes the copies of those that were killed while they sealed. */
  const adopt = Effect.gen(function*() {
    const living = yield* sql<{ runner: string }>`SELECT runner FROM strata_job_runner WHERE job = ${job}
      AND ended_at IS NULL AND seen_at > ${Tables.now(sql)} - ${2 * Duration.toMillis(lease)}`
    const runners = new Set(living.map(({ runner }) => runner))
    const rows = yield* sql<{ part: number; path: string; runner: string }>`
      SELECT part, path, runner FROM strata_job_part WHERE job = ${job} AND is_sealed <> ${sealed}`
    for (const { part, path, runner } of rows) {
      // A part on the disk of another machine is for a process there.
      if (runners.has(runner) || path !== directory || !(yield* fs.exists(partial(Number(part))))) continue
      yield* seal(Number(part))
    }
    for (const file of yield* fs.readDirectory(directory)) {
      const copier = file.startsWith(`${safeName}-`) ? copierOf.exec(file.slice(safeName.length))?.[1] : undefined
      if (copier === undefined || runners.has(copier)) continue
      yield* fs.remove(path.join(directory, file), { force: true })
    }
  })

  const start = Effect.gen(function*() {
    const [row] = yield* sql<{ part: number }>`INSERT INTO strata_job_part ${
      sql.insert({ job, runner, path: directory })
    } RETURNING part`
    const part = Number(row?.part)
    const scope = yield* Scope.make()
    const file = yield* Effect.provideService(fs.open(partial(part), { flag: "w" }), Scope.Scope, scope)
    const self: Part = {
      bytes: 0,
      append: (bytes) =>
        Effect.gen(function*() {
          yield* file.seek(BigInt(self.bytes), "start")
          yield* file.writeAll(bytes)
          yield* file.sync
          const moved = yield* sql`UPDATE strata_job_part SET bytes = ${self.bytes + bytes.length}
            WHERE part = ${part} AND is_sealed = ${growing} RETURNING part`
          if (moved.length === 0) return yield* taken(partial(part))
        }),
      // What cannot be sealed now, the next process that looks seals.
      close: Effect.andThen(
        Scope.close(scope, Exit.void),
        Effect.catchCause(
          seal(part),
          (cause) => Effect.logWarning(`Job ${name}: ${partial(part)} is not sealed yet.`, cause)
        )
      )
    }
    return self
  })

  return { adopt, start }
})

/** Who makes a copy, from its name without that of the job. */
const copierOf = /^-\d{6,}\.jsonl\.(.+)\.tmp$/

/** The part of a process that was taken for dead. */
const taken = (path: string) =>
  PlatformError.systemError({
    _tag: "Busy",
    module: "Sink",
    method: "jsonl",
    description: "another process has sealed this file",
    pathOrDescriptor: path
  })

const encoder = new TextEncoder()

/** What a line is unless the job says otherwise. */
const usualLine = ({ id, output }: Sink.Written<unknown, unknown>): unknown => {
  if (Predicate.hasProperty(output, "vector")) return { id, vector: Array.from(output.vector as ArrayLike<number>) }
  if (Predicate.hasProperty(output, "value")) return { id, value: output.value }
  return { id, text: Predicate.hasProperty(output, "text") ? output.text : output }
}

/**
 * Embeds files: each is stored as a whole when all its chunks have vectors, so that an error leaves what was there.
 */
import { EmbeddingService, ProviderError } from "@strata/core"
import { Chunk } from "@strata/documents"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as CommandError from "../process/CommandError.ts"
import * as Progress from "../process/Progress.ts"
import { Shutdown } from "../process/Shutdown.ts"
import * as Spending from "../process/Spending.ts"
import * as Collection from "./Collection.ts"
import * as Scan from "./Scan.ts"
import type { Stamp } from "./Stamp.ts"
import type * as Walk from "./Walk.ts"

/** - `files`, `chunks`: that were stored. `left`: files that were not begun, since a signal came: `isStopped`. */
export interface Done {
  readonly files: number
  readonly chunks: number
  readonly failed: ReadonlyArray<Scan.Failed>
  readonly left: number
  readonly isStopped: boolean
  readonly spent: Spending.Spent
}

/** - `concurrency`: files at the same time. `force`: whether vectors that are stored are used again. */
export interface Options {
  readonly scan: Scan.Scan
  readonly writer: Collection.Writer
  readonly stamp: Stamp
  readonly concurrency: number
  readonly force: boolean
}

/** Failures of the service in a row after which it is no use to go on. */
const mostInARow = 5

/** Nothing to do. */
export const nothing: Done = {
  files: 0,
  chunks: 0,
  failed: [],
  left: 0,
  isStopped: false,
  spent: { requests: 0, tokens: 0, cost: 0 }
}

/** Embeds the files that changed. */
export const embed = Effect.fnUntraced(function*({ concurrency, force, scan, stamp, writer }: Options) {
  const shutdown = yield* Shutdown
  const spent = yield* Spending.watch
  const vectors = yield* makeVectors(writer, stamp, force)
  const failed: Array<Scan.Failed> = []
  let [files, chunks, inARow, left] = [0, 0, 0, 0]
  /** Chunks of files in flight that have a vector. */
  const begun = new Map<string, number>()

  const one = Effect.fnUntraced(function*(file: Walk.Found) {
    const bytes = yield* Scan.readFile(file)
    const read = bytes === undefined ? undefined : yield* Effect.result(Scan.chunksOf(file.id, bytes, stamp))
    if (bytes === undefined || read === undefined || read._tag === "Failure") {
      failed.push({
        source: file.id,
        message: read?._tag === "Failure" ? read.failure.message : "the file cannot be read"
      })
      return
    }
    const { chunks: parts, document, textDigest } = read.success
    const tell = (done: number) => void begun.set(file.id, done)
    const stored = yield* vectors.of(parts, tell, (found) =>
      writer.replace(
        {
          source: file.id,
          bytesDigest: Scan.digest(bytes),
          textDigest,
          title: document.title,
          emptyPages: document.emptyPages.length
        },
        parts.map((chunk, index) => Collection.stored(chunk, Chunk.cite(chunk), found[index] ?? new Float32Array()))
      )).pipe(
        Effect.as(true),
        Effect.catch((error) => {
          if (error._tag === "CommandError" || ends(error)) return Effect.fail(error)
          if (ProviderError.isTransient(error) && ++inARow >= mostInARow) return Effect.fail(error)
          failed.push({ source: file.id, message: error.message })
          return Effect.succeed(false)
        }),
        Effect.ensuring(Effect.sync(() => begun.delete(file.id)))
      )
    if (!stored) return
    inARow = 0
    files++
    chunks += parts.length
  })

  const all = Effect.forEach(scan.changed, (file) =>
    Effect.flatMap(shutdown.received, (signal) => {
      if (Option.isNone(signal)) return one(file)
      left++
      return Effect.void
    }), { concurrency, discard: true })
  yield* Effect.scoped(Effect.andThen(
    Progress.show(
      "chunks",
      Effect.map(spent, ({ cost }) => ({
        done: Array.from(begun.values()).reduce((sum, done) => sum + done, chunks),
        total: scan.chunks,
        cost: stamp.provider === "local" ? undefined : cost
      }))
    ),
    shutdown.finishing(all)
  ))
  const done: Done = { files, chunks, failed, left, isStopped: left > 0, spent: yield* spent }
  return done
}, Effect.scoped)

/** Errors of the account or the program, which every file would meet. */
const ends = ({ _tag }: ProviderError.ProviderError): boolean => ending.has(_tag)

const ending: ReadonlySet<string> = new Set<ProviderError.ProviderError["_tag"]>([
  "AuthenticationError",
  "PermissionDeniedError",
  "ModelNotFoundError",
  "QuotaExceededError",
  "BudgetExceededError",
  "UnsupportedFeatureError"
])

type Failure = ProviderError.EmbeddingError | CommandError.CommandError

/** Vectors that are stored, or being made for another file, are not made again. */
const makeVectors = Effect.fnUntraced(function*(writer: Collection.Writer, stamp: Stamp, isForced: boolean) {
  const service = yield* EmbeddingService.EmbeddingService
  const making = new Map<string, Deferred.Deferred<Option.Option<Float32Array>, Failure>>()

  const make = (chunk: Chunk.Chunk) =>
    Effect.flatMap(
      service.embed(Chunk.withContext(chunk), {
        purpose: "document",
        normalize: stamp.normalize,
        ...(stamp.dimensions !== null && { dimensions: stamp.dimensions })
      }),
      ({ vector }) =>
        vector instanceof Float32Array
          ? Effect.succeed(vector)
          : Effect.fail(CommandError.failed(`${stamp.model} gives vectors of another type than 32-bit floats`))
    )

  return {
    /** The vectors of chunks, in order, for as long as `use` runs. `tell`: how many there are by now. */
    of: <A, E, R>(
      chunks: ReadonlyArray<Chunk.Chunk>,
      tell: (done: number) => void,
      use: (vectors: ReadonlyArray<Float32Array>) => Effect.Effect<A, E, R>
    ) =>
      Effect.gen(function*() {
        const distinct = new Map(chunks.map((chunk) => [chunk.hash, chunk]))
        const found = new Map(isForced ? [] : yield* writer.vectors(Array.from(distinct.keys())))
        const own = new Set<string>()
        const vector = (chunk: Chunk.Chunk): Effect.Effect<Float32Array, Failure> =>
          Effect.suspend(() => {
            const begun = making.get(chunk.hash)
            // The file it was made for may have failed before it was made.
            if (begun !== undefined) {
              return Effect.flatMap(
                Deferred.await(begun),
                (made) => Option.isSome(made) ? Effect.succeed(made.value) : vector(chunk)
              )
            }
            const result = Deferred.makeUnsafe<Option.Option<Float32Array>, Failure>()
            making.set(chunk.hash, result)
            own.add(chunk.hash)
            return Effect.onExit(make(chunk), (exit) => {
              if (Exit.isSuccess(exit)) return Deferred.succeed(result, Option.some(exit.value))
              if (!Cause.hasInterrupts(exit.cause)) return Deferred.failCause(result, exit.cause)
              making.delete(chunk.hash)
              return Deferred.succeed(result, Option.none())
            })
          })
        return yield* Effect.forEach(
          distinct.values(),
          (chunk) =>
            found.has(chunk.hash)
              ? Effect.void
              : Effect.map(vector(chunk), (made) => {
                found.set(chunk.hash, made)
                tell(found.size)
              }),
          { concurrency: 256, discard: true }
        ).pipe(
          Effect.andThen(Effect.suspend(() => use(chunks.map(({ hash }) => found.get(hash) ?? new Float32Array())))),
          Effect.ensuring(Effect.sync(() => {
            for (const hash of own) making.delete(hash)
          }))
        )
      })
  }
})

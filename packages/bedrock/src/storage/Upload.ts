/**
 * Uploads lines as one object: whole when it is small, else in parts. Holds one part in memory.
 *
 * What was left of an upload of the same key is aborted first, and the upload itself on failure and interruption: parts
 * that are never completed are billed, and no listing of objects shows them.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import * as Crypto from "node:crypto"
import { providerName } from "../internal/provider.ts"
import * as Location from "./Location.ts"
import type { Part, Storage, Stored } from "./Storage.ts"

/**
 * - `partSize`: bytes of a part: at least 5 MiB, but for the last.
 * - `retry`: of each request, transient failures only.
 */
export interface Options {
  readonly partSize: number
  readonly retry: Schedule.Schedule<unknown, ProviderError.CallError>
}

/** Uploads lines, each with a line break after it, and compares what S3 has with what was sent. */
export const lines = <E, R>(
  storage: Storage,
  location: Location.Location,
  given: Stream.Stream<Uint8Array, E, R>,
  { partSize, retry }: Options
): Effect.Effect<void, E | ProviderError.CallError, R> => {
  const retried = <A>(self: Effect.Effect<A, ProviderError.CallError>) => Effect.retry(self, retry)
  const abortAll = Effect.flatMap(
    retried(storage.uploads(location)),
    Effect.forEach((upload) => retried(storage.abort(location, upload)), { discard: true })
  )

  const uploaded = Effect.gen(function*() {
    const buffer = new Uint8Array(partSize)
    const parts: Array<Part> = []
    let upload: string | undefined
    let filled = 0
    let size = 0

    const flush = Effect.suspend(() => {
      // The buffer is not written to before the part is sent.
      const bytes = buffer.subarray(0, filled)
      filled = 0
      return Effect.gen(function*() {
        upload ??= yield* retried(storage.open(location))
        const part = { number: parts.length + 1, bytes, sha256: digest(bytes) }
        parts.push(yield* retried(storage.part(location, upload, part)))
      })
    })
    const add = Effect.fnUntraced(function*(batch: ReadonlyArray<Uint8Array>) {
      for (const line of batch) {
        size += line.length + lineBreak.length
        for (let rest of [line, lineBreak]) {
          while (rest.length > 0) {
            const piece = rest.subarray(0, partSize - filled)
            buffer.set(piece, filled)
            filled += piece.length
            rest = rest.subarray(piece.length)
            if (filled === partSize) yield* flush
          }
        }
      }
    })

    yield* Stream.runForEachArray(given, add)
    if (upload === undefined) {
      const whole = buffer.subarray(0, filled)
      const sha256 = digest(whole)
      yield* retried(storage.put(location, whole, sha256))
      return { size, sha256 }
    }
    if (filled > 0) yield* flush
    yield* retried(storage.complete(location, upload, parts))
    return { size, sha256: `${digest(Buffer.concat(parts.map(raw)))}-${parts.length}` }
  })

  return Effect.gen(function*() {
    yield* abortAll
    const sent = yield* Effect.onExit(
      uploaded,
      (exit) => Exit.isSuccess(exit) ? Effect.void : cleanUp(location, abortAll)
    )
    const found = yield* retried(storage.head(location))
    if (found === undefined || !isSame(found, sent)) return yield* different(location)
  })
}

/** A failure to clean up hides no other: the next upload of the key does it again. */
const cleanUp = (location: Location.Location, abortAll: Effect.Effect<void, ProviderError.CallError>) =>
  Effect.catch(
    Effect.timeout(abortAll, "30 seconds"),
    (error) =>
      Effect.logWarning("An upload could not be aborted; its parts are billed until then").pipe(
        Effect.annotateLogs({ upload: Location.toUri(location), error: error._tag })
      )
  )

const isSame = ({ sha256, size }: Stored, sent: { readonly size: number; readonly sha256: string }): boolean =>
  size === sent.size && (sha256 === undefined || sha256 === sent.sha256)

/** Sending it again helps. */
const different = (location: Location.Location) =>
  new ProviderError.ConnectionError({
    provider: providerName,
    message:
      `${Location.toUri(location)} is not what was uploaded: its size or its SHA-256 differ. Submit the job again, ` +
      "and see that no other program writes to this key."
  })

const lineBreak = Uint8Array.of(0x0a)

const digest = (bytes: Uint8Array): string => Crypto.createHash("sha256").update(bytes).digest("base64")

const raw = ({ sha256 }: Part): Uint8Array => Buffer.from(sha256, "base64")

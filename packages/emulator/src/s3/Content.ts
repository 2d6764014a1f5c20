/**
 * The bytes of an object: pieces in memory, or a file. Both are read in chunks, never as a whole.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs/promises"
import type * as AwsError from "../AwsError.ts"
import * as S3Error from "./S3Error.ts"

/** Bytes in order. */
export type Pieces = ReadonlyArray<Uint8Array>

/** Where the bytes are. */
export type Content =
  | { readonly type: "memory"; readonly pieces: Pieces }
  | { readonly type: "file"; readonly path: string; readonly description: string }

/** Kept in memory: as they are, they must not change any more. */
export const inMemory = (pieces: Pieces): Content => ({ type: "memory", pieces: [...pieces] })

/** The hash of an entity tag. */
export const hash = (): Crypto.Hash => Crypto.createHash("md5")

/** The largest chunk that is read at once. */
const chunkBytes = 256 * 1024

/** From `start` up to, but not including, `end`. */
export const read = (content: Content, start: number, end: number): Stream.Stream<Uint8Array, AwsError.AwsError> =>
  start >= end
    ? Stream.empty
    : content.type === "memory"
    ? Stream.fromIterable(slices(content.pieces, start, end))
    : fromFile(content.path, start, end)

function* slices(pieces: Pieces, start: number, end: number): Generator<Uint8Array> {
  let offset = 0
  for (const piece of pieces) {
    const from = Math.max(0, start - offset)
    const to = Math.min(piece.length, end - offset)
    for (let at = from; at < to; at += chunkBytes) yield piece.subarray(at, Math.min(to, at + chunkBytes))
    offset += piece.length
    if (offset >= end) return
  }
}

const fromFile = (path: string, start: number, end: number) =>
  Stream.unwrap(Effect.map(
    Effect.acquireRelease(
      attempt(() => Fs.open(path, "r")),
      (file) => Effect.ignore(attempt(() => file.close()))
    ),
    (file) =>
      Stream.unfold(start, (at) =>
        Effect.gen(function*() {
          if (at >= end) return undefined
          const { buffer, bytesRead } = yield* attempt(() =>
            file.read(Buffer.alloc(Math.min(chunkBytes, end - at)), 0, undefined, at)
          )
          if (bytesRead === 0) return yield* S3Error.make("InternalError")
          return [buffer.subarray(0, bytesRead), at + bytesRead] as const
        }))
  ))

/** An operation on a file; a failure is the emulator's. */
export const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, AwsError.AwsError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => S3Error.make("InternalError", `A file of the emulator's S3 directory failed: ${describe(cause)}`)
  })

const describe = (cause: unknown): string => cause instanceof Error && "code" in cause ? String(cause.code) : "unknown"

/**
 * A file of JSON lines that grows by groups of lines, each of which counts when its last line is there.
 *
 * What a process that died left behind its last whole group is put aside when the file is opened.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as NodeFs from "node:fs"
import * as Fs from "node:fs/promises"
import * as Files from "../process/Files.ts"

/** A line, without its end, and where it begins in the file, in bytes. */
export interface Line {
  readonly text: string
  readonly offset: number
  readonly length: number
}

/** `append`: adds a group of lines; if it fails, the file is as it was. */
export interface Journal {
  readonly append: (lines: Iterable<string>) => Effect.Effect<void, Files.FileError>
}

/**
 * The whole lines of a file, as bytes between line feeds; none if there is no such file. The last one, without a line feed,
 * is left out.
 */
export const lines = (file: string): Stream.Stream<Line, Files.FileError> =>
  Stream.suspend(() => {
    let pieces: Array<Buffer> = []
    let offset = 0
    const read = (chunk: Buffer): ReadonlyArray<Line> => {
      const found: Array<Line> = []
      let from = 0
      for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
        pieces.push(chunk.subarray(from, end))
        const bytes = pieces.length === 1 ? pieces[0] ?? Buffer.alloc(0) : Buffer.concat(pieces)
        found.push({ text: bytes.toString("utf8"), offset, length: bytes.length })
        offset += bytes.length + 1
        pieces = []
        from = end + 1
      }
      if (from < chunk.length) pieces.push(chunk.subarray(from))
      return found
    }
    return Stream.flatMap(bytesOf(file), (chunk) => Stream.fromIterable(read(chunk)))
  })

const bytesOf = (file: string): Stream.Stream<Buffer, Files.FileError> =>
  Stream.unwrap(Effect.map(
    Effect.acquireRelease(
      Effect.result(Files.attempt(() => Fs.open(file, "r"))),
      (handle) => handle._tag === "Failure" ? Effect.void : Effect.ignore(Files.attempt(() => handle.success.close()))
    ),
    (handle) => {
      if (handle._tag === "Failure") {
        return handle.failure.code === "ENOENT" ? Stream.empty : Stream.fail(handle.failure)
      }
      return Stream.paginate(undefined, () =>
        Effect.map(
          Files.attempt(() => handle.success.read(Buffer.allocUnsafe(262_144), 0, 262_144)),
          ({ buffer, bytesRead }) =>
            [
              bytesRead === 0 ? [] : [buffer.subarray(0, bytesRead)],
              bytesRead === 0 ? Option.none() : Option.some(undefined)
            ] as const
        ))
    }
  ))

/**
 * Opens a file for more groups until the scope closes. `isLast`: whether a line ends a group. What is behind the last group
 * goes to a file beside it, `.torn`.
 */
export const open = Effect.fnUntraced(function*(
  file: string,
  isLast: (text: string) => boolean
): Effect.fn.Return<Journal, Files.FileError, Scope.Scope> {
  let end = 0
  yield* Stream.runForEach(lines(file), ({ length, offset, text }) =>
    Effect.sync(() => {
      if (isLast(text)) end = offset + length + 1
    }))
  const handle = yield* Effect.acquireRelease(
    Files.attempt(() => Fs.open(file, NodeFs.constants.O_RDWR | NodeFs.constants.O_CREAT)),
    (handle) => Effect.ignore(Files.attempt(() => handle.close()))
  )
  const turn = Semaphore.makeUnsafe(1)
  const { size } = yield* Files.attempt(() => handle.stat())
  if (size > end) {
    const tail = Buffer.alloc(Math.min(size - end, mostAside))
    yield* Files.attempt(() => handle.read(tail, 0, tail.length, end))
    yield* Files.attempt(() => Fs.writeFile(`${file}.torn`, tail))
    yield* Files.attempt(() => handle.truncate(end))
  }
  return {
    append: (lines) =>
      Effect.gen(function*() {
        let at = end
        for (const line of lines) {
          const bytes = Buffer.from(`${line}\n`)
          yield* Files.attempt(() => handle.write(bytes, 0, bytes.length, at))
          at += bytes.length
        }
        yield* Files.attempt(() => handle.datasync())
        end = at
      }).pipe(
        Effect.onError(() => Effect.ignore(Files.attempt(() => handle.truncate(end)))),
        turn.withPermit
      )
  }
})

/** Bytes that are kept of what was torn off. */
const mostAside = 16_000_000

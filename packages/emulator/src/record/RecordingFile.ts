/**
 * A file to which exchanges are appended: each is printed once.
 *
 * The file is valid JSON after each `save`: one write replaces its end. A process killed during a write leaves a file
 * that is readable up to there.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as JsonFile from "../JsonFile.ts"
import * as Recording from "./Recording.ts"

/**
 * - `add`: adds an exchange; `place` is the position of its request.
 * - `save`: writes the exchanges added since the last time.
 * - `finish`: the same, and sorts the exchanges by their requests.
 */
export interface RecordingFile {
  readonly add: (place: number, exchange: Recording.Exchange) => void
  readonly save: Effect.Effect<void, JsonFile.JsonFileError>
  readonly finish: Effect.Effect<void, JsonFile.JsonFileError>
}

/** The file, which the first `save` replaces by these exchanges and those that are added. */
export const make = Effect.fnUntraced(function*(
  file: string,
  before: ReadonlyArray<Recording.Exchange>
): Effect.fn.Return<RecordingFile, never, FileSystem.FileSystem> {
  const fileSystem = yield* FileSystem.FileSystem
  const added: Array<Added> = []
  let written = 0
  /** The size of the file after the latest `save`, in bytes. */
  let size: number | undefined

  const rewrite = (entries: ReadonlyArray<Added>) =>
    Effect.tap(
      Effect.provideService(
        Recording.write(file, [...before, ...entries.map(({ exchange }) => exchange)]),
        FileSystem.FileSystem,
        fileSystem
      ),
      (bytes) =>
        Effect.sync(() => {
          size = bytes
          written = entries.length
        })
    )

  const append = Effect.fnUntraced(
    function*(entries: ReadonlyArray<Added>, end: number) {
      const text = entries.map(({ exchange }) => `,${Recording.toEntry(exchange)}`).join("")
      const bytes = encoder.encode(text + Recording.end)
      const opened = yield* fileSystem.open(file, { flag: "r+" })
      yield* opened.seek(BigInt(end - endLength), "start")
      yield* opened.writeAll(bytes)
      size = end - endLength + bytes.length
      written += entries.length
    },
    Effect.scoped,
    Effect.mapError(JsonFile.unreadable(file))
  )

  /** Whether the file is unchanged since. */
  const isIntact = Effect.map(
    Effect.option(fileSystem.stat(file)),
    (found) => found._tag === "Some" && Number(found.value.size) === size
  )

  const save = Effect.gen(function*() {
    const entries = added.slice(written)
    if (entries.length === 0) return
    yield* size !== undefined && (yield* isIntact) ? append(entries, size) : rewrite([...added])
  })

  return {
    add: (place, exchange) => added.push({ place, exchange }),
    save: Effect.uninterruptible(save),
    finish: Effect.uninterruptible(Effect.suspend(() => {
      const sorted = added.toSorted((self, that) => self.place - that.place)
      return sorted.every((entry, index) => entry === added[index]) ? save : rewrite(sorted)
    }))
  }
})

interface Added {
  readonly place: number
  readonly exchange: Recording.Exchange
}

const encoder = new TextEncoder()

const endLength = encoder.encode(Recording.end).length

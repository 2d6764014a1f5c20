/**
 * Which files of a collection are gone.
 *
 * Only what is below the given folders can be, and only when all of them could be listed. Many at once are rather a disk
 * that is not there than files that were deleted.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Output } from "../process/Output.ts"
import * as Progress from "../process/Progress.ts"
import type * as Collection from "./Collection.ts"
import type * as Scan from "./Scan.ts"
import * as SourceId from "./SourceId.ts"

/** The share of the files that may be forgotten without being asked to. */
const mostShare = 0.2

/** Ids of files to forget. `isForced`: however many they are. */
export const plan = Effect.fnUntraced(function*(
  scan: Scan.Scan,
  { inputs, isForced, root, writer }: {
    readonly writer: Collection.Writer
    readonly inputs: ReadonlyArray<string>
    readonly root: string
    readonly isForced: boolean
  }
) {
  const { warn } = yield* Output
  const folders = inputs.map((input) => SourceId.make(root, input) ?? "")
  const gone: Array<string> = []
  let stored = 0
  yield* Stream.runForEach(writer.sources, (source) =>
    Effect.sync(() => {
      stored++
      if (!scan.found.has(source) && folders.some((folder) => SourceId.isBelow(source, folder))) gone.push(source)
    }))
  if (gone.length === 0) return gone
  if (!scan.isComplete) {
    yield* warn(`${Progress.number(gone.length)} files may be gone, and are kept: not everything could be listed`)
    return []
  }
  if (!isForced && gone.length > mostShare * stored) {
    yield* warn(
      `${Progress.number(gone.length)} of ${
        Progress.number(stored)
      } files are gone, and are kept: say --prune to forget them`
    )
    return []
  }
  return gone
})

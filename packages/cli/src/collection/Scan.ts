/**
 * What has to be embedded: files are read, split and compared with what the collection knows, before anything is paid.
 */
import { Chunk, type Document, type DocumentError, Reader, Splitter } from "@strata/documents"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Files from "../process/Files.ts"
import * as Progress from "../process/Progress.ts"
import type * as Collection from "./Collection.ts"
import type { Stamp } from "./Stamp.ts"
import * as Walk from "./Walk.ts"

/** A file that has no result, and why. */
export interface Failed {
  readonly source: string
  readonly message: string
}

/** A PDF of which some pages have no text. */
export interface Partial {
  readonly source: string
  readonly emptyPages: ReadonlyArray<number>
}

/**
 * - `changed`: files to embed, `chunks` and `tokens` in them; `unchanged`: how many are known.
 * - `found`: ids of all files that are there; `isComplete`: whether everything could be listed.
 */
export interface Scan {
  readonly changed: ReadonlyArray<Walk.Found>
  readonly chunks: number
  readonly tokens: number
  readonly unchanged: number
  readonly failed: ReadonlyArray<Failed>
  readonly partial: ReadonlyArray<Partial>
  readonly skipped: ReadonlyMap<string, number>
  readonly found: ReadonlySet<string>
  readonly isComplete: boolean
}

/** - `isForced`: whether files count as changed that are known. */
export interface Options {
  readonly inputs: ReadonlyArray<string>
  readonly walk: Walk.Options
  readonly writer: Collection.Writer
  readonly stamp: Stamp
  readonly isForced: boolean
}

/** Reads all files. What is no document is left out and counted. */
export const scan = Effect.fnUntraced(function*({ inputs, isForced, stamp, walk: options, writer }: Options) {
  const walk = yield* Walk.make(inputs, options)
  const changed: Array<Walk.Found> = []
  const failed: Array<Failed> = []
  const partial: Array<Partial> = []
  const found = new Set<string>()
  let [chunks, tokens, unchanged, binary, seen] = [0, 0, 0, 0, 0]

  const look = Effect.fnUntraced(function*(file: Walk.Found) {
    seen++
    const known = yield* writer.known(file.id)
    const bytes = yield* readFile(file)
    if (bytes === undefined) {
      found.add(file.id)
      failed.push({ source: file.id, message: "the file cannot be read" })
      return
    }
    const bytesDigest = digest(bytes)
    if (!isForced && known?.bytesDigest === bytesDigest) {
      found.add(file.id)
      unchanged++
      return
    }
    const split = yield* Effect.result(chunksOf(file.id, bytes, stamp))
    if (split._tag === "Failure") {
      const error = split.failure
      if (error._tag === "UnsupportedFormatError" || error._tag === "TextDecodingError") binary++
      else {
        found.add(file.id)
        failed.push({ source: file.id, message: error.message })
      }
      return
    }
    found.add(file.id)
    const { document, chunks: parts, textDigest } = split.success
    if (document.emptyPages.length > 0) partial.push({ source: file.id, emptyPages: document.emptyPages })
    if (!isForced && known?.textDigest === textDigest) {
      yield* writer.confirm(file.id, bytesDigest)
      unchanged++
      return
    }
    changed.push(file)
    chunks += parts.length
    for (const chunk of parts) tokens += chunk.tokens
  })

  yield* Effect.scoped(Effect.andThen(
    Progress.show("files read", Effect.sync(() => ({ done: seen }))),
    Stream.runForEach(walk.files, look)
  ))
  const { skipped, unreadable } = walk.report()
  return {
    changed,
    chunks,
    tokens,
    unchanged,
    failed,
    partial,
    skipped: binary === 0 ? skipped : new Map<string, number>([...skipped, ["no document", binary]]),
    found,
    isComplete: unreadable.length === 0
  } satisfies Scan
})

/** The bytes of a file; none if it cannot be read. */
export const readFile = (file: Walk.Found): Effect.Effect<Uint8Array | undefined> =>
  Effect.orElseSucceed(
    Files.attempt(() => Fs.readFile(file.path)),
    () => undefined
  )

/** A digest of bytes, in hexadecimal digits. */
export const digest = (bytes: Uint8Array | string): string => Crypto.createHash("sha256").update(bytes).digest("hex")

/** A document in chunks, and the digest of them: of all its text that is embedded, and of nothing else. */
export interface Split {
  readonly document: Document.Document
  readonly chunks: ReadonlyArray<Chunk.Chunk>
  readonly textDigest: string
}

/** Reads and splits a file. */
export const chunksOf = Effect.fnUntraced(function*(
  name: string,
  bytes: Uint8Array,
  { maxTokens, overlapTokens }: Stamp
): Effect.fn.Return<Split, DocumentError.DocumentError> {
  const document = yield* Reader.read({ name, bytes }, { maxBytes: Math.max(bytes.length, leastLimit) })
  const chunks = yield* Splitter.split(document, { maxTokens, overlapTokens })
  const parts = chunks.map((chunk) => [chunk.hash, Chunk.cite(chunk)])
  return { document, chunks, textDigest: digest(JSON.stringify(parts)) }
})

/** Files are as large as the walk allows; the text of a PDF may be this long, or as long as the file. */
const leastLimit = 32 * 1024 * 1024

/** What will be done, in words. */
export const summary = ({ changed, chunks, failed, skipped, unchanged }: Scan, place: string): string => {
  const left = Array.from(skipped, ([reason, count]) => `${Progress.number(count)} ${reason}`)
  return [
    `${Progress.number(changed.length)} files to embed into ${place} (${Progress.number(chunks)} chunks)`,
    `${Progress.number(unchanged)} unchanged`,
    ...(failed.length > 0 ? [`${Progress.number(failed.length)} failed`] : []),
    ...(left.length > 0 ? [`left out ${left.join(", ")}`] : [])
  ].join("; ")
}

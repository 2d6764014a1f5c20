/**
 * A collection in a file of JSON lines: what made it, then each file with its chunks.
 *
 * Changes gather in a second file, `.new`, until they are complete; then one file takes the place of both. It keeps some
 * hundred bytes of memory for each chunk, and reads the whole file to search: for collections that fit on a memory stick.
 */
import { Vector } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs/promises"
import * as CommandError from "../process/CommandError.ts"
import * as Files from "../process/Files.ts"
import * as Journal from "../rows/Journal.ts"
import * as ReplaceFile from "../rows/ReplaceFile.ts"
import type * as Collection from "./Collection.ts"
import * as FileLock from "./FileLock.ts"
import * as Nearest from "./Nearest.ts"
import * as SourceId from "./SourceId.ts"
import * as Stamp from "./Stamp.ts"

/** The first line. */
const Head = Schema.Struct({ type: Schema.Literal("collection"), stamp: Stamp.Stamp })

/** A line after the chunks of a file, which makes them count; without digests: the file is gone. */
const Document = Schema.Struct({
  type: Schema.Literal("document"),
  source: Schema.String,
  bytesDigest: Schema.optional(Schema.String),
  textDigest: Schema.optional(Schema.String),
  title: Schema.optional(Schema.String),
  emptyPages: Schema.optional(Schema.Finite)
})

const Chunk = Schema.Struct({
  type: Schema.Literal("chunk"),
  source: Schema.String,
  position: Schema.Finite,
  hash: Schema.String,
  citation: Schema.String,
  context: Schema.String,
  text: Schema.String,
  vector: Schema.Array(Schema.Finite)
})

type Document = typeof Document.Type

const decodeLine = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Union([Head, Document, Chunk])))

/** The collection of a file. */
export const make = ({ file }: { readonly file: string }): Effect.Effect<Collection.Collection> => {
  const journalFile = `${file}.new`
  const failed = (doing: string) => (error: Files.FileError | Schema.SchemaError) =>
    CommandError.failed(`${file}: ${doing}: ${error.message}`, error)
  const at = <A, R>(doing: string, effect: Effect.Effect<A, Files.FileError | Schema.SchemaError, R>) =>
    Effect.mapError(effect, failed(doing))
  const decoded = (from: string) =>
    Stream.mapEffect(
      Journal.lines(from),
      (line) => Effect.map(decodeLine(line.text), (value) => ({ value, line, from }))
    )

  const stampOf = (from: string) =>
    at(
      "reading its stamp",
      Effect.map(Stream.runHead(Stream.take(decoded(from), 1)), (head) =>
        Option.flatMap(head, ({ value }) =>
          value.type === "collection" ? Option.some(value.stamp) : Option.none()))
    )

  /** What is in a file, and where: for vectors that are used again. */
  const survey = (from: string, isReused: boolean) =>
    Effect.gen(function*() {
      const documents = new Map<string, Document>()
      const vectors = new Map<string, Journal.Line>()
      yield* Stream.runForEach(decoded(from), ({ line, value }) =>
        Effect.sync(() => {
          if (value.type === "document") documents.set(value.source, value)
          else if (value.type === "chunk" && isReused) vectors.set(value.hash, line)
        }))
      return { documents, vectors }
    })

  const write: Collection.Collection["write"] = Effect.fnUntraced(function*(stamp, { rebuild }) {
    yield* FileLock.acquire(file)
    const before = Option.getOrUndefined(yield* stampOf(file))
    const change = before === undefined ? undefined : Stamp.difference(before, stamp)
    if (change !== undefined && !rebuild) return yield* Stamp.refused(file, change)
    // Changes of an earlier run that did not end count, if they are of the same kind.
    const begun = Option.getOrUndefined(yield* stampOf(journalFile))
    if (begun === undefined || Stamp.difference(begun, stamp) !== undefined) {
      yield* at("beginning", Files.attempt(() => Fs.rm(journalFile, { force: true })))
    }
    const journal = yield* at("beginning", Journal.open(journalFile, (text) => !text.startsWith(chunkStart)))
    if (begun === undefined || Stamp.difference(begun, stamp) !== undefined) {
      yield* at("beginning", journal.append([JSON.stringify({ type: "collection", stamp })]))
    }
    const isKept = change === undefined
    const old = isKept ? yield* at("reading", survey(file, true)) : { documents: new Map(), vectors: new Map() }
    const fresh = yield* at("reading", survey(journalFile, true))
    const known = new Map<string, Document>([...old.documents, ...fresh.documents])
    const changed = new Set(fresh.documents.keys())

    const store = (document: Omit<Document, "type">, chunks: ReadonlyArray<Collection.StoredChunk>) => {
      const line = { type: "document" as const, ...document }
      return Effect.map(
        at(`storing ${document.source}`, journal.append(groupOf(line, chunks))),
        () => {
          known.set(document.source, line)
          changed.add(document.source)
        }
      )
    }

    const writer: Collection.Writer = {
      known: (source) =>
        Effect.sync(() => {
          const { bytesDigest, textDigest } = known.get(source) ?? {}
          return bytesDigest === undefined || textDigest === undefined ? undefined : { bytesDigest, textDigest }
        }),
      vectors: (hashes) =>
        at(
          "reading vectors",
          Effect.gen(function*() {
            const found = new Map<string, Float32Array>()
            for (const hash of hashes) {
              const inNew = fresh.vectors.get(hash)
              const line = inNew ?? old.vectors.get(hash)
              if (line === undefined) continue
              const chunk = yield* decodeLine(yield* textAt(inNew === undefined ? file : journalFile, line))
              if (chunk.type === "chunk") found.set(hash, Float32Array.from(chunk.vector))
            }
            return found
          })
        ),
      replace: ({ emptyPages, title, ...entry }, chunks) =>
        store({ ...entry, emptyPages, ...(title !== undefined && { title }) }, chunks),
      confirm: () => Effect.void,
      sources: Stream.suspend(() =>
        Stream.fromIterable(
          Array.from(known.values()).flatMap((one) => one.bytesDigest === undefined ? [] : [one.source])
        )
      ),
      remove: (sources) => Effect.forEach(sources, (source) => store({ source }, []), { discard: true }),
      finish: Effect.suspend(() => changed.size === 0 && isKept && before !== undefined ? discard : merge)
    }

    /** Whatever is not replaced of the old file, and the latest of each file in the new one. */
    const merge = Effect.gen(function*() {
      const target = `${file}.${yield* Random.nextIntBetween(0, 2 ** 32)}.tmp`
      const handle = yield* at("finishing", Files.attempt(() => Fs.open(target, "w")))
      const put = (lines: ReadonlyArray<string>) =>
        lines.length === 0 ? Effect.void : Files.attempt(() => handle.writeFile(`${lines.join("\n")}\n`))
      const copy = (from: string, isWanted: (document: Document, group: number) => boolean) => {
        let chunks: Array<string> = []
        let group = 0
        return Stream.runForEach(decoded(from), ({ line, value }) => {
          if (value.type === "chunk") chunks.push(line.text)
          if (value.type !== "document") return Effect.void
          const lines = [...chunks, line.text]
          chunks = []
          return isWanted(value, group++) ? put(lines) : Effect.void
        })
      }
      const last = new Map<string, number>()
      let group = 0
      yield* at(
        "finishing",
        Effect.gen(function*() {
          yield* put([JSON.stringify({ type: "collection", stamp })])
          if (isKept) yield* copy(file, ({ source }) => !changed.has(source))
          yield* Stream.runForEach(
            decoded(journalFile),
            ({ value }) => Effect.sync(() => value.type === "document" && last.set(value.source, group++))
          )
          yield* copy(
            journalFile,
            ({ bytesDigest, source }, group) => bytesDigest !== undefined && last.get(source) === group
          )
          yield* Files.attempt(() => handle.sync())
        })
      ).pipe(
        Effect.ensuring(Effect.ignore(Files.attempt(() => handle.close()))),
        Effect.onError(() => Effect.ignore(Files.attempt(() => Fs.rm(target, { force: true }))))
      )
      yield* at("finishing", ReplaceFile.replace(target, file))
      yield* discard
    })
    const discard = at("finishing", Files.attempt(() => Fs.rm(journalFile, { force: true })))
    return writer
  })

  return Effect.succeed({
    place: file,
    stamp: stampOf(file),
    write,
    search: ({ limit, under, vector }) =>
      at(
        "searching",
        Effect.gen(function*() {
          const nearest = Nearest.make<Omit<Collection.Hit, "score">>(limit)
          yield* Stream.runForEach(decoded(file), ({ value }) =>
            Effect.sync(() => {
              if (value.type !== "chunk" || under !== undefined && !SourceId.isBelow(value.source, under)) return
              const { vector: stored, type: _, hash: __, ...hit } = value
              nearest.add(hit, Vector.cosine(Float32Array.from(stored), vector))
            }))
          return nearest.best().map(({ score, value }) => ({ ...value, score }))
        })
      )
  })
}

const chunkStart = "{\"type\":\"chunk\""

/** The lines of a file: its chunks, and the one that makes them count. */
const groupOf = function*(document: Document, chunks: ReadonlyArray<Collection.StoredChunk>) {
  for (const { vector, ...chunk } of chunks) {
    // Nine digits are a 32-bit float.
    const numbers = Array.from(vector, (number) => Number(number.toPrecision(9)))
    yield JSON.stringify({ type: "chunk", source: document.source, ...chunk, vector: numbers })
  }
  yield JSON.stringify(document)
}

const textAt = (file: string, { length, offset }: Journal.Line) =>
  Effect.scoped(Effect.gen(function*() {
    const handle = yield* Effect.acquireRelease(
      Files.attempt(() => Fs.open(file, "r")),
      (handle) => Effect.ignore(Files.attempt(() => handle.close()))
    )
    const { buffer } = yield* Files.attempt(() => handle.read(Buffer.alloc(length), 0, length, offset))
    return buffer.toString("utf8")
  }))

/**
 * Something real to read: the documentation inside the `effect` package, which every installation has.
 */
import { Effect, FileSystem, Path } from "effect"

/** A passage short enough for a small encoder, and where it is from. */
export interface Chunk {
  readonly source: string
  readonly text: string
}

/** What the documentation of each module of `effect` with a name of one word begins with, a paragraph or so. */
export const chunks = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const manifest = yield* path.fromFileUrl(new URL(import.meta.resolve("effect/package.json")))
  const sources = path.join(path.dirname(manifest), "src")
  const files = (yield* fs.readDirectory(sources))
    .filter((file) => /^[A-Z][a-z]+\.ts$/.test(file))
    .sort()
  const found = yield* Effect.forEach(
    files,
    (file) =>
      Effect.map(
        fs.readFileString(path.join(sources, file)),
        (source) => split(`effect/${file.slice(0, -".ts".length)}`, moduleDoc(source)).slice(0, 1)
      ),
    { concurrency: 8 }
  )
  return found.flat()
})

/** The comment a file starts with, as plain text; nothing when it starts with something else. */
const moduleDoc = (source: string): string =>
  (/^\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? "")
    .replace(/^[ \t]*\* ?/gm, "")
    .split(/^@|^```/m)[0]!
    .trim()

/** Whole sentences, some sixty words to a chunk. */
const split = (source: string, text: string): ReadonlyArray<Chunk> => {
  const chunks: Array<Chunk> = []
  let words: Array<string> = []
  const flush = () => {
    if (words.length > 0) chunks.push({ source, text: words.join(" ") })
    words = []
  }
  for (const { segment } of sentences.segment(text.replace(/\s+/g, " "))) {
    const more = segment.trim().split(" ")
    if (words.length + more.length > 60) flush()
    words.push(...more)
  }
  flush()
  return chunks
}

const sentences = new Intl.Segmenter("en", { granularity: "sentence" })

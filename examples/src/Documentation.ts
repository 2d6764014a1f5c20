/**
 * Something real to read: the documentation inside the `effect` package, which every installation has.
 */
import { Effect, FileSystem, Path } from "effect"

/** What the documentation says about a module, in a form that `Retrieval` of `@strata/local` can search. */
export interface Chunk {
  readonly source: string
  readonly title: string
  /** What the module is for, in a sentence or two. */
  readonly text: string
  /** The rest of what it says, what its exports are called, and when to use them. */
  readonly details: string
  /** All that it says about itself. */
  readonly body: string
}

/** The modules of `effect` with a name of one word. */
export const chunks = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const manifest = yield* path.fromFileUrl(new URL(import.meta.resolve("effect/package.json")))
  const sources = path.join(path.dirname(manifest), "src")
  const files = (yield* fs.readDirectory(sources))
    .filter((file) => /^[A-Z][a-z]+\.ts$/.test(file))
    .sort()
  return yield* Effect.forEach(
    files,
    (file) =>
      Effect.map(
        fs.readFileString(path.join(sources, file)),
        (source) => chunkOf(file.slice(0, -".ts".length), source)
      ),
    { concurrency: 8 }
  )
})

const chunkOf = (title: string, source: string): Chunk => {
  const exports = exportsOf(source)
  const own = exports.find(({ name }) => name === title)
  const body = moduleDoc(source) || own?.summary || title
  const text = beginning(body, 40)
  return {
    source: `effect/${title}`,
    title,
    text,
    details: [body.slice(text.length), ...exports.slice(0, 30).map(({ name, use }) => `${name} ${use}`)].join(" "),
    body
  }
}

/** The comment a file starts with; nothing when it starts with something else. */
const moduleDoc = (source: string) => paragraphs(/^\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? "")

/** What a module exports: the name, what it is, and when to use it. */
const exportsOf = (source: string) =>
  Array.from(source.matchAll(documented), ([, comment = "", name = ""]) => ({
    name,
    summary: paragraphs(comment),
    use: paragraphs(/\*\*When to use\*\*([\s\S]*)/.exec(comment)?.[1] ?? "")
  }))

const documented =
  /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export (?:declare )?(?:const|function|interface|class|type) (\w+)/g

/** The text of a comment, until its first headline, tag or program. */
const paragraphs = (comment: string): string =>
  comment
    .replace(/^[ \t]*\* ?/gm, "")
    .split(/^@|^```|^\*\*/m)[0]!
    .replace(/\{@link (\w+)\}/g, "$1")
    .replace(/\s+/g, " ")
    .trim()

/** The whole sentences among so many words. */
const beginning = (text: string, words: number): string => {
  let kept = ""
  for (const { segment } of sentences.segment(text)) {
    if (kept !== "" && (kept + segment).trim().split(" ").length > words) break
    kept += segment
  }
  return kept.trim()
}

const sentences = new Intl.Segmenter("en", { granularity: "sentence" })

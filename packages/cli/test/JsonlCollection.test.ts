import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as JsonlCollection from "../src/collection/JsonlCollection.ts"
import * as Stamp from "../src/collection/Stamp.ts"
import { chunks, report, run } from "./support/Collections.ts"
import * as Folder from "./support/Folder.ts"

const embedInto = (root: string, ...args: ReadonlyArray<string>) =>
  run(root, ["embed", ".", "--json", "-q", "--index", `${root}/index.jsonl`, ...args])

const found = (root: string) =>
  Effect.map(
    chunks(root, "text", "--index", `${root}/index.jsonl`),
    (hits) => hits.map(({ source, text }) => `${source}: ${text}`).toSorted()
  )

const stamp = Stamp.make({ provider: "p", model: "m", dimensions: undefined, maxTokens: 100, overlapTokens: 0 })

const chunk = (text: string) => ({
  position: 0,
  hash: text,
  text,
  context: "",
  citation: text,
  vector: new Float32Array([1, 0.1])
})

const entry = (source: string) => ({ source, bytesDigest: "b", textDigest: "t", title: undefined, emptyPages: 0 })

/** Writes files one by one, and is killed before the end. */
const interrupted = (file: string, sources: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const collection = yield* JsonlCollection.make({ file })
    const writer = yield* Scope.provide(collection.write(stamp, { rebuild: false }), scope)
    for (const source of sources) {
      yield* writer.replace(entry(source), [chunk(`of ${source}`)])
    }
    yield* Scope.close(scope, Exit.void)
  })

/** Whether a line ends within the next few bytes. */
const isEnd = (bytes: Buffer, at: number) => bytes.subarray(at - 2, at + 12).includes(0x0a)

const sourcesOf = (file: string) =>
  Effect.scoped(Effect.gen(function*() {
    const collection = yield* JsonlCollection.make({ file })
    const writer = yield* collection.write(stamp, { rebuild: false })
    return yield* Stream.runCollect(writer.sources)
  }))

describe("A collection of JSON lines", () => {
  it.effect("embeds what is new or changed, keeps what is not, forgets what is gone (jobs 56, 57, 58, 61)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.md": "Alpha \u2028 text", "b/c.txt": "Beta text", "d.txt": "Delta text" })
      assert.deepInclude(report(yield* embedInto(root)), { embedded: 3, chunks: 3 })
      assert.deepStrictEqual(yield* found(root), ["a.md: Alpha \u2028 text", "b/c.txt: Beta text", "d.txt: Delta text"])
      const before = Fs.statSync(`${root}/index.jsonl`)
      const second = yield* embedInto(root)
      assert.deepStrictEqual([second.sent, report(second).unchanged], [[], 3])
      assert.strictEqual(Fs.statSync(`${root}/index.jsonl`).mtimeMs, before.mtimeMs)

      Folder.write(root, { "a.md": "Gamma text" })
      Fs.rmSync(`${root}/d.txt`)
      const third = yield* embedInto(root, "--prune")
      assert.deepStrictEqual(third.sent, ["Gamma text"])
      assert.deepInclude(report(third), { embedded: 1, unchanged: 1, removed: 1 })
      assert.deepStrictEqual(yield* found(root), ["a.md: Gamma text", "b/c.txt: Beta text"])

      Folder.write(root, { "b/c.txt": "Forbidden text" })
      assert.strictEqual(
        (yield* run(root, ["embed", ".", "-q", "--index", `${root}/index.jsonl`], { refuse: "Forbidden" })).code,
        3
      )
      assert.deepStrictEqual(yield* found(root), ["a.md: Gamma text", "b/c.txt: Beta text"])
      assert.deepStrictEqual(Fs.readdirSync(root).toSorted(), ["a.md", "b", "index.jsonl"])
    }))

  it.effect("uses vectors again, and refuses other settings until it is made anew (jobs 59, 62)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.txt": "The same text" })
      yield* embedInto(root)
      Folder.write(root, { "b.txt": "The same text" })
      const second = yield* embedInto(root)
      assert.deepStrictEqual([second.sent, report(second).embedded], [[], 1])
      const refused = yield* embedInto(root, "--dimensions", "8")
      assert.strictEqual(refused.code, 1)
      assert.include(refused.error, "dimensions is 8, and was null")
      assert.strictEqual((yield* embedInto(root, "--dimensions", "8", "--rebuild")).code, 0)
      const lines = Fs.readFileSync(`${root}/index.jsonl`, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(lines.map(({ type }) => type), ["collection", "chunk", "document", "chunk", "document"])
      assert.strictEqual(lines[1].vector.length, 8)
    }))

  it.effect("goes on after a death at any byte: whole files count, each once, and the torn end is put aside (jobs 42)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make()
      const file = `${root}/index.jsonl`
      yield* interrupted(file, ["a", "b", "c"])
      const whole = Fs.readFileSync(`${file}.new`)
      const groups = whole.toString().split("\n").flatMap((line, index, lines) =>
        line.startsWith("{\"type\":\"document\"") ? [Buffer.byteLength(lines.slice(0, index + 1).join("\n")) + 1] : []
      )
      // The ends of lines, and every eleventh byte between them: all bytes are for the test of the journal.
      for (let length = (groups[0] ?? 0) - 3; length <= whole.length; length += isEnd(whole, length) ? 1 : 11) {
        Fs.rmSync(`${file}.new.torn`, { force: true })
        Fs.writeFileSync(`${file}.new`, whole.subarray(0, length))
        const expected = ["a", "b", "c"].slice(0, groups.filter((end) => end <= length).length)
        assert.deepStrictEqual(yield* sourcesOf(file), expected)
        const end = groups[expected.length - 1] ?? whole.indexOf("\n") + 1
        assert.strictEqual(Fs.statSync(`${file}.new`).size, end)
        if (length > end) assert.deepStrictEqual(Fs.readFileSync(`${file}.new.torn`), whole.subarray(end, length))
      }
      // A later run writes behind it, and each chunk is there once.
      Fs.writeFileSync(`${file}.new`, whole.subarray(0, whole.length - 5))
      yield* Effect.scoped(Effect.gen(function*() {
        const collection = yield* JsonlCollection.make({ file })
        const writer = yield* collection.write(stamp, { rebuild: false })
        yield* writer.replace(entry("c"), [chunk("new of c")])
        yield* writer.finish
        const hits = yield* collection.search({ vector: new Float32Array([1, 0]), limit: 100, under: undefined })
        assert.deepStrictEqual(hits.map(({ text }) => text).toSorted(), ["new of c", "of a", "of b"])
      }))
      assert.isFalse(Fs.existsSync(`${file}.new`))
    }))

  it.effect("lets one process change it, names that, and takes over from one that was killed (jobs 66)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.txt": "Alpha" })
      const lock = `${root}/index.jsonl.lock`
      Fs.writeFileSync(lock, JSON.stringify({ pid: 1, host: "elsewhere" }))
      const refused = yield* embedInto(root)
      assert.strictEqual(refused.code, 1)
      assert.include(refused.error, "is being changed by process 1 on elsewhere")
      assert.isTrue(Fs.existsSync(lock))
      const { host } = yield* Effect.promise(() => import("node:os").then((os) => ({ host: os.hostname() })))
      Fs.writeFileSync(lock, JSON.stringify({ pid: 2 ** 22 + 1, host }))
      assert.strictEqual((yield* embedInto(root)).code, 0)
      assert.isFalse(Fs.existsSync(lock))
    }))
})

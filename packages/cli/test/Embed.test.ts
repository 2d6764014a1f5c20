import { assert, describe, it } from "@effect/vitest"
import { ProviderError } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Shutdown from "../src/process/Shutdown.ts"
import { chunks, report, run } from "./support/Collections.ts"
import * as Folder from "./support/Folder.ts"
import * as InProcess from "./support/InProcess.ts"

const embed = ["embed", ".", "--json", "-q"]

/** Paragraphs that are each a chunk of their own. */
const paragraphs = (count: number, word: string) =>
  Array.from({ length: count }, (_, index) => `${`${word}${index} `.repeat(20)}`.trim()).join("\n\n")

const small = ["--chunk-tokens", "60"]

describe("strata embed", () => {
  it.effect("embeds what is new or changed, and calls nobody when nothing is (jobs 56, 61)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.md": "# A\n\nAlpha text", "b/c.txt": "Beta text" })
      const first = yield* run(root, embed)
      assert.deepInclude(report(first), { embedded: 2, chunks: 2, unchanged: 0, removed: 0 })
      assert.strictEqual(first.sent.length, 2)
      assert.deepStrictEqual((yield* chunks(root)).map(({ source }) => source).toSorted(), ["a.md", "b/c.txt"])

      const before = Fs.readFileSync(`${root}/index.db`)
      for (const name of ["a.md", "b/c.txt"]) Fs.utimesSync(Path.join(root, name), 1, 1)
      const second = yield* run(root, embed)
      assert.deepInclude(report(second), { embedded: 0, chunks: 0, unchanged: 2, removed: 0 })
      assert.deepStrictEqual(second.sent, [])
      assert.deepStrictEqual(
        new DatabaseSync(`${root}/index.db`).prepare("SELECT count(*) AS n FROM strata_chunk").get()?.["n"],
        2
      )
      assert.isAbove(before.length, 0)

      Folder.write(root, { "a.md": "# A\n\nGamma text" })
      const third = yield* run(root, embed)
      assert.deepInclude(report(third), { embedded: 1, chunks: 1, unchanged: 1 })
      assert.deepStrictEqual(third.sent, ["# A\n\nGamma text"])
      // bytes that make no difference to the text
      Folder.write(root, { "a.md": "# A\r\n\r\nGamma text" })
      const fourth = yield* run(root, embed)
      assert.deepInclude(report(fourth), { embedded: 0, unchanged: 2 })
      assert.deepStrictEqual(fourth.sent, [])
    }))

  it.effect("keeps no chunk of what a file was, and both of two that are equal (jobs 56, 60)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.txt": paragraphs(200, "word") })
      yield* run(root, [...embed, ...small])
      assert.strictEqual((yield* chunks(root)).length, 200)
      Folder.write(root, { "a.txt": paragraphs(3, "word") })
      const shrunk = yield* run(root, [...embed, ...small])
      // they are there already
      assert.deepStrictEqual(shrunk.sent, [])
      assert.strictEqual((yield* chunks(root)).length, 3)
      const same = paragraphs(1, "same")
      Folder.write(root, { "a.txt": `${same}\n\n${same}` })
      const twice = yield* run(root, [...embed, ...small])
      assert.strictEqual(twice.sent.length, 1)
      assert.deepStrictEqual((yield* chunks(root)).map(({ position, text }) => [position, text]), [[0, same], [
        1,
        same
      ]])
    }))

  it.effect("embeds a text of two files once, and each chunk again with --force (jobs 62)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.txt": "The same text", "b.txt": "The same text" })
      const first = yield* run(root, embed)
      assert.deepStrictEqual([first.sent, (yield* chunks(root)).length], [["The same text"], 2])
      Folder.write(root, { "c.txt": "The same text" })
      const second = yield* run(root, embed)
      assert.deepStrictEqual([second.sent, (yield* chunks(root)).length], [[], 3])
      const forced = yield* run(root, [...embed, "--force"])
      assert.isAbove(forced.sent.length, 0)
      assert.deepInclude(report(forced), { embedded: 3, unchanged: 0 })
    }))

  it.effect("keeps the old version of a file that cannot be embedded, and mends it at the next run (jobs 57)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.txt": "Old alpha", "b.txt": "Old beta" })
      yield* run(root, embed)
      Folder.write(root, { "a.txt": `New alpha\n\n${paragraphs(30, "forbidden")}`, "b.txt": "New beta" })
      const failed = yield* run(root, [...embed], { refuse: "forbidden7 " })
      assert.strictEqual(failed.code, 3)
      assert.deepInclude(report(failed), { embedded: 1, unchanged: 0 })
      assert.deepStrictEqual(report(failed).failed.map(({ source }) => source), ["a.txt"])
      assert.match(failed.error, /^failed: a\.txt: [^\n]+\nstrata: 1 files are not in the collection/)
      assert.deepStrictEqual((yield* chunks(root)).map(({ text }) => text).toSorted(), ["New beta", "Old alpha"])
      const mended = yield* run(root, embed)
      assert.strictEqual(mended.code, 0)
      assert.include((yield* chunks(root)).map(({ text }) => text).join(), "New alpha")
      assert.notInclude((yield* chunks(root)).map(({ text }) => text).join(), "Old alpha")
    }))

  it.effect("writes a file in one transaction, so that a failure of the database leaves the old version (jobs 57)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.txt": "Old alpha" })
      yield* run(root, embed)
      const database = new DatabaseSync(`${root}/index.db`)
      for (const table of ["strata_chunk", "strata_document"]) {
        database.exec(
          `CREATE TRIGGER fail BEFORE INSERT ON ${table} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`
        )
        Folder.write(root, { "a.txt": `New alpha, ${table}` })
        const failed = yield* run(root, embed)
        assert.strictEqual(failed.code, 1)
        assert.include(failed.error, "storing a.txt: the disk is full")
        assert.deepStrictEqual((yield* chunks(root)).map(({ text }) => text), ["Old alpha"])
        database.exec("DROP TRIGGER fail")
      }
      database.close()
      yield* run(root, embed)
      assert.deepStrictEqual((yield* chunks(root)).map(({ text }) => text), ["New alpha, strata_document"])
    }))

  it.effect("forgets files that are gone, below the given folders only, and not many unasked (jobs 58)", () =>
    Effect.gen(function*() {
      const files = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`docs/${index}.txt`, `Text ${index}`]))
      const root = yield* Folder.make({ ...files, "other/x.txt": "Other text" })
      yield* run(root, embed)
      Fs.rmSync(`${root}/docs/0.txt`)
      Fs.rmSync(`${root}/other/x.txt`)
      assert.deepInclude(report(yield* run(root, ["embed", "docs", "--json", "-q"])), { removed: 1, unchanged: 9 })
      assert.include((yield* chunks(root)).map(({ source }) => source), "other/x.txt")
      // as when the disk is not there
      for (const name of Fs.readdirSync(`${root}/docs`)) Fs.rmSync(`${root}/docs/${name}`)
      const kept = yield* run(root, ["embed", "docs", "--json", "-q"])
      assert.deepInclude(report(kept), { removed: 0 })
      assert.include(kept.error, "9 of 10 files are gone, and are kept: say --prune")
      Fs.rmdirSync(`${root}/docs`)
      assert.strictEqual((yield* run(root, ["embed", "docs", "--json", "-q"])).code, 2)
      assert.strictEqual((yield* chunks(root)).length, 10)
      Fs.mkdirSync(`${root}/docs`)
      assert.deepInclude(report(yield* run(root, ["embed", "docs", "--prune", "--json", "-q"])), { removed: 9 })
      assert.deepStrictEqual((yield* chunks(root)).map(({ source }) => source), ["other/x.txt"])
    }))

  it.effect("refuses vectors of other settings by name, and makes the collection anew when asked (jobs 59, 62)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.txt": "Alpha text", "b.txt": "Beta text" })
      yield* run(root, embed)
      for (
        const [flags, words] of [
          [["--dimensions", "32"], "dimensions is 32, and was null"],
          [["--model", "other"], "model is \"other\", and was \"amazon.titan-embed-text-v2:0\""],
          [["--chunk-tokens", "61"], "maxTokens is 61, and was 100"],
          [["--provider", "bedrock"], "provider is \"bedrock\", and was \"local\""]
        ] as const
      ) {
        const refused = yield* run(root, [...embed, ...flags])
        assert.deepStrictEqual([refused.code, refused.sent], [1, []])
        assert.include(refused.error, words)
        assert.include(refused.error, "strata embed --rebuild")
      }
      assert.strictEqual((yield* chunks(root)).length, 2)
      const other = yield* run(root, ["search", "Alpha", "--model", "other"])
      assert.deepStrictEqual([other.code, other.sent], [2, []])
      assert.include(other.error, "--model amazon.titan-embed-text-v2:0")

      // What was there is found until all is there anew, also if the first try is cut short.
      const half = yield* run(root, [...embed, "--rebuild", "--dimensions", "32", "--concurrency", "1"], {
        refuse: "Beta"
      })
      assert.strictEqual(half.code, 3)
      const rebuilt = yield* run(root, [...embed, "--rebuild", "--dimensions", "32"])
      assert.deepStrictEqual(rebuilt.code, 0)
      assert.strictEqual((yield* chunks(root)).length, 2)
      assert.deepInclude(report(yield* run(root, [...embed, "--dimensions", "32"])), { unchanged: 2, embedded: 0 })
    }))

  it.effect("fails for a file without text, each time, and names pages without text (jobs 63)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "scan.pdf": pdf([""]), "part.pdf": pdf(["Some text of a page", ""]) })
      for (let time = 0; time < 2; time++) {
        const ended = yield* run(root, embed)
        assert.strictEqual(ended.code, 3)
        assert.deepStrictEqual(report(ended).failed.map(({ source }) => source), ["scan.pdf"])
      }
      assert.deepStrictEqual((yield* chunks(root)).map(({ source }) => source), ["part.pdf"])
      Folder.write(root, { "scan.pdf": pdf(["Now with text"]) })
      const mended = yield* run(root, embed)
      assert.deepStrictEqual([mended.code, (yield* chunks(root)).length], [0, 2])
    }))

  it.effect("counts what it leaves out by reason, before it begins (jobs 49, 69)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({
        "a.md": "Alpha",
        "large.txt": "x".repeat(1_000_001),
        "image.bin": new Uint8Array([0, 1, 2, 255, 254]),
        "empty.txt": "",
        ".gitignore": "out/",
        ".git/HEAD": "",
        "out/b.md": "Beta"
      })
      const ended = yield* run(root, ["embed", ".", "--max-megabytes", "1", "--dry-run"])
      assert.deepStrictEqual([ended.code, ended.sent], [0, []])
      assert.match(
        ended.out,
        /^1 files to embed into \S+index\.db \(1 chunks\); 0 unchanged; left out [^\n]+: \d+ to \d+ tokens, no cost\n$/
      )
      for (const left of ["1 too large", "1 no document", "1 empty", "2 hidden", "1 ignored"]) {
        assert.include(ended.out, left)
      }
      assert.strictEqual((yield* run(root, ["search", "Alpha"])).code, 0)
    }))

  it.effect("asks for --yes where it may cost much, and stops at --max-cost to go on later (jobs 49)", () =>
    Effect.gen(function*() {
      const files = Object.fromEntries(
        Array.from({ length: 30 }, (_, index) => [`${index}.txt`, `Text number ${index}`])
      )
      const root = yield* Folder.make({ ...files, "prices.json.html": "x" })
      const prices = `${root}/../${Path.basename(root)}-prices.json`
      Fs.writeFileSync(prices, JSON.stringify([{ model: "*", price: { input: 10_000 } }]))
      yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(prices)))
      const paid = [...embed, "--provider", "bedrock", "--prices", prices]
      const asked = yield* run(root, paid)
      assert.deepStrictEqual([asked.code, asked.sent], [2, []])
      assert.match(asked.error, /may cost up to [\d.]+ USD: say --yes/)
      const terminal = { terminal: true, input: InProcess.text("n\n") }
      const declined = yield* run(root, ["embed", ".", "--provider", "bedrock", "--prices", prices], terminal)
      assert.deepStrictEqual([declined.code, declined.sent], [1, []])
      assert.include(declined.error, "Begin? [y/N]")
      const limited = yield* run(root, [...paid, "--yes", "--max-cost", "0.3", "--concurrency", "2"])
      assert.strictEqual(limited.code, 4)
      assert.isAbove(limited.sent.length, 0)
      assert.isBelow(limited.sent.length, 30)
      const rest = yield* run(root, ["embed", ".", "--json", "--provider", "bedrock", "--prices", prices], {
        terminal: true,
        input: InProcess.text("y\n")
      })
      assert.deepInclude(report(rest), { embedded: 31 - limited.sent.length })
    }))

  it.effect("stops for credentials with 4, and goes on where it stopped (jobs 51, 54)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.txt": "Alpha", "b.txt": "Beta" })
      const expired = new ProviderError.AuthenticationError({
        provider: "test",
        message: "The token is expired. Sign in."
      })
      const stopped = yield* run(root, embed, { refuse: expired })
      assert.deepStrictEqual([stopped.code, stopped.error], [4, "strata: The token is expired. Sign in.\n"])
      assert.strictEqual((yield* run(root, embed)).code, 0)
    }))

  it.effect("finishes what is in flight at a signal, begins nothing more, and goes on at the next run (jobs 51)", () =>
    Effect.gen(function*() {
      const files = Object.fromEntries(
        Array.from({ length: 20 }, (_, index) => [`${index}.txt`, `Text number ${index}`])
      )
      const root = yield* Folder.make(files)
      const control = yield* Shutdown.make
      let sent = 0
      const signalled = yield* run(root, [...embed, "--concurrency", "2"], {
        control,
        onSend: () => {
          if (++sent === 5) control.signal("SIGINT")
        }
      })
      assert.strictEqual(signalled.code, 130)
      const { embedded } = report(signalled)
      assert.isAtLeast(embedded, 5)
      assert.isAtMost(embedded, 6)
      assert.strictEqual((yield* chunks(root)).length, embedded)
      assert.deepInclude(report(yield* run(root, embed)), { embedded: 20 - embedded, unchanged: embedded })
    }))

  it.effect("lets one process change a collection at a time, and names it (jobs 66)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a.txt": "Alpha text" })
      yield* run(root, embed)
      const database = new DatabaseSync(`${root}/index.db`)
      database.exec(`UPDATE strata_collection SET holder = 'x', holder_name = 'process 17 on build',
        holder_until = unixepoch('subsec') * 1000 + 15000`)
      Folder.write(root, { "a.txt": "Beta text" })
      const second = yield* run(root, embed)
      assert.deepStrictEqual([second.code, second.sent], [1, []])
      assert.match(second.error, /is being changed by process 17 on build\. Wait for it; .* in 15 seconds/)
      database.exec("UPDATE strata_collection SET holder_until = unixepoch('subsec') * 1000 - 1")
      assert.strictEqual((yield* run(root, embed)).code, 0)
      assert.strictEqual(database.prepare("SELECT holder FROM strata_collection").get()?.["holder"], null)
      database.close()
      // two at once: the work of none is lost
      Folder.write(root, { "b.txt": "Gamma text" })
      const both = yield* Effect.forEach([1, 2], () => Effect.forkChild(run(root, embed)))
      const codes = yield* Effect.forEach(both, (fiber) => Effect.map(Fiber.join(fiber), ({ code }) => code))
      assert.include(codes, 0)
      assert.strictEqual((yield* chunks(root)).length, 2)
    }))
})

/** A PDF with these pages. */
const pdf = (pages: ReadonlyArray<string>): string => {
  const objects: Array<string> = []
  const add = (object: string) => objects.push(object)
  add("<</Type/Catalog/Pages 2 0 R>>")
  add(`<</Type/Pages/Kids[${pages.map((_, index) => `${4 + 2 * index} 0 R`).join(" ")}]/Count ${pages.length}>>`)
  add("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
  for (const [index, text] of pages.entries()) {
    const content = text === "" ? "" : `BT /F1 12 Tf 72 700 Td (${text}) Tj ET`
    add(
      `<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents ${5 + 2 * index} 0 R>>`
    )
    add(`<</Length ${content.length}>>stream\n${content}\nendstream`)
  }
  let file = "%PDF-1.4\n"
  const offsets = objects.map((object, index) => {
    const at = file.length
    file += `${index + 1} 0 obj\n${object}\nendobj\n`
    return at
  })
  const start = file.length
  const entries = offsets.map((offset) => `${`${offset}`.padStart(10, "0")} 00000 n \n`).join("")
  return `${file}xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${entries}trailer<</Size ${
    objects.length + 1
  }/Root 1 0 R>>\nstartxref\n${start}\n%%EOF`
}

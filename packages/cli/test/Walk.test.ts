import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as SourceId from "../src/collection/SourceId.ts"
import * as Walk from "../src/collection/Walk.ts"
import * as Folder from "./support/Folder.ts"

const walk = (root: string, inputs: ReadonlyArray<string> = ["."], options: Partial<Walk.Options> = {}) =>
  Effect.gen(function*() {
    const walk = yield* Walk.make(inputs, { root, maxBytes: 1000, followLinks: false, ...options })
    const files = yield* Stream.runCollect(walk.files)
    const { skipped, unreadable } = walk.report()
    return { ids: files.map(({ id }) => id), skipped: Object.fromEntries(skipped), unreadable }
  })

describe("Walk", () => {
  it.effect("finds files once, in order, whatever names lead to them (jobs 68)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "docs/b.md": "b", "docs/a/c.md": "c", "top.md": "t", "cafe\u0301.md": "e" })
      assert.deepStrictEqual((yield* walk(root)).ids, ["caf\u00e9.md", "docs/a/c.md", "docs/b.md", "top.md"])
      for (
        const inputs of [["docs"], ["docs/"], ["./docs/../docs"], [`${root}/docs`, "docs/b.md"], ["docs/b.md", "docs"]]
      ) {
        assert.deepStrictEqual((yield* walk(root, inputs)).ids.toSorted(), ["docs/a/c.md", "docs/b.md"])
      }
      const { message } = yield* Effect.flip(walk(Path.join(root, "docs"), ["../top.md"]))
      assert.match(message, /^\.\.\/top\.md is outside of .*: run the command above the file, or give --root /)
      assert.include((yield* Effect.flip(walk(root, ["none"]))).message, "none cannot be read: there is no such file")
    }))

  it.effect("leaves out what .gitignore excludes, also that of folders around and inside, but no file that is named (jobs 69)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({
        ".git/config": "",
        ".gitignore": "build/\n*.log\n!keep.log\n/only-here.md\n",
        "build/a.md": "a",
        "x.log": "x",
        "keep.log": "k",
        "only-here.md": "o",
        "docs/only-here.md": "o",
        "docs/.gitignore": "!y.log\nsecret.md",
        "docs/y.log": "y",
        "docs/secret.md": "s",
        "node_modules/m/readme.md": "m",
        ".env": "e"
      })
      const all = yield* walk(root)
      assert.deepStrictEqual(all.ids, ["docs/only-here.md", "docs/y.log", "keep.log"])
      assert.deepStrictEqual(all.skipped, { hidden: 4, ignored: 5 })
      assert.deepStrictEqual((yield* walk(root, ["docs"])).ids, ["docs/only-here.md", "docs/y.log"])
      assert.deepStrictEqual((yield* walk(root, ["x.log", ".env"])).ids, ["x.log", ".env"])
    }))

  it.effect("counts links, files that are too large or empty, and follows links only when asked, without a loop (jobs 69)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a/x.md": "x", "a/large.md": "l".repeat(1001), "a/empty.md": "" })
      const outside = yield* Folder.make({ "y.md": "y" })
      Fs.symlinkSync("/", Path.join(root, "a/everything"))
      Fs.symlinkSync(Path.join(root, "a"), Path.join(root, "a/again"))
      Fs.symlinkSync(Path.join(root, "nowhere"), Path.join(root, "a/broken"))
      const plain = yield* walk(root)
      assert.deepStrictEqual(plain.ids, ["a/x.md"])
      assert.deepStrictEqual(plain.skipped, { "too large": 1, empty: 1, link: 3 })
      Fs.rmSync(Path.join(root, "a/everything"))
      Fs.symlinkSync(outside, Path.join(root, "a/outside"))
      const followed = yield* walk(root, ["."], { followLinks: true })
      assert.deepStrictEqual(followed.ids, ["a/outside/y.md", "a/x.md"])
      assert.deepStrictEqual(followed.unreadable, [])
    }))

  it.effect("names what it cannot read, and goes on (jobs 58)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "a/x.md": "x", "b/y.md": "y", "c/z.md": "z" })
      const walk = yield* Walk.make(["."], { root, maxBytes: 1000, followLinks: false })
      const ids = yield* Stream.runCollect(Stream.tap(walk.files, ({ id }) =>
        // like a disk that is gone in the middle
        Effect.sync(() => id === "a/x.md" && Fs.rmSync(Path.join(root, "b"), { recursive: true }))))
      assert.deepStrictEqual(ids.map(({ id }) => id), ["a/x.md", "c/z.md"])
      assert.deepStrictEqual(walk.report().unreadable, ["b"])
      assert.strictEqual(walk.report().skipped.get("unreadable"), 1)
    }))
})

describe("SourceId", () => {
  it("is one for each file, on Windows as elsewhere (jobs 68)", () => {
    const posix = (path: string) => SourceId.make("/home/me", path, Path.posix)
    const windows = (path: string) => SourceId.make("C:\\Users\\me", path, Path.win32)
    for (const path of ["docs/a.md", "./docs/a.md", "docs//a.md", "docs/x/../a.md", "/home/me/docs/a.md"]) {
      assert.strictEqual(posix(path), "docs/a.md")
    }
    for (
      const path of ["docs\\a.md", "docs/a.md", ".\\docs\\a.md", "C:\\Users\\me\\docs\\a.md", "c:/users/ME/docs/a.md"]
    ) {
      assert.strictEqual(windows(path), "docs/a.md")
    }
    assert.strictEqual(posix("docs/"), posix("docs"))
    assert.strictEqual(posix("."), "")
    assert.strictEqual(posix("..b/c"), "..b/c")
    for (const path of ["..", "../x", "/etc"]) assert.strictEqual(posix(path), undefined)
    for (const path of ["..", "D:\\x"]) assert.strictEqual(windows(path), undefined)
  })
})

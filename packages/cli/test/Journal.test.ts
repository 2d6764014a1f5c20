import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Journal from "../src/rows/Journal.ts"
import * as Folder from "./support/Folder.ts"

const append = (file: string, ...groups: ReadonlyArray<ReadonlyArray<string>>) =>
  Effect.scoped(Effect.gen(function*() {
    const journal = yield* Journal.open(file, (text) => text.startsWith("end"))
    yield* Effect.forEach(groups, journal.append, { discard: true })
  }))

const groups = [["one \u2028 é", "end 1"], ["two 😀", "more of two", "end 2"], ["end 3"]]

describe("Journal", () => {
  it.effect("has whole groups and nothing else after a death at any byte, and goes on behind them (jobs 42, 43)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make()
      const file = `${root}/journal`
      yield* append(file, ...groups)
      const whole = Fs.readFileSync(file)
      const ends = groups.map((_, index) => Buffer.byteLength(groups.slice(0, index + 1).flat().join("\n")) + 1)
      assert.strictEqual(whole.length, ends.at(-1))
      for (let length = 0; length <= whole.length; length++) {
        Fs.rmSync(`${file}.torn`, { force: true })
        Fs.writeFileSync(file, whole.subarray(0, length))
        yield* append(file, ["new", "end 4"])
        const kept = ends.filter((end) => end <= length).length
        const lines = yield* Stream.runCollect(Journal.lines(file))
        assert.deepStrictEqual(lines.map(({ text }) => text), [...groups.slice(0, kept).flat(), "new", "end 4"])
        for (const { length, offset, text } of lines) {
          assert.strictEqual(Fs.readFileSync(file).subarray(offset, offset + length).toString(), text)
        }
        const end = ends[kept - 1] ?? 0
        assert.strictEqual(Fs.existsSync(`${file}.torn`), length > end)
        if (length > end) assert.deepStrictEqual(Fs.readFileSync(`${file}.torn`), whole.subarray(end, length))
      }
    }))

  it.effect("has no lines where there is no file, and takes one at a time from many fibers", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make()
      const file = `${root}/journal`
      assert.deepStrictEqual(yield* Stream.runCollect(Journal.lines(file)), [])
      yield* Effect.scoped(Effect.gen(function*() {
        const journal = yield* Journal.open(file, (text) => text.startsWith("end"))
        yield* Effect.forEach(
          Array.from({ length: 20 }, (_, index) => index),
          (index) => journal.append([`${index}`, `end ${index}`]),
          { concurrency: "unbounded" }
        )
      }))
      const lines = (yield* Stream.runCollect(Journal.lines(file))).map(({ text }) => text)
      assert.strictEqual(lines.length, 40)
      for (let index = 0; index < 40; index += 2) assert.strictEqual(lines[index + 1], `end ${lines[index]}`)
    }))
})

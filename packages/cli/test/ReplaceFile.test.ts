import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as Fs from "node:fs"
import * as ReplaceFile from "../src/rows/ReplaceFile.ts"
import * as Folder from "./support/Folder.ts"

/** Replaces a file where renaming fails so many times. */
const replaced = (failures: number, code: string) =>
  Effect.gen(function*() {
    const root = yield* Folder.make({ old: "old", new: "new" })
    let calls = 0
    const fiber = yield* Effect.forkChild(Effect.result(
      ReplaceFile.replace(`${root}/new`, `${root}/old`, (from, to) =>
        ++calls <= failures
          ? Promise.reject(Object.assign(new Error(`${code}: held`), { code }))
          : Fs.promises.rename(from, to))
    ))
    for (let tenth = 0; tenth < 30; tenth++) {
      yield* TestClock.adjust("100 millis")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    const result = yield* Fiber.join(fiber)
    return { result: result._tag, content: Fs.readFileSync(`${root}/old`, "utf8"), files: Fs.readdirSync(root), calls }
  })

describe("ReplaceFile", () => {
  it.effect("waits for a file that is held for a moment (jobs 48)", () =>
    Effect.gen(function*() {
      for (const code of ["EPERM", "EACCES", "EBUSY"]) {
        assert.deepStrictEqual(yield* replaced(5, code), {
          result: "Success",
          content: "new",
          files: ["old"],
          calls: 6
        })
      }
    }))

  it.effect("fails after a second with the old file whole and no leftovers (jobs 48)", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* replaced(20, "EBUSY"), {
        result: "Failure",
        content: "old",
        files: ["old"],
        calls: 11
      })
      assert.deepStrictEqual(yield* replaced(20, "ENOSPC"), {
        result: "Failure",
        content: "old",
        files: ["old"],
        calls: 1
      })
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Output } from "../src/process/Output.ts"
import * as Progress from "../src/process/Progress.ts"

/** What is shown within some seconds of work, ten items a second. */
const shown = (options: { readonly isRedrawable: boolean; readonly isQuiet?: boolean }) =>
  Effect.gen(function*() {
    const notes: Array<string> = []
    const states: Array<string> = []
    let done = 0
    const output: Output["Service"] = {
      text: () => Effect.die("standard output"),
      json: () => Effect.die("standard output"),
      raw: () => Effect.die("standard output"),
      note: (line) => Effect.sync(() => void notes.push(line)),
      warn: (line) => Effect.sync(() => void notes.push(line)),
      status: (line) => Effect.sync(() => void states.push(line)),
      isQuiet: false,
      isJson: false,
      ...options
    }
    yield* Effect.scoped(Effect.gen(function*() {
      yield* Progress.show("rows", Effect.sync(() => ({ done, total: 1000, failed: 2, cost: 0.001234 })))
      for (let tenth = 0; tenth < 250; tenth++) {
        yield* TestClock.adjust("100 millis")
        done++
      }
    })).pipe(Effect.provideService(Output, output))
    return { notes, states }
  })

describe("Progress", () => {
  it.effect("is one plain line every ten seconds where lines cannot be redrawn (jobs 55)", () =>
    Effect.gen(function*() {
      const { notes, states } = yield* shown({ isRedrawable: false })
      assert.deepStrictEqual(notes, [
        "99 of 1,000 rows, 2 failed, 0.00123 USD",
        "199 of 1,000 rows, 2 failed, 10/s, 1m 20s left, 0.00123 USD"
      ])
      assert.deepStrictEqual(states, [""])
    }))

  it.effect("is a line redrawn four times a second on a terminal, and removed in the end (jobs 55)", () =>
    Effect.gen(function*() {
      const { notes, states } = yield* shown({ isRedrawable: true })
      assert.deepStrictEqual(notes, [])
      assert.strictEqual(states.length, 101)
      assert.strictEqual(states.at(-2), "249 of 1,000 rows, 2 failed, 10/s, 1m 16s left, 0.00123 USD")
      assert.strictEqual(states.at(-1), "")
    }))

  it.effect("is nothing with --quiet (jobs 55)", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* shown({ isRedrawable: false, isQuiet: true }), { notes: [], states: [] })
    }))

  it("knows no time left without a total or a pace, and counts what is unchanged", () => {
    assert.strictEqual(Progress.format("files", { done: 3 }, 1), "3 files, 1.0/s")
    assert.strictEqual(
      Progress.format("files", { done: 3, skipped: 7, total: 20 }, 0.5),
      "3 of 20 files, 7 unchanged, 0.5/s, 20s left"
    )
    assert.strictEqual(Progress.format("files", { done: 0, total: 20 }, 0), "0 of 20 files")
    assert.strictEqual(
      Progress.format("files", { done: 1, total: 200_000 }, 1),
      "1 of 200,000 files, 1.0/s, 2d 7h left"
    )
  })
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Collection from "../src/collection/Collection.ts"
import * as Prune from "../src/collection/Prune.ts"
import type * as Scan from "../src/collection/Scan.ts"
import * as Outputs from "./support/Outputs.ts"

const sources = Array.from({ length: 10 }, (_, index) => `docs/${index}`)

/** What would be forgotten of ten files, of which all but some were found. */
const plan = (gone: number, options: { readonly isComplete?: boolean; readonly isForced?: boolean } = {}) =>
  Effect.gen(function*() {
    const { isComplete = true, isForced = false } = options
    const { notes, output } = Outputs.make()
    const writer: Collection.Writer = {
      sources: Stream.fromIterable([...sources, "other"]),
      known: () => Effect.die("unused"),
      vectors: () => Effect.die("unused"),
      replace: () => Effect.die("unused"),
      confirm: () => Effect.die("unused"),
      remove: () => Effect.die("unused"),
      finish: Effect.die("unused")
    }
    const scan: Scan.Scan = {
      changed: [],
      chunks: 0,
      tokens: 0,
      unchanged: 0,
      failed: [],
      partial: [],
      skipped: new Map(),
      found: new Set(sources.slice(gone)),
      isComplete
    }
    const forgotten = yield* Effect.provide(
      Prune.plan(scan, { writer, inputs: ["docs/"], root: "/home", isForced }),
      output
    )
    return { forgotten, notes }
  })

describe("Prune", () => {
  it.effect("forgets up to a fifth of the files, and more only when asked (jobs 58)", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* plan(0), { forgotten: [], notes: [] })
      assert.deepStrictEqual(yield* plan(2), { forgotten: ["docs/0", "docs/1"], notes: [] })
      const many = yield* plan(3)
      assert.deepStrictEqual(many.forgotten, [])
      assert.match(many.notes[0] ?? "", /^3 of 11 files are gone, and are kept: say --prune/)
      assert.lengthOf((yield* plan(10, { isForced: true })).forgotten, 10)
    }))

  it.effect("forgets nothing when something could not be read, also when asked (jobs 58)", () =>
    Effect.gen(function*() {
      const { forgotten, notes } = yield* plan(1, { isComplete: false, isForced: true })
      assert.deepStrictEqual(forgotten, [])
      assert.match(notes[0] ?? "", /^1 files may be gone, and are kept: not everything could be listed$/)
    }))
})

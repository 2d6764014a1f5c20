import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Output from "../src/process/Output.ts"
import * as Settings from "../src/process/Settings.ts"
import * as Streams from "../src/process/Streams.ts"

/** What a program writes to standard error of a terminal of 12 columns. */
const terminal = (program: Effect.Effect<void, never, Output.Output>, isRedrawable = true) =>
  Effect.gen(function*() {
    let written = ""
    const streams: Streams.Streams["Service"] = {
      out: () => Effect.void,
      error: (text) => Effect.sync(() => void (written += text)),
      isRedrawable,
      columns: Effect.succeed(12)
    }
    yield* Effect.provide(
      program,
      Output.layer.pipe(Layer.provide(Layer.mergeAll(
        Layer.succeed(Streams.Streams, streams),
        Layer.succeed(Settings.Json, false),
        Layer.succeed(Settings.Quiet, false)
      )))
    )
    return written
  })

const program = Effect.gen(function*() {
  const { note, status } = yield* Output.Output
  yield* status("1 of 20 rows, 3/s")
  yield* status("1 of 20 rows, 3/s")
  yield* note("a note")
  yield* status("")
})

describe("Output", () => {
  it.effect("keeps the status below notes, within the width of the terminal, and redraws what changed", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* terminal(program), "\r\x1b[K1 of 20 row\r\x1b[Ka note\n1 of 20 row\r\x1b[K")
    }))

  it.effect("has no status where lines cannot be redrawn (jobs 55)", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* terminal(program, false), "a note\n")
    }))
})

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Lines from "../../src/storage/Lines.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

/** The lines of chunks, as text; `long` for one that is too long. */
const split = (chunks: ReadonlyArray<Uint8Array>, most = 1_000) =>
  Effect.map(
    Stream.runCollect(Lines.split(Stream.fromIterable(chunks), most)),
    (lines) => lines.map((line) => line === undefined ? "long" : new TextDecoder().decode(line))
  )

/** A text in chunks of a length, whatever characters they cut. */
const inChunks = (text: string, length: number): ReadonlyArray<Uint8Array> => {
  const all = bytes(text)
  return Array.from(
    { length: Math.ceil(all.length / length) },
    (_, index) => all.slice(index * length, (index + 1) * length)
  )
}

describe("Lines.split", () => {
  it.effect("splits at line feeds only: U+2028, U+2029 and U+0085 are part of a line (jobs 43)", () =>
    Effect.gen(function*() {
      const lines = ["{\"a\":\"\u2028\"}", "{\"b\":\"\u2029\u0085\"}", "{\"c\":\"\\n\"}"]
      assert.deepStrictEqual(yield* split([bytes(lines.join("\n"))]), lines)
    }))

  it.effect("leaves blank lines out, and takes a last line without its line break", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* split([bytes("\n{}\n\r\n \t\n[]")]), ["{}", "[]"])
      assert.deepStrictEqual(yield* split([bytes("{}\n")]), ["{}"])
      assert.deepStrictEqual(yield* split([]), [])
    }))

  it.effect("gives nothing of a line that is too long, and goes on after it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* split(inChunks(`a\n${"x".repeat(11)}\nb`, 4), 10), ["a", "long", "b"])
      assert.deepStrictEqual(yield* split(inChunks("x".repeat(10), 3), 10), ["x".repeat(10)])
    }))

  it.effect.prop("gives the same lines however the bytes arrive", {
    lines: Schema.Array(Schema.String),
    length: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 }))
  }, ({ length, lines }) =>
    Effect.gen(function*() {
      const texts = lines.map((line) => JSON.stringify(line.toWellFormed()))
      assert.deepStrictEqual(yield* split(inChunks(texts.map((text) => `${text}\n`).join(""), length)), texts)
    }), { arbitrary: { runs: 300 } })
})

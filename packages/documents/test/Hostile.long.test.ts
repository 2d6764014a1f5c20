import { assert, describe, it } from "@effect/vitest"
import { Reader } from "@strata/documents"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as PdfPages from "../src/PdfPages.ts"
import * as PdfWriter from "./support/PdfWriter.ts"

const line = "The quick brown fox jumps over the lazy dog and goes on and on till the end of it."

describe("A PDF", () => {
  it.live("of 2,000 pages is read with the memory for a few (jobs 70)", () =>
    Effect.gen(function*() {
      const page = PdfWriter.lines(Array.from({ length: 40 }, (_, index) => `${index} ${line}`))
      const bytes = PdfWriter.write(Array.from({ length: 2000 }, () => page))
      // What 2,000 pages hold at once needs more than 48 MB; one needs 16.
      const pages = yield* PdfPages.open("many.pdf", bytes, 40)
      assert.strictEqual(pages.count, 2000)
      for (let page = 1; page <= pages.count; page++) {
        const [paragraph] = yield* pages.read(page)
        assert.isAbove(paragraph!.text.length, 3000)
      }
    }).pipe(Effect.scoped))

  it.live("that needs too much memory is a typed error", () =>
    Effect.gen(function*() {
      // A page of twenty million letters.
      const bytes = PdfWriter.write([`BT /F 12 Tf ${`1 0 0 1 0 0 Tm (${"a ".repeat(500)}) Tj\n`.repeat(20_000)} ET`])
      const error = yield* Effect.flip(
        Effect.flatMap(PdfPages.open("bomb.pdf", bytes, 16), (pages) => pages.read(1)).pipe(Effect.scoped)
      )
      assert.strictEqual(error._tag, "UnreadableDocumentError")
    }))

  it.live.prop("that is damaged is a document or a typed error", {
    changes: Schema.NonEmptyArray(Schema.Struct({
      at: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
      bytes: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
    })),
    length: Schema.Finite.check(Schema.isBetween({ minimum: 0.3, maximum: 1 }))
  }, ({ changes, length }) =>
    Effect.gen(function*() {
      const whole = PdfWriter.write([PdfWriter.lines(["one", "two"]), PdfWriter.lines(["three"]), []])
      for (const { at, bytes } of changes) {
        const start = Math.floor(at * whole.length)
        whole.set(bytes.slice(0, whole.length - start), start)
      }
      const damaged = whole.subarray(0, Math.floor(length * whole.length))
      const result = yield* Effect.result(Reader.read({ name: "a.pdf", bytes: damaged }))
      if (result._tag === "Failure") assert.include(["UnreadableDocumentError", "NoTextError"], result.failure._tag)
    }), { arbitrary: { runs: 100 }, timeout: 120_000 })
})

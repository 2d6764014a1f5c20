import { assert, describe, it } from "@effect/vitest"
import { Reader } from "@strata/documents"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import * as PdfWriter from "./support/PdfWriter.ts"

describe("A PDF", () => {
  it("of 2,000 pages is read page by page: the memory is that of the text (jobs 70)", () => {
    const program = Path.join(import.meta.dirname, "support/ReadsManyPages.ts")
    const peak = (pages: number) => {
      const { status, stderr, stdout } = ChildProcess.spawnSync(process.execPath, [program, `${pages}`], {
        encoding: "utf8"
      })
      assert.strictEqual(status, 0, stderr)
      const { bytes, characters, memory } = JSON.parse(stdout)
      // The file three times, and its text in some stages.
      return memory - 3 * bytes - 6 * characters
    }
    const [few, many] = [peak(200), peak(2000)]
    assert.isBelow(many - few, 100e6)
  })

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

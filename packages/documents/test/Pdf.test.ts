import { assert, describe, it } from "@effect/vitest"
import { Chunk, Splitter } from "@strata/documents"
import * as Effect from "effect/Effect"
import * as PdfWriter from "./support/PdfWriter.ts"
import { read } from "./support/Reading.ts"

const readPages = (...pages: ReadonlyArray<PdfWriter.Page>) => read("report.pdf", PdfWriter.write(pages))

const textsOf = (...pages: ReadonlyArray<PdfWriter.Page>) =>
  Effect.map(readPages(...pages), ({ blocks }) => blocks.map(({ text }) => text))

describe("Pdf", () => {
  it.live("gives paragraphs with their pages, and headings by the size of letters", () =>
    Effect.gen(function*() {
      const document = yield* readPages(
        [{ text: "Annual Report", x: 72, y: 760, size: 24 }, ...PdfWriter.lines(["The first line goes", "on here."])],
        [{ text: "Sales", x: 72, y: 760, size: 18 }, ...PdfWriter.lines(["They grew."])]
      )
      assert.deepStrictEqual(
        document.blocks.map((
          { headings, kind, position: { first, unit }, text }
        ) => [kind, text, unit, first, ...headings]),
        [
          ["heading", "Annual Report", "page", 1],
          ["paragraph", "The first line goes on here.", "page", 1, "Annual Report"],
          ["heading", "Sales", "page", 2, "Annual Report"],
          ["paragraph", "They grew.", "page", 2, "Annual Report", "Sales"]
        ]
      )
      assert.strictEqual(document.pages, 2)
      const chunks = yield* Splitter.split(document)
      assert.deepStrictEqual(chunks.map(Chunk.cite), ["report.pdf, page 1", "report.pdf, page 2"])
      for (const { end, start, text } of document.blocks) assert.strictEqual(document.text.slice(start, end), text)
    }))

  it.live("joins glyphs by their position: gaps are spaces, and there are none inside of words (jobs 70)", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* textsOf(
          // Kerning, and a gap between words.
          "BT /F 12 Tf 72 700 Td [(Hel) -20 (lo) 40 (,) -600 (wor) 15 (ld)] TJ ET",
          // Letters that are placed one by one, at the widths of Helvetica.
          "BT /F 10 Tf 72 700 Td (W) Tj 9.44 0 Td (o) Tj 5.56 0 Td (r) Tj 3.33 0 Td (d) Tj 8.5 0 Td (t) Tj 2.78 0 Td (w) Tj ET",
          "BT /F 12 Tf 0 1 -1 0 300 100 Tm (turned) Tj 45 0 Td (text) Tj ET"
        ),
        ["Hello, world", "Word tw", "turned text"]
      )
    }))

  it.live("puts divided words together, and begins a paragraph at a gap", () =>
    Effect.gen(function*() {
      const [first, second, third] = PdfWriter.lines(["a divi-", "ded word", "a new one"])
      assert.deepStrictEqual(yield* textsOf([first!, second!, { ...third!, y: third!.y - 30 }]), [
        "a divided word",
        "a new one"
      ])
    }))

  it.live("lists the pages without text, and refuses a file of such pages alone (jobs 63)", () =>
    Effect.gen(function*() {
      const document = yield* readPages([], PdfWriter.lines(["text"]), "0 0 m 100 100 l S", [])
      assert.deepStrictEqual(document.emptyPages, [1, 3, 4])
      assert.strictEqual(document.pages, 4)
      const error = yield* Effect.flip(readPages([], "0 0 m 100 100 l S"))
      assert.deepInclude(error, { _tag: "NoTextError", document: "report.pdf", pages: 2 })
      assert.include(error.message, "scanned")
    }))

  it.live("says that a file is locked", () =>
    Effect.gen(function*() {
      const locked = new TextDecoder("latin1").decode(PdfWriter.write([PdfWriter.lines(["secret"])])).replace(
        "/Root 1 0 R",
        `/Root 1 0 R /ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <${"11".repeat(32)}> ` +
          `/U <${"22".repeat(32)}> >>`
      )
      const error = yield* Effect.flip(read("a.pdf", Uint8Array.from(Buffer.from(locked, "latin1"))))
      assert.deepInclude(error, { _tag: "UnreadableDocumentError", isLocked: true })
      assert.include(error.message, "password")
    }))

  it.live("neither changes nor takes the bytes", () =>
    Effect.gen(function*() {
      const bytes = PdfWriter.write([PdfWriter.lines(["text"])])
      const copy = Uint8Array.from(bytes)
      yield* read("a.pdf", bytes)
      assert.deepStrictEqual(bytes, copy)
    }))

  it.live("reads what is left of a damaged file, although pdf.js drops rejected promises over it", () =>
    Effect.gen(function*() {
      const pages = ["one", "two", "three"].map((text) => PdfWriter.lines([text]))
      const whole = new TextDecoder("latin1").decode(PdfWriter.write(pages))
      // The second page does not end, and the third one is not there.
      const damaged = whole.replace(/(6 0 obj\n<< .*F 3 0 R >> )>>/, "$10>").replace("8 0 obj", "8 0 ob7")
      const result = yield* Effect.result(read("a.pdf", Uint8Array.from(Buffer.from(damaged, "latin1"))))
      assert.strictEqual(result._tag === "Failure" ? result.failure._tag : result.success.text, "one")
    }))

  it.live("stops at once when it is interrupted", () =>
    Effect.gen(function*() {
      const page = PdfWriter.lines(["text"])
      const reading = read("a.pdf", PdfWriter.write(Array.from({ length: 2000 }, () => page)))
      const result = yield* Effect.timeoutOption(reading, 50)
      assert.strictEqual(result._tag, "None")
    }))
})

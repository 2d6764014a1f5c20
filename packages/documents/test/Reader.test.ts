import { assert, describe, it } from "@effect/vitest"
import { Reader } from "@strata/documents"
import * as Effect from "effect/Effect"
import { read } from "./support/Reading.ts"

const bytes = (...values: ReadonlyArray<number>) => Uint8Array.from(values)

/** The error, by its tag. */
const refused = <Tag extends string, E extends { readonly _tag: string }>(
  tag: Tag,
  reading: Effect.Effect<unknown, E>
): Effect.Effect<Extract<E, { readonly _tag: Tag }>> =>
  Effect.map(Effect.orDie(Effect.flip(reading)), (error) => {
    assert.strictEqual(error._tag, tag)
    return error as Extract<E, { readonly _tag: Tag }>
  })

describe("Reader", () => {
  describe("the format", () => {
    const formatOf = (name: string, content: string, mediaType?: string) =>
      Effect.map(read(name, content, mediaType), ({ format }) => format)

    it.effect("is that of the media type, whatever the name says", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* formatOf("a.html", "# A", "text/markdown; charset=utf-8"), "markdown")
        assert.strictEqual(yield* formatOf("a", "<p>", "Text/HTML"), "html")
        assert.strictEqual(yield* formatOf("a.md", "{}", "application/ld+json"), "text")
      }))

    it.effect("is that of the extension, if the media type says nothing", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* formatOf("dir.html/A.MD", "x", "application/octet-stream"), "markdown")
        assert.strictEqual(yield* formatOf("a.htm", "x"), "html")
        assert.strictEqual(yield* formatOf("a.txt", "<html>"), "text")
      }))

    it.effect("is that of the content, if the extension says nothing", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* formatOf("page", "\ufeff\n<!DOCTYPE html><p>x"), "html")
        assert.strictEqual(yield* formatOf("main.rs", "fn main() {}"), "text")
        assert.strictEqual(yield* formatOf("dir.md/LICENSE", "# A"), "text")
        const error = yield* refused("UnreadableDocumentError", read("page", "%PDF-1.7 and no more"))
        assert.isFalse(error.isLocked)
      }))

    it.effect("of others is an error with what to do", () =>
      Effect.gen(function*() {
        const image = yield* refused("UnsupportedFormatError", read("a.md", "x", "image/png"))
        assert.strictEqual(image.mediaType, "image/png")
        assert.include(image.message, "Convert it")
        const archive = yield* refused("UnsupportedFormatError", read("a.docx", bytes(0x50, 0x4b, 3, 4, 0, 0)))
        assert.include(archive.message, "a.docx is binary")
      }))
  })

  describe("text", () => {
    const textOf = (content: Uint8Array, mediaType?: string) => read("a.txt", content, mediaType)

    it.effect("is UTF-8 with or without a byte order mark, or UTF-16 with one", () =>
      Effect.gen(function*() {
        for (
          const content of [
            bytes(0xc3, 0xa4, 0x62),
            bytes(0xef, 0xbb, 0xbf, 0xc3, 0xa4, 0x62),
            bytes(0xff, 0xfe, 0xe4, 0, 0x62, 0),
            bytes(0xfe, 0xff, 0, 0xe4, 0, 0x62)
          ]
        ) assert.strictEqual((yield* textOf(content)).text, "äb")
      }))

    it.effect("is in the encoding that the media type or the page names", () =>
      Effect.gen(function*() {
        const content = bytes(0x93, 0xe4, 0x94)
        assert.strictEqual((yield* textOf(content, "text/plain; charset=\"windows-1252\"")).text, "“ä”")
        const page = new Uint8Array([...new TextEncoder().encode("<meta charset='windows-1252'><p>"), 0xe4])
        assert.strictEqual((yield* read("a.html", page)).text, "ä")
        const unknown = yield* refused("TextDecodingError", textOf(content, "text/plain; charset=klingon"))
        assert.strictEqual(unknown.encoding, "klingon")
      }))

    it.effect("that is wrong is an error with the offset of the first wrong byte", () =>
      Effect.gen(function*() {
        const wrong = [
          [bytes(0x61, 0xe4, 0x62), 1],
          [bytes(0xef, 0xbb, 0xbf, 0x61, 0xff), 4],
          // A character that says "unknown" is text.
          [bytes(0xef, 0xbf, 0xbd, 0xf0, 0x9f, 0x99, 0x82, 0xe2, 0x82), 7],
          [bytes(0x61, 0xed, 0xa0, 0x80), 1],
          [bytes(0xff, 0xfe, 0x61, 0, 0x62), 4]
        ] as const
        for (const [content, offset] of wrong) {
          const error = yield* refused("TextDecodingError", textOf(content))
          assert.strictEqual(error.offset, offset)
        }
        assert.strictEqual((yield* textOf(bytes(0xef, 0xbf, 0xbd))).text, "\ufffd")
      }))

    it.effect("has neither control characters nor halves of surrogate pairs, and says how many are missing (jobs 65)", () =>
      Effect.gen(function*() {
        const document = yield* textOf(
          bytes(0xff, 0xfe, 0x61, 0, 0x3d, 0xd8, 0x62, 0, 0, 0, 0x1b, 0, 0x3d, 0xd8, 0x42, 0xde)
        )
        assert.strictEqual(document.text, "ab🙂")
        assert.strictEqual(document.removed, 3)
        const page = yield* read("a.html", "<p>a&#0;&#xD800;b\u0001")
        assert.isTrue(page.text.isWellFormed())
        assert.notInclude(page.text, "\0")
      }))

    it.effect("has the same ends of lines on every system: a checkout changes nothing", () =>
      Effect.gen(function*() {
        for (const name of ["a.md", "a.txt", "a.html"]) {
          const unix = yield* read(name, "# A\n\nb\nc\n")
          for (const end of ["\r\n", "\r"]) {
            assert.deepStrictEqual(yield* read(name, "# A\n\nb\nc\n".replaceAll("\n", end)), unix)
          }
        }
      }))

    it.effect("is divided into paragraphs by blank lines", () =>
      Effect.gen(function*() {
        const { blocks } = yield* read("a.txt", "\n  one\ntwo  \n\n \nthree")
        assert.deepStrictEqual(
          blocks.map(({ kind, position, text }) => [kind, text, position.first, position.last]),
          [["paragraph", "  one\ntwo", 2, 3], ["paragraph", "three", 6, 6]]
        )
      }))

    it.effect("may be empty", () =>
      Effect.gen(function*() {
        for (const name of ["a.md", "a.txt", "a.html"]) {
          assert.deepStrictEqual((yield* read(name, "")).blocks, [])
        }
      }))
  })

  it.effect("refuses a file above the limit before it reads it", () =>
    Effect.gen(function*() {
      const reading = Reader.read({ name: "a.pdf", bytes: new Uint8Array(11) }, { maxBytes: 10 })
      const error = yield* refused("DocumentTooLargeError", reading)
      assert.deepInclude(error, { unit: "bytes", actual: 11, limit: 10, document: "a.pdf" })
      assert.include(error.message, "maxBytes")
    }))

  it.effect("refuses a text of more blocks than fit into memory", () =>
    Effect.gen(function*() {
      const error = yield* refused("DocumentTooLargeError", read("a.txt", "a\n\n".repeat(1_010_000)))
      assert.strictEqual(error.unit, "blocks")
    }))

  it.effect("refuses arguments that cannot be right, by name", () =>
    Effect.gen(function*() {
      const source = { name: "a.md", bytes: bytes(0x61) }
      const wrong: ReadonlyArray<readonly [source: unknown, options: unknown, field: string]> = [
        [undefined, {}, "source"],
        [[], {}, "source"],
        [{ ...source, name: " " }, {}, "source.name"],
        [{ ...source, name: "a\ud800" }, {}, "source.name"],
        [{ ...source, bytes: "text" }, {}, "source.bytes"],
        [{ ...source, mediatype: "text/html" }, {}, "source.mediatype"],
        [{ ...source, mediaType: 7 }, {}, "source.mediaType"],
        [source, { maxBytes: 0 }, "options.maxBytes"],
        [source, { maxBytes: NaN }, "options.maxBytes"],
        [source, null, "options"],
        [
          {
            get name() {
              throw new Error("no")
            }
          },
          {},
          "source"
        ]
      ]
      for (const [source, options, field] of wrong) {
        const error = yield* refused(
          "InvalidOptionError",
          Reader.read(source as Reader.Source, options as Reader.Options)
        )
        assert.strictEqual(error.field, field)
        assert.isNotEmpty(error.remedy)
      }
    }))
})

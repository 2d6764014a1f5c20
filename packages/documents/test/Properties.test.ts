import { assert, describe, it } from "@effect/vitest"
import { Chunk, Reader, Splitter } from "@strata/documents"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Bytes, Pieces } from "./support/Pieces.ts"
import { read } from "./support/Reading.ts"

const runs = { arbitrary: { runs: 300 } }

const counts = [Splitter.estimate, (text: string) => [...text].length, (text: string) => text.length]

const says = /[\p{L}\p{N}\p{Extended_Pictographic}]/u

describe("Any document", () => {
  it.effect.prop("has blocks apart from each other, each at its place, and nothing between them (jobs 70)", [Pieces], (
    [{ name, pieces }]
  ) =>
    Effect.gen(function*() {
      const { blocks, text } = yield* read(name, pieces.join(""))
      let from = 0
      let line = 1
      for (const block of blocks) {
        assert.isAtLeast(block.start, from)
        assert.strictEqual(text.slice(block.start, block.end), block.text)
        assert.isNotEmpty(block.text.trim())
        assert.isAtLeast(block.position.first, line)
        assert.isAtLeast(block.position.last, block.position.first)
        assert.notMatch(text.slice(from, block.start), says)
        from = block.end
        line = block.position.first
      }
      assert.notMatch(text.slice(from), says)
      assert.isTrue(text.isWellFormed())
    }), runs)

  it.effect.prop("is in chunks within the limit, each at its place, and no text is in none (jobs 60, 64, 65, 70)", [
    Pieces,
    Schema.Literals([4, 5, 8, 20, 100]),
    Schema.Literals([0, 1, 2]),
    Schema.Literals([0, 1, 2])
  ], ([{ name, pieces }, maxTokens, overlapTokens, count]) =>
    Effect.gen(function*() {
      const document = yield* read(name, pieces.join(""))
      const tokens = counts[count]!
      const chunks = yield* Splitter.split(document, { maxTokens, overlapTokens, tokens })
      let covered = 0
      for (const [index, chunk] of chunks.entries()) {
        assert.strictEqual(chunk.index, index)
        assert.strictEqual(document.text.slice(chunk.start, chunk.end), chunk.text)
        assert.strictEqual(chunk.text.trim(), chunk.text)
        assert.isTrue(chunk.text.isWellFormed())
        assert.strictEqual(tokens(Chunk.withContext(chunk)), chunk.tokens)
        assert.isAtMost(chunk.tokens, maxTokens)
        assert.isAbove(chunk.end, covered)
        assert.notMatch(document.text.slice(covered, chunk.start), says)
        covered = chunk.end
      }
      assert.notMatch(document.text.slice(covered), says)
      assert.strictEqual(new Set(chunks.map(({ key }) => key)).size, chunks.length)
    }), runs)

  it.effect.prop(
    "of HTML has all words that are shown (jobs 70)",
    [Pieces.members[2]],
    ([{ pieces }]) =>
      Effect.gen(function*() {
        // Words between tags that hide nothing.
        const hides = /^<(p hidden|div |nav|svg|script|title|template|!--)/
        const shown = pieces.filter((piece) => !hides.test(piece) && piece !== "<").map((piece, index) =>
          `${piece}w${index} `
        )
        const { text } = yield* read("a.html", shown.map((piece) => piece.replace(/^-->/, "")).join(""))
        const found = new Set(text.match(/w\d+/g))
        assert.deepStrictEqual(shown.map((_, index) => `w${index}`).filter((word) => !found.has(word)), [])
      }),
    runs
  )

  it.effect.prop("is read, or a typed error, whatever its bytes are", [
    Bytes,
    Schema.Literals(["a.md", "a.html", "a.txt", "a"]),
    Schema.Literals(["", "text/plain; charset=shift_jis", "text/html; charset=utf-16"])
  ], ([bytes, name, mediaType]) =>
    Effect.gen(function*() {
      const reading = Reader.read({ name, bytes: Uint8Array.from(bytes), mediaType })
      const result = yield* Effect.result(reading)
      if (result._tag === "Success") yield* Splitter.split(result.success, { maxTokens: 8 })
      else assert.include(["TextDecodingError", "UnsupportedFormatError"], result.failure._tag)
    }), { arbitrary: { runs: 1000 } })
})
